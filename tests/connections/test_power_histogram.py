import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.power_histogram import middles, power_histogram

Sample = float | None


@pytest.mark.parametrize(
    ("watts", "histogram"),
    [
        ([], None),
        ([None, None], None),
        # Coasting is something; a dropout, and what no meter can tell, is nothing.
        ([0, 0, 9.9, None], [3]),
        ([-1, 3000, 65535, float("nan"), float("inf")], None),
        ([10, 25, 29.9, 2999.9], [0, 1, 2, *[0] * 296, 1]),
    ],
)
def test_each_second_is_in_the_bin_of_its_power(
    watts: list[Sample], histogram: list[int] | None
) -> None:
    assert power_histogram(watts) == histogram


@given(st.lists(st.none() | st.floats(0, 2999)))
def test_no_second_is_lost_or_moved_by_more_than_half_a_bin(watts: list[Sample]) -> None:
    known = sorted(sample for sample in watts if sample is not None)

    told = [
        middle for middle, seconds in middles(power_histogram(watts) or []) for _ in range(seconds)
    ]

    assert len(told) == len(known)
    assert all(abs(one - other) <= 5 for one, other in zip(told, known, strict=True))


def test_middles_are_those_of_the_bins() -> None:
    assert list(middles([7, 0, 2])) == [(5.0, 7), (15.0, 0), (25.0, 2)]
