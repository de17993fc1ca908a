import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from connections.providers.http import (
    NotShared,
    ProviderBusy,
    ProviderUnavailable,
    TokenRefused,
)
from connections.providers.oura import client as oura
from connections.providers.oura.client import OuraNight, OuraReadiness
from sandbox.person.nights import night_of
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply
from tests.factories import NOW, TODAY

TOKEN = "oura-sandbox-test"
NIGHT: dict[str, Any] = {
    "day": "2026-07-04",
    "type": "long_sleep",
    "bedtime_start": "2026-07-03T23:10:00.000+02:00",
    "bedtime_end": "2026-07-04T06:40:00.000+02:00",
    "total_sleep_duration": 25200,
    "deep_sleep_duration": 5400,
    "rem_sleep_duration": 6000,
    "awake_time": 1800,
    "average_hrv": 54,
    "lowest_heart_rate": 47,
}


@pytest.fixture
def scripted(provider: Provider, settings: LazySettings) -> Provider:
    settings.OURA_API_URL = provider.url
    return provider


def page(*rows: dict[str, Any], next_token: str | None = None) -> bytes:
    return json.dumps({"data": rows, "next_token": next_token}).encode()


def spans(provider: Provider) -> list[tuple[str, str]]:
    return [(asked.query["start_date"], asked.query["end_date"]) for asked in provider.asked]


def test_account_is_the_owner_of_the_token(scripted: Provider) -> None:
    scripted.answers(b'{"id": "a1b2", "age": 41}')

    assert oura.account_id("canary") == "a1b2"
    assert [(asked.path, asked.authorization) for asked in scripted.asked] == [
        ("/v2/usercollection/personal_info", "Bearer canary")
    ]


def test_night_is_read_with_its_instants(scripted: Provider) -> None:
    scripted.answers(page(NIGHT))

    assert oura.nights_between(TOKEN, TODAY, TODAY) == [
        OuraNight(
            local_date=date(2026, 7, 4),
            started_at=datetime(2026, 7, 3, 21, 10, tzinfo=UTC),
            ended_at=datetime(2026, 7, 4, 4, 40, tzinfo=UTC),
            asleep_s=25200,
            deep_s=5400,
            rem_s=6000,
            awake_s=1800,
            hrv_ms=54,
            lowest_hr_bpm=47,
        )
    ]


def test_night_without_values_has_none_of_them(scripted: Provider) -> None:
    bare = {name: NIGHT[name] for name in ("day", "type", "bedtime_start", "bedtime_end")}
    scripted.answers(page({**bare, "average_hrv": None}))

    [night] = oura.nights_between(TOKEN, TODAY, TODAY)

    assert (night.asleep_s, night.deep_s, night.rem_s, night.awake_s) == (None, None, None, None)
    assert (night.hrv_ms, night.lowest_hr_bpm) == (None, None)


def test_night_is_the_longest_long_sleep_of_its_day(scripted: Provider) -> None:
    short = {**NIGHT, "total_sleep_duration": 9000, "average_hrv": 33}
    unmeasured = {**NIGHT, "total_sleep_duration": None, "average_hrv": 99}
    nap = {**NIGHT, "type": "late_nap", "total_sleep_duration": 30000}
    rest = {**NIGHT, "type": "rest", "total_sleep_duration": 31000}
    deleted = {**NIGHT, "type": "deleted", "total_sleep_duration": 32000}
    before = {**NIGHT, "day": "2026-07-03"}
    scripted.answers(page(short, NIGHT, nap, unmeasured, rest, deleted, before))

    nights = oura.nights_between(TOKEN, TODAY, TODAY)

    assert [(night.local_date.day, night.asleep_s) for night in nights] == [(3, 25200), (4, 25200)]


def test_readiness_is_a_score_with_what_went_into_it(scripted: Provider) -> None:
    day = {
        "day": "2026-07-04",
        "score": 81,
        "temperature_deviation": -0.12,
        "contributors": {"hrv_balance": 77, "resting_heart_rate": None},
        "timestamp": "2026-07-04T00:00:00.000+02:00",
    }
    unscored = {**day, "day": "2026-07-03", "score": None, "contributors": None}
    unscored.pop("temperature_deviation")
    scripted.answers(page(day, unscored))

    measured_at = datetime(2026, 7, 3, 22, tzinfo=UTC)
    assert oura.readiness_between(TOKEN, TODAY, TODAY) == [
        OuraReadiness(
            TODAY, 81, -0.12, {"hrv_balance": 77, "resting_heart_rate": None}, measured_at
        ),
        OuraReadiness(TODAY - timedelta(days=1), None, None, {}, measured_at),
    ]


