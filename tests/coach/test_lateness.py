from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import timezone_names
from coach import lateness
from missions import schedule
from missions.schedule import Clock

DAY = date(2026, 7, 4)


@pytest.mark.parametrize(
    ("send_time", "hours"),
    [
        (time(0), 12),
        (time(6), 12),
        (time(12), 12),
        # Until midnight only: nobody gets a brief for a day that is over.
        (time(15), 9),
        (time(21), 3),
        # Of one that is sent late anyway: two hours all the same.
        (time(22), 2),
        (time(23, 59), 2),
    ],
)
def test_morning_is_given_up_after_twelve_hours_or_with_its_date(
    send_time: time, hours: int
) -> None:
    clock = Clock("Europe/Paris", send_time)

    given_up = lateness.give_up_at(clock, DAY)

    assert given_up == schedule.slot_on(clock, DAY) + timedelta(hours=hours)
    assert given_up.tzinfo == UTC


def test_date_of_25_hours_is_as_long_as_it_is() -> None:
    fold = Clock("Europe/Paris", time(1, 30))
    slot = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)

    assert lateness.give_up_at(fold, date(2026, 10, 25)) == slot + timedelta(hours=12)
    late = Clock("Europe/Paris", time(14))
    assert lateness.give_up_at(late, date(2026, 10, 25)) == datetime(2026, 10, 25, 23, tzinfo=UTC)


@settings(deadline=None, max_examples=200)
@given(
    zone=st.sampled_from(timezone_names()),
    day=st.dates(date(2024, 1, 1), date(2035, 12, 31)),
    minutes=st.integers(0, 24 * 60 - 1),
)
def test_morning_of_any_zone_is_given_up_before_the_next_one_comes(
    zone: str, day: date, minutes: int
) -> None:
    clock = Clock(zone, time(minutes // 60, minutes % 60))
    slot = schedule.slot_on(clock, day)

    given_up = lateness.give_up_at(clock, day)

    assert slot + lateness.LEAST <= given_up <= slot + lateness.LATEST
    assert given_up < schedule.next_slot(clock, slot)


@pytest.mark.parametrize(
    ("wait_minutes", "hours_to_go", "waits"),
    [(0, 12, None), (120, 12, 120), (240, 12, 240), (240, 3, 150), (120, 2, 90)],
)
def test_wait_for_the_night_ends_in_time_to_begin(
    wait_minutes: int, hours_to_go: int, waits: int | None
) -> None:
    slot = datetime(2026, 7, 4, 4, tzinfo=UTC)

    until = lateness.wait_until(slot, wait_minutes, slot + timedelta(hours=hours_to_go))

    assert until == (None if waits is None else slot + timedelta(minutes=waits))
