import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.physiology.days import REST, UNKNOWN, Day
from coach.physiology.form import DayForm, Form, form_on, form_series, project
from tests.coach.physiology.vectors import Vector, about, vectors

FIRST = date(2026, 1, 1)

loads = st.floats(0, 600)
sparse_loads = st.dictionaries(st.integers(0, 200), loads, max_size=60)


def day(load: float) -> Day:
    return Day(ctl_load=load, atl_load=load)


def days_from(daily_loads: list[float]) -> dict[date, Day]:
    return {FIRST + timedelta(days=n): day(load) for n, load in enumerate(daily_loads)}


def by_date(sparse: dict[int, float]) -> dict[date, Day]:
    return {FIRST + timedelta(days=n): day(load) for n, load in sparse.items()}


def after(count: int) -> date:
    """The morning that has `count` days behind it."""
    return FIRST + timedelta(days=count)


def ends(daily_loads: list[float], seed: tuple[float, float] = (0, 0)) -> list[DayForm]:
    """CTL and ATL at the end of each of these days."""
    start = DayForm(FIRST - timedelta(days=1), *seed)
    last = FIRST + timedelta(days=len(daily_loads) - 1)
    return form_series(days_from(daily_loads), through=last, seed=start)[1:]


@vectors("pmc", "single impulse 100 on day 0, seed 0")
def test_one_load_rises_and_decays(vector: Vector) -> None:
    series = ends(vector["loads"])

    assert [series[0].ctl, series[0].atl, series[7].ctl, series[7].atl] == pytest.approx(
        [vector[key] for key in ("ctl_day0", "atl_day0", "ctl_day7", "atl_day7")],
        abs=vector["tol"],
    )


@vectors("pmc", "athlete first training day")
def test_the_first_day_of_a_real_athlete(vector: Vector) -> None:
    assert ends(vector["loads"])[0].ctl == pytest.approx(vector["ctl_day0"], abs=vector["tol"])


@vectors("pmc", "constant 100/day")
def test_one_time_constant_covers_63_percent(vector: Vector) -> None:
    series = ends([100] * vector["days"])

    assert series[-1].ctl == pytest.approx(vector["ctl_end"], abs=vector["tol"])
    assert series[6].atl == pytest.approx(vector["atl_after_7"], abs=vector["tol"])


@vectors("pmc", "fixed point")
def test_a_steady_state_stays(vector: Vector) -> None:
    last = ends(vector["loads"], vector["seed"])[-1]

    assert (last.ctl, last.atl) == pytest.approx(
        (vector["ctl_end"], vector["atl_end"]), abs=vector["tol"]
    )


@vectors("pmc", "rest decay")
def test_rest_decays_both(vector: Vector) -> None:
    last = ends(vector["loads"], vector["seed"])[-1]

    assert (last.ctl, last.atl, last.tsb) == pytest.approx(
        (vector["ctl_end"], vector["atl_end"], vector["tsb_same_day"]), abs=vector["tol"]
    )


@vectors("pmc", "Bear Mountain forum example")
def test_one_very_long_ride(vector: Vector) -> None:
    last = ends([vector["load"]], (vector["seed_ctl"], vector["seed_ctl"]))[-1]

    assert last.ctl == pytest.approx(vector["ctl"], abs=0.001)
    assert last.ctl == pytest.approx(vector["quoted"], abs=vector["tol"])


@vectors("pmc", "TSB conventions on one morning")
def test_tsb_is_that_of_the_end_of_yesterday(vector: Vector) -> None:
    yesterday = DayForm(FIRST, vector["ctl_yesterday"], vector["atl_yesterday"])
    today = FIRST + timedelta(days=1)

    assert form_on(today, {}, seed=yesterday).tsb == pytest.approx(
        vector["tsb_start_of_day"], abs=1e-6
    )
    assert form_on(today, {today: day(40)}, seed=yesterday).tsb == pytest.approx(
        vector["tsb_start_of_day"], abs=1e-6
    )
    assert yesterday.after(REST).tsb == pytest.approx(
        vector["tsb_if_today_counted_as_zero"], abs=1e-4
    )
    assert yesterday.after(day(40)).tsb == pytest.approx(
        vector["tsb_end_of_day_with_load_40"], abs=1e-4
    )


