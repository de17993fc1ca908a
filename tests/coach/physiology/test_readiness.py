import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.physiology.nights import NightReading
from coach.physiology.readiness import (
    Readiness,
    SourceScore,
    lr_readiness_v1,
    night_facts,
    readiness_today,
)
from tests.coach.physiology.test_nights import LOCAL_DATE, NOW, night, swinging
from tests.coach.physiology.vectors import about

PAST = [swinging(n) for n in range(1, 61)]
SD = math.sqrt(60 / 59)  # of the sixty swinging nights, in units of their swing
OURA = SourceScore(
    local_date=LOCAL_DATE,
    score=84,
    measured_at=NOW - timedelta(hours=3),
    source="oura",
    contributors={"hrv_balance": 80, "sleep_regularity": None},
)

value = st.one_of(st.none(), st.floats())


def score(*nights: NightReading) -> Readiness:
    return lr_readiness_v1(nights, local_date=LOCAL_DATE, now=NOW)


def points(result: Readiness) -> dict[str, float]:
    return {name: part for name, part in result.contributors.items() if part is not None}


def test_a_good_night_scored_term_by_term() -> None:
    tonight = night(0, hrv_ms=50 * math.exp(0.1), resting_hr_bpm=49, sleep_h=7.5)

    result = score(tonight, *PAST)

    assert result == Readiness(
        score=87,
        source="lr_readiness_v1",
        age_h=1.0,
        coverage="full",
        contributors={
            "hrv_7d": about(4 * 1 / 7 / SD),
            "hrv": about(1 / SD),
            "resting_hr": about(4 * 0.5 / SD),
            "sleep": 3.0,
            "sleep_7d": about(0.5 / 7),
        },
    )
    assert result.source_label == "lr_readiness_v1"


def test_an_ordinary_night_is_80() -> None:
    week = [night(n) for n in range(7)]

    assert score(*week, *PAST[6:]).score == 80


@pytest.mark.parametrize(
    ("tonight", "clipped"),
    [
        (night(0, hrv_ms=1000), {"hrv_7d": 12, "hrv": 3}),
        (night(0, hrv_ms=2.5), {"hrv_7d": -12, "hrv": -3}),
        (night(0, resting_hr_bpm=30), {"resting_hr": 12}),
        (night(0, resting_hr_bpm=90), {"resting_hr": -12}),
        (night(0, sleep_h=12), {"sleep": 6}),
        (night(0, sleep_h=0), {"sleep": -24}),
    ],
)
def test_every_term_is_clipped(tonight: NightReading, clipped: dict[str, float]) -> None:
    assert clipped.items() <= points(score(tonight, *PAST)).items()


@pytest.mark.parametrize(("sleep_h", "week"), [(10, 1), (6.5, -0.5), (0, -3)])
def test_a_week_of_sleep_counts_once_between_bounds(sleep_h: float, week: float) -> None:
    nights = [swinging(n, sleep_h=sleep_h) for n in range(7)]

    assert points(score(*nights, *PAST[6:]))["sleep_7d"] == week


def test_the_score_never_exceeds_100() -> None:
    rested = [night(n, sleep_h=9) for n in range(1, 7)]
    tonight = night(0, hrv_ms=1000, resting_hr_bpm=30, sleep_h=9)

    result = score(tonight, *rested, *PAST[6:])

    assert sum(points(result).values()) > 20
    assert result.score == 100


def test_without_hrv_it_is_published_as_such() -> None:
    result = score(night(0, hrv_ms=None, hrv_kind=None, resting_hr_bpm=49), *PAST)

    assert (result.score, result.coverage, result.reason) == (82, "no_hrv", None)
    assert result.source_label == "lr_readiness_v1:no_hrv"
    assert (result.contributors["hrv_7d"], result.contributors["hrv"]) == (None, None)


def test_without_resting_hr_it_is_published_as_such() -> None:
    result = score(night(0, hrv_ms=50 * math.exp(0.1), resting_hr_bpm=None), *PAST)

    assert (result.score, result.coverage) == (82, "no_rhr")
    assert result.contributors["resting_hr"] is None


@pytest.mark.parametrize(
    ("nights", "reason"),
    [
        ([], "no_reading"),
        ([night(0, sleep_h=None), *PAST], "no_sleep"),
        ([night(0, hrv_ms=None, resting_hr_bpm=None), *PAST], "no_hrv_no_rhr"),
        ([night(0), *PAST[:13]], "baseline_too_short"),
        ([night(0, hrv_ms=None), *PAST[:13]], "baseline_too_short"),
        (PAST[1:], "stale_reading"),
    ],
)
def test_why_there_is_no_score(nights: list[NightReading], reason: str) -> None:
    result = score(*nights)

    assert (result.score, result.source, result.coverage) == (None, None, None)
    assert result.contributors == {}
    assert result.reason == reason


