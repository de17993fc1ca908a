"""Getting one usable reply: ask, check, ask once more, or say why there is none.

Nothing in a reply is clamped, defaulted or substituted. Every answer is stored before it is read,
so that a worker killed afterwards leaves it to the next one instead of paying for it twice.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from pydantic import ValidationError

from accounts import privacy
from coach import budget, calls, pace, rule_tallies, rules, stopping
from coach.claims import Claim
from coach.models import Asked, Incident, MissionRun, ModelCall
from coach.prompts import Prompt
from coach.replies import Decision, Reply
from coach.rules import Violation
from coach.situation import Situation

logger = logging.getLogger(__name__)

Usable = TypeVar("Usable", bound=Reply)
# Of the first attempt, and of the second.
TEMPERATURES = (0.4, 0.0)
# Stands for what cannot be stored; a reply that lost something is not what the model said.
BROKEN = "\N{REPLACEMENT CHARACTER}"
# Characters of a reply that the model is shown again; a whole decision has a few thousand.
MOST_REPEATED = 40_000
UNUSABLE_ENDINGS = {
    "length": ("cut_off", "The reply was cut off before its end."),
    "content_filter": ("filtered", "The provider's filter removed the reply."),
}


class NotAllowed(Exception):
    """The tester's consent is gone: nothing of theirs may be sent to a model."""


