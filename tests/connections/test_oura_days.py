"""What Oura tells besides the night and readiness: each part for itself, none of them needed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from accounts.models import User
from connections import sync
from connections.models import Connection, DailySample
from connections.providers.http import ProviderBusy
from connections.providers.oura import client
from connections.sources import Source
from sandbox.oura.day_documents import daily_activity, daily_stress
from sandbox.person.days import day_of
from sandbox.person.nights import night_of, sleep_score
from sandbox.person.rest import is_resting_on
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Reply, reload
from tests.connections.oura_server import AT_MIDNIGHT, NIGHT, SCORE, OuraServer, running
from tests.connections.oura_visits import PASTED, connected
from tests.factories import NOW, TODAY

Kind = DailySample.Kind
MIDNIGHT = datetime(2026, 7, 3, 22, tzinfo=UTC)
PARTS = ("daily_sleep", "daily_activity", "rest_mode_period", "daily_stress", "vO2_max")


@pytest.fixture
def oura(settings: LazySettings) -> Iterator[OuraServer]:
    with running() as server:
        settings.OURA_API_URL = server.url
        yield server


@pytest.fixture
def connection(tester: User) -> Connection:
    """By a pasted token, read an hour ago."""
    return factories.connection(
        tester,
        Source.OURA,
        access_token=PASTED,
        refresh_token="",
        last_success_at=NOW - timedelta(hours=1),
    )


def samples(user: User, *kinds: DailySample.Kind) -> list[tuple[date, str, float, str]]:
    rows = user.samples.filter(kind__in=kinds).order_by("local_date", "kind")
    return list(rows.values_list("local_date", "kind", "value", "unit"))


# --- Each part ---


def test_parts_of_a_day_are_samples_with_their_units(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    oura.tells("sleep", {**NIGHT, "average_breath": 13.75})
    oura.tells("daily_sleep", {"day": "2026-07-04", "score": 77, "timestamp": AT_MIDNIGHT})
    activity = {"score": 84, "active_calories": 412, "steps": 9870, "timestamp": AT_MIDNIGHT}
    oura.tells("daily_activity", {"day": "2026-07-04", **activity})
    oura.tells("daily_stress", {"day": "2026-07-04", "stress_high": 2700, "recovery_high": 1350})
    oura.tells("vO2_max", {"day": "2026-07-02", "vo2_max": 51, "timestamp": AT_MIDNIGHT})
    oura.tells("rest_mode_period", {"start_day": "2026-07-04", "end_day": None})

    attempt = sync.sync(connection, NOW)

    rows = tester.samples.order_by("kind").values_list(
        "kind", "value", "unit", "local_date", "measured_at", "details", "read_at", "source"
    )
    woke_at = datetime(2026, 7, 4, 4, 40, tzinfo=UTC)
    told: tuple[Any, ...] = ({}, NOW, Source.OURA)
    assert list(rows) == [
        (Kind.ACTIVE_ENERGY, 412, "kcal", TODAY, MIDNIGHT, *told),
        (Kind.ACTIVITY_SCORE, 84, "score", TODAY, MIDNIGHT, *told),
        (Kind.RECOVERY, 22.5, "min", TODAY, None, *told),
        (Kind.RESPIRATORY_RATE, 13.75, "1/min", TODAY, woke_at, *told),
        (Kind.REST_MODE, 1, "day", TODAY, None, *told),
        (Kind.SLEEP_SCORE, 77, "score", TODAY, MIDNIGHT, *told),
        (Kind.STEPS, 9870, "steps", TODAY, MIDNIGHT, *told),
        (Kind.STRESS, 45, "min", TODAY, None, *told),
        (Kind.VO2MAX, 51, "mL/min/kg", date(2026, 7, 2), MIDNIGHT, *told),
    ]
    assert (attempt.is_success, attempt.samples, attempt.error) == (True, 9, "")


def test_what_a_day_has_no_number_for_is_no_sample(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    oura.tells("daily_sleep", {"day": "2026-07-04", "score": None, "timestamp": AT_MIDNIGHT})
    oura.tells("daily_activity", {"day": "2026-07-04", "steps": 0, "timestamp": AT_MIDNIGHT})
    oura.tells("daily_stress", {"day": "2026-07-04", "stress_high": None})

    assert sync.sync(connection, NOW).is_success

    rows = tester.samples.values_list("kind", "value")
    assert list(rows) == [(Kind.STEPS, 0)]  # a day in bed is a day of no steps


def test_later_reading_takes_the_place_of_a_day_that_was_not_over(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    for hours, steps in ((0, 1200), (9, 9870)):
        oura.tells(
            "daily_activity", {"day": "2026-07-04", "steps": steps, "timestamp": AT_MIDNIGHT}
        )
        sync.sync(reload(connection), NOW + timedelta(hours=hours))

    assert samples(tester, Kind.STEPS) == [(TODAY, Kind.STEPS, 9870, "steps")]


@time_machine.travel(NOW, tick=False)
def test_history_of_the_stand_in_is_read_day_by_day(tester: User, stand_ins: StandIns) -> None:
    """A first reading of each route goes over several pages."""
    connection = factories.connection(tester, Source.OURA, access_token=PASTED)

    attempt = sync.sync(connection, NOW)

    days = [TODAY - timedelta(days=n) for n in range(180, -1, -1)]
    rows = {(sample.local_date, sample.kind): sample.value for sample in tester.samples.all()}
    for day in days:
        [moved], [strained] = daily_activity(day, NOW), daily_stress(day, NOW)
        assert rows[day, Kind.STEPS] == moved["steps"]
        assert rows[day, Kind.ACTIVE_ENERGY] == moved["active_calories"]
        assert rows.get((day, Kind.ACTIVITY_SCORE)) == moved["score"]
        assert rows[day, Kind.RESPIRATORY_RATE] == night_of(day).breaths_per_min
        assert ((day, Kind.REST_MODE) in rows) is is_resting_on(day)
        if day < TODAY:
            assert rows[day, Kind.STRESS] == strained["stress_high"] / 60
            assert rows[day, Kind.RECOVERY] == strained["recovery_high"] / 60
    yesterday = TODAY - timedelta(days=1)
    assert rows[yesterday, Kind.STEPS] == day_of(yesterday).steps
    assert rows[yesterday, Kind.SLEEP_SCORE] == sleep_score(yesterday)
    assert any(is_resting_on(day) for day in days)
    assert {day for day, _ in rows} <= set(days)
    assert (attempt.is_success, attempt.error) == (True, "")


# --- Rest mode ---


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-07-01", "2026-07-02", [1, 2]),
        ("2026-07-02", None, [2, 3, 4]),
        ("2026-07-04", None, [4]),
        ("2026-06-10", "2026-06-28", [27, 28]),
        ("2026-06-10", None, [27, 28, 29, 30, 1, 2, 3, 4]),
        ("2026-06-10", "2026-06-20", []),
        ("2026-07-03", "2026-07-09", [3, 4]),
        ("2026-07-03", "2026-07-01", []),
    ],
    ids=[
        *("over", "lasting", "since today", "begun before", "lasting for long", "long ago"),
        *("ending later", "ending before it begins"),
    ],
)
def test_rest_mode_is_each_of_its_days_until_today(
    tester: User,
    connection: Connection,
    oura: OuraServer,
    start: str,
    end: str | None,
    days: list[int],
) -> None:
    oura.tells("rest_mode_period", {"start_day": start, "end_day": end})

    sync.sync(connection, NOW)

    assert [day.day for day, *_ in samples(tester, Kind.REST_MODE)] == days
    asked = [one.query for one in oura.asked if one.path.endswith("rest_mode_period")]
    assert (asked[0]["start_date"], asked[-1]["end_date"]) == ("2026-05-08", "2026-07-05")
    assert len(asked) == 2


def test_two_periods_that_touch_make_each_day_once(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    first = {"start_day": "2026-07-01", "end_day": "2026-07-02"}
    oura.tells("rest_mode_period", first, {"start_day": "2026-07-02", "end_day": "2026-07-03"})

    sync.sync(connection, NOW)

    assert samples(tester, Kind.REST_MODE) == [
        (date(2026, 7, day), Kind.REST_MODE, 1, "day") for day in (1, 2, 3)
    ]


def test_rest_that_turns_out_to_have_ended_leaves_the_days_after_it(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    before = factories.NOW - timedelta(days=40)
    long_ago = DailySample.objects.create(
        user=tester,
        source=Source.OURA,
        local_date=before.date(),
        kind=Kind.REST_MODE,
        value=1,
        unit="day",
        read_at=before,
    )
    oura.tells("rest_mode_period", {"start_day": "2026-07-01", "end_day": None})
    sync.sync(connection, NOW)
    assert [day.day for day, *_ in samples(tester, Kind.REST_MODE)] == [25, 1, 2, 3, 4]

    oura.tells("rest_mode_period", {"start_day": "2026-07-01", "end_day": "2026-07-02"})
    sync.sync(reload(connection), NOW + timedelta(hours=1))

    assert [day for day, *_ in samples(tester, Kind.REST_MODE)] == [
        long_ago.local_date,
        date(2026, 7, 1),
        date(2026, 7, 2),
    ]


def test_rest_stays_while_its_route_does_not_answer(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    oura.tells("rest_mode_period", {"start_day": "2026-07-01", "end_day": None})
    sync.sync(connection, NOW)

    oura.refuses("rest_mode_period", 500)
    sync.sync(reload(connection), NOW + timedelta(hours=1))

    assert [day.day for day, *_ in samples(tester, Kind.REST_MODE)] == [1, 2, 3, 4]


# --- A part that does not come ---


@pytest.mark.parametrize(
    ("route", "status", "words"),
    [
        ("daily_stress", 401, "Read without stress and recovery: Oura does not permit it."),
        ("daily_stress", 403, "Read without stress and recovery: Oura does not permit it."),
        ("vO2_max", 404, "Read without VO2max: Oura did not take our request (error 404)."),
        (
            "daily_activity",
            422,
            "Read without activity: Oura did not take our request (error 422).",
        ),
        (
            "daily_activity",
            400,
            "Read without activity: Oura did not take our request (error 400).",
        ),
        ("daily_sleep", 500, "Read without sleep score: Oura has trouble of its own just now."),
        ("rest_mode_period", 503, "Read without rest mode: Oura has trouble of its own just now."),
    ],
)
def test_part_that_is_refused_takes_nothing_from_the_others(
    tester: User, connection: Connection, oura: OuraServer, route: str, status: int, words: str
) -> None:
    oura.tells("sleep", NIGHT)
    oura.tells("daily_readiness", SCORE)
    oura.refuses(route, status)

    attempt = sync.sync(connection, NOW)

    assert (attempt.is_success, attempt.reason, attempt.error) == (True, "incomplete", words)
    assert connection.attempts.get().error == words
    again = reload(connection)
    assert (again.state, again.last_error, again.last_success_at) == ("ok", "", NOW)
    assert tester.nights.get().asleep_s == 25200
    assert tester.samples.get(kind=Kind.READINESS).value == 81
    assert set(oura.routes()) == {"sleep", "daily_readiness", *PARTS}


@pytest.mark.parametrize(
    "row",
    [
        {"day": "2026-07-04", "steps": "many", "timestamp": AT_MIDNIGHT},
        {"day": "2026-07-04", "steps": -4, "timestamp": AT_MIDNIGHT},
        {"day": "2026-07-04", "steps": float("nan"), "timestamp": AT_MIDNIGHT},
        {"day": "today", "steps": 4, "timestamp": AT_MIDNIGHT},
        {"day": "2026-07-04", "steps": 4, "timestamp": "2026-07-04T00:00:00"},
        {"steps": 4},
    ],
    ids=["a word", "negative", "not a number", "no date", "a time without a zone", "no day"],
)
def test_part_of_another_shape_takes_nothing_from_the_others(
    tester: User, connection: Connection, oura: OuraServer, row: dict[str, Any]
) -> None:
    oura.tells("daily_activity", row)
    oura.tells("daily_stress", {"day": "2026-07-04", "stress_high": 60})

    attempt = sync.sync(connection, NOW)

    assert attempt.error == "Read without activity: Oura sent an answer we could not read."
    assert samples(tester, *Kind) == [(TODAY, Kind.STRESS, 1, "min")]


def test_nobody_who_is_asked_to_wait_goes_on_asking(
    tester: User, connection: Connection, oura: OuraServer
) -> None:
    oura.tells("sleep", NIGHT)
    oura.refuses("daily_activity", 429)

    attempt = sync.sync(connection, NOW)

    assert attempt.is_success
    assert attempt.error == (
        "Read without activity, rest mode, stress and recovery, VO2max: "
        "Oura asks us to wait: too many requests."
    )
    assert oura.routes() == ["sleep", "daily_readiness", "daily_sleep", "daily_activity"]
    assert tester.nights.exists()


def test_part_that_never_answers_costs_one_time_limit(
    tester: User, connection: Connection, oura: OuraServer, settings: LazySettings
) -> None:
    settings.OUTBOUND_TIMEOUT_S = 0.4
    oura.told["daily_sleep"] = Reply(b'{"data": []}', delay_s=1)

    attempt = sync.sync(connection, NOW)

    assert attempt.error.endswith("VO2max: Oura did not answer in time.")
    assert oura.routes() == ["sleep", "daily_readiness", "daily_sleep"]


@pytest.mark.parametrize("route", ["sleep", "daily_readiness"])
@pytest.mark.parametrize("row", [{"day": "2026-07-04"}, {**SCORE, "score": -1}, {"score": 3}])
def test_what_is_needed_has_to_come_in_its_shape(
    tester: User, connection: Connection, oura: OuraServer, route: str, row: dict[str, Any]
) -> None:
    oura.tells(route, row)

    attempt = sync.sync(connection, NOW)

    assert (attempt.is_success, attempt.reason) == (False, "unavailable")
    assert attempt.error == "Oura sent an answer we could not read."


@pytest.mark.parametrize(
    "change",
    [
        {"total_sleep_duration": -1},
        {"average_hrv": "high"},
        {"lowest_heart_rate": float("inf")},
        {"bedtime_start": "2026-07-03T23:10:00"},
    ],
    ids=["negative", "a word", "endless", "a time without a zone"],
)
def test_night_that_cannot_be_is_no_night(
    tester: User, connection: Connection, oura: OuraServer, change: dict[str, Any]
) -> None:
    oura.tells("sleep", {**NIGHT, **change})

    assert sync.sync(connection, NOW).error == "Oura sent an answer we could not read."
    assert not tester.nights.exists()


# --- Scopes ---


@pytest.mark.parametrize(
    ("scopes", "parts"),
    [
        ("personal daily", PARTS[:3]),
        ("personal daily stress", PARTS[:4]),
        ("personal daily heart_health", (*PARTS[:3], "vO2_max")),
        ("personal daily heartrate stress heart_health", PARTS),
        ("", PARTS),
    ],
)
def test_only_what_was_granted_is_asked_for(
    tester: User, oura: OuraServer, scopes: str, parts: tuple[str, ...]
) -> None:
    connection = factories.connection(
        tester, Source.OURA, scopes=scopes, last_success_at=NOW - timedelta(hours=1)
    )

    assert sync.sync(connection, NOW).error == ""

    assert list(dict.fromkeys(oura.routes())) == ["sleep", "daily_readiness", *parts]
    assert len(oura.asked) == 3 + len(parts)  # rest mode reaches back further


def test_scope_that_is_missing_after_all_refreshes_nothing(
    tester: User, stand_ins: StandIns
) -> None:
    """The consent page drops a scope it does not know in silence."""
    connection = connected(tester, "personal", "daily", last_success_at=NOW)
    Connection.objects.update(scopes="personal daily stress")

    attempt = sync.sync(reload(connection), datetime.now(UTC))

    assert attempt.error == "Read without stress and recovery: Oura does not permit it."
    assert reload(connection).access_token == connection.access_token
    assert reload(connection).state == Connection.State.OK


# --- Asked too often ---


@pytest.mark.parametrize(
    ("headers", "waits_s"),
    [
        ({"Retry-After": "30", "X-RateLimit-Reset": "1"}, 30),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "999999999999"}, 3600),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 240)}, 240),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) - 5)}, 0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
    ids=["seconds", "at once", "for ever", "the end of the window", "past", "a word", "nothing"],
)
@time_machine.travel(NOW, tick=False)
def test_service_waits_as_long_as_it_is_asked_to(
    oura: OuraServer, headers: dict[str, str], waits_s: int | None
) -> None:
    oura.told["sleep"] = Reply(b"{}", 429, headers)

    with pytest.raises(ProviderBusy, match=r"^Oura asks us to wait: too many requests\.$") as busy:
        client.nights_between("t", TODAY, TODAY)

    assert busy.value.retry_at == (None if waits_s is None else NOW + timedelta(seconds=waits_s))


def test_limit_of_the_stand_in_is_waited_for_and_breaks_nothing(
    tester: User, connection: Connection, stand_ins: StandIns
) -> None:
    stand_ins.mode("oura", "rate_limited", times=1, seconds=90)
    now = datetime.now(UTC)

    attempt = sync.sync(connection, now)

    again = reload(connection)
    assert (attempt.reason, again.state) == ("busy", Connection.State.OK)
    assert again.next_read_at is not None
    assert again.next_read_at - now >= timedelta(seconds=89)
