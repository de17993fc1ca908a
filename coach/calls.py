"""One question to the model as a row: stored with its answer before that is read, and counted."""

import hashlib
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import artifacts
from coach import budget, llm, prices
from coach.claims import Claim, Lost
from coach.models import Asked, MissionDraft, MissionRun, ModelCall, Reflection
from coach.replies import Reply

PURPOSES: dict[type[Asked], ModelCall.Purpose] = {
    MissionRun: ModelCall.Purpose.DAY,
    MissionDraft: ModelCall.Purpose.DRAFT,
    Reflection: ModelCall.Purpose.WRAP_UP,
}


def put(
    claim: Claim[Any],
    messages: list[dict[str, str]],
    reply: type[Reply],
    *,
    model: str,
    prompt_version: str,
    attempt: int,
    temperature: float,
) -> ModelCall:
    """Ask, and store what came of it: an answer, or none; raises Lost when it came too late."""
    asked = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    call = ModelCall(
        owner=claim.row.owner,
        purpose=PURPOSES[type(claim.row)],
        attempt=attempt,
        model=model,
        prompt_version=prompt_version,
        prompt=asked,
        prompt_sha256=_sha256(asked),
    )
    try:
        answer = llm.complete(
            messages,
            reply,
            model=model,
            temperature=temperature,
            user_key=str(claim.row.owner.pk),
            cache_key=prompt_version,
        )
    except llm.Unanswered as error:
        call.outcome = ModelCall.Outcome.UNANSWERED
        call.problem_kind, call.problem = error.kind, str(error)
    else:
        fill_in(call, answer)
    _keep(claim, call)
    return call


def fill_in(call: ModelCall, answer: llm.Answer) -> None:
    """Put an answer into its call, which is not stored yet."""
    call.outcome = ModelCall.Outcome.ANSWERED
    call.reply, call.refusal = _storable(answer.text), _storable(answer.refusal)[:300]
    call.reply_sha256 = _sha256(call.reply)
    call.finish_reason, call.latency_ms = _storable(answer.finish_reason)[:20], answer.latency_ms
    call.tokens_in, call.tokens_out = answer.tokens_in, answer.tokens_out
    call.tokens_cached = answer.tokens_cached
    call.cost_usd = prices.cost_usd(
        call.model,
        tokens_in=answer.tokens_in,
        tokens_cached=answer.tokens_cached,
        tokens_out=answer.tokens_out,
        tokens_written=answer.tokens_written,
    )


def _keep(claim: Claim[Any], call: ModelCall) -> None:
    """Store a call while the row is ours, in place of one that a killed worker got no answer to.

    What it used is counted also where the row is another worker's by now: it is paid for.
    """
    lost = None
    with transaction.atomic():
        # The account first, as its deletion does.
        if not artifacts.hold(claim.row.owner.pk):
            raise Lost(str(claim.row.pk))
        if call.tokens_in is not None and call.tokens_out is not None:
            budget.count(claim.row.owner, call.tokens_in + call.tokens_out, timezone.now())
        try:
            _write(claim, call)
        except Lost as error:
            lost = error
    if lost is not None:
        raise lost


@transaction.atomic
def _write(claim: Claim[Any], call: ModelCall) -> None:
    claim.renew(timezone.now())
    claim.row.calls.filter(attempt=call.attempt).delete()
    claim.row.calls.add(call, bulk=False)


def _storable(text: str) -> str:
    """The text with a mark for what PostgreSQL does not store: NUL, and halves of characters."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