def test_fourteen_nights_before_tonight_are_enough() -> None:
    assert score(night(0), *PAST[:14]).coverage == "full"


def test_yesterdays_night_serves_until_it_is_36_hours_old() -> None:
    results = [
        lr_readiness_v1(PAST, local_date=LOCAL_DATE, now=NOW + timedelta(hours=h)) for h in (11, 12)
    ]

    assert [(result.age_h, result.reason) for result in results] == [
        (36.0, None),
        (37.0, "stale_reading"),
    ]
    assert results[0].score is not None


def test_a_new_ring_without_a_baseline_gives_way_to_the_old_watch() -> None:
    watch = [swinging(n, source="apple", hrv_kind="sdnn") for n in range(60)]
    ring = [night(n) for n in range(5)]

    facts = night_facts([*watch, *ring], local_date=LOCAL_DATE, now=NOW)

    assert facts is not None
    assert (facts.source, facts.hrv_kind) == ("apple", "sdnn")
    assert score(*watch, *ring) == score(*watch)


def test_of_two_sources_the_better_covered_counts() -> None:
    no_hrv = [replace(n, source="apple", hrv_ms=None, hrv_kind=None) for n in (night(0), *PAST)]

    assert score(*no_hrv, night(0), *PAST) == score(night(0), *PAST)


def test_a_change_of_source_restarts_the_baseline() -> None:
    watch = [swinging(n, source="apple") for n in range(3, 60)]
    ring = [night(n) for n in range(3)]

    assert score(*watch, *ring).reason == "baseline_too_short"


def test_a_fresh_oura_score_is_taken_as_it_is() -> None:
    assert readiness_today([night(0), *PAST], [OURA], local_date=LOCAL_DATE, now=NOW) == Readiness(
        score=84,
        source="oura",
        age_h=3.0,
        coverage="full",
        contributors={"hrv_balance": 80, "sleep_regularity": None},
    )


@pytest.mark.parametrize(
    "oura",
    [
        None,
        replace(OURA, measured_at=NOW - timedelta(hours=36, seconds=1)),
        replace(OURA, measured_at=NOW + timedelta(seconds=1)),
        replace(OURA, local_date=LOCAL_DATE + timedelta(days=1)),
    ],
)
def test_without_a_fresh_oura_score_the_house_score_stands_in(oura: SourceScore | None) -> None:
    nights = [night(0), *PAST]

    scores = [oura] if oura else []

    assert readiness_today(nights, scores, local_date=LOCAL_DATE, now=NOW) == score(*nights)


@pytest.mark.parametrize("age_h", [0, 36])
def test_an_oura_score_is_fresh_for_36_hours(age_h: float) -> None:
    oura = replace(OURA, measured_at=NOW - timedelta(hours=age_h))
    result = readiness_today([], [oura], local_date=LOCAL_DATE, now=NOW)

    assert (result.score, result.age_h, result.source_label) == (84, age_h, "oura")


@given(value, value)
def test_without_sleep_there_is_never_a_score(hrv_ms: float | None, rhr: float | None) -> None:
    tonight = night(0, hrv_ms=hrv_ms, resting_hr_bpm=rhr, sleep_h=None)

    assert score(tonight, *PAST).score is None
    assert score(tonight, *PAST).reason == "no_sleep"


@given(st.lists(st.tuples(value, value, value), min_size=15, max_size=70))
def test_no_nights_whatever_raise_or_leave_1_to_100(
    values: list[tuple[float | None, float | None, float | None]],
) -> None:
    result = score(
        *(
            night(n, hrv_ms=hrv_ms, resting_hr_bpm=rhr, sleep_h=sleep_h)
            for n, (hrv_ms, rhr, sleep_h) in enumerate(values)
        )
    )

    assert (result.score is None) == (result.reason is not None)
    assert result.score is None or 1 <= result.score <= 100


@given(
    st.tuples(st.floats(10, 200), st.floats(35, 90), st.floats(0, 12)),
    st.floats(0, 20),
)
def test_a_higher_resting_hr_never_raises_the_score(
    tonight: tuple[float, float, float], more_bpm: float
) -> None:
    hrv_ms, rhr, sleep_h = tonight
    calm, racing = (
        score(night(0, hrv_ms=hrv_ms, resting_hr_bpm=bpm, sleep_h=sleep_h), *PAST).score
        for bpm in (rhr, rhr + more_bpm)
    )

    assert calm is not None
    assert racing is not None
    assert racing <= calm
