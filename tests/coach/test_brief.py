import re
from datetime import timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coach import brief, brief_mail
from coach.models import MissionRun
from coach.replies import Decision
from coach.situation import Situation
from missions.models import Mission
from tests.coach.samples import (
    EVENT,
    IN_THE_BUNCH,
    KEY_INPUTS,
    RECOVER,
    SITUATION,
    decision,
    reply,
    situation,
)
from tests.factories import NOW, TODAY

NULLABLE = [
    *(
        f"metrics.{name}"
        for name in SITUATION["metrics"]
        if name not in {"ctl_status", "history_days", "unknown_days", "conflict"}
    ),
    *("athlete.ftp", "athlete.lthr", "athlete.hr_max"),
    *("week.minutes_done", "week.hard_sessions_done", "mission.phase", "today.stage"),
    "sources",
]
NOTHING_SAID = re.compile(r"\b(None|nan|null|inf)\b")


def told(
    known: Situation, decided: Decision, after: timedelta = timedelta(minutes=2)
) -> brief.Brief:
    """The brief of a run that was decided so, as it is read some time later."""
    run = MissionRun(
        local_date=TODAY,
        situation=known.model_dump(mode="json"),
        decision=decided.model_dump(mode="json"),
        finished_at=NOW + timedelta(minutes=1),
    )
    made = brief.of(run, NOW + after)
    assert made is not None
    return made


def chips(path: str, known: Situation, after: timedelta = timedelta()) -> list[str]:
    evidence = [{"metric": path, "value": float(known.value_at(path))}]
    return [str(chip) for chip in told(known, decision({"evidence": evidence}), after).chips]


def test_brief_says_what_to_do_why_and_on_what() -> None:
    made = told(situation(), decision())

    assert made.first_line == "Maintain: 60 min, moderate intensity"
    assert (made.action, made.minutes, made.ride_mode) == ("Maintain", 60, "")
    assert made.confidence_pct == 80
    assert [str(chip) for chip in made.chips] == ["Readiness 82 (Oura, 1 h ago)"]
    assert (made.missing, made.problems) == ([], [])
    assert [str(one) for one in made.near_limits] == [
        "Readiness 82. Below 70 (12 lower): nothing hard.",
        "Monotony of the week 1.31. Above 2 (0.7 more): it is marked.",
        (
            "Fitness (CTL) gained in a week with it 2.2 points. Above 5 points (2.8 points more): "
            "it is marked."
        ),
    ]
    assert made.zone_minutes == [("Z1", "recovery", 20), ("Z2", "endurance", 40)]
    assert [bar.zone for bar in made.bars] == ["Z1", "Z2", "Z1"]
    assert [block.lines[0].watts for block in made.blocks] == [
        "99 to 132 W",
        "143 to 154 W",
        "132 to 99 W",
    ]
    assert made.ftp_y == 23.1


@pytest.mark.parametrize("empty", ["decision", "situation"])
def test_run_without_a_decision_has_no_brief(empty: str) -> None:
    values: dict[str, Any] = {
        "decision": reply(),
        "situation": situation().model_dump(mode="json"),
        empty: None,
    }

    assert brief.of(MissionRun(local_date=TODAY, **values), NOW) is None


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "Maintain: 60 min, moderate intensity"),
        ({"action": "push", "intensity_recommendation": "high"}, "Push: 60 min, high intensity"),
        (IN_THE_BUNCH, "Maintain: GC, 60 min, moderate intensity"),
        (
            {**IN_THE_BUNCH, "recommended_ride_mode": "breakaway"},
            "Maintain: Breakaway, 60 min, moderate intensity",
        ),
        ({**RECOVER, "workout_plan": None}, "Recover: no riding today"),
        ({**RECOVER, "workout_plan.duration_minutes": 0}, "Recover: no riding today"),
    ],
)
def test_headline_says_what_to_do_today(changes: dict[str, Any], line: str) -> None:
    assert brief.headline(decision(changes)) == line


