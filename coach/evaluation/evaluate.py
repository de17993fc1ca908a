"""Scenarios put to a model: who passes, which rules they break, and what it took."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from coach import prompts
from coach.conversation import model_for
from coach.evaluation import trial
from coach.evaluation.expectations import Unmet, unmet
from coach.evaluation.scenarios import Scenario
from coach.evaluation.trial import Attempt

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Result:
    """How a model did on one scenario; `unmet` is judged on its last answer that has the shape."""

    scenario: Scenario
    model: str
    prompt_version: str
    attempts: tuple[Attempt, ...]
    unmet: tuple[Unmet, ...]
    seconds: float

    @property
    def is_passed(self) -> bool:
        """The first answer breaks no rule that it would be sent back for, and meets them all."""
        return self.attempts[0].is_usable and not self.unmet

    @property
    def is_answered(self) -> bool:
        return any(attempt.call.outcome for attempt in self.attempts)

    @property
    def tokens(self) -> int | None:
        """In and out of all attempts; None where the server did not count."""
        return _sum(
            part
            for attempt in self.attempts
            for part in (attempt.call.tokens_in, attempt.call.tokens_out)
        )

    @property
    def cost_usd(self) -> float | None:
        """Of all attempts; None where the model has no price here."""
        costs = [attempt.call.cost_usd for attempt in self.attempts]
        return _sum(None if cost is None else float(cost) for cost in costs)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.scenario.id,
            "category": self.scenario.category,
            "title": self.scenario.title,
            "is_passed": self.is_passed,
            "model": self.model,
            "prompt_version": self.prompt_version,
            "attempts": [attempt.as_json() for attempt in self.attempts],
            "expectations_not_met": [one.as_json() for one in self.unmet],
            "tokens": self.tokens,
            "cost_usd": self.cost_usd,
            "seconds": round(self.seconds, 2),
        }


def evaluate(
    scenarios: Sequence[Scenario], model: str | None = None, *, workers: int = 1
) -> Iterator[Result]:
    """Each scenario's result, in their order, as soon as it and those before it are there."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        yield from pool.map(lambda scenario: one(scenario, model), scenarios)


def one(scenario: Scenario, model: str | None = None) -> Result:
    situation = scenario.situation()
    prompt = prompts.for_day(situation)
    began = time.monotonic()
    attempts = trial.ask(situation, prompt, model)
    return Result(
        scenario=scenario,
        model=model or model_for(situation),
        prompt_version=prompt.version,
        attempts=tuple(attempts),
        unmet=tuple(_unmet(scenario, attempts)),
        seconds=time.monotonic() - began,
    )


def _unmet(scenario: Scenario, attempts: Sequence[Attempt]) -> list[Unmet]:
    decision = trial.last_shaped(attempts)
    if decision is None:
        return []
    return unmet(scenario.expect.asked(), scenario.context, decision.model_dump(mode="json"))


def totals(results: Sequence[Result]) -> dict[str, Any]:
    """The sums of a table; a sum that lacks a part is None, and not too small."""
    return {
        "scenarios": len(results),
        "passed": sum(result.is_passed for result in results),
        "usable_at_first": sum(result.attempts[0].is_usable for result in results),
        "usable_in_the_end": sum(result.attempts[-1].is_usable for result in results),
        "unanswered": sum(not result.is_answered for result in results),
        "rules_broken_at_first": dict(_broken_at_first(results)),
        "tokens": _sum(result.tokens for result in results),
        "cost_usd": _sum(result.cost_usd for result in results),
        "seconds": round(sum(result.seconds for result in results), 2),
    }


def _broken_at_first(results: Sequence[Result]) -> list[tuple[str, int]]:
    counted = Counter(
        rule
        for result in results
        for rule in {violation.rule for violation in result.attempts[0].violations}
    )
    return counted.most_common()


def _sum(parts: Iterable[Number | None]) -> Number | None:
    every = list(parts)
    known = [part for part in every if part is not None]
    return sum(known) if len(known) == len(every) else None
