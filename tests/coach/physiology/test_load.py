import math
from dataclasses import replace
from itertools import chain, pairwise
from statistics import fmean
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.physiology.load import (
    Athlete,
    edwards,
    heart_rate_reserve,
    hrss,
    intensity_factor,
    lucia,
    rpe_scale,
    session_rpe,
    trimp,
    tss,
    tss_at,
    variability_index,
)
from connections.normalized_power import normalized_power
from tests.coach.physiology.vectors import VECTORS, Vector, samples, vectors

CODY = "MathWorks Cody 3064, input already 30 s averaged"
RECORDED = [row["name"] for row in VECTORS["np_tss"] if row["name"] != CODY]
MAN = Athlete(hr_rest_bpm=60, hr_max_bpm=182, lthr_bpm=165, sex="male")

watts = st.floats(0, 2000)


def athlete_of(vector: Vector) -> Athlete:
    sex: Literal["male", "female"] = "female" if vector["name"].endswith("female") else "male"
    return Athlete(
        hr_rest_bpm=vector["rest"],
        hr_max_bpm=vector["max"],
        lthr_bpm=vector.get("lthr"),
        sex=sex,
    )


def recorded(vector: Vector) -> list[float]:
    """The samples of a series without a dropout."""
    return [sample for sample in samples(vector) if sample is not None]


@vectors("np_tss", *RECORDED)
def test_np_intensity_and_tss_of_a_recorded_series(vector: Vector) -> None:
    series = recorded(vector)
    np_w = normalized_power(series)

    assert np_w == pytest.approx(vector["np"], abs=vector["tol"]["np"])
    assert tss(len(series), np_w, vector["ftp"]) == pytest.approx(
        vector["tss"], abs=vector["tol"]["tss"]
    )
    assert intensity_factor(np_w, vector["ftp"]) == pytest.approx(
        vector["if"], abs=vector["tol"]["np"] / vector["ftp"]
    )
    average_w = fmean(series)
    assert average_w == pytest.approx(vector["avg"], abs=0.005)
    assert variability_index(np_w, average_w) == pytest.approx(
        vector["np"] / vector["avg"], abs=vector["tol"]["np"] / vector["avg"]
    )


@vectors("np_tss", *RECORDED)
def test_other_ways_to_normalize_are_told_apart(vector: Vector) -> None:
    """What a window that starts filled with zeros, no window at all, and the mean would give."""
    series, wrong = recorded(vector), vector["wrong"]
    unsmoothed_w = fmean(sample**4 for sample in series) ** 0.25

    assert normalized_power([0.0] * 29 + series) == pytest.approx(
        vector["goldencheetah_np"], abs=0.005
    )
    assert unsmoothed_w == pytest.approx(wrong["np_without_30s_smoothing"], abs=0.005)
    assert tss(len(series), fmean(series), vector["ftp"]) == pytest.approx(
        wrong["tss_from_average_power"], abs=0.005
    )


@vectors("np_tss", CODY)
def test_np_of_a_series_known_by_its_30_s_means(vector: Vector) -> None:
    means = [watts for watts, seconds in vector["series"] for _ in range(seconds)]
    series: list[float] = [means[0]] * 30
    for before, now in pairwise(means):
        series.append(series[-30] + 30 * (now - before))

    assert min(series) >= 0
    assert fmean(means) == pytest.approx(vector["avg"], abs=0.005)
    assert normalized_power(series) == pytest.approx(vector["np"], abs=vector["tol"]["np"])


@vectors("tss_from_summary")
def test_tss_from_a_summary_agrees_with_intervals_icu(vector: Vector) -> None:
    load = tss(vector["moving_time"], vector["np"], vector["ftp"])

    assert load == pytest.approx(vector["tss"], abs=0.005)
    assert load == pytest.approx(vector["rounded_reference"], abs=vector["tol"])


@vectors("negative", "series shorter than 30 s")
def test_np_and_tss_of_less_than_30_s_are_unknown(vector: Vector) -> None:
    series = samples(vector)

    assert normalized_power(series) is None
    assert tss(len(series), normalized_power(series), 250) is None
    assert normalized_power([*series, 300]) == 300


@vectors("negative", "dropouts: null samples")
def test_a_dropout_is_not_coasting(vector: Vector) -> None:
    assert normalized_power(samples(vector)) == pytest.approx(200)
    assert normalized_power([sample or 0 for sample in samples(vector)]) == pytest.approx(
        197, abs=0.5
    )


def test_a_gap_over_30_s_starts_the_window_afresh() -> None:
    twenty_s = [300.0] * 20

    assert normalized_power([*twenty_s, *[None] * 30, *twenty_s]) == pytest.approx(300)
    assert normalized_power([*twenty_s, *[None] * 31, *twenty_s]) is None


def test_stretches_apart_are_averaged_by_their_windows() -> None:
    first, second = [100.0] * 59, [300.0] * 39

    assert normalized_power([*first, *[None] * 31, *second]) == pytest.approx(
        ((30 * 100**4 + 10 * 300**4) / 40) ** 0.25
    )


@pytest.mark.parametrize("faulty", [math.nan, math.inf, -5.0, 65535.0])
def test_a_faulty_sample_is_a_dropout(faulty: float) -> None:
    assert normalized_power([200.0] * 40 + [faulty] + [200.0] * 40) == pytest.approx(200)


@given(st.lists(watts, min_size=30, max_size=300))
def test_np_lies_between_the_mean_of_its_windows_and_the_maximum(series: list[float]) -> None:
    means = [sum(series[i : i + 30]) / 30 for i in range(len(series) - 29)]
    np_w = normalized_power(series)

    assert np_w is not None
    assert sum(means) / len(means) - 1e-6 <= np_w <= max(series) + 1e-6


