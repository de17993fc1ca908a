import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import apple_uploads, incoming
from connections.models import AppleHealthUpload
from connections.providers.apple_health.errors import AS_APPLE_MADE_IT
from tests.connections.uploads import export, upload
from tests.factories import NOW

pytestmark = pytest.mark.usefixtures("_upload_folder")

UPLOAD = "/connections/apple-health"
Status = AppleHealthUpload.Status
Published = list[tuple[str, list[Any]]]


def cancel_path(row: AppleHealthUpload) -> str:
    return f"/connections/apple-health/uploads/{row.pk}/cancel"


def messages_of(client: Client) -> list[str]:
    return [str(message) for message in client.get("/connections").context["messages"]]


@pytest.mark.parametrize(
    ("fields", "shown", "asks_again"),
    [
        ({"status": Status.WAITING}, "export.zip (10\xa0bytes) is here and waits", True),
        ({"status": Status.READING}, "Reading export.zip (10\xa0bytes)", True),
        (
            {"status": Status.READING, "bytes_read": 33, "bytes_total": 66},
            "Reading export.zip: 33\xa0bytes of 66\xa0bytes, 50 %",
            True,
        ),
        (
            {"status": Status.READING, "bytes_read": 66, "bytes_total": 66},
            "export.zip is read; its days, nights and workouts are being kept",
            True,
        ),
        ({"status": Status.CANCELLED}, "The import of export.zip is cancelled.", False),
        ({"status": Status.FAILED, "error": "No export inside."}, "No export inside.", False),
        (
            {
                "status": Status.DONE,
                "days": 1790,
                "nights": 1700,
                "rides": 240,
                "finished_at": timezone.now(),
                "problems": {"records with an unknown unit": 7},
            },
            "1,790 days, 1,700 nights and 240 workouts",
            False,
        ),
    ],
    ids=["waiting", "begun", "half read", "being kept", "cancelled", "failed", "done"],
)
def test_upload_status_is_told_and_asks_again_until_it_is_finished(
    as_tester: Client, tester: User, fields: dict[str, Any], shown: str, asks_again: bool
) -> None:
    row = upload(tester, **fields)

    page = as_tester.get(row.get_absolute_url()).content.decode()

    assert shown in page
    assert (f'hx-get="{row.get_absolute_url()}"' in page) is asks_again


def test_upload_status_asks_three_queries(
    as_tester: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = upload(tester).get_absolute_url()

    with django_assert_num_queries(3):
        as_tester.get(path)


# --- Sending one ---


def test_upload_is_kept_on_disk_and_handed_to_a_worker(
    as_tester: Client,
    tester: User,
    published: Published,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_tester.post("/connections/apple-health", {"file": export(name="mine.xml")})

    assert answer.headers["location"] == "/connections"
    row = tester.apple_uploads.get()
    assert (row.file_name, row.size_bytes, row.status) == ("mine.xml", 13, Status.WAITING)
    assert incoming.path_of(row.stored_name).read_bytes() == b"<HealthData/>"
    assert published == [("connections.import_apple_health", [str(row.pk)])]
    assert (
        "mine.xml (13\xa0bytes) is here and waits"
        in as_tester.get("/connections").content.decode().lower()
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "This field is required."), (b"", "The submitted file is empty.")],
    ids=["no file", "an empty file"],
)
def test_upload_of_nothing_is_told(
    as_tester: Client, tester: User, content: bytes | None, words: str
) -> None:
    form = {} if content is None else {"file": export(content)}

    answer = as_tester.post("/connections/apple-health", form)

    assert answer.status_code == 400
    assert answer.context["apple_form"].errors["file"] == [words]
    assert words in answer.content.decode()
    assert not tester.apple_uploads.exists()


def test_upload_that_is_too_large_is_told_and_not_kept(
    as_tester: Client, tester: User, settings: LazySettings
) -> None:
    settings.UPLOAD_MAX_BYTES = 2048

    answer = as_tester.post("/connections/apple-health", {"file": export(b"x" * 2049)})

    assert answer.status_code == 400
    assert answer.context["apple_form"].errors["file"] == [
        "This file is larger than 2.0\xa0KB. Is it the Health export?"
    ]
    assert not tester.apple_uploads.exists()
    fits = export(b"<HealthData/>".ljust(2048))
    assert as_tester.post("/connections/apple-health", {"file": fits}).status_code == 302


def test_upload_of_another_kind_of_file_is_told_at_once(as_tester: Client, tester: User) -> None:
    answer = as_tester.post("/connections/apple-health", {"file": export(b"\x89PNG\r\n")})

    assert answer.status_code == 400
    assert answer.context["apple_form"].errors["file"] == [
        f"This file is not an Apple Health export. {AS_APPLE_MADE_IT}"
    ]
    assert not tester.apple_uploads.exists()


def test_too_many_uploads_are_told_when_to_come_again(
    as_tester: Client, tester: User, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "upload": [("account", 1, 3600)]}

    with time_machine.travel(NOW, tick=False):
        first, second = (
            as_tester.post("/connections/apple-health", {"file": export()}) for _ in range(2)
        )

    assert (first.status_code, second.status_code) == (302, 429)
    assert second["Retry-After"] == "1800"
    assert tester.apple_uploads.count() == 1


