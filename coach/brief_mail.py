"""The brief as a mail, and the one that says that there is none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings

from accounts import formats
from coach import (
    brief,
    event_strategy,
    morning_numbers,
    referral,
    workout_picture,
)
from coach.checkin import links
from coach.models import MissionRun
from coach.workouts import Block
from missions.models import Mission
from notifications import mail, unsubscribing
from notifications.models import Notification

# What mail readers show of one in full ends at 102 kB; nobody rides by so long a list.
MOST_LINES = 40
# The evidence for these stands among the morning's numbers.
OF_THE_MORNING = (
    *("metrics.readiness", "metrics.tsb", "metrics.sleep_h", "metrics.sleep_7d_h"),
    *("metrics.hrv", "metrics.hrv_baseline", "metrics.rhr", "metrics.rhr_baseline"),
)


def of(run: MissionRun) -> mail.Mail:
    """As its tester reads it, with the workout's picture."""
    told = context(run)
    return replace(_rendered("brief", run, told), picture=_picture(told))


def of_none(run: MissionRun) -> mail.Mail:
    return _rendered("no_brief", run, context(run))


def _rendered(name: str, run: MissionRun, told: dict[str, Any]) -> mail.Mail:
    with formats.written_for(formats.Reader.of(run.mission.owner)):
        return mail.render(name, told, timezone_name=run.mission.timezone)


def context(run: MissionRun) -> dict[str, Any]:
    with formats.written_for(formats.Reader.of(run.mission.owner)):
        return {**_of_the_day(run), **_of_the_run(run)}


def _of_the_run(run: MissionRun) -> dict[str, Any]:
    return {
        "run": run,
        "mission": run.mission,
        "home_url": f"{settings.SITE_URL}/",
        "run_url": f"{settings.SITE_URL}{run.get_absolute_url()}",
        "referral": referral.SENTENCE if referral.is_due(run) else "",
        "check_in_links": _check_in_links(run),
        # One that was missed has told nobody anything before.
        "is_again": run.why_again in {"check_in", "operator"},
        "is_short": run.mission.brief_detail == Mission.BriefDetail.SHORT,
        "unsubscribe_url": unsubscribing.url(run.mission.owner, Notification.Kind.BRIEF),
    }


def _of_the_day(run: MissionRun) -> dict[str, Any]:
    made = brief.of(run, run.finished_at) if run.finished_at else None
    if made is None or run.finished_at is None:
        return {"brief": made}
    situation = made.situation
    of_the_morning = {brief.CHIPS[path][0] for path in OF_THE_MORNING}
    blocks, lines_left = first_lines(made.blocks)
    return {
        "brief": made,
        "readings": morning_numbers.of(situation, run.finished_at - situation.drawn_up_at),
        "other_chips": [one for one in made.chips if one.label not in of_the_morning],
        "strategy": event_strategy.of(situation, made.decision),
        "blocks": blocks,
        "lines_left": lines_left,
    }


def _picture(told: dict[str, Any]) -> bytes | None:
    made: brief.Brief | None = told["brief"]
    if made is None or not made.bars or told["is_short"]:
        return None
    plan = made.decision.workout_plan
    return workout_picture.png(plan) if plan else None


def first_lines(blocks: Sequence[Block]) -> tuple[list[Block], int]:
    """The steps that are told, and how many are left."""
    told: list[Block] = []
    room = MOST_LINES
    for block in blocks:
        lines = block.lines[: max(room, 0)]
        room -= len(block.lines)
        if lines:
            told.append(replace(block, lines=lines))
    return told, max(-room, 0)


def _check_in_links(run: MissionRun) -> list[links.Link]:
    """None in the brief of a day that is over: they are of their morning alone."""
    is_today = run.finished_at and run.mission.local_date(run.finished_at) == run.local_date
    return links.of_morning(run.mission, run.local_date) if is_today else []
