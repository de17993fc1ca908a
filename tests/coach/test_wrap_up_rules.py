from typing import Any

import pytest

from coach import replies
from coach.wrap_up.facts import Facts
from coach.wrap_up.rules import problems_in

STORY = (
    "You rode 20 of 21 stages of the Tour from 3 August to 23 August 2026 and took 1,185 points. "
    "Your two hardest days were the 12th and the 18th. The week after stage 9 is the one you will "
    "remember: 14.5 of it you may forget, and you were 62 h 5 min on the bike. You kept going."
)
STAGE = {
    "stage_type": "flat",
    "outcome": "ridden",
    "ride_mode": "gc",
    "points": 5,
    "minutes": 177,
    "load": 93,
}
STAGES = [
    {**STAGE, "number": n, "date": f"2026-08-{n + 2:02}", "outcome": outcome}
    for n, outcome in [*((n, "ridden") for n in range(1, 21)), (21, "open")]
]
FACTS = Facts.model_validate(
    {
        "mission_type": "road_stage_race",
        "event_style": "gc",
        "event_start": "2026-08-03",
        "event_end": "2026-08-23",
        "event_days": 21,
        "rest_days": 0,
        "points_total": 1185,
        "points_of_stages": 1180,
        "points_of_bonuses": 5,
        "points_all_gc": 185,
        "points_all_breakaway": 264,
        "stages_planned": 21,
        "stages_completed": 20,
        "stages_missed": 0,
        "stages_open": 1,
        "mode_counts": {"gc": 14, "breakaway": 6, "steady": 0},
        "stages": STAGES,
        "bonuses": [
            {
                "name": "consecutive_5",
                "title": "5 stages in a row",
                "points": 5,
                "count": 5,
                "needed": 5,
                "is_earned": True,
            }
        ],
        "briefs_written": 77,
        "briefs_failed": 1,
        "event_minutes": 3725,
        "event_time": "62 h 5 min",
        "event_load": 1953,
        "unknown": [],
    }
)
NAME = "Tour 14.5"


def problems(**changes: Any) -> list[str]:
    reply = {
        "headline": "Home, with 1185 points",
        "points_total": 1185,
        "stages_completed": 20,
        "stages_missed": 0,
        "story": STORY,
        "turning_points": [{"stage_number": 9, "what": "You let the break go."}],
        "learnt": ["Five stages in a row brought 5 points."],
        "next_time": "Ride the first 3 days like the last 3.",
        **changes,
    }
    return problems_in(FACTS, NAME, replies.Reflection.model_validate(reply))


def test_true_story_passes() -> None:
    assert problems() == []


@pytest.mark.parametrize("name", ["points_total", "stages_completed", "stages_missed"])
def test_count_must_be_the_true_one(name: str) -> None:
    assert problems(**{name: 7}) == [f"{name} must be {getattr(FACTS, name)}."]


@pytest.mark.parametrize("number", [21, 22])
def test_turning_point_is_a_stage_whose_outcome_is_known(number: int) -> None:
    assert problems(turning_points=[{"stage_number": number, "what": "It turned."}]) == [
        f"turning_points name {number}: take only stages that were ridden or missed."
    ]


def test_turning_point_comes_once() -> None:
    twice = [{"stage_number": 9, "what": "It turned."}] * 2

    assert problems(turning_points=twice) == ["turning_points name a stage twice."]


@pytest.mark.parametrize(
    "changes",
    [
        {"headline": "You took 1186 points"},
        {"story": STORY.replace("1,185", "1,186")},
        {"turning_points": [{"stage_number": 9, "what": "You took 1186 points."}]},
        {"learnt": ["One.", "It was worth 1186."]},
        {"next_time": "Aim at 1186."},
    ],
)
def test_invented_figure_is_found_in_every_text(changes: dict[str, Any]) -> None:
    (problem,) = problems(**changes)

    assert problem.removesuffix(" is not among the facts.") in ("1186", "1,186")


@pytest.mark.parametrize("figure", ["3.7", "58 %", "1.185", "٥٨", "0.5", "1 185 900"])
def test_figure_that_is_not_among_the_facts_is_refused(figure: str) -> None:
    assert len(problems(next_time=f"Aim at {figure}.")) == 1


@pytest.mark.parametrize(
    "words", ["1\u202f185 points", "stage 09", "1185.0", "177 minutes", "2026", "62 h"]
)
def test_figure_of_the_facts_may_be_written_in_other_ways(words: str) -> None:
    assert problems(next_time=f"Think of {words}.") == []


@pytest.mark.parametrize("word", ["eleven", "Twenty-one", "hundreds", "a thousand"])
def test_number_above_ten_is_asked_for_in_figures(word: str) -> None:
    (problem,) = problems(next_time=f"Ride {word} more.")

    assert problem.endswith("in figures, as it stands in the facts, or leave it out.")


@pytest.mark.parametrize("words", ["ten days", "two more", "a dozen times", "nobody"])
def test_small_number_may_be_a_word(words: str) -> None:
    assert problems(next_time=f"Ride {words}.") == []


@pytest.mark.parametrize(
    "text", ["See https://example.org.", "<b>Well done</b>", "```", "[a](b)", "www.example.org"]
)
def test_link_or_markup_is_refused(text: str) -> None:
    assert [one.split(",")[0] for one in problems(next_time=text)] == ["texts must be plain"]


@pytest.mark.parametrize(
    "words",
    ["a diagnosis", "your Symptoms", "see a doctor", "overtraining", "medication", "anaemia"],
)
def test_medical_words_are_refused(words: str) -> None:
    (problem,) = problems(next_time=f"Think of {words}.")

    assert problem.startswith("no medical words such as “")


@pytest.mark.parametrize("words", ["a medium pace", "the medal", "you lose time", "easy days"])
def test_words_that_only_look_medical_pass(words: str) -> None:
    assert problems(next_time=f"Think of {words}.") == []


def test_story_speaks_to_the_rider() -> None:
    story = "The rider came home after a long fight. " * 6

    assert problems(story=story) == ["the story must speak to the rider as “you”."]


def test_text_of_spaces_is_none() -> None:
    assert problems(next_time="   ") == ["no text may be empty."]
