"""Getting one usable decision: ask, check, ask once more, or say why there is none.

Nothing in a reply is clamped, defaulted or substituted. Every answer is stored before it is read,
so that a worker killed afterwards leaves it to the next one instead of paying for it twice.
"""

import hashlib

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from accounts import privacy
from coach import llm, rules
from coach.claims import Claim
from coach.models import MissionRun, ModelCall
from coach.prompts import Prompt
from coach.replies import Decision
from coach.situation import Situation

ATTEMPTS = (1, 2)
TEMPERATURES = {1: 0.4, 2: 0.0}
UNUSABLE_ENDINGS = {
    "length": ("cut_off", "The reply was cut off before its end."),
    "content_filter": ("filtered", "The provider's filter removed the reply."),
}


class NotAllowed(Exception):
    """The tester's consent is gone: nothing of theirs may be sent to a model."""


class NoDecision(Exception):
    """Both attempts failed, or the model could not be asked; `kind` is the Incident kind."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Unusable(Exception):
    """An answer that is not a decision; the message is what the model is told."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def decide(claim: Claim, situation: Situation, prompt: Prompt) -> Decision:
    """The model's decision for a claimed run.

    Raises NoDecision, NotAllowed, or Lost when it came too late.
    """
    run, messages = claim.run, prompt.messages()
    problems: list[Unusable] = []
    for attempt in ATTEMPTS:
        call = _stored_call(run, attempt)
        if call is None:
            claim.renew(timezone.now())
            if not privacy.may_be_read(run.mission.owner_id):
                raise NotAllowed(privacy.NOT_ALLOWED)
            call = _ask(claim, attempt, messages, model_for(situation), prompt.version)
        try:
            decision = read(call, situation)
        except Unusable as problem:
            _judge(call, ModelCall.Outcome.REJECTED, problem)
            problems.append(problem)
            messages = [*prompt.messages(), *_objection(call, problem)]
        else:
            _judge(call, ModelCall.Outcome.ACCEPTED)
            return decision
    raise NoDecision(
        problems[-1].kind, "\n".join(f"Attempt {i}: {p}" for i, p in enumerate(problems, 1))
    )


def read(call: ModelCall, situation: Situation) -> Decision:
    """A stored answer as a decision that keeps every rule; raises Unusable."""
    if call.refusal:
        raise Unusable("refusal", "The model refused to answer.")
    if call.finish_reason in UNUSABLE_ENDINGS:
        raise Unusable(*UNUSABLE_ENDINGS[call.finish_reason])
    if "\\u0000" in call.reply:
        raise Unusable("invalid_reply", "reply: A text holds the character NUL.")
    try:
        decision = Decision.model_validate_json(call.reply)
    except ValidationError as error:
        raise Unusable("invalid_reply", _schema_problems(error)) from error
    if violations := rules.violations(situation, decision):
        raise Unusable("invalid_reply", "\n".join(str(violation) for violation in violations))
    return decision


def model_for(situation: Situation) -> str:
    is_event = situation.mission.state == "EVENT_ACTIVE"
    model: str = settings.COACH_MODEL_EVENT if is_event else settings.COACH_MODEL_TRAINING
    return model


def _stored_call(run: MissionRun, attempt: int) -> ModelCall | None:
    return run.calls.filter(attempt=attempt).exclude(outcome=ModelCall.Outcome.UNANSWERED).first()


def _ask(
    claim: Claim, attempt: int, messages: list[dict[str, str]], model: str, version: str
) -> ModelCall:
    run = claim.run
    asked = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    call = ModelCall(
        run=run,
        attempt=attempt,
        model=model,
        prompt_version=version,
        prompt=asked,
        prompt_sha256=_sha256(asked),
    )
    try:
        answer = llm.complete(
            messages,
            model=model,
            temperature=TEMPERATURES[attempt],
            user_key=str(run.mission.owner_id),
        )
    except llm.Unanswered as error:
        call.outcome, call.problem_kind, call.problem = "unanswered", error.kind, str(error)
        _keep(claim, call)
        raise NoDecision(error.kind, str(error)) from error
    call.reply, call.refusal = _storable(answer.text), _storable(answer.refusal)[:300]
    call.reply_sha256 = _sha256(call.reply)
    call.finish_reason, call.latency_ms = answer.finish_reason[:20], answer.latency_ms
    call.tokens_in, call.tokens_out = answer.tokens_in, answer.tokens_out
    call.tokens_cached = answer.tokens_cached
    call.outcome = ModelCall.Outcome.ANSWERED
    _keep(claim, call)
    return call


@transaction.atomic
def _keep(claim: Claim, call: ModelCall) -> None:
    """Store a call while the run is ours, in place of one that a killed worker got no answer to."""
    claim.renew(timezone.now())
    claim.run.calls.filter(attempt=call.attempt).delete()
    call.save()


def _storable(text: str) -> str:
    """The text without what PostgreSQL does not store: NUL and halves of surrogate pairs."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _judge(call: ModelCall, outcome: ModelCall.Outcome, problem: Unusable | None = None) -> None:
    call.outcome = outcome
    call.problem_kind = problem.kind if problem else ""
    call.problem = str(problem) if problem else ""
    call.save(update_fields=["outcome", "problem_kind", "problem"])


def _objection(call: ModelCall, problem: Unusable) -> list[dict[str, str]]:
    said = [{"role": "assistant", "content": call.reply}] if call.reply else []
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
