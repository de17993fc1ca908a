"""One ride as JSON: sent as a file and read at once, read again, deleted."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import privacy, tokens
from accounts.models import User
from connections import ride_files, rides
from connections.models import Ride, RideFile
from connections.providers.ride_files import errors, read_rides, xml_files
from connections.sources import Source
from tests import factories
from tests.conftest import signed_in
from tests.connections.recorded import (
    START,
    file_id,
    fit_of,
    fit_ride,
    gpx_of,
    packed,
    records,
    session,
    tcx_of,
    trackpoint,
    trkpt,
)
from tests.factories import NOW, TODAY
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_upload_folder", "_morning")]

UPLOAD = "/api/rides/upload"
PROBLEM = "application/problem+json"


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def file(content: bytes | None = None, name: str = "ride.fit") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, fit_ride((200,) * 60) if content is None else content)


def send(client: Client, content: bytes | None = None, name: str = "ride.fit") -> Any:
    return client.post(UPLOAD, {"file": file(content, name)})


def of(ride: Ride) -> str:
    return f"/api/rides/{ride.pk}"


def told(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == PROBLEM
    return answer.status_code, answer.json()["detail"]


# --- Who may ---


def test_rides_are_for_those_who_are_signed_in(client: Client, tester: User) -> None:
    ride = factories.ride(tester, TODAY, source=Source.FILE)
    calls = [send(client), client.get(of(ride)), client.delete(of(ride))]

    assert [told(answer)[0] for answer in calls] == [401, 401, 401]
    assert list(Ride.objects.all()) == [ride]


def test_stranger_finds_no_ride_of_a_tester(as_stranger: Client, tester: User) -> None:
    ride = factories.ride(tester, TODAY, source=Source.FILE)

    assert told(as_stranger.get(of(ride)))[0] == 404
    assert told(as_stranger.delete(of(ride)))[0] == 404
    assert Ride.objects.exists()


def test_access_token_sends_a_ride(client: Client, tester: User) -> None:
    access = tokens.issue(tester, RequestFactory().get("/"), timezone.now()).access

    answer = client.post(UPLOAD, {"file": file()}, headers={"Authorization": f"Bearer {access}"})

    assert answer.status_code == 201
    assert tester.rides.count() == 1


def test_session_needs_the_csrf_token(tester: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(tester, backend=settings.AUTHENTICATION_BACKENDS[0])
    token = browser.get("/settings").cookies["csrftoken"].value
    ride = factories.ride(tester, TODAY, source=Source.FILE)

    assert send(browser).status_code == 403
    assert browser.delete(of(ride)).status_code == 403
    sent = browser.post(UPLOAD, {"file": file()}, headers={"X-CSRFToken": token})
    gone = browser.delete(of(ride), headers={"X-CSRFToken": token})
    assert (sent.status_code, gone.status_code) == (201, 204)


def test_ride_without_consent_is_refused_with_what_to_do(as_tester: Client, tester: User) -> None:
    privacy.withdraw_consent(tester, None, NOW)

    assert told(send(as_tester)) == (403, privacy.NOT_ALLOWED)
    assert not Ride.objects.exists()


def test_consent_withdrawn_while_the_file_is_read_holds(
    as_tester: Client, tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def withdraws(*given: Any, **options: Any) -> Any:
        privacy.withdraw_consent(tester, None, NOW)
        return read_rides(*given, **options)

    monkeypatch.setattr(rides, "read_rides", withdraws)

    assert told(send(as_tester)) == (403, privacy.NOT_ALLOWED)
    assert not Ride.objects.exists()


def test_uploads_are_limited(as_tester: Client, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "upload": [("account", 1, 3600)]}
    send(as_tester)

    answer = send(as_tester)

    assert told(answer)[0] == 429
    assert int(answer["Retry-After"]) > 0


# --- Sending ---


def test_ride_comes_back_with_all_its_numbers(as_tester: Client, tester: User) -> None:
    climbing = [100 + second / 5 for second in range(600)]
    points = records((200,) * 600, altitudes=climbing)

    answer = send(as_tester, fit_of([file_id(), *points, session(599, total_ascent=120)]))

    ride = tester.rides.get()
    assert (answer.status_code, answer["Location"]) == (201, of(ride))
    assert answer.json() == {
        "id": ride.pk,
        "source": "file",
        "started_at": "2026-07-01T16:00:00Z",
        "local_date": "2026-07-01",
        "sport": "Ride",
        "name": "garmin edge 530",
        "duration_s": 599,
        "elapsed_s": 599,
        "distance_m": 4792.0,
        "climb_m": 120.0,
        "energy_kj": 120.0,
        "average_power_w": 200.0,
        "np_w": 200.0,
        "has_power_meter": True,
        "average_hr_bpm": 140.0,
        "max_hr_bpm": 140.0,
    }
    assert as_tester.get(of(ride)).json() == answer.json()
    # Nothing is left to be told: the answer said it all.
    assert not RideFile.objects.exists()


def test_what_a_file_does_not_tell_is_null(as_tester: Client) -> None:
    told_nothing = [trkpt(s, watts=None, bpm="", place=(45.0, 6.0)) for s in range(600)]

    ride = send(as_tester, gpx_of(*told_nothing), "ride.gpx").json()

    unknown = ("distance_m", "climb_m", "energy_kj", "average_power_w", "np_w")
    assert [ride[name] for name in (*unknown, "average_hr_bpm", "max_hr_bpm")] == [None] * 7
    assert ride["has_power_meter"] is False


@pytest.mark.parametrize(
    "content",
    [
        fit_ride((200,) * 60),
        packed(fit_ride((200,) * 60)),
        tcx_of(*(trackpoint(s) for s in range(60))),
        packed(gpx_of(*(trkpt(s) for s in range(60)))),
    ],
    ids=["fit", "fit.gz", "tcx", "gpx.gz"],
)
def test_every_kind_of_file_is_read_whatever_it_is_called(
    as_tester: Client, content: bytes
) -> None:
    answer = send(as_tester, content, "upload")

    assert (answer.status_code, answer.json()["duration_s"]) == (201, 59)


@pytest.mark.parametrize("pack", [bytes, packed], ids=["plain", "gzip"])
@pytest.mark.parametrize("way", ["at once", "by a worker"])
def test_same_file_again_leads_to_the_ride_that_is_here(
    as_tester: Client, tester: User, pack: Any, way: str
) -> None:
    content = fit_ride((200,) * 60)
    if way == "at once":
        send(as_tester, content)
    else:
        ride_files.receive(tester, [SimpleUploadedFile("a.fit", content)])
        ride_files.read_waiting(tester.pk)
    before = Ride.objects.values().get()

    answer = send(as_tester, pack(content), "another-name")

    assert told(answer) == (
        409,
        "This ride is here already, from the same file. Nothing was changed.",
    )
    assert answer.json()["ride"] == of(tester.rides.get())
    assert Ride.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
def test_same_file_sent_twice_at_once_is_one_ride(tester: User) -> None:
    browsers = [signed_in(tester) for _ in range(2)]

    answers = at_once(*(partial(send, browser) for browser in browsers))

    ride = tester.rides.get()
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert {answer.json().get("id") for answer in answers} == {ride.pk, None}
    assert {answer.json().get("ride") for answer in answers} == {of(ride), None}


def test_same_ride_of_another_source_or_format_is_no_conflict(
    as_tester: Client, tester: User
) -> None:
    """It is kept, and counted once by the rule that holds for all sources."""
    factories.ride(tester, START.date(), started_at=START)
    send(as_tester, fit_ride((200,) * 60))

    answer = send(as_tester, gpx_of(*(trkpt(second) for second in range(60))))

    assert (answer.status_code, tester.rides.count()) == (201, 3)


def test_file_of_one_tester_is_no_conflict_for_another(
    as_tester: Client, as_stranger: Client
) -> None:
    assert send(as_tester).status_code == 201
    assert send(as_stranger).status_code == 201


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "It is empty. Send the .fit, .tcx or .gpx file of the ride itself."),
        (fit_ride((200,) * 60)[:-30], errors.CUT_OFF),
        (b"<gpx><!DOCTYPE a [<!ENTITY b 'c'>]></gpx>", errors.DAMAGED),
        (b"<?xml version='1.0'?><!DOCTYPE gpx [<!ENTITY b 'c'>]><gpx/>", xml_files.DEFINES),
    ],
)
def test_file_that_is_no_ride_is_told_at_its_field(
    as_tester: Client, content: bytes, words: str
) -> None:
    answer = send(as_tester, content)

    assert told(answer) == (400, words)
    assert answer.json()["errors"] == [{"field": "file", "message": words}]
    assert not Ride.objects.exists()


def test_file_with_several_rides_is_led_to_where_all_are_taken(as_tester: Client) -> None:
    track = "<trk><trkseg>{}</trkseg></trk>"
    first, second = (track.format("".join(trkpt(at + s) for s in range(60))) for at in (0, 7_200))

    answer = send(as_tester, gpx_of(tracks=first + second))

    words = rides.IS_SEVERAL.format(count=2)
    assert told(answer) == (400, words)
    assert answer.json()["errors"] == [{"field": "file", "message": words}]
    assert not Ride.objects.exists()


def test_one_file_is_asked_for(as_tester: Client) -> None:
    none = as_tester.post(UPLOAD, {})
    text = as_tester.post(UPLOAD, {"file": "ride.fit"})
    two = as_tester.post(UPLOAD, {"file": [file(), file()]})
    many = as_tester.post(UPLOAD, {"file": [file() for _ in range(120)]})

    assert told(none) == told(text) == (400, "Choose a FIT, TCX or GPX file.")
    assert (
        told(two)[1]
        == told(many)[1]
        == ("Send one file at a time here; /api/rides/files takes several at once.")
    )
    assert two.json()["errors"][0]["field"] == "file"
    assert not Ride.objects.exists()


def test_json_is_no_upload(as_tester: Client) -> None:
    assert told(as_tester.post(UPLOAD, "{}", "application/json"))[0] == 415


# --- Too much for a request ---


def test_body_that_is_too_large_is_not_even_read(as_tester: Client, settings: LazySettings) -> None:
    settings.RIDE_FILE_MAX_BYTES = 1_000_000

    answer = send(as_tester, bytes(1_100_001))

    assert told(answer)[0] == 413
    assert told(answer)[1].startswith("It holds more than is read while you wait, which is 1 MB")
    assert not answer.wsgi_request._read_started


@pytest.mark.parametrize(
    "content", [bytes(1_000_001), packed(bytes(5_000_000))], ids=["plain", "gzip bomb"]
)
def test_file_that_is_too_large_unpacked_is_refused(
    as_tester: Client, settings: LazySettings, content: bytes
) -> None:
    settings.RIDE_FILE_MAX_BYTES = 1_000_000

    assert told(send(as_tester, content))[0] == 413


def test_fit_file_that_takes_long_is_left_to_a_worker(
    as_tester: Client, tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = fit_ride((200,) * 600)
    monkeypatch.setattr(rides, "MOST_FIELDS", 3_000)

    answer = send(as_tester, content)

    assert told(answer) == (413, rides.too_large())
    ride_files.receive(tester, [SimpleUploadedFile("a.fit", content)])
    ride_files.read_waiting(tester.pk)
    assert tester.rides.count() == 1


# --- Reading and deleting ---


@pytest.mark.parametrize("source", [Source.STRAVA, Source.APPLE])
def test_ride_of_another_source_is_read_and_deleted_where_it_came_from(
    as_tester: Client, tester: User, source: Source
) -> None:
    ride = factories.ride(tester, TODAY, source=source)

    assert as_tester.get(of(ride)).json()["source"] == source
    answer = as_tester.delete(of(ride))

    assert told(answer) == (409, rides.DELETED_ELSEWHERE[source])
    assert Ride.objects.get() == ride


def test_every_source_has_words_for_where_its_rides_are_deleted() -> None:
    assert {*rides.DELETED_ELSEWHERE, Source.FILE} == {*Source}


def test_ride_of_a_file_is_deleted_alone_and_once(as_tester: Client, tester: User) -> None:
    gone, stays = (factories.ride(tester, TODAY, source=Source.FILE) for _ in range(2))

    assert as_tester.delete(of(gone)).status_code == 204
    assert told(as_tester.delete(of(gone)))[0] == 404
    assert told(as_tester.get(of(gone)))[0] == 404
    assert list(Ride.objects.all()) == [stays]


def test_same_file_brings_a_deleted_ride_back(as_tester: Client, tester: User) -> None:
    first = send(as_tester).json()
    as_tester.delete(of(tester.rides.get()))

    again = send(as_tester)

    assert again.status_code == 201
    assert {**again.json(), "id": None} == {**first, "id": None}


@pytest.mark.parametrize("pk", ["0", "99999999999999999999999999", "-1", "x", "files/1"])
def test_number_of_no_ride_is_nothing_here(as_tester: Client, pk: str) -> None:
    assert told(as_tester.get(f"/api/rides/{pk}"))[0] == 404


@pytest.mark.parametrize("others", [0, 30])
def test_calls_ask_the_database_the_same_for_few_rides_and_for_many(
    as_tester: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries, others: int
) -> None:
    for _ in range(others):
        factories.ride(tester, TODAY, source=Source.FILE)
    as_tester.get("/api/me")  # notes once in a while that this browser was used

    with django_assert_num_queries(
        8
    ):  # session, account; may be read (2), known, the ride, in a transaction (2)
        send(as_tester)
    ride = tester.rides.get(external_id__endswith="-1", name="garmin edge 530")
    with django_assert_num_queries(3):
        as_tester.get(of(ride))
    with django_assert_num_queries(4):
        as_tester.delete(of(ride))