@vectors("pmc", "athlete ramp")
def test_ramp_is_ctl_against_seven_days_before(vector: Vector) -> None:
    seed = DayForm(FIRST, vector["ctl_2025_06_18"], vector["ctl_2025_06_18"])
    gain = 1 - seed.after(REST).ctl / seed.ctl
    ctl_before_last = seed.ctl * (1 - gain) ** 6
    last_load = ctl_before_last + (vector["ctl_2025_06_25"] - ctl_before_last) / gain
    days = {FIRST + timedelta(days=7): day(last_load)}

    form = form_on(FIRST + timedelta(days=8), days, seed=seed)

    assert form.ctl == pytest.approx(vector["ctl_2025_06_25"], abs=1e-9)
    assert form.ramp_7d == pytest.approx(vector["ramp_7d"], abs=vector["tol"])


@vectors("negative", "no activity ever")
def test_without_history_every_number_is_unknown(vector: Vector) -> None:
    form = form_on(FIRST, days_from(vector["loads"]))

    assert form == Form(local_date=FIRST)
    assert (form.ctl, form.atl, form.tsb, form.load_7d, form.max_load_30d) == (None,) * 5
    assert (form.ctl_status, form.reason) == ("no_history", "no_history")


def test_rest_days_and_unknown_days_alone_are_no_history() -> None:
    days = {FIRST: REST, FIRST + timedelta(days=1): UNKNOWN}

    assert form_on(after(9), days) == Form(local_date=after(9))
    assert form_series(days, through=after(9)) == []


def test_a_first_ride_today_is_no_history_this_morning() -> None:
    assert form_on(FIRST, {FIRST: day(60)}) == Form(local_date=FIRST)


def closed_form(daily_loads: list[float], time_constant_days: int) -> float:
    """The recurrence, written out as one weighted sum."""
    decay = math.exp(-1 / time_constant_days)
    return sum((1 - decay) * load * decay**n for n, load in enumerate(reversed(daily_loads)))


def test_a_morning_in_full() -> None:
    base = [70.0] * 42
    history = [*base, 60, 0, 90, 45, 0, 120, 80]
    ctl, atl = closed_form(history, 42), closed_form(history, 7)

    assert form_on(after(49), days_from(history)) == Form(
        local_date=after(49),
        ctl=about(ctl),
        atl=about(atl),
        tsb=about(ctl - atl),
        ramp_7d=about(ctl - closed_form(base, 42)),
        load_7d=395,
        monotony=about(1.25, abs=0.0005),
        strain=about(493.6, abs=0.05),
        max_load_30d=120,
        history_days=49,
        ctl_status="settling",
        reason=None,
    )


def test_strength_moves_atl_and_not_ctl() -> None:
    form = form_on(after(2), {FIRST: day(60), after(1): Day(ctl_load=0, atl_load=30)})

    assert form.ctl == pytest.approx(closed_form([60, 0], 42))
    assert form.atl == pytest.approx(closed_form([60, 30], 7))
    assert (form.load_7d, form.max_load_30d) == (90, 60)


@pytest.mark.parametrize(
    ("history_days", "status"),
    [(1, "warming_up"), (41, "warming_up"), (42, "settling"), (125, "settling"), (126, "settled")],
)
def test_ctl_settles_with_history(history_days: int, status: str) -> None:
    form = form_on(after(history_days), {FIRST: day(60)})

    assert (form.history_days, form.ctl_status) == (history_days, status)


@pytest.mark.parametrize(("unknown", "status"), [(2, "settled"), (3, "gap_unexplained")])
def test_the_third_unknown_day_is_a_gap(unknown: int, status: str) -> None:
    gap = {after(150 - n): UNKNOWN for n in range(1, unknown + 1)}
    dense = days_from([50.0] * 150)

    form = form_on(after(150), {**dense, **gap})

    assert (form.unknown_days, form.ctl_status) == (unknown, status)
    assert form.ctl == form_on(after(150), {**dense, **dict.fromkeys(gap, REST)}).ctl


def test_a_gap_is_forgotten_after_42_days() -> None:
    days = {**days_from([50.0] * 150), **{after(n): UNKNOWN for n in (107, 108, 109)}}

    assert form_on(after(149), days).ctl_status == "gap_unexplained"
    assert form_on(after(150), days).ctl_status == "settled"


def test_days_before_the_history_are_not_a_gap() -> None:
    days = {after(n): UNKNOWN for n in range(10)} | {after(10): day(60)}

    assert form_on(after(11), days).unknown_days == 0


