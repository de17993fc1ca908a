"""The texts of a decision."""

from collections.abc import Iterator

from coach.replies import Decision
from coach.rules.work import expanded


def texts(decision: Decision) -> Iterator[str]:
    """What a person reads, and nothing that is a path or a name out of a list."""
    yield decision.reason
    yield decision.mode_rationale
    yield decision.strategic_notes
    yield from decision.flags
    if plan := decision.workout_plan:
        yield plan.type
        yield plan.description
        yield from dict.fromkeys(step.cue for step in expanded(plan))


def all_texts(decision: Decision) -> Iterator[str]:
    """Every text that the model wrote freely."""
    yield from texts(decision)
    yield from decision.bonus_opportunities
    yield from decision.missing_data
    yield from (one.metric for one in decision.evidence)
