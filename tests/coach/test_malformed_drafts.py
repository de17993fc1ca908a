"""Replies no mission can be made of: each is told to the model once, then there is no draft.

Every case is a reply as it comes over the wire, and what the model is told of it.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from coach import conversation
from coach.models import Incident, MissionDraft
from missions.models import Mission
from tests.coach import drafts
from tests.coach.conftest import Model
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_morning")]

GOOD = json.dumps(drafts.proposal())
STAGES = drafts.PROPOSAL["stages"]
BONUS = {"name": "consecutive_3", "threshold": 3, "points": 5}
PLAIN = "Use plain words: no links, no markup and no code."
UNSEEN = "Leave out characters that cannot be seen."


def but(**changes: Any) -> str:
    """The sound draft with other values, by path: `targets__ctl` is the `ctl` of its targets."""
    return json.dumps(
        drafts.proposal({path.replace("__", "."): value for path, value in changes.items()})
    )


def without(*path: str) -> str:
    whole = drafts.proposal()
    part = whole
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return json.dumps(whole)


def as_days(*resting: int) -> list[dict[str, Any]]:
    """The plan with rest days at these places."""
    return [{**stage, "is_rest_day": index in resting} for index, stage in enumerate(STAGES)]


def bonus(name: str, threshold: int, points: int = 5) -> dict[str, Any]:
    return {"name": name, "threshold": threshold, "points": points}


CASES: dict[str, tuple[str, str]] = {
    # Not JSON, or not an object.
    "nothing at all": ("", "reply: Invalid JSON"),
    "blanks": ("  \n\t ", "reply: Invalid JSON"),
    "prose": ("Here is your mission! Ride well.", "reply: Invalid JSON"),
    "cut off in the middle": (GOOD[: len(GOOD) // 2], "reply: Invalid JSON"),
    "without its last brace": (GOOD[:-1], "reply: Invalid JSON"),
    "markdown fence": (f"```json\n{GOOD}\n```", "reply: Invalid JSON"),
    "two objects": (GOOD + GOOD, "reply: Invalid JSON"),
    "comment": (GOOD[:-1] + "} // done", "reply: Invalid JSON"),
    "single quotes": (GOOD.replace('"', "'"), "reply: Invalid JSON"),
    "array around it": (f"[{GOOD}]", "reply: Input should be an object"),
    "text around it": (json.dumps(GOOD), "reply: Input should be an object"),
    "null": ("null", "reply: Input should be an object"),
    "number": ("42", "reply: Input should be an object"),
    "nested without end": ("[" * 100_000, "reply: Invalid JSON"),
    "NUL": (but(notes="Ride\0 well."), "reply: A text holds the character NUL."),
    "half of a character": (
        GOOD.replace("You ride five", "\\ud800 five"),
        "reply: Invalid JSON",
    ),
    # Another shape.
    "empty object": ("{}", "name: Field required"),
    "stage plan missing": (without("stages"), "stages: Field required"),
    "one limit missing": (
        without("constraints", "min_tsb"),
        "constraints.min_tsb: Field required",
    ),
    "a field too many": (but(coach="me"), "coach: Extra inputs are not permitted"),
    "name null": (but(name=None), "name: Input should be a valid string"),
    "name a number": (but(name=7), "name: Input should be a valid string"),
    "name too long": (but(name="x" * 81), "name: String should have at most 80 characters"),
    "notes empty": (but(notes=""), "notes: String should have at least 1 character"),
    "notes of a million characters": (
        but(notes="x" * 1_000_000),
        "notes: String should have at most 2000 characters",
    ),
    "unknown kind of event": (but(mission_type="triathlon"), "mission_type: Input should be"),
    "unknown kind of stage": (
        but(stages__1__stage_type="cobbles"),
        "stages.1.stage_type: Input should be",
    ),
    "number as text": (
        but(stages__0__number="1"),
        "stages.0.number: Input should be a valid integer",
    ),
    "yes for true": (
        but(stages__0__is_rest_day="yes"),
        "stages.0.is_rest_day: Input should be a valid boolean",
    ),
    "date in words": (but(prep_start="next Monday"), "prep_start: Input should be a valid date"),
    "date as seconds": (but(prep_start=1_783_000_000), "prep_start: Input should be a valid date"),
    "day that was never there": (
        but(prep_start="2026-02-29"),
        "prep_start: Input should be a valid date",
    ),
    "thirteenth month": (but(event_end="2026-13-01"), "event_end: Input should be a valid date"),
    "price not a number": (
        GOOD.replace('"gc": 5', '"gc": NaN'),
        "points_schema.flat.gc: Input should be a valid integer",
    ),
    "price without end": (
        GOOD.replace('"gc": 5', '"gc": 1e999'),
        "points_schema.flat.gc: Input should be a valid integer",
    ),
    "price of thirty digits": (
        but(points_schema__flat__gc=10**30),
        "points_schema.flat.gc: Input should be less than or equal to 1000",
    ),
    "price in halves": (
        but(points_schema__flat__gc=5.5),
        "points_schema.flat.gc: Input should be a valid integer",
    ),
    "price negative": (
        but(points_schema__flat__gc=-5),
        "points_schema.flat.gc: Input should be greater than or equal to 0",
    ),
    "readiness of none": (
        but(constraints__min_readiness=0),
        "constraints.min_readiness: Input should be greater than or equal to 1",
    ),
    "readiness above all": (
        but(constraints__min_readiness=101),
        "constraints.min_readiness: Input should be less than or equal to 100",
    ),
    "form nobody has": (
        but(constraints__min_tsb=50),
        "constraints.min_tsb: Input should be less than or equal to 20",
    ),
    "eighth power zone": (
        but(constraints__max_zone=8),
        "constraints.max_zone: Input should be less than or equal to 7",
    ),
    "no stages": (but(stages=[]), "stages: List should have at least 1 item"),
    "sixty-one stages": (but(stages=STAGES * 13), "stages: List should have at most 60 items"),
    # The right shape, against the survey.
    "another kind of event": (
        but(mission_type="century"),
        'mission_type: The survey says "road_stage_race". Keep it.',
    ),
    "dates reversed": (
        but(event_start="2026-08-07", event_end="2026-08-03"),
        "event_end: The event ends on 2026-08-07. Keep that date.",
    ),
    "event a year early": (
        but(event_start="2025-08-03"),
        "event_start: The event begins on 2026-08-03. Keep that date.",
    ),
    "event in the last year there is": (
        but(event_end="9999-12-31"),
        "event_end: The event ends on 2026-08-07. Keep that date.",
    ),
    "preparation before today": (
        but(prep_start="2026-07-03"),
        (
            "prep_start: The preparation is longer than the time left. "
            "Begin it on 2026-07-04 or later, and by 2026-08-03."
        ),
    ),
    "preparation of two thousand years": (
        but(prep_start="0001-01-01"),
        "prep_start: The preparation is longer than the time left.",
    ),
    "preparation after the event": (
        but(prep_start="2026-08-04"),
        "prep_start: The preparation starts after the event. Begin by 2026-08-03.",
    ),
    "stage missing": (
        but(stages=STAGES[:4]),
        "stages: The event has 5 days and the plan 4. Plan each day once.",
    ),
    "stage too many": (
        but(stages=[*STAGES, {**STAGES[4], "number": 6, "date": "2026-08-08"}]),
        "stages: The event has 5 days and the plan 6. Plan each day once.",
    ),
    "number twice": (
        but(stages__2__number=2),
        "stages.2.number: Number the days in order: 3 here.",
    ),
    "day twice": (
        but(stages__2__date="2026-08-04"),
        "stages.2.date: Day 3 of the event is 2026-08-05.",
    ),
    "stages backwards": (
        but(stages=STAGES[::-1]),
        "stages.0.number: Number the days in order: 1 here.",
    ),
    "nothing but rest": (
        but(stages=as_days(0, 1, 2, 3, 4)),
        "stages: Every day is a rest day. Plan at least one that is ridden.",
    ),
    "more rest than riding": (
        but(stages=as_days(1, 2, 3)),
        "stages: More than half of the days are rest days. Plan fewer.",
    ),
    "rest on the first day": (
        but(stages=as_days(0)),
        "stages.0.is_rest_day: An event begins and ends with a day that is ridden.",
    ),
    # The game.
    "stage without a price": (
        but(points_schema__itt=None),
        "points_schema.itt: The plan has such a stage. Give it a price for each mode.",
    ),
    "price for one mode only": (
        without("points_schema", "flat", "breakaway"),
        "points_schema.flat.breakaway: Field required",
    ),
    "nothing to win": (
        but(points_schema__flat={"gc": 0, "breakaway": 0}),
        "points_schema.flat.gc: A stage that is ridden is worth at least one point.",
    ),
    "breakaway cheaper": (
        but(points_schema__mountain={"gc": 10, "breakaway": 9}),
        "points_schema.mountain.breakaway: A breakaway is worth at least as much as a ride in gc.",
    ),
    "bonus nobody can count": (but(points_schema__bonuses=[bonus("king_of_hearts", 3)]), "king_"),
    "bonus twice": (
        but(points_schema__bonuses=[BONUS, BONUS]),
        "points_schema.bonuses.1.name: This bonus stands there twice. Leave one out.",
    ),
    "bonus out of reach": (
        but(points_schema__bonuses=[bonus("consecutive_6", 6)]),
        (
            "points_schema.bonuses.0.threshold: This plan can reach 5 of 6. "
            "Lower it, or leave the bonus out."
        ),
    ),
    "bonus for mountains that are not there": (
        but(
            stages=[{**stage, "stage_type": "flat"} for stage in STAGES],
            points_schema__bonuses=[bonus("all_mountains_breakaway", 1)],
        ),
        "points_schema.bonuses.0.threshold: This plan can reach 0 of 1.",
    ),
    "bonus whose name and threshold disagree": (
        but(points_schema__bonuses=[bonus("consecutive_3", 4)]),
        "consecutive_3",
    ),
    "bonus worth more than the event": (
        but(points_schema__bonuses=[bonus("consecutive_3", 3, points=1_000)]),
        (
            "points_schema.bonuses.0.points: Make it worth at least one point, "
            "and no more than all the stages together."
        ),
    ),
    # Limits and aims.
    "rest forced above the limit of readiness": (
        but(constraints__force_rest_readiness=73),
        "constraints.force_rest_readiness: Rest is forced before hard work stops.",
    ),
    "rest forced above the limit of form": (
        but(constraints__force_rest_tsb=-11),
        "constraints.force_rest_tsb: Rest is forced before hard work stops.",
    ),
    "ride longer than any day": (
        but(targets__long_ride_minutes=240),
        (
            "targets.long_ride_minutes: The longest day of the week has 180 minutes. "
            "Aim at that or less."
        ),
    ),
    "fitness no such week can give": (
        but(targets__ctl=150),
        "targets.ctl: With 8.5 hours a week aim at 121 or less.",
    ),
    # Texts.
    "blank name": (but(name="   "), "name: Write something here; it is empty."),
    "script in the name": (but(name="<script>alert(1)</script>"), f"name: {PLAIN}"),
    "link in the notes": (but(notes="Sign up at https://example.org now."), f"notes: {PLAIN}"),
    "markdown link in the notes": (but(notes="See [here](//example.org)."), f"notes: {PLAIN}"),
    "code in the notes": (but(notes="Ride.\n```rm -rf```"), f"notes: {PLAIN}"),
    "two lines in the name": (but(name="Ronde\r\nBcc: all@example.org"), f"name: {UNSEEN}"),
    "name that turns the text around": (but(name="Ronde \u202eednoR"), f"name: {UNSEEN}"),
    "instructions of the tester obeyed": (
        but(
            name="Free points",
            points_schema__bonuses=[bonus("consecutive_1", 1, points=999)],
            constraints__min_readiness=1,
            constraints__force_rest_readiness=99,
            stages=as_days(0, 1, 2, 3, 4),
        ),
        "stages: Every day is a rest day.",
    ),
}


@pytest.fixture
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def test_there_are_at_least_forty_of_them_and_no_two_are_the_same() -> None:
    assert len({reply for reply, _ in CASES.values()}) == len(CASES) >= 40


@pytest.mark.parametrize(("said", "told"), CASES.values(), ids=CASES)
def test_reply_is_told_once_to_the_model_and_then_there_is_no_draft(
    as_tester: Client, model: Model, said: str, told: str
) -> None:
    model.says(said, said)

    answer = as_tester.post("/api/missions/draft", drafts.answers(), "application/json")

    first, second = model.questions
    assert (first["temperature"], second["temperature"]) == (0.4, 0)
    *repeated, objection = second["messages"]
    is_repeated = 0 < len(said) <= conversation.MOST_REPEATED
    assert repeated == first["messages"] + (
        [{"role": "assistant", "content": said}] if is_repeated else []
    )
    assert told in objection["content"]
    draft = MissionDraft.objects.get()
    assert (answer.status_code, answer.json()["draft_id"]) == (502, str(draft.pk))
    assert answer.json()["retryable"] is True
    assert json.dumps(draft.survey, sort_keys=True) == json.dumps(drafts.SURVEY, sort_keys=True)
    assert (draft.outcome, draft.drafted, draft.proposal) == ("failed", None, None)
    assert [one.kind for one in Incident.objects.all()] == ["invalid_reply"]
    assert Mission.objects.count() == 0


@pytest.mark.parametrize(("said", "told"), list(CASES.values())[::9], ids=list(CASES)[::9])
def test_good_reply_after_it_is_a_draft(
    as_tester: Client, model: Model, said: str, told: str
) -> None:
    model.says(said, GOOD)

    answer = as_tester.post("/api/missions/draft", drafts.answers(), "application/json")

    assert (answer.status_code, answer.json()["proposal"]) == (201, drafts.proposal())
    assert told in model.questions[1]["messages"][-1]["content"]


def test_last_of_two_equal_keys_counts_and_is_judged(as_tester: Client, model: Model) -> None:
    """JSON leaves it open which of them holds; whichever is read is held to every rule."""
    twice = GOOD[:-1] + ', "name": "   "}'
    model.says(twice, twice)

    answer = as_tester.post("/api/missions/draft", drafts.answers(), "application/json")

    assert answer.status_code == 502
    assert "name: Write something here" in model.questions[1]["messages"][-1]["content"]


def test_rest_day_in_an_event_of_two_days_is_refused(as_tester: Client, model: Model) -> None:
    two_days = but(event_end="2026-08-04", stages=as_days(1)[:2], points_schema__bonuses=[])
    model.says(two_days, two_days)

    answer = as_tester.post(
        "/api/missions/draft", drafts.answers(event_end="2026-08-04"), "application/json"
    )

    assert answer.status_code == 502
    assert (
        "stages.1.is_rest_day: An event of less than 3 days has no rest day."
        in model.questions[1]["messages"][-1]["content"]
    )