def test_pages_are_followed_by_their_token(scripted: Provider) -> None:
    days = [{**NIGHT, "day": f"2026-07-0{day}"} for day in (2, 3, 4)]
    scripted.answers(page(days[0], next_token="n1"), page(days[1], next_token="n2"), page(days[2]))

    nights = oura.nights_between(TOKEN, date(2026, 7, 2), TODAY)

    assert [night.local_date.day for night in nights] == [2, 3, 4]
    assert [asked.query.get("next_token") for asked in scripted.asked] == [None, "n1", "n2"]
    assert set(spans(scripted)) == {("2026-07-02", "2026-07-05")}


def test_pages_without_an_end_are_given_up(
    scripted: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oura, "MOST_PAGES", 3)
    scripted.answers(page(NIGHT, next_token="again"))

    with pytest.raises(ProviderUnavailable, match="kept sending pages without an end"):
        oura.nights_between(TOKEN, TODAY, TODAY)
    assert len(scripted.asked) == 3


def test_long_range_is_asked_for_in_spans_that_touch(scripted: Provider) -> None:
    scripted.answers(page(NIGHT))

    nights = oura.nights_between(TOKEN, TODAY - timedelta(days=70), TODAY)

    assert spans(scripted) == [
        ("2026-04-25", "2026-05-25"),
        ("2026-05-25", "2026-06-24"),
        ("2026-06-24", "2026-07-05"),
    ]
    assert len(nights) == 1


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(status=401), TokenRefused, "^Oura does not accept our access."),
        (Reply(status=403), NotShared, "the membership has ended or the token lacks"),
        (Reply(status=429), ProviderBusy, "too many requests"),
        (Reply(status=426), ProviderUnavailable, r"^Oura did not take our request \(error 426\).$"),
        (Reply(status=500), ProviderUnavailable, "^Oura has trouble of its own just now.$"),
        (Reply(b"[]"), ProviderUnavailable, "could not read"),
        (Reply(b'{"rows": []}'), ProviderUnavailable, "could not read"),
        (Reply(page({**NIGHT, "bedtime_end": None})), ProviderUnavailable, "could not read"),
        (Reply(page({**NIGHT, "day": "today"})), ProviderUnavailable, "could not read"),
    ],
    ids=["401", "403", "429", "426", "500", "a list", "no data", "no end", "an unreadable day"],
)
def test_nights_name_each_failure(
    scripted: Provider, reply: Reply, error: type[Exception], words: str
) -> None:
    scripted.answers(reply)

    with pytest.raises(error, match=words) as caught:
        oura.nights_between(TOKEN, TODAY, TODAY)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "reply",
    [Reply(page({"day": "2026-07-04"})), Reply(page({"timestamp": "2026-07-04T00:00:00Z"}))],
    ids=["no timestamp", "no day"],
)
def test_readiness_of_another_shape_is_named(scripted: Provider, reply: Reply) -> None:
    scripted.answers(reply)

    with pytest.raises(ProviderUnavailable, match="could not read"):
        oura.readiness_between(TOKEN, TODAY, TODAY)


def test_account_of_another_shape_is_named(scripted: Provider) -> None:
    scripted.answers(b'{"age": 41}')

    with pytest.raises(ProviderUnavailable, match="could not read"):
        oura.account_id(TOKEN)


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("unauthorized", TokenRefused),
        ("membership", NotShared),
        ("rate_limited", ProviderBusy),
        ("server_error", ProviderUnavailable),
    ],
)
def test_each_failure_of_the_stand_in_is_named(
    stand_ins: StandIns, mode: str, error: type[Exception]
) -> None:
    stand_ins.mode("oura", mode)

    with pytest.raises(error) as caught:
        oura.readiness_between(TOKEN, TODAY, TODAY)
    assert type(caught.value) is error


@time_machine.travel(NOW, tick=False)
def test_history_of_the_stand_in_is_read_night_by_night(stand_ins: StandIns) -> None:
    first = TODAY - timedelta(days=45)

    nights = oura.nights_between(TOKEN, first, TODAY)
    readiness = oura.readiness_between(TOKEN, first, TODAY)

    days = [first + timedelta(days=n) for n in range(46)]
    assert [(night.local_date, night.asleep_s) for night in nights] == [
        (day, night_of(day).asleep_s) for day in days
    ]
    assert {day.local_date for day in readiness} == set(days)
    assert nights[-1].started_at == night_of(TODAY).bed_at


@time_machine.travel(NOW, tick=False)
def test_morning_before_the_app_is_opened_lacks_its_night(stand_ins: StandIns) -> None:
    stand_ins.mode("oura", "night_not_there")

    nights = oura.nights_between(TOKEN, TODAY - timedelta(days=2), TODAY)

    assert [night.local_date.day for night in nights] == [2, 3]
    assert oura.readiness_between(TOKEN, TODAY, TODAY) == []
