"""Streams and their normalized power; the reference vectors are in tests/coach/physiology."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.normalized_power import normalized_power, per_second

Stream = list[tuple[float, float | None]]


@pytest.mark.parametrize(
    ("stream", "series"),
    [
        ([], []),
        ([(5, 200)], [200]),
        ([(5.0, 200), (6.9, 210)], [200, 210]),
        # A value holds for what a device leaves out, ...
        ([(0, 200), (4, 100)], [200, 200, 200, 200, 100]),
        ([(0, 200), (10, 100)], [*[200] * 10, 100]),
        # ... and not over a pause.
        ([(0, 200), (11, 100)], [200, *[None] * 10, 100]),
        # What was not recorded is not made up, and does not wipe out what was.
        ([(0, None), (1, 200)], [None, 200]),
        ([(0, 200), (0.5, None), (0.9, 210), (1, 220)], [210, 220]),
        ([(0, None), (3, 200)], [None, None, None, 200]),
    ],
)
def test_stream_becomes_one_value_a_second(stream: Stream, series: list[float | None]) -> None:
    assert per_second(stream) == series


@given(
    st.lists(st.tuples(st.integers(1, 60), st.none() | st.floats(0, 1500)), min_size=1, max_size=50)
)
def test_series_is_as_long_as_the_stream_lasts(steps: Stream) -> None:
    stream: Stream = []
    at = 1_000_000.0
    for step, value in steps:
        at += step
        stream.append((at, value))

    assert len(per_second(stream)) == stream[-1][0] - stream[0][0] + 1


def test_stream_with_a_pause_is_normalized_by_its_two_halves() -> None:
    first: Stream = [(second, 200) for second in range(600)]
    second: Stream = [(1800 + second, 300) for second in range(600)]

    assert normalized_power(per_second([*first, *second])) == pytest.approx(
        ((200**4 + 300**4) / 2) ** 0.25
    )


def test_thinned_stream_is_normalized_as_the_whole_is() -> None:
    whole: Stream = [(s, 400 if s // 60 % 2 else 100) for s in range(3600)]

    thinned = normalized_power(per_second(whole[::5]))

    assert thinned == pytest.approx(normalized_power(per_second(whole)), rel=0.01)