def test_upload_that_finds_no_room_is_told(
    as_tester: Client, tester: User, published: Published, settings: LazySettings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("where a folder should be")
    settings.UPLOAD_DIR = tmp_path / "file"

    answer = as_tester.post("/connections/apple-health", {"file": export()})

    assert answer.status_code == 507
    assert "could not be stored on our side" in answer.content.decode()
    assert not tester.apple_uploads.exists()
    assert published == []


def test_upload_of_somebody_else_is_not_found(
    as_tester: Client, as_stranger: Client, tester: User
) -> None:
    row = upload(tester)

    assert as_stranger.get(row.get_absolute_url()).status_code == 404
    assert as_tester.get(row.get_absolute_url()).context["upload"] == row


# --- One at a time ---


def test_second_upload_is_refused_while_one_is_unfinished(
    as_tester: Client, tester: User, settings: LazySettings
) -> None:
    first = upload(tester, status=Status.READING)

    answer = as_tester.post(UPLOAD, {"file": export()})

    assert answer.status_code == 409
    assert answer.context["apple_form"].errors == {"file": [apple_uploads.UNFINISHED]}
    assert apple_uploads.UNFINISHED in answer.content.decode()
    assert tester.apple_uploads.get() == first
    assert not Path(settings.UPLOAD_DIR).exists() or not list(Path(settings.UPLOAD_DIR).iterdir())


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED, Status.CANCELLED])
def test_next_upload_is_taken_once_one_is_finished(
    as_tester: Client, tester: User, stranger: User, status: str
) -> None:
    upload(tester, status=status, finished_at=timezone.now())
    upload(stranger, status=Status.READING)

    assert as_tester.post(UPLOAD, {"file": export()}).status_code == 302
    assert tester.apple_uploads.count() == 2


@pytest.mark.parametrize(
    ("status", "is_shown"),
    [(Status.WAITING, False), (Status.READING, False), (Status.DONE, True), (Status.FAILED, True)],
)
def test_form_is_there_unless_one_is_unfinished(
    as_tester: Client, tester: User, status: str, is_shown: bool
) -> None:
    row = upload(tester, status=status, finished_at=timezone.now())

    page = as_tester.get("/connections").content.decode()

    assert ('action="/connections/apple-health#apple-health"' in page) is is_shown
    assert (f'action="{cancel_path(row)}"' in page) is not is_shown


# --- Cancelling ---


@pytest.mark.parametrize("status", [Status.WAITING, Status.READING])
def test_cancelled_upload_is_over_and_its_file_is_gone(
    as_tester: Client, tester: User, status: str
) -> None:
    row = apple_uploads.keep_file(tester, "mine.xml", export())
    AppleHealthUpload.objects.update(status=status, lease_until=NOW)

    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        answer = as_tester.post(cancel_path(row))

    assert answer.headers["location"] == "/connections#main"
    row.refresh_from_db()
    assert (row.status, row.lease_until) == (Status.CANCELLED, None)
    assert row.finished_at == NOW + timedelta(minutes=1)
    assert not incoming.path_of(row.stored_name).exists()
    (told,) = messages_of(as_tester)
    assert told.startswith("The import of mine.xml is cancelled and the file deleted.")


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED, Status.CANCELLED])
def test_finished_upload_cannot_be_cancelled(as_tester: Client, tester: User, status: str) -> None:
    row = upload(tester, status=status, finished_at=NOW)

    assert as_tester.post(cancel_path(row)).status_code == 302
    assert messages_of(as_tester) == [apple_uploads.FINISHED]
    assert AppleHealthUpload.objects.get().status == status


def test_upload_of_somebody_else_cannot_be_cancelled(as_stranger: Client, tester: User) -> None:
    row = upload(tester)

    assert as_stranger.post(cancel_path(row)).status_code == 404
    assert AppleHealthUpload.objects.get().status == Status.WAITING


def test_anonymous_cancels_nothing(client: Client, tester: User) -> None:
    path = cancel_path(upload(tester))

    assert client.post(path).headers["location"] == f"/auth/login?next={path}"
    assert AppleHealthUpload.objects.get().status == Status.WAITING


def test_upload_is_cancelled_by_post_and_a_form_of_ours_only(
    as_tester: Client, tester: User
) -> None:
    path = cancel_path(upload(tester))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])

    assert as_tester.get(path).headers["allow"] == "POST"
    assert strict.post(path).status_code == 403
    assert AppleHealthUpload.objects.get().status == Status.WAITING


def test_upload_that_is_not_there_cannot_be_cancelled(as_tester: Client) -> None:
    path = f"/connections/apple-health/uploads/{uuid.UUID(int=1)}/cancel"

    assert as_tester.post(path).status_code == 404


def test_cancelled_upload_says_nothing_of_the_source(as_tester: Client, tester: User) -> None:
    upload(tester, status=Status.DONE, days=3, finished_at=NOW - timedelta(days=1))
    upload(tester, status=Status.CANCELLED, finished_at=NOW)

    page = as_tester.get("/connections").content.decode()

    assert "3 days imported" in page
    assert "export.zip was refused" not in page
