from typing import Any

import pytest

from accounts import formats
from coach import event_strategy
from coach.event_strategy import Strategy
from tests import mails
from tests.coach.samples import EVENT, IN_THE_BUNCH, decision, situation


def test_stage_is_told_with_its_mode_its_points_and_the_bonuses_within_reach() -> None:
    decided = {**IN_THE_BUNCH, "bonus_opportunities": ["consecutive_5", "breakaway_2"]}

    assert event_strategy.of(situation(mails.STAGE), decision(decided)) == Strategy(
        "Stage 2, mountain",
        [
            "Ride mode: GC, worth 10 points.",
            "13 points so far.",
            "You save strength for the days to come.",
        ],
        ["5 stages in a row: 1 of 5, for 5 points", "2 stages in the breakaway"],
    )


@pytest.mark.parametrize(
    ("known", "decided", "expected"),
    [
        ({"today.stage": None}, {}, Strategy("No stage today", ["13 points so far."])),
        (
            {"today.stage": {"number": 5, "type": "mtn_itt", "completed": True}},
            {"recommended_ride_mode": "rest", "strategic_notes": "Eat early."},
            Strategy(
                "Stage 5, mountain time trial, ridden already",
                ["Ride mode: Rest.", "13 points so far.", "Eat early."],
            ),
        ),
        ({"progress": None}, {"expected_points": 1}, Strategy("Stage 2, mountain")),
    ],
)
def test_day_of_the_event(
    known: dict[str, Any], decided: dict[str, Any], expected: Strategy
) -> None:
    told = event_strategy.of(situation(mails.STAGE, known), decision(decided))

    assert told is not None
    assert (told.lead, list(told.sentences), list(told.bonuses)) == (
        expected.lead,
        list(expected.sentences),
        list(expected.bonuses),
    )


@pytest.mark.parametrize(
    ("known", "lead", "sentences"),
    [
        (
            {"metrics.projected_ctl": 61.5, "metrics.projected_tsb": -3.0},
            "30 days to go",
            [
                "The event begins on Monday 3 August.",
                "Phase: build.",
                "Fitness (CTL) 48.1; you aim at 60.",
                (
                    "Riding as in the last four weeks you would start it with fitness (CTL) 61.5 "
                    "and form (TSB) −3."
                ),
            ],
        ),
        (
            {"today.days_to_event": 1, "metrics.ctl": None, "mission.phase": None},
            "1 day to go",
            ["The event begins on Monday 3 August.", "Fitness (CTL) unknown; you aim at 60."],
        ),
        (
            {"today.days_to_event": 0, "mission.targets": {}},
            "The event begins today",
            ["The event begins on Monday 3 August.", "Phase: build."],
        ),
    ],
)
def test_before_the_event_it_is_the_way_to_it(
    known: dict[str, Any], lead: str, sentences: list[str]
) -> None:
    told = event_strategy.of(situation(known), decision())

    assert told == Strategy(lead, sentences)


def test_date_of_the_event_is_written_as_its_reader_writes() -> None:
    with formats.written_for(formats.Reader(date_order="mdy")):
        told = event_strategy.of(situation(), decision())

    assert told is not None
    assert told.sentences[0] == "The event begins on Monday, August 3."


def test_no_other_state_has_one() -> None:
    known = situation(EVENT, {"mission.state": "MISSION_COMPLETE"})

    assert event_strategy.of(known, decision()) is None
