from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.http import UnreadablePostError
from django.test import Client, RequestFactory
from pytest_django.fixtures import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts import privacy, tokens
from accounts.models import User
from connections import apple_api, apple_uploads, incoming
from connections.models import AppleHealthUpload
from connections.providers.apple_health.errors import AS_APPLE_MADE_IT
from tests.connections.test_api import PROBLEM, UPLOAD, detail, of
from tests.connections.uploads import export, upload
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning", "_upload_folder")]

Status = AppleHealthUpload.Status


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


# --- sending one -------------------------------------------------------------------------------


class Untouched:
    """A body that nobody may look at."""

    def read(self, *_: int) -> bytes:
        raise AssertionError("The body was read.")

    readline = read


def test_upload_is_received_and_handed_to_a_worker(
    as_tester: Client,
    tester: User,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_tester.post(UPLOAD, {"file": export()})

    row = tester.apple_uploads.get()
    assert (answer.status_code, answer["Location"]) == (202, of(row))
    assert answer.json() == {"id": str(row.pk), "status": "waiting"}
    assert incoming.path_of(row.stored_name).read_bytes() == b"<HealthData/>"
    assert published == [("connections.import_apple_health", [str(row.pk)])]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "This field is required."),
        ({"file": "text"}, "This field is required."),
        ({"file": export(b"")}, "The submitted file is empty."),
        (
            {"file": export(b"\x89PNG\r\n")},
            f"This file is not an Apple Health export. {AS_APPLE_MADE_IT}",
        ),
    ],
    ids=["nothing", "no file", "empty", "a picture"],
)
def test_upload_that_is_no_export_is_told_with_its_field(
    as_tester: Client, tester: User, body: dict[str, Any], message: str
) -> None:
    answer = as_tester.post(UPLOAD, body)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "file", "message": message}]
    assert not tester.apple_uploads.exists()


def test_upload_that_is_too_large_is_refused_before_it_is_read(
    as_tester: Client, tester: User, settings: LazySettings
) -> None:
    settings.UPLOAD_MAX_BYTES = 2048

    sent: Any = {"CONTENT_LENGTH": "4096", "wsgi.input": Untouched()}
    answer = as_tester.post(UPLOAD, **sent)

    words = "This file is larger than 2.0\xa0KB. Is it the Health export?"
    assert detail(answer) == (413, words)
    assert not tester.apple_uploads.exists()


def test_upload_without_consent_is_refused(as_tester: Client, tester: User) -> None:
    User.objects.update(health_consent_at=None)

    assert detail(as_tester.post(UPLOAD, {"file": export()})) == (403, privacy.NOT_ALLOWED)
    assert not tester.apple_uploads.exists()


