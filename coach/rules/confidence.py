"""C1 to C4: what is not known is said, and nothing is made of it."""

import re

from coach import derived
from coach.replies import Decision
from coach.rules import work
from coach.rules.rubric import CONVENTION, DEFINITION, Broken, rule
from coach.rules.texts import texts
from coach.situation import Situation

POWER_WORDS = re.compile(
    r"\d+\s?(?:w|watts?)\b|\d+\s?(?:%|per ?cent)\s?(?:of\s)?(?:your\s)?ftp\b", re.IGNORECASE
)


@rule("C1", "missing_data lists every null or stale key input", DEFINITION)
def missing_is_said(situation: Situation, decision: Decision) -> Broken | None:
    unsaid = [path for path in situation.missing() if path not in decision.missing_data]
    if not unsaid:
        return None
    return Broken(f"not listed: {', '.join(unsaid)}", f"all of {', '.join(situation.missing())}")


@rule(
    "C2",
    "confidence <= cap = 0.95 - 0.2[readiness] - 0.2[tsb] - 0.05 per other missing key; <= 0.5 if "
    "history < 14 d; <= 0.65 if inputs conflict",
    CONVENTION,
)
def confidence_is_capped(situation: Situation, decision: Decision) -> Broken | None:
    cap = derived.confidence_cap(situation)
    if decision.confidence <= cap + 1e-9:
        return None
    return Broken(f"confidence {decision.confidence:g}", f"at most {cap:.2f}")


@rule("C3", "readiness and tsb both unknown => not HARD", CONVENTION)
def the_unknown_is_not_hard(situation: Situation, decision: Decision) -> Broken | None:
    is_known = derived.readiness(situation) is not None or situation.metrics.tsb is not None
    return work.not_hard(decision, None if is_known else "readiness and TSB are both unknown")


@rule("C4", "ftp null => no watts, no %FTP targets, estimated_load null", DEFINITION)
def no_power_without_ftp(situation: Situation, decision: Decision) -> Broken | None:
    if situation.athlete.ftp is not None:
        return None
    found = [*_power_in_plan(decision), *_power_in_texts(decision)]
    return Broken(", ".join(found), "none of these without an FTP") if found else None


def _power_in_plan(decision: Decision) -> list[str]:
    plan = decision.workout_plan
    if plan is None:
        return []
    names = ("estimated_load", "intensity_factor")
    found = [name for name in names if getattr(plan, name) is not None]
    steps = work.expanded(plan)
    if any(step.target is not None and step.target.unit == "pct_ftp" for step in steps):
        found.append("%FTP targets")
    return found


def _power_in_texts(decision: Decision) -> list[str]:
    return [f"“{found[0]}”" for text in texts(decision) for found in POWER_WORDS.finditer(text)]
