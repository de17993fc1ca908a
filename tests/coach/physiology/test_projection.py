from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.physiology.days import UNKNOWN, Day
from coach.physiology.form import Form, form_on
from coach.physiology.projection import (
    SHARE_OF_USUAL,
    Projection,
    UsualWeek,
    projected,
    usual_week,
)
from tests.coach.physiology.vectors import about

MONDAY = date(2026, 6, 1)
EVENT = MONDAY + timedelta(days=70)
MORNING = Form(local_date=MONDAY, ctl=50.0, atl=60.0, tsb=-10.0, reason=None)
loads = st.floats(0, 600)


def after(days: int) -> date:
    return MONDAY + timedelta(days=days)


def day(load: float) -> Day:
    return Day(ctl_load=load, atl_load=load)


def week_of(*daily_loads: float) -> UsualWeek:
    """Monday first."""
    return UsualWeek(days=[day(load) for load in daily_loads], known_days=28)


def phase_on(local_date: date) -> str | None:
    """As coach.observe has it for an event on day 70."""
    to_go = (EVENT - local_date).days
    if to_go > 42:
        return "Base"
    if to_go > 21:
        return "Build"
    return "Peak" if to_go > 7 else "Taper"


def base_on(local_date: date) -> str | None:
    return "Base"


def to_event(
    planned: dict[date, float], days: int, usual: UsualWeek | None = None, morning: Form = MORNING
) -> Projection:
    return projected(morning, planned, event_date=after(days), usual=usual, phase_on=base_on)


def test_a_hundred_a_day_leads_to_a_hundred() -> None:
    hundred = dict.fromkeys((after(n) for n in range(700)), 100.0)
    near, far = to_event(hundred, 100), to_event(hundred, 700)

    assert near.ctl == about(100 - 50 * 2.718281828 ** (-100 / 42), abs=1e-6)
    assert (far.ctl, far.atl, far.tsb) == (about(100, abs=1e-5),) * 2 + (about(0, abs=1e-5),)
    assert far.assumptions == ()


def test_without_any_load_both_decay_and_form_rises() -> None:
    told = to_event({}, 42)
    ctls, atls = [one.ctl for one in told.days], [one.atl for one in told.days]

    assert ctls == sorted(ctls, reverse=True)
    assert atls == sorted(atls, reverse=True)
    assert (told.ctl, told.atl) == (about(50 / 2.718281828), about(60 / 2.718281828**6))
    assert told.assumptions == ("Days without a planned load are rest.",)


@given(st.dictionaries(st.integers(0, 40), loads, max_size=20), st.integers(0, 30))
def test_a_projection_is_what_riding_so_would_have_made(
    planned: dict[int, float], ahead: int
) -> None:
    past = {after(-n): day(load) for n, load in ((1, 80.0), (3, 120.0), (9, 60.0))}
    ridden = {after(n): load for n, load in planned.items()}

    told = to_event(ridden, ahead, morning=form_on(MONDAY, past))

    as_ridden = {**past, **{on: day(load) for on, load in ridden.items()}}
    assert [one.local_date for one in told.days] == [after(n) for n in range(-1, ahead)]
    for one in told.days:
        next_morning = form_on(one.local_date + timedelta(days=1), as_ridden)
        assert (one.ctl, one.atl, one.tsb) == (
            next_morning.ctl,
            next_morning.atl,
            next_morning.tsb,
        )
    assert (told.ctl, told.atl, told.tsb) == (next_morning.ctl, next_morning.atl, next_morning.tsb)


@settings(max_examples=30)
@given(st.lists(loads, min_size=7, max_size=7), st.dictionaries(st.integers(0, 69), loads))
def test_what_is_not_planned_is_the_usual_weekday_times_the_share_of_its_phase(
    weekly: list[float], planned: dict[int, float]
) -> None:
    shares = [1.0] * 49 + [0.9] * 14 + [0.5] * 7
    every = {after(n): planned.get(n, shares[n] * weekly[n % 7]) for n in range(70)}
    asked = {after(n): load for n, load in planned.items()}

    told = projected(MORNING, asked, event_date=EVENT, usual=week_of(*weekly), phase_on=phase_on)

    assert told.days == to_event(every, 70).days


def test_a_planned_rest_is_rest_and_not_the_usual_day() -> None:
    usual = week_of(*[100.0] * 7)

    assert to_event({MONDAY: 0.0}, 1, usual).ctl == to_event({}, 1).ctl
    assert to_event({}, 1, usual).ctl == to_event({MONDAY: 100.0}, 1).ctl