def test_brief_of_a_day_without_riding_has_no_picture() -> None:
    made = told(situation(), decision(RECOVER, {"workout_plan": None}))

    assert (made.minutes, made.bars, made.blocks, made.zone_minutes) == (0, (), (), ())


def test_bonuses_within_reach_are_told_by_their_titles() -> None:
    decided = decision(IN_THE_BUNCH, {"bonus_opportunities": ["consecutive_5", "breakaway_10"]})

    assert told(situation(EVENT), decided).bonuses == [
        "5 stages in a row",
        "10 stages in the breakaway",
    ]


def test_brief_of_an_event_day_names_the_mode() -> None:
    assert told(situation(EVENT), decision(IN_THE_BUNCH)).ride_mode == "GC"


@pytest.mark.parametrize(
    ("path", "chip"),
    [
        ("metrics.readiness", "Readiness 82 (Oura, 1 h ago)"),
        ("metrics.hrv", "HRV 53 ms (Oura, 1 h ago)"),
        ("metrics.hrv_baseline", "HRV, your usual 51 ms (Oura, 1 h ago)"),
        ("metrics.rhr", "Resting heart rate 50 bpm (Oura, 1 h ago)"),
        ("metrics.sleep_h", "Sleep 7.5 h (Oura, 1 h ago)"),
        ("metrics.tsb", "Form (TSB) −4.2 (Strava, 6 min ago)"),
        ("metrics.load_7d", "Load, 7 days 296 points (Strava, 6 min ago)"),
        ("metrics.history_days", "Days of history 180 (Strava, 6 min ago)"),
        ("today.days_to_event", "To the event 30 days"),
        ("week.minutes_done", "Ridden this week 180 min (Strava, 6 min ago)"),
        ("athlete.ftp", "FTP 220 W"),
    ],
)
def test_chip_carries_unit_source_and_age(path: str, chip: str) -> None:
    assert chips(path, situation()) == [chip]


@pytest.mark.parametrize(
    ("changes", "chip"),
    [
        (
            {"metrics.readiness_source": "lr_readiness_v1:no_hrv"},
            "Readiness 82 (Lanterne score, 1 h ago)",
        ),
        ({"metrics.readiness_source": "garmin"}, "Readiness 82 (garmin, 1 h ago)"),
        ({"metrics.readiness_source": None}, "Readiness 82 (1 h ago)"),
        ({"metrics.readiness_age_h": None}, "Readiness 82 (Oura)"),
        (
            {"metrics.readiness_source": None, "metrics.readiness_age_h": None},
            "Readiness 82",
        ),
    ],
)
def test_chip_names_its_source_as_people_know_it(changes: dict[str, Any], chip: str) -> None:
    assert chips("metrics.readiness", situation(changes)) == [chip]


def test_chip_of_loads_from_two_sources_names_both() -> None:
    known = situation({"metrics.load_source": "apple+strava"})

    assert chips("metrics.ctl", known) == [
        "Fitness (CTL) 48.1 points a day (Apple Health and Strava, 6 min ago)"
    ]


def test_chip_of_apple_s_hrv_says_that_it_is_another_measure() -> None:
    told = {"hrv_kind": "sdnn", "hrv_source": "apple", "rhr_source": "apple"}
    apple = {f"metrics.{name}": value for name, value in told.items()}

    assert chips("metrics.hrv", situation(apple)) == ["HRV 53 ms SDNN (Apple Health, 1 h ago)"]
    assert chips("metrics.rhr", situation(apple)) == [
        "Resting heart rate 50 bpm (Apple Health, 1 h ago)"
    ]


@pytest.mark.parametrize(
    ("age_h", "passed", "age"),
    [
        (0.0, timedelta(), "just now"),
        (0.0, timedelta(seconds=29), "just now"),
        (0.0, timedelta(seconds=-90), "just now"),
        (0.1, timedelta(), "6 min ago"),
        (0.0, timedelta(minutes=59, seconds=29), "59 min ago"),
        (0.0, timedelta(minutes=59, seconds=31), "1 h ago"),
        (1.0, timedelta(hours=2), "3 h ago"),
        (47.4, timedelta(), "47 h ago"),
        (48.0, timedelta(), "2 days ago"),
        (1.0, timedelta(days=9, hours=23), "10 days ago"),
    ],
)
def test_age_grows_with_the_time_since_the_situation_was_drawn_up(
    age_h: float, passed: timedelta, age: str
) -> None:
    known = situation({"metrics.readiness_age_h": age_h})

    assert chips("metrics.readiness", known, passed) == [f"Readiness 82 (Oura, {age})"]


