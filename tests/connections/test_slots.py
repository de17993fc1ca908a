from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from connections import slots

NOW = datetime(2026, 7, 4, 5, 30, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize("first", [1, 4_000_000])
def test_connections_are_spread_evenly_over_the_minutes_of_an_hour(first: int) -> None:
    minutes = Counter(slots.own_slot(pk, NOW).minute for pk in range(first, first + 6000))

    assert set(minutes) == set(range(60))
    assert max(minutes.values()) - min(minutes.values()) <= 4


def test_slot_is_hourly_wherever_in_the_hour_it_is_asked_for() -> None:
    slot = slots.own_slot(7, NOW)

    # Read when the sweep comes by, up to a minute after the slot itself.
    later = [slots.own_slot(7, slot + timedelta(seconds=late)) for late in (0, 1, 59)]

    assert later == [slot + HOUR] * 3


@pytest.mark.parametrize("pk", [1, 2, 3, 77_777])
def test_slot_is_between_half_an_hour_and_an_hour_and_a_half_away(pk: int) -> None:
    waits = [slots.own_slot(pk, NOW + n * MINUTE) - (NOW + n * MINUTE) for n in range(60)]

    assert all(30 * MINUTE <= wait < 90 * MINUTE for wait in waits)


def test_wait_after_a_failure_doubles_from_a_quarter_of_an_hour_to_six_hours() -> None:
    at, waits = NOW, []
    for _ in range(8):
        again = slots.after_failure(NOW, at)
        waits.append((again - at) / MINUTE)
        at = again

    assert waits == [15, 15, 30, 60, 120, 240, 360, 360]


def test_those_that_wait_for_the_quarter_hour_come_one_after_the_other() -> None:
    retry_at = datetime(2026, 7, 4, 5, 45, tzinfo=UTC)

    waits = [slots.after_busy(pk, NOW, retry_at) - retry_at for pk in range(1, 601)]

    assert len(set(waits)) > 350
    assert min(waits) >= timedelta()
    assert max(waits) < timedelta(minutes=10)
    assert slots.after_busy(7, NOW, None) == slots.own_slot(7, NOW)


def test_source_that_has_not_told_yet_is_asked_when_it_says() -> None:
    assert slots.after_success(7, NOW, 15 * MINUTE) == NOW + 15 * MINUTE
    assert slots.after_success(7, NOW, None) == slots.own_slot(7, NOW)