@given(
    stretches=st.lists(st.lists(watts, min_size=1, max_size=60), min_size=1, max_size=8),
    gap_s=st.integers(0, 30),
)
def test_short_dropouts_leave_np_as_it_is(stretches: list[list[float]], gap_s: int) -> None:
    gap: list[float | None] = [None] * gap_s
    whole = list(chain.from_iterable(stretches))
    with_gaps = list(chain.from_iterable([*stretch, *gap] for stretch in stretches))

    assert normalized_power(with_gaps) == normalized_power(whole)


def test_tss_at_an_intensity_is_that_of_the_power_it_stands_for() -> None:
    assert tss_at(5400, 0.88) == pytest.approx(116.16)
    assert tss_at(5400, 0.88) == tss(5400, 220, 250)


@pytest.mark.parametrize("ftp_w", [None, 0, -250, math.nan])
def test_without_an_ftp_there_is_no_intensity_and_no_tss(ftp_w: float | None) -> None:
    assert intensity_factor(200, ftp_w) is None
    assert tss(3600, 200, ftp_w) is None


def test_variability_index_needs_both_powers() -> None:
    assert variability_index(None, 200) is None
    assert variability_index(200, None) is None
    assert variability_index(200, 0) is None


@vectors(
    "hr_load",
    "Banister TRIMP 60 min at HRR 0.5, male",
    "Banister TRIMP 60 min at HRR 0.5, female",
)
def test_trimp(vector: Vector) -> None:
    load = trimp(vector["minutes"] * 60, vector["hr"], athlete_of(vector))

    assert load == pytest.approx(vector["trimp"], abs=vector["tol"])


@vectors(
    "hr_load",
    "HRSS 60 min at LTHR, male",
    "HRSS 45 min at 150, male",
    "HRSS 60 min at LTHR, female",
    "HRSS 45 min at 150, female",
)
def test_hrss(vector: Vector) -> None:
    load = hrss(vector["minutes"] * 60, vector["hr"], athlete_of(vector))

    assert load == pytest.approx(vector["hrss"], abs=vector["tol"])


@given(st.floats(61, 181))
def test_hrss_for_an_unknown_sex_lies_between_the_two(hr_bpm: float) -> None:
    low, middle, high = sorted(
        (hrss(3600, hr_bpm, replace(MAN, sex=sex)) or 0, sex or "unknown")
        for sex in ("male", "female", None)
    )

    assert middle[1] == "unknown" or low[0] == pytest.approx(high[0])


@pytest.mark.parametrize(
    ("hr_bpm", "athlete"),
    [
        (None, MAN),
        (59, MAN),
        (183, MAN),
        (math.nan, MAN),
        (150, replace(MAN, hr_rest_bpm=None)),
        (150, replace(MAN, hr_max_bpm=None)),
        (150, replace(MAN, hr_rest_bpm=150, hr_max_bpm=150)),
        (150, replace(MAN, hr_rest_bpm=190)),
    ],
)
def test_heart_rate_outside_its_bounds_gives_nothing(
    hr_bpm: float | None, athlete: Athlete
) -> None:
    assert heart_rate_reserve(hr_bpm, athlete) is None
    assert trimp(3600, hr_bpm, athlete) is None
    assert hrss(3600, hr_bpm, athlete) is None


def test_heart_rate_reserve_runs_from_rest_to_maximum() -> None:
    assert [heart_rate_reserve(hr_bpm, MAN) for hr_bpm in (60, 121, 182)] == [0, 0.5, 1]


@pytest.mark.parametrize("lthr_bpm", [None, 60, 50, 190])
def test_hrss_needs_a_threshold_between_rest_and_maximum(lthr_bpm: float | None) -> None:
    assert hrss(3600, 150, replace(MAN, lthr_bpm=lthr_bpm)) is None


def one_minute_in(zone: int, *, of: int) -> list[float]:
    return [float(n == zone) for n in range(of)]


@vectors("hr_load", "Edwards 10 min in each zone")
def test_edwards(vector: Vector) -> None:
    assert edwards(vector["zone_minutes"]) == vector["trimp"]
    assert [edwards(one_minute_in(n, of=5)) for n in range(5)] == vector["weights"]


@vectors("hr_load", "Lucia 20 min in each of 3 zones")
def test_lucia(vector: Vector) -> None:
    assert lucia(vector["zone_minutes"]) == vector["trimp"]
    assert [lucia(one_minute_in(n, of=3)) for n in range(3)] == vector["weights"]


def test_zone_minutes_of_the_wrong_number_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        edwards([10, 10, 10])
    with pytest.raises(ValueError, match="zip"):
        lucia([10, 10, 10, 10, 10])


@vectors("hr_load", "session-RPE")
def test_session_rpe(vector: Vector) -> None:
    assert session_rpe(vector["minutes"] * 60, vector["rpe"]) == vector["load"]


def test_the_hardest_rating_counts() -> None:
    assert session_rpe(600, 10) == 100


@pytest.mark.parametrize("rpe", [None, 0, -1, 10.5, math.nan])
def test_an_rpe_off_the_scale_is_no_rating(rpe: float | None) -> None:
    assert session_rpe(3600, rpe) is None


def test_the_rpe_scale_is_the_athletes_median_over_five_rides() -> None:
    rides = [(60, 300), (50, 200), (80, 400), (70, 280), (90, 900), (40, 0)]

    assert rpe_scale(rides) == 0.2
    assert rpe_scale(rides[1:]) is None