def test_a_week_with_an_unknown_day_has_no_monotony() -> None:
    days = {**days_from([60, 0, 90, 45, 0, 120, 80, 30]), after(4): UNKNOWN}
    form = form_on(after(8), days)

    assert (form.monotony, form.strain) == (None, None)
    assert form.load_7d == 365


def test_numbers_over_a_week_wait_for_a_week() -> None:
    six, seven = (form_on(after(n), days_from([60.0, 0, 90, 45, 0, 120, 80])) for n in (6, 7))

    assert (six.ramp_7d, six.monotony, six.strain) == (None, None, None)
    assert seven.ramp_7d == seven.ctl
    assert seven.monotony == pytest.approx(1.25, abs=0.0005)


def test_the_largest_load_is_that_of_the_last_30_days() -> None:
    days = {FIRST: day(300), after(1): day(80)}

    assert form_on(after(30), days).max_load_30d == 300
    assert form_on(after(31), days).max_load_30d == 80
    assert form_on(after(32), days).max_load_30d == 0


def test_a_typical_week_given_is_a_seed_and_not_history() -> None:
    seed = DayForm(FIRST, 40, 40)
    form = form_on(FIRST + timedelta(days=1), {}, seed=seed)

    assert (form.ctl, form.tsb, form.history_days) == (40, 0, 0)
    assert (form.ctl_status, form.reason) == ("warming_up", None)


def test_a_seed_from_the_future_is_not_known_yet() -> None:
    seed = DayForm(after(30), 40, 40)

    assert form_on(after(10), {}, seed=seed) == Form(local_date=after(10))


@given(sparse_loads, st.integers(0, 220))
def test_sparse_days_equal_dense_days_with_zeros(sparse: dict[int, float], morning: int) -> None:
    dense = {**by_date(dict.fromkeys(range(201), 0.0)), **by_date(sparse)}

    assert form_on(after(morning), by_date(sparse)) == form_on(after(morning), dense)


@given(sparse_loads, st.integers(0, 220), loads)
def test_rides_of_today_and_later_never_move_this_morning(
    sparse: dict[int, float], morning: int, load: float
) -> None:
    known = {n: past for n, past in sparse.items() if n < morning}
    later = {morning: load, morning + 1: load}

    assert form_on(after(morning), by_date({**sparse, **later})) == form_on(
        after(morning), by_date(known)
    )


@given(sparse_loads, st.integers(1, 220))
def test_ctl_and_atl_stay_between_zero_and_the_largest_load(
    sparse: dict[int, float], morning: int
) -> None:
    form = form_on(after(morning), by_date(sparse))
    most = max(sparse.values(), default=0)

    assert form.ctl is None or 0 <= form.ctl <= most
    assert form.atl is None or 0 <= form.atl <= most


@given(sparse_loads, st.integers(1, 30), st.integers(0, 30))
def test_a_projection_is_what_the_days_would_have_made(
    planned: dict[int, float], morning: int, ahead: int
) -> None:
    past = {0: 80.0, 3: 40.0}
    future = {n: load for n, load in planned.items() if n >= morning}
    past = {n: load for n, load in past.items() if n < morning}
    event = after(morning + ahead)

    projected = project(
        form_on(after(morning), by_date(past)),
        by_date(future),
        event_date=event,
    )

    assert projected is not None
    assert [point.local_date for point in projected] == [
        after(morning - 1 + n) for n in range(ahead + 1)
    ]
    actual = form_on(event, by_date({**past, **future}))
    assert (projected[-1].ctl, projected[-1].atl) == (actual.ctl, actual.atl)
    assert projected[-1].tsb == actual.tsb


def test_nothing_is_projected_from_no_history() -> None:
    assert project(Form(local_date=FIRST), {FIRST: day(80)}, event_date=after(20)) is None


def test_an_event_today_starts_with_this_morning() -> None:
    morning = form_on(after(5), days_from([80.0] * 5))
    projected = project(morning, {after(5): day(300)}, event_date=after(5))

    assert projected is not None
    assert [(point.local_date, point.tsb) for point in projected] == [(after(4), morning.tsb)]


def test_an_event_that_has_begun_is_not_projected_to() -> None:
    with pytest.raises(ValueError, match="has begun"):
        project(Form(local_date=after(5)), {}, event_date=after(4))
