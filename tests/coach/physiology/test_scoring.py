import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coach.physiology.load import Athlete, tss, variability_index
from coach.physiology.scoring import Effort, RideLoad, power_refusal, score_ride
from connections.normalized_power import normalized_power
from tests.coach.physiology.vectors import Vector, about, samples, vectors

RIDER = Athlete(
    ftp_w=200,
    hr_rest_bpm=60,
    hr_max_bpm=182,
    lthr_bpm=165,
    sex="male",
    tss_per_rpe_minute=0.2,
)
RIDE = Effort(
    duration_s=3600,
    sport="GravelRide",
    has_power_meter=True,
    average_power_w=180,
    normalized_power_w=200,
    average_hr_bpm=165,
    rpe=7,
    suffer_score=120,
)

quantity = st.one_of(st.none(), st.floats())


def test_power_comes_first() -> None:
    assert score_ride(RIDE, RIDER) == RideLoad(
        load=100.0,
        method="power",
        ftp_w=200,
        intensity_factor=1.0,
        inputs={
            "duration_s": 3600,
            "normalized_power_w": 200,
            "average_power_w": 180,
            "ftp_w": 200,
        },
    )


def test_heart_rate_comes_second() -> None:
    assert score_ride(replace(RIDE, normalized_power_w=None), RIDER) == RideLoad(
        load=100.0,
        method="hrss",
        inputs={
            "duration_s": 3600,
            "average_hr_bpm": 165,
            "hr_rest_bpm": 60,
            "hr_max_bpm": 182,
            "lthr_bpm": 165,
        },
        reason="no_normalized_power",
    )


def test_the_athletes_scaled_rpe_comes_third() -> None:
    ride = replace(RIDE, normalized_power_w=None, average_hr_bpm=None)

    assert score_ride(ride, RIDER) == RideLoad(
        load=84.0,
        method="session_rpe",
        inputs={"duration_s": 3600, "rpe": 7, "tss_per_rpe_minute": 0.2},
        reason="no_normalized_power, no_heart_rate",
    )


def test_suffer_score_comes_last_and_is_an_estimate() -> None:
    ride = replace(RIDE, normalized_power_w=None, average_hr_bpm=None)

    assert score_ride(ride, replace(RIDER, tss_per_rpe_minute=None)) == RideLoad(
        load=about(80.4),
        method="suffer_score",
        is_estimated=True,
        inputs={"suffer_score": 120},
        reason="no_normalized_power, no_heart_rate, no_rpe_scale",
    )


def test_only_the_suffer_score_is_an_estimate() -> None:
    no_power = replace(RIDE, normalized_power_w=None)
    no_heart_rate = replace(no_power, average_hr_bpm=None)
    no_rpe = replace(no_heart_rate, rpe=None)

    scored = [score_ride(ride, RIDER) for ride in (RIDE, no_power, no_heart_rate, no_rpe)]

    assert [(each.method, each.is_estimated) for each in scored] == [
        ("power", False),
        ("hrss", False),
        ("session_rpe", False),
        ("suffer_score", True),
    ]


def test_nothing_to_go_by_is_no_load() -> None:
    assert score_ride(Effort(duration_s=3600, sport="Ride"), RIDER) == RideLoad(
        reason="no_normalized_power, no_heart_rate, no_rpe, no_suffer_score"
    )


@pytest.mark.parametrize("duration_s", [0, -60, math.nan])
def test_a_ride_without_duration_has_no_load(duration_s: float) -> None:
    assert score_ride(replace(RIDE, duration_s=duration_s), RIDER) == RideLoad(reason="no_duration")


@vectors("negative", "FTP unset or 0")
def test_without_an_ftp_power_falls_through_to_heart_rate(vector: Vector) -> None:
    series = samples(vector)
    ride = replace(RIDE, normalized_power_w=normalized_power(series), average_power_w=200)

    for ftp_w in (vector["ftp"], 0):
        scored = score_ride(ride, replace(RIDER, ftp_w=ftp_w))
        assert (scored.method, scored.reason) == ("hrss", "no_ftp")
        assert (scored.ftp_w, scored.intensity_factor) == (None, None)


