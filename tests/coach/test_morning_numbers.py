from datetime import timedelta
from typing import Any

import pytest

from coach import morning_numbers
from tests.coach.samples import situation

AN_HOUR = timedelta(hours=1)


def told(**changes: Any) -> list[str]:
    known = situation({f"metrics.{name}": value for name, value in changes.items()})
    return [str(one) for one in morning_numbers.of(known, AN_HOUR)]


def test_each_number_stands_beside_its_source_its_age_and_what_it_is_measured_by() -> None:
    assert told() == [
        "Readiness 82 of 100 (Oura, 2 h ago; your minimum is 70)",
        "Form (TSB) −4.2 (Strava, 1 h ago; your minimum is −15)",
        "Sleep 7.5 h (Oura, 2 h ago; 7-day average 7.2 h)",
        "HRV 53 ms (Oura, 2 h ago; your usual is 51 ms)",
        "Resting heart rate 50 bpm (Oura, 2 h ago; your usual is 51 bpm)",
    ]


def test_what_is_not_known_is_said() -> None:
    nothing = dict.fromkeys(("readiness", "tsb", "sleep_h", "hrv", "rhr"))

    assert told(**nothing, readiness_reason="stale_reading") == [
        "Readiness unknown (the latest night is more than 36 hours old; your minimum is 70)",
        "Form (TSB) unknown",
        "Sleep unknown",
        "HRV unknown",
        "Resting heart rate unknown",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"hrv_baseline": None}, "HRV 53 ms (Oura, 2 h ago)"),
        (
            {"hrv_age_h": 40.0},
            (
                "HRV 53 ms (Oura, 41 h ago; your usual is 51 ms; more than 36 hours old, so it "
                "does not count)"
            ),
        ),
    ],
)
def test_line_leaves_out_what_there_is_not_and_says_what_is_too_old(
    changes: dict[str, Any], line: str
) -> None:
    assert told(**changes)[3] == line
