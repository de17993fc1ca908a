"""G1 to G4: every number is the situation's own. English; G4 holds in any language."""

from collections.abc import Iterator
from typing import Any

from coach import derived
from coach.replies import Decision, Evidence
from coach.rules import work
from coach.rules.quoted import (
    NUMBER,
    Quote,
    is_close,
    quotes,
    tolerance_of,
    value_of,
)
from coach.rules.rubric import DEFINITION, Broken, rule
from coach.rules.texts import texts
from coach.situation import Situation

EVIDENCE_TOLERANCE = 0.05
# Numbers of the rules themselves, the ends of scales, and the numbers of the zones.
EVERYBODYS = (0, 1, 2, 3, 4, 5, 6, 7, 14, 24, 36, 45, 60, 100)


@rule(
    "G1",
    "every number attached to a metric name in the text equals that metric's input (rounded as "
    "quoted) or its configured threshold/baseline",
    DEFINITION,
)
def quoted_numbers_are_true(situation: Situation, decision: Decision) -> Broken | None:
    """A threshold counts where the words compare ("below your minimum of 70"), and a distance to
    one where the words say so ("8 above your baseline")."""
    wrong = [(quote, known) for quote, known in _judged(situation, decision) if known]
    if not wrong:
        return None
    return Broken(
        "; ".join(f"“{quote.text}”" for quote, _ in wrong),
        "; ".join(
            f"{quote.named.path} {' or '.join(f'{one:g}' for one in known)}"
            for quote, known in wrong
        ),
    )


@rule("G2", "no value is quoted for a metric that is null", DEFINITION)
def nothing_unknown_is_quoted(situation: Situation, decision: Decision) -> Broken | None:
    """Null, or too old to count."""
    wrong = [quote for quote, known in _judged(situation, decision) if not known]
    if not wrong:
        return None
    paths = dict.fromkeys(quote.named.path for quote in wrong)
    return Broken(
        "; ".join(f"“{quote.text}”" for quote in wrong), f"no value of {', '.join(paths)}"
    )


@rule(
    "G3",
    "every other number is traceable to an input or to the decision's own fields",
    DEFINITION,
    is_flag=True,
)
def other_numbers_are_traceable(situation: Situation, decision: Decision) -> Broken | None:
    known = [*EVERYBODYS, *_numbers_in(situation.for_model()), *_of_the_plan(situation, decision)]
    known += _numbers_in(decision.model_dump(mode="json", exclude=WRITTEN))
    strange = [
        number[0]
        for text in texts(decision)
        for number in _unattached(text)
        if not any(is_close(abs(value_of(number)), tolerance_of(number), abs(one)) for one in known)
    ]
    if not strange:
        return None
    return Broken(", ".join(dict.fromkeys(strange)), "numbers of the situation or of the decision")


@rule("G4", "evidence[] entries exist in the context with equal values (0.05)", DEFINITION)
def evidence_is_true(situation: Situation, decision: Decision) -> Broken | None:
    wrong = [one for one in decision.evidence if not _is_true(situation, one)]
    if not wrong:
        return None
    return Broken(
        ", ".join(f"{one.metric} {one.value:g}" for one in wrong),
        ", ".join(f"{one.metric} {_told(_known(situation, one.metric))}" for one in wrong),
    )


# What the model wrote in words is what is judged, and vouches for nothing.
WRITTEN: dict[str, Any] = {
    **dict.fromkeys(("reason", "mode_rationale", "strategic_notes", "flags"), True),
    "missing_data": True,
    "evidence": {"__all__": {"metric"}},
    "workout_plan": {"type", "description", "steps"},
}


def _judged(situation: Situation, decision: Decision) -> Iterator[tuple[Quote, list[float]]]:
    """The quotes that are wrong, each with what it could have been; with nothing: unknown."""
    told = situation.for_model()
    for text in texts(decision):
        for quote in quotes(text):
            known = _candidates(situation, told, quote)
            if not any(is_close(quote.value, quote.tolerance, one) for one in known):
                yield quote, known


def _candidates(situation: Situation, told: dict[str, Any], quote: Quote) -> list[float]:
    path = quote.named.path
    own = derived.fresh(situation, path) if path in derived.KEY_INPUTS else _at(told, path)
    limits = [value for limit in quote.named.limits if (value := _at(told, limit)) is not None]
    known = [] if own is None else [float(own)]
    if quote.is_distance and own is not None:
        return [*known, *(abs(own - one) for one in (*limits, 0))]
    return [*known, *limits] if quote.is_compared else known


def _at(told: dict[str, Any], path: str) -> Any:
    value: Any = told
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _unattached(text: str) -> Iterator[Any]:
    spans = [quote.span for quote in quotes(text)]
    for number in NUMBER.finditer(text):
        if not any(start <= number.start() < end for start, end in spans):
            yield number


def _numbers_in(value: object) -> Iterator[float]:
    """Every number of a JSON value, those in its dates and names too."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _numbers_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers_in(inner)
    elif isinstance(value, str):
        yield from (abs(float(part)) for part in _figures(value))
    elif value is not None and not isinstance(value, bool):
        yield float(value)  # type: ignore[arg-type]


def _figures(text: str) -> list[str]:
    return "".join(one if one.isdigit() and one.isascii() else " " for one in text).split()


def _of_the_plan(situation: Situation, decision: Decision) -> Iterator[float]:
    """Minutes, hours, targets and their watts, repeats; the confidence as a percentage."""
    yield decision.confidence * 100
    plan, ftp = decision.workout_plan, situation.athlete.ftp
    if plan is None:
        return
    yield plan.duration_minutes / 60
    yield work.hard_minutes(decision)
    for part in plan.steps:
        yield from _numbers_in(part.model_dump(mode="json", exclude={"cue", "kind"}))
    for step in work.expanded(plan):
        yield step.seconds / 60
        if step.target is not None and ftp is not None:
            yield from (step.target.low * ftp / 100, step.target.high * ftp / 100)


def _is_true(situation: Situation, evidence: Evidence) -> bool:
    known = _known(situation, evidence.metric)
    # A truth value is no number, though Python counts it among the integers.
    return type(known) in {int, float} and abs(known - evidence.value) <= EVIDENCE_TOLERANCE + 1e-9


def _known(situation: Situation, path: str) -> Any:
    """The value at a path; None where there is none, or where it is too old to count."""
    if path in situation.missing():
        return None
    try:
        return situation.value_at(path)
    except KeyError:
        return None


def _told(value: object) -> str:
    return f"{value:g}" if type(value) in {int, float} else "not a known number"
