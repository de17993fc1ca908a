"""What can be wrong with a proposed mission, held against its survey; pure but for the clock.

Each problem says where it is and what to do: the model is told the same as a tester.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from coach.builder.survey import Survey
from coach.replies import Bonus, MissionDraft, PlannedStage, Prices
from coach.rules import MARKUP
from missions.bonuses import TITLES, GameStage, standings
from missions.limits import JOINERS
from missions.models import Mission
from missions.points import STAGE_TYPES
from missions.price_list import ALL_THERE_ARE

SHORTEST_WITH_REST_DAY = 3
# An hour ridden at FTP is 100 TSS, so no week holds more load than its hours, times this.
MOST_TSS_AN_HOUR = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` is a path into the proposal, such as `stages.2.date`."""

    field: str
    words: str

    def __str__(self) -> str:
        return f"{self.field}: {self.words}"


def problems_in(proposal: MissionDraft, survey: Survey, local_date: date) -> list[Problem]:
    """Everything wrong with a proposal; the preparation may begin on `local_date`, not before."""
    problems = [
        *_in_texts(proposal),
        *_in_dates(proposal, survey, local_date),
        *_in_stages(proposal, survey),
        *_in_prices(proposal),
        *_in_bonuses(proposal),
        *_in_targets(proposal, survey),
    ]
    told = {problem.field for problem in problems}
    return problems + [one for one in _in_mission(proposal, survey) if one.field not in told]


def mission_from(proposal: MissionDraft, survey: Survey) -> Mission:
    """The mission of a survey and its proposal: not saved, and nobody's yet."""
    return Mission(
        name=proposal.name,
        mission_type=proposal.mission_type,
        event_style=survey.event_style,
        prep_start=proposal.prep_start,
        event_start=proposal.event_start,
        event_end=proposal.event_end,
        timezone=survey.timezone,
        send_time=survey.send_time,
        brief_detail=survey.brief_detail,
        is_brief_mailed=survey.is_brief_mailed,
        weekly_minutes_min=round(survey.weekly_hours_min * 60),
        weekly_minutes=round(survey.weekly_hours_max * 60),
        weekday_minutes=survey.weekday_minutes,
        blackout_dates=[day.isoformat() for day in survey.blackout_dates],
        restrictions=survey.restrictions,
        **proposal.constraints.model_dump(),
        targets=proposal.targets.model_dump(exclude_none=True),
        points_schema=_stored_prices(proposal),
        notes=proposal.notes,
    )


def _stored_prices(proposal: MissionDraft) -> dict[str, Any]:
    """The points schema; a bonus for all there is wants all, also when the plan grows."""
    stored = proposal.points_schema.as_stored()
    for bonus in proposal.points_schema.bonuses:
        if bonus.name in TITLES and bonus.threshold == _within_reach(bonus, proposal):
            stored["bonuses"][bonus.name]["threshold"] = ALL_THERE_ARE
    return stored


def _in_texts(proposal: MissionDraft) -> Iterator[Problem]:
    for field, text, allowed in (
        ("name", proposal.name, JOINERS),
        ("notes", proposal.notes, JOINERS + "\n\r\t"),
    ):
        if not text.strip():
            yield Problem(field, "Write something here; it is empty.")
        if any(mark in text for mark in MARKUP):
            yield Problem(field, "Use plain words: no links, no markup and no code.")
        if any(unicodedata.category(one)[0] == "C" and one not in allowed for one in text):
            yield Problem(field, "Leave out characters that cannot be seen.")


def _in_dates(proposal: MissionDraft, survey: Survey, local_date: date) -> Iterator[Problem]:
    if proposal.mission_type != survey.mission_type:
        yield Problem("mission_type", f'The survey says "{survey.mission_type}". Keep it.')
    if proposal.event_start != survey.event_start:
        yield Problem("event_start", f"The event begins on {survey.event_start}. Keep that date.")
    if proposal.event_end != survey.event_end:
        yield Problem("event_end", f"The event ends on {survey.event_end}. Keep that date.")
    if proposal.prep_start < local_date:
        yield Problem(
            "prep_start",
            "The preparation is longer than the time left. "
            f"Begin it on {local_date} or later, and by {survey.event_start}.",
        )
    if proposal.prep_start > survey.event_start:
        yield Problem(
            "prep_start", f"The preparation starts after the event. Begin by {survey.event_start}."
        )


def event_days(survey: Survey) -> list[date]:
    length = (survey.event_end - survey.event_start).days + 1
    return [survey.event_start + timedelta(days=number) for number in range(length)]


def _in_stages(proposal: MissionDraft, survey: Survey) -> Iterator[Problem]:
    stages, days = proposal.stages, event_days(survey)
    if len(stages) != len(days):
        yield Problem(
            "stages",
            f"The event has {len(days)} days and the plan {len(stages)}. Plan each day once.",
        )
    for index, (stage, day) in enumerate(zip(stages, days, strict=False)):
        if stage.number != index + 1:
            yield Problem(f"stages.{index}.number", f"Number the days in order: {index + 1} here.")
        if stage.date != day:
            yield Problem(f"stages.{index}.date", f"Day {index + 1} of the event is {day}.")
    yield from _in_rest_days(stages)


