"""A reflection as a person reads it: the words where there are some, and the facts either way."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.urls import reverse

from coach.models import Reflection
from coach.replies import Reflection as Reply
from coach.wrap_up.facts import Facts, StageFacts
from missions.models import RideMode, StageType
from notifications import unsubscribing
from notifications.models import Notification


@dataclass(frozen=True, slots=True)
class StageLine:
    number: int
    date: date
    kind: str
    how: str
    points: int | None


def in_mail(reflection: Reflection) -> dict[str, Any]:
    path = reverse("coach:wrap-up", args=[reflection.mission_id])
    return {
        **on_page(reflection),
        "home_url": f"{settings.SITE_URL}/",
        "wrap_up_url": f"{settings.SITE_URL}{path}",
        "unsubscribe_url": unsubscribing.url(reflection.mission.owner, Notification.Kind.WRAP_UP),
    }


def on_page(reflection: Reflection) -> dict[str, Any]:
    facts = Facts.model_validate(reflection.facts) if reflection.facts else None
    reply = Reply.model_validate(reflection.reply) if reflection.reply else None
    return {
        "mission": reflection.mission,
        "reflection": reflection,
        "facts": facts,
        "reply": reply,
        "paragraphs": [one for one in reply.story.split("\n") if one.strip()] if reply else [],
        "numbers": list(_numbers(facts)) if facts else [],
        "stages": [_line(stage) for stage in facts.stages] if facts else [],
    }


def _numbers(facts: Facts) -> Iterator[tuple[str, str]]:
    """What a person looks for first, each with its unit; “unknown” where nobody told."""
    yield "Points", f"{facts.points_total}"
    yield "Of these from bonuses", f"{facts.points_of_bonuses}"
    yield "Stages ridden", f"{facts.stages_completed} of {facts.stages_planned}"
    yield "Stages missed", f"{facts.stages_missed}"
    if facts.stages_open:
        yield "Stages nobody told of", f"{facts.stages_open}"
    for mode, count in facts.mode_counts.items():
        yield f"Ridden {_mode(mode)}", f"{count}"
    for name, points in (("GC", facts.points_all_gc), ("breakaway", facts.points_all_breakaway)):
        yield f"The whole plan in {name}, bonuses included", f"{points} points"
    yield "Time on the bike", facts.event_time or "unknown"
    yield "Load", "unknown" if facts.event_load is None else f"{facts.event_load} points"
    yield "Mornings with a brief", f"{facts.briefs_written}"
    if facts.briefs_failed:
        yield "Mornings without guidance", f"{facts.briefs_failed}"


def _line(stage: StageFacts) -> StageLine:
    return StageLine(
        number=stage.number,
        date=stage.date,
        kind=str(StageType(stage.stage_type).label),
        how=_mode(stage.ride_mode) if stage.ride_mode else OUTCOME_WORDS[stage.outcome],
        points=stage.points,
    )


OUTCOME_WORDS = {"ridden": "ridden", "missed": "missed", "open": "not known"}


def _mode(mode: str) -> str:
    return str(RideMode(mode).label)
