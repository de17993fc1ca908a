"""What a tester is told when no draft could be made, for each kind of failure."""

from dataclasses import dataclass

from coach.models import Incident, MissionDraft


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no draft, for its tester; `is_retryable`: the same survey may work later."""

    words: str
    is_retryable: bool


KEPT = "Your answers are kept."
FAILURES = {
    Incident.Kind.INVALID_REPLY: Failure(
        f"The coach's draft was not usable, twice. {KEPT} Try again.", True
    ),
    Incident.Kind.REFUSAL: Failure(
        f"The coach refused to draft this. {KEPT} Change what you wrote in your own words, "
        "or write the mission yourself.",
        False,
    ),
    Incident.Kind.FILTERED: Failure(
        f"The draft was held back by the provider's filter. {KEPT} Change what you wrote in "
        "your own words, or write the mission yourself.",
        False,
    ),
    Incident.Kind.CUT_OFF: Failure(f"The draft broke off before its end. {KEPT} Try again.", True),
    Incident.Kind.TIMEOUT: Failure(
        f"The coach did not answer in time. {KEPT} Try again in a few minutes.", True
    ),
    Incident.Kind.RATE_LIMITED: Failure(
        f"The coach is busy. {KEPT} Try again in a few minutes.", True
    ),
    Incident.Kind.QUOTA: Failure(
        f"No draft can be made at present. {KEPT} We have been told; try again tomorrow, or "
        "write the mission yourself.",
        False,
    ),
    Incident.Kind.MODEL_ERROR: Failure(
        f"The coach could not be reached. {KEPT} Try again in a few minutes.", True
    ),
    Incident.Kind.BUDGET: Failure(
        f"The coach has used up its share of this month. {KEPT} Try again next month, or write the "
        "mission yourself.",
        False,
    ),
    Incident.Kind.CRASH: Failure(
        f"The drafting kept breaking off. {KEPT} We have been told; try again.", True
    ),
}


def failure_of(draft: MissionDraft) -> Failure | None:
    """Why the last draft that was asked for could not be made; None when it was.

    The one before stays, so that a draft that was drafted once can have a failure, too.
    """
    return FAILURES[Incident.Kind(draft.failure)] if draft.failure else None