def _in_rest_days(stages: list[PlannedStage]) -> Iterator[Problem]:
    resting = [index for index, stage in enumerate(stages) if stage.is_rest_day]
    if len(resting) == len(stages):
        yield Problem("stages", "Every day is a rest day. Plan at least one that is ridden.")
    elif resting and len(stages) < SHORTEST_WITH_REST_DAY:
        yield Problem(
            f"stages.{resting[0]}.is_rest_day",
            f"An event of less than {SHORTEST_WITH_REST_DAY} days has no rest day.",
        )
    elif 2 * len(resting) > len(stages):
        yield Problem("stages", "More than half of the days are rest days. Plan fewer.")
    else:
        for index in {0, len(stages) - 1}.intersection(resting):
            yield Problem(
                f"stages.{index}.is_rest_day", "An event begins and ends with a day that is ridden."
            )


def _in_prices(proposal: MissionDraft) -> Iterator[Problem]:
    planned = {stage.stage_type for stage in ridden(proposal)}
    for kind in STAGE_TYPES:
        prices: Prices | None = getattr(proposal.points_schema, kind)
        field = f"points_schema.{kind}"
        if prices is None:
            if kind in planned:
                yield Problem(field, "The plan has such a stage. Give it a price for each mode.")
            continue
        if prices.gc < 1:
            yield Problem(f"{field}.gc", "A stage that is ridden is worth at least one point.")
        if prices.breakaway < prices.gc:
            yield Problem(
                f"{field}.breakaway", "A breakaway is worth at least as much as a ride in gc."
            )


def _in_bonuses(proposal: MissionDraft) -> Iterator[Problem]:
    """A bonus that this plan cannot earn, that stands twice, or that outweighs all the riding."""
    most, seen = _most_points(proposal), set()
    for index, bonus in enumerate(proposal.points_schema.bonuses):
        field = f"points_schema.bonuses.{index}"
        if bonus.name in seen:
            yield Problem(f"{field}.name", "This bonus stands there twice. Leave one out.")
        seen.add(bonus.name)
        possible = _within_reach(bonus, proposal)
        if possible is not None and bonus.threshold > possible:
            yield Problem(
                f"{field}.threshold",
                f"This plan can reach {possible} of {bonus.threshold}. "
                "Lower it, or leave the bonus out.",
            )
        if not 1 <= bonus.points <= most:
            yield Problem(
                f"{field}.points",
                "Make it worth at least one point, and no more than all the stages together.",
            )


def _most_points(proposal: MissionDraft) -> int:
    prices = [getattr(proposal.points_schema, stage.stage_type) for stage in ridden(proposal)]
    total: int = sum(one.breakaway for one in prices if one is not None)
    return max(1, total)


def _within_reach(bonus: Bonus, proposal: MissionDraft) -> int | None:
    """The most of what a bonus counts that this plan holds; None for a name that is no bonus."""
    plan = [GameStage(**stage.model_dump()) for stage in proposal.stages]
    alone = {"bonuses": {bonus.name: bonus.model_dump(exclude={"name"})}}
    needed = [min(one.needed, len(ridden(proposal))) for one in standings(alone, plan)]
    return needed[0] if needed else None


def ridden(proposal: MissionDraft) -> list[PlannedStage]:
    return [stage for stage in proposal.stages if not stage.is_rest_day]


def _in_targets(proposal: MissionDraft, survey: Survey) -> Iterator[Problem]:
    longest, weekly_hours = max(survey.weekday_minutes), survey.weekly_hours_max
    for name in ("long_ride_minutes", "climb_minutes", "threshold_minutes"):
        minutes = getattr(proposal.targets, name)
        if minutes is not None and minutes > longest:
            yield Problem(
                f"targets.{name}",
                f"The longest day of the week has {longest} minutes. Aim at that or less.",
            )
    most = most_ctl(weekly_hours)
    if proposal.targets.ctl is not None and proposal.targets.ctl > most:
        yield Problem("targets.ctl", f"With {weekly_hours:g} hours a week aim at {most} or less.")


def most_ctl(weekly_hours: float) -> int:
    """The fitness no week of that many hours can exceed: CTL is the load of an average day."""
    return max(1, int(weekly_hours * MOST_TSS_AN_HOUR / 7))


def _in_mission(proposal: MissionDraft, survey: Survey) -> Iterator[Problem]:
    """What a mission itself would refuse; its own rules, under the names of the proposal."""
    mission = mission_from(proposal, survey)
    try:
        mission.full_clean(exclude={"owner"}, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            field = f"constraints.{name}" if name in Mission.LIMITS else name
            yield from (Problem(field, words) for words in messages)
