import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from coach.physiology.nights import NightFacts, NightReading, facts_by_source
from tests.coach.physiology.vectors import about

LOCAL_DATE = date(2026, 5, 12)
NOW = datetime(2026, 5, 12, 8, 0, tzinfo=UTC)


def night(days_ago: int, **values: Any) -> NightReading:
    usual = NightReading(
        local_date=LOCAL_DATE - timedelta(days=days_ago),
        source="oura",
        measured_at=NOW - timedelta(days=days_ago, hours=1),
        hrv_ms=50,
        hrv_kind="rmssd",
        resting_hr_bpm=50,
        sleep_h=7,
    )
    return replace(usual, **values)


def swinging(days_ago: int, **values: Any) -> NightReading:
    """Nights either side of 50 ms and 50 bpm, so that a baseline has a spread."""
    side = 1 if days_ago % 2 else -1
    return replace(
        night(days_ago, hrv_ms=50 * math.exp(0.1 * side), resting_hr_bpm=50 + 2 * side), **values
    )


def the_facts(nights: list[NightReading]) -> NightFacts:
    (facts,) = facts_by_source(nights, local_date=LOCAL_DATE, now=NOW)
    return facts


def test_a_usual_night_against_sixty() -> None:
    nights = [swinging(n) for n in range(1, 61)]
    tonight = night(0, hrv_ms=50 * math.exp(0.2), resting_hr_bpm=54, sleep_h=9)
    sd = math.sqrt(60 / 59)

    assert the_facts([tonight, *nights]) == NightFacts(
        source="oura",
        age_h=1.0,
        hrv_kind="rmssd",
        hrv_ms=about(50 * math.exp(0.2)),
        hrv_baseline_ms=about(50),
        hrv_z=about(2 / sd),
        hrv_7d_z=about(2 / 7 / sd),
        rhr_bpm=54,
        rhr_baseline_bpm=50,
        rhr_z=about(2 / sd),
        sleep_h=9,
        sleep_7d_h=about((9 + 6 * 7) / 7),
        capped_sleep_7d_h=about((8 + 6 * 7) / 7),
        has_usual_sleep=True,
    )


def test_the_61st_night_back_is_outside_the_baseline() -> None:
    nights = [night(0), *(swinging(n) for n in range(1, 61))]

    assert the_facts([*nights, night(61, resting_hr_bpm=90)]) == the_facts(nights)
    assert the_facts([*nights[:-1], night(60, resting_hr_bpm=90)]) != the_facts(nights)


@pytest.mark.parametrize(("count", "baseline"), [(13, None), (14, 50)])
def test_a_baseline_takes_fourteen_values_before_tonight(
    count: int, baseline: float | None
) -> None:
    facts = the_facts([swinging(n) for n in range(count + 1)])

    assert facts.rhr_baseline_bpm == (None if baseline is None else pytest.approx(baseline, abs=1))
    assert (facts.hrv_baseline_ms is None) is (baseline is None)
    assert (facts.hrv_z is None) is (baseline is None)


@pytest.mark.parametrize(("measured", "is_known"), [(2, False), (3, True)])
def test_a_week_of_hrv_takes_three_nights(measured: int, is_known: bool) -> None:
    silent = [swinging(n, hrv_ms=None, hrv_kind=None) for n in range(measured, 7)]
    heard = [swinging(n) for n in [*range(measured), *range(7, 40)]]

    facts = the_facts([*silent, *heard])

    assert (facts.hrv_7d_z is not None) is is_known
    assert facts.hrv_z is not None


def test_another_kind_of_hrv_restarts_the_hrv_baseline_alone() -> None:
    before = [swinging(n) for n in range(5, 40)]
    since = [swinging(n, hrv_ms=90, hrv_kind="sdnn") for n in range(5)]

    facts = the_facts([*before, *since])

    assert facts.hrv_kind == "sdnn"
    assert facts.hrv_ms == pytest.approx(90)
    assert (facts.hrv_baseline_ms, facts.hrv_z, facts.hrv_7d_z) == (None, None, None)
    assert facts.rhr_baseline_bpm is not None


def test_sources_are_never_mixed() -> None:
    ring = [swinging(n) for n in range(20)]
    watch = [swinging(n, source="apple", resting_hr_bpm=70 + n % 2) for n in range(30)]

    watch_facts, ring_facts = facts_by_source([*ring, *watch], local_date=LOCAL_DATE, now=NOW)

    assert ring_facts == the_facts(ring)
    assert watch_facts == the_facts(watch)
    assert (watch_facts.source, ring_facts.source) == ("apple", "oura")


def test_an_hrv_that_never_varied_gives_no_z() -> None:
    facts = the_facts([night(0, hrv_ms=60), *(night(n) for n in range(1, 30))])

    assert facts.hrv_baseline_ms == pytest.approx(50)
    assert (facts.hrv_z, facts.hrv_7d_z) == (None, None)


def test_a_steady_resting_hr_is_judged_by_one_beat() -> None:
    facts = the_facts([night(0, resting_hr_bpm=52), *(night(n) for n in range(1, 30))])

    assert facts.rhr_z == 2


@pytest.mark.parametrize(("age_h", "is_fresh"), [(36, True), (36.01, False)])
def test_a_night_is_tonights_for_36_hours(age_h: float, is_fresh: bool) -> None:
    last = night(1, measured_at=NOW - timedelta(hours=age_h))
    facts = the_facts([last, *(swinging(n) for n in range(2, 40))])

    assert facts.is_fresh is is_fresh
    assert (facts.hrv_ms is not None, facts.rhr_bpm is not None, facts.sleep_h is not None) == (
        (is_fresh,) * 3
    )
    assert facts.rhr_baseline_bpm is not None
    assert facts.sleep_7d_h == 7


def test_what_was_measured_this_instant_is_known() -> None:
    assert the_facts([night(0, measured_at=NOW)]).age_h == 0


def test_what_was_not_yet_measured_is_not_known() -> None:
    nights = [swinging(n) for n in range(1, 40)]
    later_today = night(0, measured_at=NOW + timedelta(minutes=1), resting_hr_bpm=80)
    tomorrow = night(-1, measured_at=NOW - timedelta(minutes=1), resting_hr_bpm=80)

    assert the_facts([*nights, later_today, tomorrow]) == the_facts(nights)


@pytest.mark.parametrize("faulty", [0, -5, math.nan, math.inf, 1e9])
def test_a_faulty_value_is_missing(faulty: float) -> None:
    facts = the_facts([night(0, hrv_ms=faulty, resting_hr_bpm=faulty, sleep_h=faulty or -1)])

    assert (facts.hrv_ms, facts.rhr_bpm, facts.sleep_h) == (None, None, None)


def test_a_night_without_sleep_is_data() -> None:
    assert the_facts([night(0, sleep_h=0)]).sleep_h == 0