@vectors("negative", "implausible VI")
def test_implausible_power_is_not_load(vector: Vector) -> None:
    strava = vector["strava"]
    lifted = Effort(
        duration_s=strava["moving_time"],
        sport=strava["sport_type"],
        has_power_meter=True,
        average_power_w=strava["average_watts"],
        normalized_power_w=strava["weighted_average_watts"],
    )
    athlete = Athlete(ftp_w=strava["ftp"])

    assert variability_index(lifted.normalized_power_w, lifted.average_power_w) == pytest.approx(
        3.19, abs=0.005
    )
    assert tss(lifted.duration_s, lifted.normalized_power_w, athlete.ftp_w) == pytest.approx(
        vector["legacy_tss"], abs=0.05
    )
    assert score_ride(lifted, athlete).load == vector["intervals_icu_load"]
    assert power_refusal(lifted, athlete) == "not_a_ride"
    assert power_refusal(replace(lifted, sport="Ride"), athlete) == "implausible_variability"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({}, None),
        ({"average_power_w": None}, None),
        ({"average_power_w": 200 / 1.5}, None),
        ({"average_power_w": 133}, "implausible_variability"),
        ({"average_power_w": 0}, "implausible_variability"),
        ({"has_power_meter": False}, "estimated_power"),
        ({"sport": "Run"}, "not_a_ride"),
        ({"normalized_power_w": 0}, "no_normalized_power"),
    ],
)
def test_when_power_is_refused(change: dict[str, Any], refusal: str | None) -> None:
    assert power_refusal(replace(RIDE, **change), RIDER) == refusal


def test_estimated_power_is_never_load_even_when_nothing_else_is_there() -> None:
    guessed = Effort(
        duration_s=3600, sport="Ride", average_power_w=180, normalized_power_w=200, rpe=7
    )

    scored = score_ride(guessed, replace(RIDER, tss_per_rpe_minute=None))

    assert scored == RideLoad(
        reason="estimated_power, no_heart_rate, no_rpe_scale, no_suffer_score"
    )


@pytest.mark.parametrize(
    ("athlete", "refusal"),
    [
        (replace(RIDER, lthr_bpm=None), "no_heart_rate_settings"),
        (replace(RIDER, hr_rest_bpm=None), "no_heart_rate_settings"),
        (replace(RIDER, hr_max_bpm=160), "no_heart_rate_settings"),
        (replace(RIDER, lthr_bpm=150, hr_max_bpm=160), "implausible_heart_rate"),
    ],
)
def test_when_heart_rate_is_refused(athlete: Athlete, refusal: str) -> None:
    scored = score_ride(replace(RIDE, has_power_meter=False), athlete)

    assert (scored.method, scored.reason) == ("session_rpe", f"estimated_power, {refusal}")


def test_an_effort_of_no_strain_is_data() -> None:
    assert score_ride(Effort(duration_s=600, sport="Walk", suffer_score=0), RIDER).load == 0


@given(
    effort=st.builds(
        Effort,
        duration_s=st.floats(),
        sport=st.sampled_from(["Ride", "WeightTraining", ""]),
        has_power_meter=st.booleans(),
        average_power_w=quantity,
        normalized_power_w=quantity,
        average_hr_bpm=quantity,
        rpe=quantity,
        suffer_score=quantity,
    ),
    athlete=st.builds(
        Athlete,
        ftp_w=quantity,
        hr_rest_bpm=quantity,
        hr_max_bpm=quantity,
        lthr_bpm=quantity,
        sex=st.sampled_from(["male", "female", None]),
        tss_per_rpe_minute=quantity,
    ),
)
def test_no_input_whatever_raises_or_gives_a_negative_load(
    effort: Effort, athlete: Athlete
) -> None:
    scored = score_ride(effort, athlete)

    assert (scored.load is None) == (scored.method is None)
    assert scored.load is None or scored.load >= 0
