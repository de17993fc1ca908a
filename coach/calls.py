"""One question to the model as a row: stored with its answer before that is read, and counted."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import artifacts, database
from accounts.patience import while_the_database_is_away
from coach import budget, llm, pace, prices
from coach.claims import Claim, Lost
from coach.models import Asked, Incident, MissionDraft, MissionRun, ModelCall, Reflection
from coach.replies import Reply
from connections import turns

PURPOSES: dict[type[Asked], ModelCall.Purpose] = {
    MissionRun: ModelCall.Purpose.DAY,
    MissionDraft: ModelCall.Purpose.DRAFT,
    Reflection: ModelCall.Purpose.WRAP_UP,
}
TURN = "model"
# So long a worker waits for a turn before it hands back what it would have asked for.
PATIENCE_S = 5.0
# Later than that all of those who found no turn look again.
NEXT_LOOK_S = 10.0


class NoAnswer(Exception):
    """The model was asked and gave no answer; its call is stored. See llm.Unanswered."""

    def __init__(self, call: ModelCall, error: llm.Unanswered) -> None:
        super().__init__(str(error))
        self.call = call
        self.wait_s = error.wait_s
        self.is_passing = error.is_passing


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
    """Ask, and store what came of it.

    Raises NoAnswer; pace.NotYet when nothing may be asked now; Lost when the answer came too late.
    """
    asked = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
    owner = claim.row.owner
    call = ModelCall(
        owner=owner,
        purpose=PURPOSES[type(claim.row)],
        attempt=attempt,
        model=model,
        prompt_version=prompt_version,
        prompt=asked,
        prompt_sha256=_sha256(asked),
    )
    try:
        with _turn(claim.row, call):
            database.give_back()
            answer = llm.complete(
                messages,
                reply,
                model=model,
                temperature=temperature,
                user_key=str(owner.pk),
                cache_key=prompt_version,
            )
    except llm.Unanswered as error:
        call.outcome = ModelCall.Outcome.UNANSWERED
        call.problem_kind, call.problem = error.kind, str(error)
        _close_gate(model, error)
        while_the_database_is_away(lambda: _keep(claim, call))
        raise NoAnswer(call, error) from error
    fill_in(call, answer)
    while_the_database_is_away(lambda: _keep(claim, call))
    _learn_pace(call, answer)
    return call


@contextmanager
def _turn(row: Asked, call: ModelCall) -> Iterator[None]:
    """One of the places at the model, and one of its minute's requests; raises pace.NotYet."""
    share, now = _share(row), timezone.now()
    places = settings.COACH_MOST_AT_ONCE
    most = max(int(places * share), 1) if places else 0
    try:
        with turns.taken(TURN, most=most, lease=Asked.LEASE, now=now, patience_s=PATIENCE_S):
            call.asked_at = timezone.now()
            pace.take(call.model, _estimate(call), call.asked_at, share=share)
            yield
    except turns.NoTurn as error:
        raise pace.NotYet(NEXT_LOOK_S) from error


def _estimate(call: ModelCall) -> int:
    return pace.estimate(len(call.prompt))


def _learn_pace(call: ModelCall, answer: llm.Answer) -> None:
    is_told = answer.tokens_in is not None and answer.tokens_out is not None
    pace.learn(
        call.model,
        answer.limits,
        counted=_estimate(call),
        used=(answer.tokens_in or 0) + (answer.tokens_out or 0) if is_told else None,
        asked_at=call.asked_at,
    )


def _close_gate(model: str, error: llm.Unanswered) -> None:
    """Who is told to wait tells the others, so that they need not be told one by one."""
    now = timezone.now()
    if error.kind == Incident.Kind.RATE_LIMITED:
        wait_s = error.wait_s or pace.CLOSED_FOR.total_seconds()
        pace.close(model, now + timedelta(seconds=wait_s))
    elif error.kind == Incident.Kind.QUOTA:
        pace.close_all(now + pace.CLOSED_WITHOUT_QUOTA)


def _share(row: Asked) -> float:
    """Who waits in front of a page may take what the mornings leave."""
    is_by_hand = isinstance(row, MissionDraft) or (
        isinstance(row, MissionRun) and row.trigger != MissionRun.Trigger.SCHEDULE
    )
    return 1.0 if is_by_hand else pace.MORNINGS_SHARE


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

    What it used is counted also where the row is another worker's by now: it is paid for. Done
    twice, because the answer of the database got lost, it is stored and counted once.
    """
    stored = ModelCall.objects.filter(pk=call.pk, asked_at=call.asked_at)
    if call.pk is not None and stored.exists():
        return
    call.pk, lost = None, None
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
