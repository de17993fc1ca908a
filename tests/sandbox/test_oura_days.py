from datetime import date, timedelta

import pytest
import time_machine

from sandbox.person.days import day_of
from sandbox.person.rest import rest_beginning
from sandbox.person.rider import at_home
from tests.sandbox.connecting import TODAY, Oura


def test_activity_and_stress_of_today_grow_and_are_summed_up_when_it_is_over(oura: Oura) -> None:
    """The days of an hour before waking, noon, and the morning after."""
    told = []
    for moment in (at_home(TODAY, 6), at_home(TODAY, 13), at_home(TODAY + timedelta(days=1), 9)):
        with time_machine.travel(moment):
            [activity] = oura.rows("daily_activity", TODAY, TODAY)
            [stress] = oura.rows("daily_stress", TODAY, TODAY)
        told.append((activity, stress))

    (early, early_stress), (noon, noon_stress), (done, done_stress) = told
    lived = day_of(TODAY)
    assert [row["steps"] for row in (early, noon, done)] == [
        0,
        round(0.4 * lived.steps),
        lived.steps,
    ]
    assert [row["score"] is None for row in (early, noon, done)] == [True, True, False]
    assert [len(row["met"]["items"]) for row in (early, noon, done)] == [6, 13, 24]
    assert set(noon["contributors"].values()) == {None}
    assert (early_stress["stress_high"], early_stress["recovery_high"]) == (None, None)
    assert noon_stress["stress_high"] < done_stress["stress_high"] == lived.stress_high_s
    assert [row["day_summary"] for row in (early_stress, noon_stress)] == [None, None]
    assert done_stress["day_summary"] in {"restored", "normal", "stressful"}


def test_resilience_of_a_day_comes_when_it_is_over(oura: Oura) -> None:
    rows = oura.rows("daily_resilience", TODAY - timedelta(days=2))

    assert [row["day"] for row in rows] == ["2026-07-02", "2026-07-03"]


@pytest.mark.parametrize("today", [date(2026, 1, 1), TODAY, date(2026, 12, 24), date(2027, 5, 2)])
def test_last_half_year_holds_a_rest_mode_period(oura: Oura, today: date) -> None:
    with time_machine.travel(at_home(today, 9)):
        rows = oura.rows("rest_mode_period", today - timedelta(days=180), today)

    assert 1 <= len(rows) <= 2
    for row in rows:
        [episode] = row["episodes"]
        assert row["start_time"] == episode["timestamp"]
        assert row["start_time"][:10] == row["start_day"]
        assert row["end_day"] is None or row["end_time"][:10] == row["end_day"] > row["start_day"]


def test_rest_mode_has_no_end_as_long_as_it_lasts_and_no_activity_score(oura: Oura) -> None:
    begins = next(day for n in range(200) if rest_beginning(day := TODAY - timedelta(days=n)))
    rest = rest_beginning(begins)
    assert rest is not None

    with time_machine.travel(rest.start_at + timedelta(hours=1)):
        [during] = oura.rows("rest_mode_period", begins, begins)
    [after] = oura.rows("rest_mode_period", begins, begins)
    scores = {
        row["day"]: row["score"]
        for row in oura.rows("daily_activity", begins, rest.last_date + timedelta(days=1))
    }

    assert (during["end_day"], during["end_time"]) == (None, None)
    assert after["end_day"] == f"{rest.last_date}"
    resting = (rest.last_date - begins).days + 1
    assert [score is None for score in scores.values()] == [True] * resting + [False]
