import json
import threading
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import time_machine
from celery import current_app
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.db import connection as database
from django.db import transaction
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import consent, sync, turns
from connections.models import Connection, DailySample, Night, Ride, SyncAttempt, Turn
from connections.providers.base import Tokens
from connections.providers.http import ReconnectNeeded
from connections.sources import Source
from sandbox.person.nights import night_of, readiness_score
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply, new_tokens, reload
from tests.factories import NOW, TODAY

OURA_TOKEN = "oura-sandbox-test"
NEW_PAIR = Reply(
    json.dumps(
        {"access_token": "new", "refresh_token": "newer", "expires_at": NOW.timestamp() + 21_600}
    ).encode()
)
ACTIVITY = {
    "id": 7,
    "name": "Evening ride",
    "sport_type": "Ride",
    "start_date": "2026-07-03T22:30:00Z",
    "moving_time": 3600,
    "elapsed_time": 4000,
}
RECONNECT = "Strava no longer accepts our access. Connect Strava again."
LOST = (
    "Strava no longer accepts our access. It was ended there, or got lost while it was renewed. "
    "Connect Strava again; your rides stay here."
)


@pytest.fixture
def strava_says(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(b"[]")
    return provider


@pytest.fixture
def oura_says(provider: Provider, settings: LazySettings) -> Provider:
    settings.OURA_API_URL = provider.url
    provider.answers(b'{"data": []}')
    return provider


def activities(*changes: dict[str, Any]) -> bytes:
    return json.dumps([{**ACTIVITY, **change} for change in changes]).encode()


def told(connection: Connection) -> tuple[str, str]:
    again = reload(connection)
    return again.state, again.last_error


# --- Strava ---


@time_machine.travel(NOW, tick=False)
def test_first_reading_of_strava_brings_180_days(tester: User, stand_ins: StandIns) -> None:
    connection = factories.connection(tester, **new_tokens())

    attempt = sync.sync(connection, NOW)

    first = NOW - timedelta(days=180)
    rows = httpx2.get(
        f"{django_settings.STRAVA_API_URL}/athlete/activities",
        params={"after": int(first.timestamp()), "per_page": 200},
        headers={"Authorization": f"Bearer {connection.access_token}"},
    ).json()
    assert len(rows) > 90
    kept = {ride.external_id: ride for ride in tester.rides.all()}
    assert kept.keys() == {str(row["id"]) for row in rows}
    for row in rows:
        ride = kept[str(row["id"])]
        assert ride.started_at == datetime.fromisoformat(row["start_date"])
        assert ride.local_date == date.fromisoformat(row["start_date_local"][:10])
        assert (ride.duration_s, ride.elapsed_s) == (row["moving_time"], row["elapsed_time"])
        assert (ride.name, ride.sport) == (row["name"], row["sport_type"])
        assert (ride.source, ride.read_at) == (Source.STRAVA, NOW)
        assert ride.average_power_w == row.get("average_watts")
        assert ride.np_w == row.get("weighted_average_watts")
        assert ride.average_hr_bpm == row.get("average_heartrate")
        assert ride.suffer_score == row.get("suffer_score")
    assert (attempt.is_success, attempt.rides, attempt.nights) == (True, len(rows), 0)
    assert reload(connection).last_success_at == NOW


def test_ride_is_filed_under_the_tester_s_own_date(tester: User, strava_says: Provider) -> None:
    strava_says.answers(activities({}), b"[]")

    sync.sync(factories.connection(tester), NOW)

    [ride] = tester.rides.all()
    assert (ride.started_at, ride.local_date) == (datetime(2026, 7, 3, 22, 30, tzinfo=UTC), TODAY)


@pytest.mark.parametrize(
    ("last_success_at", "history_read_at", "since"),
    [
        (None, None, NOW - timedelta(days=180)),
        (None, NOW, NOW - timedelta(days=180)),
        (NOW - timedelta(hours=20), NOW, NOW - timedelta(days=7, hours=20)),
        (NOW - timedelta(hours=20), None, NOW - timedelta(days=180)),
        (NOW - timedelta(hours=20), NOW - timedelta(days=3.5), NOW - timedelta(days=180)),
        (NOW - timedelta(days=300), NOW - timedelta(days=300), NOW - timedelta(days=180)),
    ],
    ids=[
        "never read",
        "another account than before",
        "read yesterday",
        "before there were terms",
        "half the term is over",
        "read long ago",
    ],
)
def test_reading_asks_for_what_is_new_and_a_week_before(
    tester: User,
    strava_says: Provider,
    last_success_at: datetime | None,
    history_read_at: datetime | None,
    since: datetime,
) -> None:
    connection = factories.connection(
        tester, last_success_at=last_success_at, history_read_at=history_read_at
    )

    sync.sync(connection, NOW)

    assert [asked.query["after"] for asked in strava_says.asked] == [str(int(since.timestamp()))]


def test_reading_twice_keeps_one_row_with_the_later_values(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(tester)
    strava_says.answers(activities({}), b"[]", activities({"name": "Renamed"}, {"id": 8}), b"[]")

    sync.sync(connection, NOW)
    sync.sync(reload(connection), NOW + timedelta(hours=1))

    names = tester.rides.order_by("external_id").values_list("external_id", "name")
    assert list(names) == [("7", "Renamed"), ("8", "Evening ride")]


def test_overlong_texts_are_cut(tester: User, strava_says: Provider) -> None:
    strava_says.answers(activities({"name": "n" * 300, "sport_type": "s" * 60}), b"[]")

    sync.sync(factories.connection(tester), NOW)

    [ride] = tester.rides.all()
    assert (ride.name, ride.sport) == ("n" * 200, "s" * 40)


def test_half_a_history_is_not_kept(tester: User, strava_says: Provider) -> None:
    strava_says.answers(activities({}), Reply(status=500))

    attempt = sync.sync(factories.connection(tester), NOW)

    assert (attempt.is_success, attempt.rides) == (False, 0)
    assert not tester.rides.exists()


# --- What is recorded ---


@time_machine.travel(NOW, tick=False)
def test_success_is_recorded_and_clears_an_earlier_fault(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(
        tester, state=Connection.State.BROKEN, last_error="dead", last_success_at=None
    )
    started_at = NOW - timedelta(minutes=2)
    strava_says.answers(activities({}, {"id": 8}), b"[]")

    sync.sync(connection, started_at)

    again = reload(connection)
    assert (again.state, again.last_error) == (Connection.State.OK, "")
    assert again.last_success_at == started_at
    [attempt] = connection.attempts.all()
    assert (attempt.started_at, attempt.finished_at) == (started_at, NOW)
    assert (attempt.is_success, attempt.rides, attempt.nights, attempt.error) == (True, 2, 0, "")


@pytest.mark.parametrize(
    ("reply", "state", "words"),
    [
        (Reply(status=401), Connection.State.BROKEN, RECONNECT),
        (Reply(status=500), Connection.State.OK, "Strava has trouble of its own just now."),
        (Reply(b"<html>"), Connection.State.OK, "Strava sent an answer we could not read."),
        (Reply(b'["x"]'), Connection.State.OK, "Strava sent an answer we could not read."),
        (Reply(b"[", is_cut=True), Connection.State.OK, "Strava could not be reached."),
    ],
    ids=["dead", "500", "html", "odd", "cut off"],
)
def test_failure_is_told_and_never_raised(
    tester: User, strava_says: Provider, reply: Reply, state: str, words: str
) -> None:
    connection = factories.connection(tester, last_success_at=NOW)
    strava_says.answers(reply)

    attempt = sync.sync(connection, NOW + timedelta(days=1))

    assert told(connection) == (state, words)
    assert (attempt.is_success, attempt.error) == (False, words)
    assert SyncAttempt.objects.get() == attempt
    assert SyncAttempt.objects.get().error == words
    assert SyncAttempt.objects.get().finished_at is not None
    assert reload(connection).last_success_at == NOW


def test_broken_connection_keeps_saying_what_the_tester_must_do(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(
        tester, state=Connection.State.BROKEN, last_error="Connect Strava again."
    )
    strava_says.answers(Reply(status=500))

    sync.sync(connection, NOW)

    assert told(connection) == (Connection.State.BROKEN, "Connect Strava again.")
    assert connection.attempts.get().error == "Strava has trouble of its own just now."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", [200, 401, 500])
def test_tester_who_disconnects_meanwhile_leaves_nothing_to_record(
    strava_says: Provider, status: int
) -> None:
    connection = factories.connection(factories.tester())
    strava_says.answers(
        Reply(b"[]", status=status, meanwhile=Connection.objects.all().delete),
    )

    sync.sync(connection, NOW)

    assert len(strava_says.asked) == 1
    assert not Connection.objects.exists()
    assert not SyncAttempt.objects.exists()


# --- Tokens ---


def test_token_that_lasts_is_used_as_it_is(tester: User, strava_says: Provider) -> None:
    expires_at = NOW + timedelta(minutes=5, seconds=1)
    connection = factories.connection(tester, expires_at=expires_at, access_token="good")

    assert sync.fresh_token(connection, NOW) == "good"
    assert strava_says.asked == []


def test_token_about_to_end_is_replaced_and_stored_before_it_is_used(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(
        tester, expires_at=NOW + timedelta(minutes=5), refresh_token="old"
    )
    strava_says.answers(NEW_PAIR, Reply(status=500))

    sync.sync(connection, NOW)

    refresh, read = strava_says.asked
    assert (refresh.path, refresh.form["refresh_token"]) == ("/token", "old")
    assert read.authorization == "Bearer new"
    again = reload(connection)
    assert (again.access_token, again.refresh_token) == ("new", "newer")
    assert again.expires_at == NOW + timedelta(hours=6)
    assert again.state == Connection.State.OK


def test_refresh_that_is_refused_asks_to_reconnect_and_keeps_the_pair(
    tester: User, stand_ins: StandIns
) -> None:
    connection = factories.connection(tester, expires_at=NOW, refresh_token="never-given")

    sync.sync(connection, NOW)

    assert told(connection) == (Connection.State.BROKEN, LOST)
    assert reload(connection).refresh_token == "never-given"


def test_refresh_that_fails_for_now_keeps_the_pair(tester: User, strava_says: Provider) -> None:
    connection = factories.connection(tester, expires_at=NOW, refresh_token="old")
    strava_says.answers(Reply(status=503))

    sync.sync(connection, NOW)

    assert told(connection) == (Connection.State.OK, "Strava has trouble of its own just now.")
    assert reload(connection).refresh_token == "old"


def test_revoked_by_the_athlete_is_told_once_and_the_rest_is_read(
    tester: User, stand_ins: StandIns
) -> None:
    connection = factories.connection(tester, **new_tokens(), expires_at=NOW)
    stand_ins.mode("strava", "token_revoked")

    sync.sync(connection, NOW)

    assert told(connection) == (Connection.State.BROKEN, LOST)
    assert not tester.connections.working().exists()


@pytest.mark.django_db(transaction=True)
def test_fresh_token_refuses_a_transaction_that_could_undo_it(strava_says: Provider) -> None:
    connection = factories.connection(factories.tester(), expires_at=NOW)

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        sync.fresh_token(connection, NOW)
    assert strava_says.asked == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_refresh_one_token_once(strava_says: Provider) -> None:
    connection = factories.connection(factories.tester(), expires_at=NOW, refresh_token="old")
    strava_says.answers(Reply(NEW_PAIR.body, delay_s=0.3), Reply(status=400))
    start = threading.Barrier(3)
    tokens: list[str] = []

    def work() -> None:
        start.wait()
        try:
            tokens.append(sync.fresh_token(connection, NOW))
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert tokens == ["new", "new", "new"]
    assert [asked.form["refresh_token"] for asked in strava_says.asked] == ["old"]
    assert reload(connection).refresh_token == "newer"


def test_token_of_a_connection_that_is_gone_is_not_asked_for(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(tester, expires_at=NOW)
    Connection.objects.all().delete()

    with pytest.raises(ReconnectNeeded, match=r"^Strava is not connected any more\.$"):
        sync.fresh_token(connection, NOW)
    assert strava_says.asked == []


# --- Oura ---


@time_machine.travel(NOW, tick=False)
def test_first_reading_of_oura_brings_nights_and_readiness(
    tester: User, stand_ins: StandIns
) -> None:
    connection = factories.connection(tester, Source.OURA, access_token=OURA_TOKEN)

    attempt = sync.sync(connection, NOW)

    days = [TODAY - timedelta(days=n) for n in range(181)]
    assert (attempt.is_success, attempt.nights, attempt.rides) == (True, 181, 0)
    assert list(tester.nights.values_list("local_date", flat=True)) == days
    told_night, lived = tester.nights.get(local_date=TODAY), night_of(TODAY)
    assert told_night.source == Source.OURA
    assert (told_night.started_at, told_night.ended_at) == (lived.bed_at, lived.wake_at)
    assert (told_night.asleep_s, told_night.awake_s) == (lived.asleep_s, lived.awake_s)
    assert (told_night.deep_s, told_night.rem_s) == (lived.deep_s, lived.rem_s)
    assert (told_night.hrv_ms, told_night.hrv_kind) == (lived.hrv_ms, Night.HrvKind.RMSSD)
    assert (told_night.resting_hr_bpm, told_night.read_at) == (lived.lowest_hr_bpm, NOW)
    score = tester.samples.get(kind=DailySample.Kind.READINESS, local_date=TODAY)
    assert (score.value, score.unit) == (readiness_score(TODAY), "score")
    assert score.details["hrv_balance"] > 0
    assert score.measured_at == datetime(2026, 7, 3, 22, tzinfo=UTC)
    deviation = tester.samples.get(kind=DailySample.Kind.TEMPERATURE_DEVIATION, local_date=TODAY)
    assert (deviation.value, deviation.unit) == (lived.temperature_deviation_c, "°C")


def test_unmeasured_values_of_oura_make_no_sample_and_no_zero(
    tester: User, oura_says: Provider
) -> None:
    night = {
        "day": "2026-07-04",
        "type": "long_sleep",
        "bedtime_start": "2026-07-03T23:00:00+02:00",
        "bedtime_end": "2026-07-04T06:00:00+02:00",
        "average_hrv": None,
    }
    unscored = {"day": "2026-07-04", "score": None, "timestamp": "2026-07-04T00:00:00+02:00"}
    oura_says.answers(
        json.dumps({"data": [night]}).encode(), json.dumps({"data": [unscored]}).encode()
    )
    connection = factories.connection(tester, Source.OURA, last_success_at=NOW)

    assert sync.sync(connection, NOW).nights == 1

    [row] = tester.nights.all()
    assert (row.hrv_ms, row.hrv_kind, row.asleep_s, row.resting_hr_bpm) == (None, "", None, None)
    assert not tester.samples.exists()


def test_later_reading_of_oura_asks_for_a_week(tester: User, oura_says: Provider) -> None:
    connection = factories.connection(
        tester, Source.OURA, last_success_at=NOW - timedelta(days=1), access_token="t"
    )

    sync.sync(connection, NOW)

    span = {"start_date": "2026-06-26", "end_date": "2026-07-05"}
    assert [(asked.path, asked.query) for asked in oura_says.asked][:2] == [
        ("/v2/usercollection/sleep", span),
        ("/v2/usercollection/daily_readiness", span),
    ]


@time_machine.travel(NOW, tick=False)
def test_night_that_arrives_later_is_brought_by_the_next_reading(
    tester: User, stand_ins: StandIns
) -> None:
    connection = factories.connection(
        tester, Source.OURA, access_token=OURA_TOKEN, last_success_at=NOW - timedelta(days=1)
    )
    stand_ins.mode("oura", "night_not_there")
    assert sync.sync(connection, NOW).is_success
    assert not tester.nights.filter(local_date=TODAY).exists()

    stand_ins.mode("oura", "ok")
    sync.sync(reload(connection), NOW + timedelta(minutes=40))

    assert tester.nights.get(local_date=TODAY).asleep_s == night_of(TODAY).asleep_s


def test_nights_are_not_kept_without_their_readiness(tester: User, oura_says: Provider) -> None:
    night = {
        "day": "2026-07-04",
        "type": "long_sleep",
        "bedtime_start": "2026-07-03T23:00:00+02:00",
        "bedtime_end": "2026-07-04T06:00:00+02:00",
    }
    oura_says.answers(json.dumps({"data": [night]}).encode(), Reply(status=500))
    connection = factories.connection(tester, Source.OURA, last_success_at=NOW)

    sync.sync(connection, NOW)

    assert told(connection) == (Connection.State.OK, "Oura has trouble of its own just now.")
    assert not tester.nights.exists()


def test_nights_are_not_kept_when_their_readiness_cannot_be(
    tester: User, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(sync, "keep_samples", fails)
    connection = factories.connection(
        tester, Source.OURA, access_token=OURA_TOKEN, last_success_at=NOW
    )

    with pytest.raises(ZeroDivisionError):
        sync.sync(connection, NOW)
    assert not tester.nights.exists()


@pytest.mark.parametrize(
    ("mode", "state", "words"),
    [
        ("unauthorized", Connection.State.BROKEN, "Oura does not accept our access."),
        ("membership", Connection.State.OK, "Oura refuses to share your data"),
        ("server_error", Connection.State.OK, "Oura has trouble of its own just now."),
    ],
)
def test_each_failure_of_oura_is_told(
    tester: User, stand_ins: StandIns, mode: str, state: str, words: str
) -> None:
    connection = factories.connection(tester, Source.OURA, access_token=OURA_TOKEN)
    stand_ins.mode("oura", mode)

    sync.sync(connection, NOW)

    told_state, told_words = told(connection)
    assert told_state == state
    assert told_words.startswith(words)


# --- Asking for it ---


def test_request_reaches_the_broker_after_the_commit_only(
    tester: User,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    connection = factories.connection(tester)

    with django_capture_on_commit_callbacks() as callbacks:
        sync.request(connection)
    assert published == []

    for callback in callbacks:
        callback()
    assert published == [("connections.sync", [connection.pk])]


def test_request_while_the_broker_is_down_does_not_break_the_page(
    tester: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def is_down(*_: Any, **__: Any) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(current_app, "send_task", is_down)

    with django_capture_on_commit_callbacks(execute=True):
        consent.keep(tester, Source.OURA, "a1", Tokens(access_token="t"))

    assert tester.connections.exists()
    assert "no broker" in caplog.text


def test_rides_of_two_testers_stay_apart(
    tester: User, stranger: User, strava_says: Provider
) -> None:
    for user in (tester, stranger):
        strava_says.answers(activities({}), b"[]")
        sync.sync(factories.connection(user), NOW)

    assert sorted(Ride.objects.values_list("user__email", "external_id")) == [
        ("stranger@example.org", "7"),
        ("tester@example.org", "7"),
    ]


@time_machine.travel(NOW, tick=False)
def test_late_refusal_of_an_old_token_leaves_the_new_connection_alone(
    tester: User, strava_says: Provider
) -> None:
    """The tester connects anew while a worker still reads with the token from before."""
    strava_says.answers(Reply(b"{}", 401))
    old = factories.connection(tester, expires_at=NOW + timedelta(hours=5))
    consent.keep(tester, Source.STRAVA, old.external_id, Tokens(access_token="fresh"))

    sync.sync(old, NOW)

    assert told(old) == (Connection.State.OK, "")


@time_machine.travel(NOW, tick=False)
def test_late_answer_about_another_account_is_not_kept(tester: User, strava_says: Provider) -> None:
    strava_says.answers(activities({}))
    old = factories.connection(tester, expires_at=NOW + timedelta(hours=5))
    consent.keep(tester, Source.STRAVA, "another athlete", Tokens(access_token="fresh"))

    attempt = sync.sync(old, NOW)

    assert not attempt.is_success
    assert not tester.rides.exists()
    assert reload(old).last_success_at is None


def test_other_account_of_the_same_tester_takes_the_place_of_what_was_read(
    tester: User,
) -> None:
    factories.connection(tester, Source.OURA)
    factories.night(tester, TODAY)

    consent.keep(tester, Source.OURA, "another ring", Tokens(access_token="fresh"))

    assert not tester.nights.exists()


def test_source_that_was_asked_for_says_that_it_is_being_read_until_it_was(
    tester: User, strava_says: Provider
) -> None:
    with time_machine.travel(NOW, tick=False):
        connection = factories.connection(
            tester, last_success_at=NOW, expires_at=NOW + timedelta(hours=5)
        )
        sync.request(connection)
        assert reload(connection).is_being_read(NOW)
        assert not reload(connection).is_being_read(NOW + timedelta(minutes=2))

        sync.sync(reload(connection), NOW)

        assert not reload(connection).is_being_read(NOW)


@pytest.mark.parametrize(
    "odd",
    [
        {"moving_time": None},
        {"moving_time": "an hour"},
        {"moving_time": 2**40},
        {"elapsed_time": -5},
        {"distance": "far"},
        {"start_date": "2026-07-03T16:00:00"},
    ],
    ids=["none", "words", "too long", "negative", "no number", "no zone"],
)
def test_row_that_no_column_takes_is_an_answer_we_could_not_read(
    tester: User, strava_says: Provider, odd: dict[str, Any]
) -> None:
    strava_says.answers(activities(odd), b"[]")

    attempt = sync.sync(factories.connection(tester), NOW)

    assert (attempt.reason, attempt.error) == (
        "unavailable",
        "Strava sent an answer we could not read.",
    )
    assert not tester.rides.exists()


def test_name_of_a_ride_is_kept_without_what_no_database_takes(
    tester: User, strava_says: Provider
) -> None:
    strava_says.answers(activities({"name": "Hill\0 repeats"}), b"[]")

    sync.sync(factories.connection(tester), NOW)

    assert tester.rides.get().name == "Hill repeats"


# --- as many at once as a source takes ---


@pytest.fixture
def _one_at_a_time(settings: LazySettings) -> None:
    settings.SOURCES = {
        **settings.SOURCES,
        "strava": {**settings.SOURCES["strava"], "AT_ONCE": 1},
    }


@pytest.mark.usefixtures("_one_at_a_time")
def test_reading_that_finds_no_turn_comes_back_later_and_has_not_failed(
    tester: User, strava_says: Provider
) -> None:
    connection = factories.connection(tester)

    with turns.taken(Source.STRAVA, most=1, lease=sync.READING_LEASE, now=NOW):
        attempt = sync.sync(connection, NOW)

    again = reload(connection)
    assert (attempt.reason, attempt.error) == (
        "busy",
        "Strava is being asked by many others just now.",
    )
    assert (again.state, again.last_error, again.reading_until) == (
        Connection.State.OK,
        "",
        None,
    )
    assert again.next_read_at is not None
    assert timedelta(minutes=1) <= again.next_read_at - NOW < timedelta(minutes=11)
    assert strava_says.asked == []
    assert sync.sync(again, NOW).is_success


@pytest.mark.usefixtures("_one_at_a_time")
def test_somebody_who_waits_for_a_reading_waits_for_a_turn_as_well(
    tester: User, strava_says: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = factories.connection(tester)
    held = turns.taken(Source.STRAVA, most=1, lease=sync.READING_LEASE, now=NOW)
    held.__enter__()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 4:
            held.__exit__(None, None, None)

    monkeypatch.setattr(turns, "time", SimpleNamespace(sleep=sleep))

    attempt = sync.sync(connection, NOW, is_urgent=True)

    assert (attempt.is_success, len(slept)) == (True, 4)
    assert not Turn.objects.filter(held_until__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_one_at_a_time")
def test_no_connection_to_the_database_is_held_while_a_source_answers(
    tester: User, strava_says: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[object] = []
    request = httpx2.request

    def asked(*args: Any, **options: Any) -> httpx2.Response:
        held.append(database.connection)
        return request(*args, **options)

    monkeypatch.setattr(httpx2, "request", asked)

    assert sync.sync(factories.connection(tester), NOW).is_success
    assert set(held) == {None}
