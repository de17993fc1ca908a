"""A run asked again: the stored decision beside the one another model or prompt would give."""

import difflib
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accounts import privacy
from coach import prompts, stored_situations
from coach.evaluation import trial
from coach.evaluation.trial import Attempt
from coach.models import MissionRun
from coach.prompts import Prompt
from coach.replies import Decision
from coach.situation import Situation
from connections import policy

TEXTS = ("reason", "mode_rationale", "strategic_notes")
WORDS = re.compile(r"\S+\s*|\s+")


class NotReplayable(Exception):
    """Why a run cannot be asked again, and what to do."""


@dataclass(frozen=True, slots=True)
class Field:
    """One part of the decision, as it is stored and as it comes now."""

    name: str
    stored: Any
    now: Any

    @property
    def is_changed(self) -> bool:
        return bool(self.stored != self.now)

    def as_json(self) -> dict[str, Any]:
        return {
            "field": self.name,
            "is_changed": self.is_changed,
            "stored": self.stored,
            "now": self.now,
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """A run's stored decision, and the attempts at another."""

    run: MissionRun
    prompt: Prompt
    stored: Decision
    attempts: tuple[Attempt, ...]

    @property
    def fields(self) -> list[Field]:
        """Of the last answer that has the shape; none where there is no such answer."""
        now = trial.last_shaped(self.attempts)
        if now is None:
            return []
        before, after = _flat(self.stored), _flat(now)
        return [Field(name, before[name], after[name]) for name in before]

    def as_json(self) -> dict[str, Any]:
        return {
            "run": str(self.run.pk),
            "local_date": self.run.local_date.isoformat(),
            "stored": _how_it_was_asked(self.run),
            "now": {"model": self.attempts[0].call.model, "prompt_version": self.prompt.version},
            "is_usable": self.attempts[-1].is_usable,
            "fields": [field.as_json() for field in self.fields],
            "attempts": [attempt.as_json() for attempt in self.attempts],
        }


def replay(run: MissionRun, *, model: str | None = None, prompt_file: Path | None = None) -> Replay:
    """Ask again from the stored situation; writes nothing. Raises NotReplayable."""
    situation, stored = _kept(run)
    prompt = prompts.for_day(situation)
    if prompt_file is not None:
        prompt = _instead(prompt, prompt_file)
    return Replay(run, prompt, stored, tuple(trial.ask(situation, prompt, model)))


def _kept(run: MissionRun) -> tuple[Situation, Decision]:
    """What the run was decided on, and the decision, as far as it may be sent once more."""
    if run.decision is None:
        raise NotReplayable(
            f"The run has no decision to compare with: it is {run.get_outcome_display()}. "
            "Name one that is done."
        )
    if run.situation is None:
        raise NotReplayable(
            "The situation of this run is gone: it is kept for 180 days. Name a later run."
        )
    if not privacy.may_be_read(run.owner.pk):
        raise NotReplayable(
            "Its tester has withdrawn the consent: their situation may not be sent to a model."
        )
    situation = stored_situations.read(run.situation)
    if not policy.kept_from_coach(run.owner).keys() <= set(situation.kept_back):
        raise NotReplayable(
            "The situation holds a source that the coach may not use any more. Name a later run."
        )
    return situation, Decision.model_validate(run.decision)


def _instead(prompt: Prompt, file: Path) -> Prompt:
    """The same situation behind another system text."""
    try:
        system = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotReplayable(
            f"{file} cannot be read ({type(error).__name__}). Give --prompt a text file."
        ) from error
    if not system.strip():
        raise NotReplayable(f"{file} is empty. Write the instructions for the coach into it.")
    digest = hashlib.sha256(system.encode()).hexdigest()[:12]
    return replace(prompt, system=system, version=f"{file.stem}@{digest}")


def _how_it_was_asked(run: MissionRun) -> dict[str, str | None]:
    """By the last call; a run of the first weeks may have none."""
    call = run.calls.order_by("-attempt").first()
    return {
        "model": call.model if call else None,
        "prompt_version": call.prompt_version if call else None,
    }


def _flat(decision: Decision) -> dict[str, Any]:
    plan = decision.workout_plan
    told = decision.model_dump(mode="json")
    return {
        "action": told["action"],
        "intensity": told["intensity_recommendation"],
        "minutes": plan.duration_minutes if plan else None,
        "workout": plan.type if plan else None,
        "zones": told["workout_plan"]["zones"] if plan else None,
        "load": plan.estimated_load if plan else None,
        "mode": told["recommended_ride_mode"],
        "points": told["expected_points"],
        "bonuses": told["bonus_opportunities"],
        "confidence": told["confidence"],
        "referral": told["needs_medical_referral"],
        "missing": told["missing_data"],
        "flags": told["flags"],
        **{name: told[name] for name in TEXTS},
    }


def in_words(stored: str, now: str) -> str:
    """Both texts in one: what is gone in [-…-], what is new in {+…+}."""
    return "".join(_changes(WORDS.findall(stored), WORDS.findall(now)))


def _changes(stored: list[str], now: list[str]) -> Iterator[str]:
    for kind, i, j, k, m in difflib.SequenceMatcher(
        None, stored, now, autojunk=False
    ).get_opcodes():
        gone, new = "".join(stored[i:j]), "".join(now[k:m])
        if kind == "equal":
            yield gone
            continue
        if gone:
            yield f"[-{gone}-]"
        if new:
            yield f"{{+{new}+}}"