class NoReply(Exception):
    """Both attempts failed, or the model gave no answer; `kind` is the Incident kind.

    wait_s, is_passing: as of llm.Unanswered.
    """

    def __init__(
        self, kind: str, detail: str, wait_s: float | None = None, *, is_passing: bool = False
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.wait_s = wait_s
        self.is_passing = is_passing


class NotAsked(NoReply):
    """All who may ask at once do, or the minute's share is used up: nothing was asked."""

    wait_s: float

    def __init__(self, reason: pace.NotYet) -> None:
        words = "The model is asked by as many others as it takes."
        super().__init__(Incident.Kind.RATE_LIMITED, words, reason.wait_s, is_passing=True)


class Unusable(Exception):
    """An answer that is not what was asked for; the message is what the model is told."""

    def __init__(self, kind: str, detail: str, broken: Sequence[Violation] = ()) -> None:
        super().__init__(detail)
        self.kind = kind
        self.broken = broken


@dataclass(frozen=True, slots=True)
class Question(Generic[Usable]):
    """What is asked, of which model, the shape of its reply, and what can be wrong with one.

    `asked` counts how often the same row was asked for: each time has two attempts of its own.
    """

    prompt: Prompt
    model: str
    reply: type[Usable]
    problems_in: Callable[[Usable], Iterable[object]]
    asked: int = 1

    @property
    def attempts(self) -> tuple[int, int]:
        return 2 * self.asked - 1, 2 * self.asked


def decide(claim: Claim[MissionRun], situation: Situation, prompt: Prompt) -> Decision:
    """The model's decision for a claimed run; raises what `ask` raises."""
    return ask(claim, for_the_day(situation, prompt, claim.row.asked))


def for_the_day(situation: Situation, prompt: Prompt, asked: int = 1) -> Question[Decision]:
    return Question(
        prompt,
        model_for(situation),
        Decision,
        problems_in=lambda decision: rules.violations(situation, decision),
        asked=asked,
    )


def ask(claim: Claim[Any], question: Question[Usable]) -> Usable:
    """A reply in which nothing is wrong, for a claimed row.

    Raises NoReply, NotAllowed, Stopping, or Lost when it came too late.
    """
    messages = question.prompt.messages()
    failures: list[str] = []
    for attempt, temperature in zip(question.attempts, TEMPERATURES, strict=True):
        call = _stored_call(claim.row, attempt)
        if call is None:
            call = _put(
                claim, question, messages, failures, attempt=attempt, temperature=temperature
            )
        try:
            reply = read(call, question)
        except Unusable as problem:
            _judge(call, ModelCall.Outcome.REJECTED, problem)
            kind = problem.kind
            failures.append(_failure(call, str(problem)))
            messages = asked_again(question, call, problem)
        else:
            _judge(call, ModelCall.Outcome.ACCEPTED)
            return reply
    raise NoReply(kind, "\n".join(failures))


def _put(
    claim: Claim[Any],
    question: Question[Any],
    messages: list[dict[str, str]],
    failures: list[str],
    *,
    attempt: int,
    temperature: float,
) -> ModelCall:
    """Put the question to the model, if that may be; `failures` are those of the attempts before.

    Raises NoReply, NotAllowed, Stopping, or Lost.
    """
    stopping.checkpoint()
    claim.renew(timezone.now())
    owner = claim.row.owner
    if not privacy.may_be_read(owner.pk):
        raise NotAllowed(privacy.NOT_ALLOWED)
    try:
        budget.require(owner, timezone.now())
    except budget.UsedUp as refusal:
        raise NoReply(Incident.Kind.BUDGET, "\n".join([*failures, str(refusal)])) from refusal
    try:
        return calls.put(
            claim,
            messages,
            question.reply,
            model=question.model,
            prompt_version=question.prompt.version,
            attempt=attempt,
            temperature=temperature,
        )
    except pace.NotYet as reason:
        raise NotAsked(reason) from reason
    except calls.NoAnswer as none:
        _log(none.call)
        raise NoReply(
            none.call.problem_kind,
            "\n".join([*failures, _failure(none.call, none.call.problem)]),
            none.wait_s,
            is_passing=none.is_passing,
        ) from none


def _failure(call: ModelCall, problem: str) -> str:
    """One attempt in the words of an incident: what was asked and answered, by their hashes."""
    reply = f", reply {call.reply_sha256[:16]}" if call.reply_sha256 else ""
    return (
        f"Attempt {call.attempt} ({call.model}, prompt {call.prompt_sha256[:16]}{reply}): {problem}"
    )


def forget(claim: Claim[Any]) -> None:
    """Drop the answers of this asking: what they were made from may not be told any more."""
    claim.renew(timezone.now())
    attempts = 2 * getattr(claim.row, "asked", 1) - 1
    claim.row.calls.filter(attempt__gte=attempts).delete()


def read(call: ModelCall, question: Question[Usable]) -> Usable:
    """A stored answer as what was asked for, with nothing wrong in it; raises Unusable."""
    if call.refusal:
        raise Unusable("refusal", "The model refused to answer.")
    if call.finish_reason in UNUSABLE_ENDINGS:
        raise Unusable(*UNUSABLE_ENDINGS[call.finish_reason])
    if "\\u0000" in call.reply:
        raise Unusable("invalid_reply", "reply: A text holds the character NUL.")
    if BROKEN in call.reply:
        raise Unusable("invalid_reply", "reply: A text holds a broken character.")
    try:
        reply = question.reply.model_validate_json(call.reply)
    except ValidationError as error:
        raise Unusable("invalid_reply", _schema_problems(error)) from error
    if problems := list(question.problems_in(reply)):
        broken = [problem for problem in problems if isinstance(problem, Violation)]
        raise Unusable("invalid_reply", "\n".join(map(str, problems)), broken)
    return reply


def model_for(situation: Situation) -> str:
    is_event = situation.mission.state == "EVENT_ACTIVE"
    model: str = settings.COACH_MODEL_EVENT if is_event else settings.COACH_MODEL_TRAINING
    return model


def _stored_call(row: Asked, attempt: int) -> ModelCall | None:
    answered: QuerySet[ModelCall] = row.calls.exclude(outcome=ModelCall.Outcome.UNANSWERED)
    return answered.filter(attempt=attempt).first()


def _judge(call: ModelCall, outcome: ModelCall.Outcome, problem: Unusable | None = None) -> None:
    is_new = call.outcome == ModelCall.Outcome.ANSWERED
    call.outcome = outcome
    call.problem_kind = problem.kind if problem else ""
    call.problem = str(problem) if problem else ""
    call.violations = [one.as_json() for one in problem.broken] if problem else []
    # By its number: with its row it may be gone meanwhile.
    ModelCall.objects.filter(pk=call.pk).update(
        outcome=call.outcome,
        problem_kind=call.problem_kind,
        problem=call.problem,
        violations=call.violations,
    )
    if is_new:
        rule_tallies.count(call.model, problem.broken if problem else ())
        _log(call)


def _log(call: ModelCall) -> None:
    """One line for each question: how it went, and nothing of what was said in it."""
    logger.info(
        "model call: %s attempt %d of %s: %s %s, prompt %s (%d characters), "
        "reply %s (%d characters), tokens %s in, %s cached, %s out, %s ms",
        call.prompt_version,
        call.attempt,
        call.model,
        call.outcome,
        call.problem_kind or call.finish_reason,
        call.prompt_sha256[:16],
        len(call.prompt),
        call.reply_sha256[:16] or "none",
        len(call.reply),
        call.tokens_in,
        call.tokens_cached,
        call.tokens_out,
        call.latency_ms,
    )


def asked_again(
    question: Question[Any], call: ModelCall, problem: Unusable
) -> list[dict[str, str]]:
    """The second attempt's messages: the same question, the reply, and what is wrong with it."""
    return [*question.prompt.messages(), *_objection(call, problem)]


def _objection(call: ModelCall, problem: Unusable) -> list[dict[str, str]]:
    is_repeated = 0 < len(call.reply) <= MOST_REPEATED
    said = [{"role": "assistant", "content": call.reply}] if is_repeated else []
    return [
        *said,
        {
            "role": "user",
            "content": f"That reply cannot be used:\n{problem}\n"
            "Answer again with one complete new JSON object that follows the schema.",
        },
    ]


def _schema_problems(error: ValidationError) -> str:
    """Where the reply leaves the schema; the values themselves stay out of it."""
    return "\n".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'reply'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    )
