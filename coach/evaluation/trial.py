"""Asking a model as a run does, two attempts with the same checks, and keeping none of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from coach import calls, conversation, llm, rules
from coach.conversation import Question, Unusable
from coach.models import ModelCall
from coach.prompts import Prompt
from coach.replies import Decision
from coach.situation import Situation

# Nobody's: a trial is asked on behalf of no tester.
USER_KEY = "evaluation"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer, judged; `call` is filled in as a run would, and never stored.

    `decision` is there when the answer has the right shape, whatever rules it breaks.
    """

    call: ModelCall
    decision: Decision | None
    problem: Unusable | None
    violations: tuple[rules.Violation, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        return self.problem is None

    def as_json(self) -> dict[str, Any]:
        return {
            "problem": {"kind": self.problem.kind, "detail": str(self.problem)}
            if self.problem
            else None,
            "violations": [{"rule": one.rule, "told": str(one)} for one in self.violations],
            "flags": list(self.flags),
            "tokens_in": self.call.tokens_in,
            "tokens_cached": self.call.tokens_cached,
            "tokens_out": self.call.tokens_out,
            "cost_usd": None if self.call.cost_usd is None else float(self.call.cost_usd),
            "latency_ms": self.call.latency_ms,
            "decision": self.decision.model_dump(mode="json") if self.decision else None,
        }


def ask(situation: Situation, prompt: Prompt, model: str | None = None) -> list[Attempt]:
    """The first attempt, and the second where the first was answered and cannot be used."""
    question = conversation.for_the_day(situation, prompt)
    if model:
        question = replace(question, model=model)
    messages = prompt.messages()
    made: list[Attempt] = []
    for number, temperature in enumerate(conversation.TEMPERATURES, 1):
        call = ModelCall(attempt=number, model=question.model, prompt_version=prompt.version)
        try:
            answer = llm.complete(
                messages,
                question.reply,
                model=question.model,
                temperature=temperature,
                user_key=USER_KEY,
                cache_key=prompt.version,
            )
        except llm.Unanswered as error:
            return [*made, Attempt(call, None, Unusable(error.kind, str(error)))]
        calls.fill_in(call, answer)
        attempt = _judged(situation, question, call)
        made.append(attempt)
        if attempt.problem is None:
            break
        messages = conversation.asked_again(question, call, attempt.problem)
    return made


def last_shaped(attempts: Sequence[Attempt]) -> Decision | None:
    """The decision of the last answer that has the shape of one."""
    return next((one.decision for one in reversed(attempts) if one.decision is not None), None)


def _judged(situation: Situation, question: Question[Decision], call: ModelCall) -> Attempt:
    try:
        decision = conversation.read(call, question)
    except Unusable as problem:
        shaped = _shaped(question, call)
        broken = rules.violations(situation, shaped) if shaped else ()
        return Attempt(call, shaped, problem, tuple(broken), flags_of(situation, shaped))
    return Attempt(call, decision, None, flags=flags_of(situation, decision))


def _shaped(question: Question[Decision], call: ModelCall) -> Decision | None:
    """The answer before the rules; None where it has not even the shape."""
    try:
        return conversation.read(call, replace(question, problems_in=lambda _: ()))
    except Unusable:
        return None


def flags_of(situation: Situation, decision: Decision | None) -> tuple[str, ...]:
    """The rules that a decision breaks and that only mark it."""
    if decision is None:
        return ()
    return tuple(str(one) for one in rules.flags(situation, decision))