def test_upload_that_finds_no_room_is_told(
    as_tester: Client, settings: LazySettings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("where a folder should be")
    settings.UPLOAD_DIR = tmp_path / "file"

    code, words = detail(as_tester.post(UPLOAD, {"file": export()}))

    assert code == 507
    assert words.startswith("The file could not be stored on our side")


def test_too_many_uploads_are_told_when_to_come_again(
    as_tester: Client, tester: User, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "upload": [("account", 1, 3600)]}

    first, second = (as_tester.post(UPLOAD, {"file": export()}) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 429)
    assert (second["Retry-After"], second["Content-Type"]) == ("1800", PROBLEM)
    assert tester.apple_uploads.count() == 1


def test_upload_tells_how_far_it_is_and_what_it_brought(as_tester: Client, tester: User) -> None:
    done, failed = (
        upload(
            tester,
            status=Status.DONE,
            bytes_read=66,
            bytes_total=66,
            days=10,
            nights=9,
            samples=8,
            rides=7,
            problems={"records with an unknown unit": 6},
            finished_at=NOW,
        ),
        upload(tester, status=Status.FAILED, error="No export inside."),
    )

    told = [as_tester.get(of(row)).json() for row in (done, failed)]

    assert [(one["status"], one["progress"], one["error"]) for one in told] == [
        ("done", 1.0, None),
        ("failed", None, "No export inside."),
    ]
    assert told[0] == {
        "id": str(done.pk),
        "status": "done",
        "progress": 1.0,
        "days": 10,
        "samples": 8,
        "nights": 9,
        "rides": 7,
        "problems": {"records with an unknown unit": 6},
        "error": None,
        "file_name": "export.zip",
        "size_bytes": 10,
        "uploaded_at": "2026-07-04T05:30:00Z",
        "finished_at": "2026-07-04T05:30:00Z",
    }


@pytest.mark.parametrize(
    ("fields", "progress"),
    [
        ({}, ("waiting", None)),
        ({"status": Status.READING, "bytes_read": 33, "bytes_total": 66}, ("reading", 0.5)),
        ({"status": Status.READING, "bytes_read": 66, "bytes_total": 66}, ("reading", 1.0)),
    ],
    ids=["waiting", "half read", "being kept"],
)
def test_upload_tells_how_far_it_is(
    as_tester: Client, tester: User, fields: dict[str, Any], progress: tuple[str, float | None]
) -> None:
    told = as_tester.get(of(upload(tester, **fields))).json()

    assert ((told["status"], told["progress"]), told["error"]) == (progress, None)


# --- one at a time, and stopping it ------------------------------------------------------------


def test_second_upload_is_refused_while_one_is_unfinished(as_tester: Client, tester: User) -> None:
    first = upload(tester, status=Status.READING)

    assert detail(as_tester.post(UPLOAD, {"file": export()})) == (409, apple_uploads.UNFINISHED)
    assert tester.apple_uploads.get() == first


def test_program_is_told_of_an_unfinished_upload_before_it_is_read(
    client: Client, tester: User
) -> None:
    upload(tester)
    access = tokens.issue(tester, RequestFactory().get("/"), NOW).access

    sent: Any = {
        "content_type": "multipart/form-data; boundary=x",
        "headers": {"Authorization": f"Bearer {access}"},
        "CONTENT_LENGTH": "4096",
        "wsgi.input": Untouched(),
    }

    answer = client.post(UPLOAD, **sent)

    assert detail(answer) == (409, apple_uploads.UNFINISHED)


def test_upload_that_was_cut_off_is_told_and_not_kept(
    client: Client, tester: User, settings: LazySettings
) -> None:
    class Cut(Untouched):
        def read(self, *_: int) -> bytes:
            raise UnreadablePostError("cut off")

    access = tokens.issue(tester, RequestFactory().get("/"), NOW).access
    sent: Any = {
        "content_type": "multipart/form-data; boundary=x",
        "headers": {"Authorization": f"Bearer {access}"},
        "CONTENT_LENGTH": "4096",
        "wsgi.input": Cut(),
    }

    answer = client.post(UPLOAD, **sent)

    assert detail(answer) == (400, apple_api.CUT_OFF)
    assert not tester.apple_uploads.exists()


@pytest.mark.parametrize("status", [Status.WAITING, Status.READING])
def test_cancelled_upload_is_over_and_its_file_is_gone(
    as_tester: Client, tester: User, status: str
) -> None:
    row = apple_uploads.keep_file(tester, "mine.xml", export())
    AppleHealthUpload.objects.update(status=status)

    answer = as_tester.delete(of(row))

    assert (answer.status_code, answer.content) == (204, b"")
    assert not incoming.path_of(row.stored_name).exists()
    told = as_tester.get(of(row)).json()
    assert (told["status"], told["error"]) == ("cancelled", None)
    assert told["finished_at"] == "2026-07-04T05:30:00Z"


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED, Status.CANCELLED])
def test_finished_upload_cannot_be_cancelled(as_tester: Client, tester: User, status: str) -> None:
    row = upload(tester, status=status, finished_at=NOW)

    assert detail(as_tester.delete(of(row))) == (409, apple_uploads.FINISHED)
    assert AppleHealthUpload.objects.get().status == status


def test_upload_is_cancelled_by_its_owner_only(
    client: Client, as_stranger: Client, tester: User
) -> None:
    row = upload(tester)

    assert [one.delete(of(row)).status_code for one in (client, as_stranger)] == [401, 404]
    assert AppleHealthUpload.objects.get().status == Status.WAITING


@pytest.mark.parametrize("others", [0, 12])
def test_cancelling_asks_the_database_as_often_for_many_rows(
    as_tester: Client, tester: User, others: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(others):
        upload(tester, status=Status.DONE)
    row = upload(tester)

    with django_assert_num_queries(4):
        as_tester.delete(of(row))
