from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import privacy, tokens
from accounts.models import User
from connections import ride_files
from connections.models import RideFile
from tests.connections.recorded import fit_ride, packed
from tests.connections.uploads import ride
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_upload_folder")]

FILES = "/api/rides/files"
PROBLEM = "application/problem+json"


def told(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == PROBLEM
    return answer.status_code, answer.json()["detail"]


def test_files_are_for_those_who_are_signed_in(client: Client) -> None:
    assert told(client.get(FILES))[0] == 401
    assert told(client.post(FILES, {"file": [ride()]}))[0] == 401
    assert not RideFile.objects.exists()


def test_stranger_finds_no_file_of_a_tester(as_tester: Client, as_stranger: Client) -> None:
    as_tester.post(FILES, {"file": [ride()]})

    assert as_tester.get(FILES).json()["count"] == 1
    assert as_stranger.get(FILES).json()["results"] == []


def test_access_token_sends_files(client: Client, tester: User) -> None:
    access = tokens.issue(tester, RequestFactory().get("/"), timezone.now()).access

    answer = client.post(FILES, {"file": [ride()]}, headers={"Authorization": f"Bearer {access}"})

    assert answer.status_code == 202
    assert tester.ride_files.count() == 1


def test_session_sends_files_only_with_the_csrf_token(tester: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])
    token = browser.get("/settings").cookies["csrftoken"].value

    refused = browser.post(FILES, {"file": [ride()]})
    allowed = browser.post(FILES, {"file": [ride()]}, headers={"X-CSRFToken": token})

    assert (refused.status_code, allowed.status_code) == (403, 202)


def test_each_file_tells_what_became_of_it(as_tester: Client, tester: User) -> None:
    content = fit_ride((200,) * 60)
    sent = [ride("a.fit", content), ride("a.fit.gz", packed(content)), ride("b.fit", b"no")]

    answer = as_tester.post(FILES, {"file": sent})

    assert (answer.status_code, answer["Location"]) == (202, FILES)
    received = answer.json()["files"]
    assert [one["file_name"] for one in received] == ["a.fit", "a.fit.gz", "b.fit"]
    assert {one["status"] for one in received} == {"waiting"}

    ride_files.read_waiting(tester.pk)

    results = as_tester.get(FILES).json()["results"]
    assert [one["id"] for one in results] == [one["id"] for one in received]
    assert [(one["status"], one["rides"], one["rides_new"]) for one in results] == [
        ("done", 1, 1),
        ("done", 1, 0),
        ("failed", 0, 0),
    ]
    assert [one["error"] for one in results[:2]] == [None, None]
    assert results[2]["error"].startswith("b.fit: It is no FIT, TCX or GPX file. Send")


def test_no_file_and_too_many_are_told_at_their_field(
    as_tester: Client, settings: LazySettings
) -> None:
    settings.RIDE_FILES_AT_ONCE = 1

    none, many = as_tester.post(FILES, {}), as_tester.post(FILES, {"file": [ride(), ride()]})

    assert told(none) == (400, "Choose at least one FIT, TCX or GPX file.")
    assert told(many)[1].startswith("These are more than 1 files.")
    assert many.json()["errors"][0]["field"] == "file"
    assert not RideFile.objects.exists()


@pytest.mark.parametrize("files", [51, 101, 150])
def test_any_number_of_files_too_many_is_told_at_its_field(as_tester: Client, files: int) -> None:
    answer = as_tester.post(FILES, {"file": [ride(content=b"x") for _ in range(files)]})

    words = "These are more than 50 files. Send 50 of them, then the others."
    assert told(answer) == (400, words)
    assert answer.json()["errors"] == [{"field": "file", "message": words}]


def test_upload_that_is_larger_than_all_files_may_be_is_not_even_read(
    as_tester: Client, settings: LazySettings
) -> None:
    settings.RIDE_FILE_MAX_BYTES, settings.RIDE_FILES_AT_ONCE = 1_000_000, 2

    answer = as_tester.post(FILES, {"file": [ride(content=bytes(2_000_001))]})

    assert told(answer) == (413, "This is larger than 2 MB. Send fewer files at once.")


def test_json_is_no_upload(as_tester: Client) -> None:
    assert told(as_tester.post(FILES, "{}", "application/json"))[0] == 415


def test_files_without_consent_are_refused_with_what_to_do(as_tester: Client, tester: User) -> None:
    privacy.withdraw_consent(tester, None, NOW)

    answer = as_tester.post(FILES, {"file": [ride()]})

    assert told(answer) == (403, privacy.NOT_ALLOWED)
    assert not RideFile.objects.exists()


def test_uploads_are_limited(as_tester: Client, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "upload": [("account", 1, 3600)]}
    as_tester.post(FILES, {"file": [ride()]})

    answer = as_tester.post(FILES, {"file": [ride()]})

    assert told(answer)[0] == 429
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("files", [1, 50])
def test_list_asks_the_database_the_same_for_any_number_of_files(
    as_tester: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries, files: int
) -> None:
    for number in range(files):
        RideFile.objects.create(
            user=tester, file_name=f"{number}.fit", size_bytes=1, uploaded_at=NOW
        )

    with django_assert_num_queries(4):
        assert as_tester.get(FILES).json()["count"] == files
