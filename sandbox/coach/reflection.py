"""The stand-in looking back on a mission: facts in, a reflection out, with no number of its own."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sandbox.coach.blocks import Messages, block_in

Facts = dict[str, Any]

HOW = {"gc": "with the bunch", "breakaway": "in the breakaway", "steady": "steadily"}
TYPES = {
    "flat": "flat",
    "hilly": "hilly",
    "mountain": "mountain",
    "itt": "time trial",
    "mtn_itt": "mountain time trial",
}


def answer(messages: Messages) -> dict[str, Any]:
    """A reply in the shape of the schema `reflection`; raises Missing."""
    facts = block_in(messages, "facts")
    return {
        "headline": f"{_counted(facts['points_total'], 'point')} from "
        f"{_counted(facts['stages_completed'], 'stage')}",
        "points_total": facts["points_total"],
        "stages_completed": facts["stages_completed"],
        "stages_missed": facts["stages_missed"],
        "story": "\n\n".join([" ".join(_story(facts)), " ".join(_compared(facts))]),
        "turning_points": list(_turning_points(facts)),
        "learnt": list(_learnt(facts)),
        "next_time": "Choose your next event only after you have rested, and tell the survey what "
        "this one taught you about your days and your limits.",
    }


def _story(facts: Facts) -> Iterator[str]:
    yield (
        f"You rode {facts['stages_completed']} of {_counted(facts['stages_planned'], 'stage')} "
        f"from {_date(facts['event_start'])} to {_date(facts['event_end'])}, and that earned you "
        f"{_counted(facts['points_total'], 'point')}."
    )
    if facts["points_of_bonuses"]:
        yield f"Of these, {facts['points_of_bonuses']} came from bonuses."
    ridden = [f"{count} {HOW[mode]}" for mode, count in facts["mode_counts"].items() if count]
    if ridden:
        yield f"You rode {_listed(ridden)}."
    if facts["stages_missed"]:
        yield f"You did not ride {_counted(facts['stages_missed'], 'stage')}."
    if facts["stages_open"]:
        yield f"How {_counted(facts['stages_open'], 'stage')} went is not known."


def _compared(facts: Facts) -> Iterator[str]:
    yield (
        f"The same plan with the bunch all the way was worth {facts['points_all_gc']}, and "
        f"{facts['points_all_breakaway']} in the breakaway every day, bonuses included."
    )
    if facts["event_time"] is None:
        yield "How long you were on the bike is not known."
    else:
        yield f"You were on the bike for {facts['event_time']}."
    yield (
        "That is behind you now, and the rest that follows belongs to it as much as the riding "
        "did: take it before you choose what comes next."
    )


def _turning_points(facts: Facts) -> Iterator[dict[str, Any]]:
    """The stage that earned most, and the first that was missed."""
    ridden = [stage for stage in facts["stages"] if stage["outcome"] == "ridden"]
    missed = [stage for stage in facts["stages"] if stage["outcome"] == "missed"]
    if ridden:
        best = max(ridden, key=lambda stage: stage["points"])
        yield {
            "stage_number": best["number"],
            "what": f"The {TYPES[best['stage_type']]} stage brought you "
            f"{_counted(best['points'], 'point')}, your most on one day.",
        }
    for stage in missed[:1]:
        yield {
            "stage_number": stage["number"],
            "what": f"You did not ride this {TYPES[stage['stage_type']]} stage, and it earned "
            "nothing.",
        }


def _learnt(facts: Facts) -> Iterator[str]:
    if facts["stages_missed"]:
        yield "A day off costs the points of its stage; plan it where the stage earns least."
    earned = [bonus["title"] for bonus in facts["bonuses"] if bonus["is_earned"]]
    if earned:
        yield f"You earned a bonus for what you did over many days: {_listed(earned)}."
    if facts["unknown"]:
        yield f"Not everything was recorded, so this leaves out: {_listed(facts['unknown'])}."
    yield "Asking each morning what the day allows is a habit that carries over."


def _date(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def absurd(reflection: dict[str, Any]) -> dict[str, Any]:
    """Every field fits the schema; nothing else is right."""
    return reflection | {
        "headline": "Unbeaten: 99999 points!",
        "points_total": reflection["points_total"] + 500,
        "stages_completed": 60,
        "stages_missed": 60,
        "turning_points": [{"stage_number": 60, "what": "You won it on 31 February."}],
        "learnt": ["Your diagnosis is overtraining. See https://example.org/cure."],
    }
