from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.duplicates import Recording, is_same_ride, without_duplicates
from connections.precedence import Order

START = datetime(2025, 6, 10, 17, 0, tzinfo=UTC)
NO_ORDER = Order(())


def recording(key: str, start_min: int, minutes: int, **facts: Any) -> Recording:
    started_at = START + timedelta(minutes=start_min)
    plain = Recording(
        key=key,
        sport="Ride",
        started_at=started_at,
        ended_at=started_at + timedelta(minutes=minutes),
        has_power_meter=False,
        has_heart_rate=False,
    )
    return replace(plain, **facts)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (recording("b", 0, 60), True),
        (recording("b", 29, 60), True),
        (recording("b", 30, 60), False),
        (recording("b", 40, 10), True),
        (recording("b", 60, 60), False),
        (recording("b", 0, 60, sport="VirtualRide"), True),
        (recording("b", 0, 60, sport="Run"), False),
        (recording("b", 10, 0), False),
    ],
)
def test_more_than_half_of_the_shorter_in_the_same_sport(other: Recording, is_same: bool) -> None:
    ride = recording("a", 0, 60)

    assert is_same_ride(ride, other) is is_same
    assert is_same_ride(other, ride) is is_same


def test_the_record_with_power_then_heart_rate_then_length_is_kept() -> None:
    watch = recording("watch", 0, 62, has_heart_rate=True)
    computer = recording("computer", 1, 60, has_power_meter=True)
    phone = recording("phone", 0, 70)
    next_day = recording("next", 1440, 30)

    assert without_duplicates([next_day, phone, watch, computer], NO_ORDER) == [computer, next_day]
    assert without_duplicates([phone, watch], NO_ORDER) == [watch]
    assert without_duplicates([phone, recording("short", 0, 50)], NO_ORDER) == [phone]
    assert without_duplicates([], NO_ORDER) == []


def test_an_overlap_in_another_sport_is_kept_beside_the_ride() -> None:
    ride, yoga = recording("ride", 0, 60), recording("yoga", 30, 30, sport="Yoga")

    assert without_duplicates([yoga, ride], NO_ORDER) == [ride, yoga]


recordings = st.lists(
    st.builds(
        recording,
        st.uuids().map(str),
        st.integers(0, 600),
        st.integers(1, 300),
        has_power_meter=st.booleans(),
        has_heart_rate=st.booleans(),
        sport=st.sampled_from(["Ride", "VirtualRide", "Run"]),
    ),
    max_size=12,
)


@given(recordings)
def test_no_two_kept_are_the_same_and_no_ride_is_lost(found: list[Recording]) -> None:
    kept = without_duplicates(found, NO_ORDER)

    assert not any(is_same_ride(a, b) for a in kept for b in kept if a is not b)
    assert all(any(r is k or is_same_ride(r, k) for k in kept) for r in found)
    assert kept == without_duplicates(reversed(found), NO_ORDER)


# --- which source counts ---


def of(source: str, minutes: int = 60, **facts: Any) -> Recording:
    return recording(source, 0, minutes, source=source, **facts)


APPLE_FIRST = ("apple", "strava")


def test_quality_comes_before_the_usual_order_and_the_order_before_length() -> None:
    usual = Order(APPLE_FIRST)

    assert without_duplicates([of("strava", 62), of("apple")], usual) == [of("apple")]
    with_power = of("strava", has_power_meter=True)
    assert without_duplicates([of("apple", has_heart_rate=True), with_power], usual) == [with_power]
    with_heart_rate = of("strava", has_heart_rate=True)
    assert without_duplicates([of("apple"), with_heart_rate], usual) == [with_heart_rate]


def test_order_that_was_chosen_comes_before_quality() -> None:
    chosen = Order(APPLE_FIRST, is_chosen=True)

    found = without_duplicates([of("strava", 62, has_power_meter=True), of("apple")], chosen)

    assert found == [of("apple")]


def test_of_one_source_the_better_then_the_longer_counts_also_in_a_chosen_order() -> None:
    chosen = Order(APPLE_FIRST, is_chosen=True)
    watch, phone = of("apple", 60), recording("phone", 0, 62, source="apple")

    assert without_duplicates([watch, phone], chosen) == [phone]
    better = of("apple", has_heart_rate=True)
    assert without_duplicates([better, phone], chosen) == [better]


def test_source_that_no_order_names_gives_way() -> None:
    assert without_duplicates([of("whoop", 70), of("strava")], Order(APPLE_FIRST)) == [of("strava")]