def test_evidence_nobody_has_words_for_makes_no_chip() -> None:
    assert chips("metrics.monotony", situation()) == []


def test_numbers_that_went_in_are_all_told_and_unknown_ones_as_such() -> None:
    told_numbers = [str(chip) for chip in brief.numbers_in(situation({"metrics.rhr": None}))]

    assert told_numbers == [
        "Readiness 82 (Oura, 1 h ago)",
        "HRV 53 ms (Oura, 1 h ago)",
        "HRV, your usual 51 ms (Oura, 1 h ago)",
        "Resting heart rate unknown",
        "Resting heart rate, your usual 51 bpm (Oura, 1 h ago)",
        "Sleep 7.5 h (Oura, 1 h ago)",
        "Sleep, 7-day average 7.2 h (Oura, 1 h ago)",
        "Form (TSB) −4.2 (Strava, 6 min ago)",
        "Fitness (CTL) 48.1 points a day (Strava, 6 min ago)",
        "Fatigue (ATL) 52.3 points a day (Strava, 6 min ago)",
        "Fitness ramp 2.3 points in 7 days (Strava, 6 min ago)",
        "Fitness (CTL) at the event, riding as now unknown",
        "Form (TSB) at the event, riding as now unknown",
        "Load, 7 days 296 points (Strava, 6 min ago)",
        "Days of history 180 (Strava, 6 min ago)",
        "Hard days in a row 0 (Strava, 6 min ago)",
        "Days since rest 2 (Strava, 6 min ago)",
        "To the event 30 days",
        "Ridden this week 180 min (Strava, 6 min ago)",
        "Hard rides this week 1 (Strava, 6 min ago)",
        "Your limit for today 90 min",
        "FTP 220 W",
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("no_reading", "readiness (no nights have been read yet)"),
        ("stale_reading", "readiness (the latest night is more than 36 hours old)"),
        ("no_sleep", "readiness (the sleep of last night is not in yet)"),
        ("baseline_too_short", "readiness (14 nights of history are needed first)"),
        ("no_hrv_no_rhr", "readiness (neither HRV nor resting heart rate is in)"),
        (None, "readiness"),
    ],
)
def test_missing_readiness_is_told_with_its_reason(reason: str | None, words: str) -> None:
    known = situation({"metrics.readiness": None, "metrics.readiness_reason": reason})

    assert brief.missing_in(known) == [words]


def test_missing_inputs_are_told_in_words() -> None:
    made = told(situation(dict.fromkeys(KEY_INPUTS)), decision({"evidence": []}))

    assert made.missing == [
        "readiness",
        "form (TSB)",
        "HRV",
        "resting heart rate",
        "last night’s sleep",
        "your FTP",
    ]
    assert {one.name for one in made.other_limits if one.distance is None} == {
        "Readiness",
        "Form (TSB)",
        "Rise of the resting heart rate",
    }
    assert None not in {one.distance for one in made.near_limits}


@pytest.mark.parametrize(
    ("problem", "is_retried", "words"),
    [
        ("Connect Strava again.", False, "Connect Strava again."),
        ("Strava did not answer.", True, "Strava did not answer. We keep trying."),
    ],
)
def test_problem_of_a_source_is_told(problem: str, is_retried: bool, words: str) -> None:
    source = SITUATION["sources"][0]
    failing = source | {"is_working": False, "problem": problem, "is_retried": is_retried}

    made = told(situation({"sources": [failing, source]}), decision())

    assert made.problems == [words]