def test_what_was_assumed_is_said() -> None:
    of_week, of_phases = to_event({}, 20, week_of(0, 60, 90, 0, 60, 120, 70.4)).assumptions

    assert of_week == (
        "Days without a planned load are like those of the last 28 days, of which 28 are known: "
        "400 TSS a week."
    )
    assert of_phases == (
        "In the peak phase they have 90% of that load (a convention), in the taper 50% "
        "(Bosquet 2007)."
    )


def test_an_event_today_starts_with_this_morning() -> None:
    told = to_event({MONDAY: 300.0}, 0)

    assert (told.ctl, told.atl, told.tsb) == (50, 60, -10)
    assert told.assumptions == ()


def test_without_a_form_or_after_the_start_there_is_nothing_to_tell() -> None:
    assert to_event({}, 9, morning=Form(local_date=MONDAY)) == Projection(
        event_date=after(9), reason="no_form"
    )
    assert to_event({}, -1) == Projection(event_date=after(-1), reason="event_has_begun")


def test_a_phase_without_a_share_is_refused() -> None:
    with pytest.raises(KeyError, match="Event"):
        projected(
            MORNING, {}, event_date=EVENT, usual=week_of(*[50] * 7), phase_on=lambda _: "Event"
        )


def test_the_taper_is_within_what_the_meta_analysis_found() -> None:
    assert 0.40 <= 1 - SHARE_OF_USUAL["Taper"] <= 0.60


# --- the usual week -----------------------------------------------------------------------------


def before(*daily_loads: float) -> dict[date, Day]:
    """The days up to yesterday, in order."""
    first = MONDAY - timedelta(days=len(daily_loads))
    return {first + timedelta(days=n): day(load) for n, load in enumerate(daily_loads)}


def test_the_usual_week_is_the_mean_of_the_last_four_by_weekday() -> None:
    weeks = [[0, 60, 90, 0, 60, 120, 70], [0, 80, 90, 0, 60, 120, 50]] * 2
    days = before(*[999.0] * 7, *(load for week in weeks for load in week))

    assert usual_week(MONDAY, days) == week_of(0, 70, 90, 0, 60, 120, 60)
    assert week_of(0, 70, 90, 0, 60, 120, 60).load == 400


@given(st.lists(loads, min_size=28, max_size=28), st.integers(0, 6))
def test_the_load_of_the_usual_week_is_a_quarter_of_the_last_28_days(
    daily: list[float], weekday: int
) -> None:
    morning = MONDAY + timedelta(days=weekday)
    days = {morning - timedelta(days=28 - n): day(load) for n, load in enumerate(daily)}
    days[morning - timedelta(days=40)] = day(50)

    found = usual_week(morning, days)

    assert found is not None
    assert found.load == pytest.approx(sum(daily) / 4)
    assert found.known_days == 28


def test_days_nobody_told_of_are_left_out_and_days_without_a_ride_are_rest() -> None:
    days = before(*[70.0] * 28)
    tuesday, last_monday = after(-6), after(-7)
    days[tuesday] = UNKNOWN
    days[after(-13)] = Day(ctl_load=20, atl_load=20, unscored_rides=1)
    del days[last_monday]

    found = usual_week(MONDAY, days)

    assert found == UsualWeek(days=[day(52.5), *[day(70)] * 6], known_days=26)


def test_a_short_history_is_not_diluted_by_the_days_before_it() -> None:
    assert usual_week(MONDAY, before(*[60.0] * 10)) == UsualWeek(days=[day(60)] * 7, known_days=10)


def test_without_a_day_of_each_weekday_there_is_no_usual_week() -> None:
    mondays = {after(-7 * n): UNKNOWN for n in range(1, 5)}

    assert usual_week(MONDAY, before(*[60.0] * 6)) is None
    assert usual_week(MONDAY, {**before(*[60.0] * 28), **mondays}) is None
    assert usual_week(MONDAY, {}) is None


def test_strength_stays_out_of_ctl_in_the_days_ahead_too() -> None:
    days = {on: Day(ctl_load=40, atl_load=60) for on in before(*[0] * 28)}
    usual = usual_week(MONDAY, days)

    told = to_event({}, 300, usual)

    assert (told.ctl, told.atl) == (about(40, abs=0.05), about(60))
