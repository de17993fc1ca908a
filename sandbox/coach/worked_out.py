"""What the question has worked out already: the caps that hold, whatever the rules here say."""

from sandbox.coach.causes import Cause, Ceiling
from sandbox.coach.situation import Situation


def must_recover(situation: Situation) -> Cause | None:
    if not situation.flag("derived.must_recover_because"):
        return None
    return Cause(
        "only_recovery_is_left",
        Ceiling.RECOVER,
        "Your mission's limits leave only recovery for today.",
    )


def not_hard(situation: Situation) -> Cause | None:
    if not situation.flag("derived.not_hard_because"):
        return None
    return Cause(
        "nothing_hard_is_left",
        Ceiling.STEADY,
        "Your mission's limits leave nothing hard for today.",
    )


def most_minutes(situation: Situation) -> float | None:
    return situation.number("derived.most_minutes_today")


def most_load(situation: Situation) -> float | None:
    caps = ("derived.most_load_today", "derived.most_usual_load_today")
    known = [cap for path in caps if (cap := situation.number(path)) is not None]
    return min(known, default=None)