TARGETS = st.none() | st.builds(
    lambda unit, low, high: {"unit": unit, "low": low, "high": high},
    st.sampled_from(["pct_ftp", "pct_lthr", "rpe"]),
    st.floats(0, 250),
    st.floats(0, 250),
)
STEPS = st.builds(
    lambda kind, seconds, target: {
        "kind": kind,
        "seconds": seconds,
        "target": target,
        "cadence": None,
        "cue": "Even power.",
    },
    st.sampled_from(["warmup", "steady", "ramp", "recovery", "cooldown", "free"]),
    st.integers(1, 43_200),
    TARGETS,
)
REPEATS = st.builds(
    lambda count, steps: {"kind": "repeat", "count": count, "steps": steps},
    st.integers(2, 4),
    st.lists(STEPS, min_size=1, max_size=3),
)
MINUTES = st.integers(0, 720)
PLANS = st.none() | st.builds(
    lambda minutes, zones, load, intensity, steps: {
        "type": "endurance",
        "description": "An even ride.",
        "duration_minutes": minutes,
        "zones": dict(zip((f"Z{zone}" for zone in range(1, 8)), zones, strict=True)),
        "estimated_load": load,
        "intensity_factor": intensity,
        "steps": steps,
    },
    MINUTES,
    st.lists(MINUTES, min_size=7, max_size=7),
    st.none() | st.floats(0, 1_000),
    st.none() | st.floats(0, 2),
    st.lists(STEPS | REPEATS, max_size=4),
)
DECISIONS = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["recover", "ease", "maintain", "push"]),
        "intensity_recommendation": st.sampled_from(["low", "moderate", "high"]),
        "confidence": st.floats(0, 1),
        "needs_medical_referral": st.booleans(),
        "evidence": st.lists(
            st.builds(
                lambda metric, value: {"metric": metric, "value": value},
                st.sampled_from([*brief.CHIPS, "metrics.monotony"]),
                st.floats(allow_nan=False, allow_infinity=False),
            ),
            max_size=4,
        ),
        "workout_plan": PLANS,
        "recommended_ride_mode": st.sampled_from([None, "gc", "breakaway", "steady", "rest"]),
        "stage_type": st.sampled_from([None, "flat", "mtn_itt"]),
        "expected_points": st.none() | st.integers(0, 1_000),
        "strategic_notes": st.sampled_from(["", "Eat early."]),
    }
)
UNKNOWN: st.SearchStrategy[dict[str, Any]] = st.sets(st.sampled_from(NULLABLE)).map(
    lambda paths: {path: [] if path == "sources" else None for path in paths}
)


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(unknown=UNKNOWN, day=st.sampled_from([{}, EVENT]), decided=DECISIONS)
def test_page_and_mail_of_any_day_never_print_a_bare_nothing(
    mission: Mission, unknown: dict[str, Any], day: dict[str, Any], decided: dict[str, Any]
) -> None:
    known = situation(day, unknown)
    run = MissionRun(
        mission=mission,
        local_date=TODAY,
        outcome=MissionRun.Outcome.DECIDED,
        situation=known.model_dump(mode="json"),
        decision=reply(decided),
        finished_at=NOW,
    )
    context = brief_mail.context(run)
    page = {**context, "situation": known, "numbers": brief.numbers_in(known)}

    sent = brief_mail.of(run)
    fragments = [render_to_string(f"coach/{name}.html", page) for name in ("_today", "_numbers")]

    printed = "\n".join([sent.subject, sent.text, sent.html, *fragments])
    assert NOTHING_SAID.findall(printed) == []
    assert sent.text.splitlines()[0] == context["brief"].first_line


@pytest.mark.parametrize(
    ("sport", "words"),
    [("VirtualRide", "Virtual ride"), ("Ride", "Ride"), ("EBikeRide", "Ebike ride"), ("", "")],
)
def test_sport_is_told_as_people_call_it(sport: str, words: str) -> None:
    assert brief.sport_words(sport) == words


def test_what_the_coach_marked_is_told_in_words() -> None:
    made = told(situation(), decision({"flags": ["too_little_history", "CTL rises fast."]}))

    assert made.flags == ["Too little history", "CTL rises fast."]
