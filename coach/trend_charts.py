"""A trend as a page shows it: sentences, a picture for static/charts.js, a table behind it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.urls import reverse

from accounts import formats
from coach import trend_words
from coach.brief import source_words
from coach.physiology.days import ONE_DAY
from coach.recovery import rounded
from coach.trends import (
    READINESS_DAYS,
    FormMorning,
    FormTrend,
    ReadinessDay,
    ReadinessTrend,
    form_trend,
    readiness_trend,
)
from connections import readings
from connections.usual import LEAST_VALUES
from missions.game import Game, game_of
from missions.models import Mission
from missions.race import RaceStage, race_of

UNKNOWN = "unknown"
# A table of two years ahead is told week by week.
MOST_DAYS_AHEAD = 42
FORM_LINES = (("ctl", "Fitness (CTL)"), ("atl", "Fatigue (ATL)"), ("tsb", "Form (TSB)"))
# Of so few days each may be named below a picture.
SHORT_DAYS = 14
NOT_ALLOWED = "You have not allowed your health data to be read, so nothing is worked out from it."
AS_THE_COACH = "Worked out from the last 180 days, as for the brief: each morning before its rides."


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next, where there is anything."""

    url: str
    words: str


@dataclass(frozen=True, slots=True)
class Key:
    """A line of the picture by the name of its colour in static/app.css, and what it is."""

    ink: str
    words: str
    is_line: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Without a picture there is nothing to draw yet; the sentences say why."""

    name: str
    title: str
    told: Sequence[str]
    notes: Sequence[str] = ()
    picture: Mapping[str, Any] | None = None
    keys: Sequence[Key] = ()
    step: Step | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()

    @property
    def heading(self) -> str:
        return TITLES[self.name]

    @property
    def picture_json(self) -> str:
        return json.dumps(self.picture, separators=(",", ":"))


TITLES = {"readiness": "Readiness", "form": "Form", "points": "Points"}


def chart_of(name: str, mission: Mission, now: datetime) -> Chart:
    """One of TITLES, of a mission that is over as its last day left it."""
    if name == "points":
        return points_chart(mission, game_of(mission))
    if not mission.owner.has_consented:
        allow = Step(reverse("accounts:privacy"), "Look at it and allow it")
        return Chart(name=name, title=TITLES[name], told=[NOT_ALLOWED], step=allow)
    local_date = min(mission.local_date(now), mission.event_end)
    return (readiness_chart if name == "readiness" else form_chart)(mission, local_date, now)


def readiness_chart(mission: Mission, local_date: date, now: datetime) -> Chart:
    read = readings.gather(mission.owner, local_date)
    first = local_date - (READINESS_DAYS - 1) * ONE_DAY
    scores = readings.scores_between(mission.owner, first, local_date, read.kept_back)
    trend = readiness_trend(mission, read, scores, local_date=local_date, now=now)
    nights = len({night.local_date for night in read.nights})
    told = trend_words.of_readiness(trend, is_over=_is_over(mission), nights=nights)
    return Chart(
        name="readiness",
        title="Readiness, 28 days",
        told=list(told),
        notes=[
            *trend_words.behind_readiness(trend),
            *(one.words for one in read.withheld),
        ],
        picture=_readiness_picture(trend) if trend.known else None,
        keys=(
            Key("you", "Readiness, 1 to 100"),
            Key("floor", f"Lowest for hard work: {trend.least}", is_line=False),
        ),
        step=_next_step(mission, is_empty=not trend.known and nights < LEAST_VALUES),
        columns=("Day", "Readiness", "Source"),
        rows=[_readiness_row(one) for one in reversed(trend.days)] if trend.known else (),
    )


def _readiness_row(one: ReadinessDay) -> tuple[str, str, str]:
    day, readiness = formats.short_weekday_date(one.local_date), one.readiness
    if readiness.score is None:
        return day, UNKNOWN, trend_words.reason_of(one)
    return day, str(readiness.score), source_words(readiness.source_label)


def _readiness_picture(trend: ReadinessTrend) -> dict[str, Any]:
    around = [*trend.scores, trend.least]
    return {
        **_days_of(trend.days[0].local_date, len(trend.days)),
        "low": max(0, 10 * ((min(around) - 3) // 10)),
        "high": min(100, 10 * -(-(max(around) + 3) // 10)),
        "lines": [{"name": "Readiness", "ink": "you", "y": [day.score for day in trend.days]}],
        "floor": trend.least,
    }


def form_chart(mission: Mission, local_date: date, now: datetime) -> Chart:
    read = readings.gather(mission.owner, local_date)
    trend = form_trend(mission, read, local_date=local_date)
    is_ahead = bool(trend.way)
    keys = [Key(ink, words) for ink, words in FORM_LINES]
    return Chart(
        name="form",
        title="Form, 120 days and on to the event" if is_ahead else "Form, 120 days",
        told=list(trend_words.of_form(trend, mission, is_over=_is_over(mission))),
        notes=[*_form_notes(trend), *(one.words for one in read.withheld)],
        picture=_form_picture(trend, mission) if trend.known else None,
        keys=[*keys, Key("ahead", "Riding as now", is_line=False)] if is_ahead else keys,
        step=_next_step(mission, is_empty=not trend.mornings),
        columns=("Morning", "CTL", "ATL", "TSB", "Load the day before"),
        rows=[*_rows_ahead(trend), *(_form_row(one) for one in reversed(trend.mornings))],
    )


def _form_notes(trend: FormTrend) -> Sequence[str]:
    if not trend.mornings:
        return ()
    said = trend_words.behind_form(trend)
    return [*said, AS_THE_COACH, *(trend.ahead.assumptions if trend.ahead else ())]


def _form_row(one: FormMorning) -> tuple[str, ...]:
    names = (ink for ink, _ in FORM_LINES)
    values = (UNKNOWN if one.is_gap else trend_words.told(getattr(one.form, ink)) for ink in names)
    load = UNKNOWN if one.load is None else f"{one.load:.0f}"
    return (formats.short_weekday_date(one.local_date), *values, load)


def _rows_ahead(trend: FormTrend) -> list[tuple[str, ...]]:
    """The way to the event, its first morning first; a long way week by week."""
    way = trend.way[1:][::-1]
    step = 7 if len(way) > MOST_DAYS_AHEAD else 1
    return [
        (
            f"{formats.short_date(form.local_date + ONE_DAY)}, projected",
            *(trend_words.told(getattr(form, ink)) for ink, _ in FORM_LINES),
            "as usual",
        )
        for form in way[::step]
    ]


def _form_picture(trend: FormTrend, mission: Mission) -> dict[str, Any]:
    past, way = trend.mornings, trend.way
    first, here = past[0].local_date, len(past) - 1
    length = here + max(len(way), 1)
    event = (mission.event_start - first).days
    lines = [
        {
            "name": words.split(" ")[1].strip("()"),
            "ink": ink,
            "y": [None if one.is_gap else rounded(getattr(one.form, ink)) for one in past],
            "ahead": [rounded(getattr(form, ink)) for form in way],
        }
        for ink, words in FORM_LINES
    ]
    marks = [{"at": event, "words": "Event"}] if 0 <= event < length else []
    if way:
        marks.insert(0, {"at": here, "words": "Today"})
    return {**_days_of(first, length), "lines": lines, "marks": marks}


def points_chart(mission: Mission, game: Game) -> Chart:
    race = race_of(game, mission.points_schema)
    return Chart(
        name="points",
        title="Points against two ghosts",
        told=list(trend_words.of_points(game, race)),
        picture=_points_picture(game, race) if race else None,
        keys=(Key("you", "You"), *(Key(one.name, one.title) for one in game.ghosts)),
        step=_next_step(mission, is_empty=False),
        columns=("Stage", "Ridden as", "Points", "You", *(one.title for one in game.ghosts)),
        rows=[_points_row(game, one) for one in race],
    )


def _points_row(game: Game, one: RaceStage) -> tuple[str, ...]:
    row, brought = one.played.row, sum(award.points for award in one.played.bonuses)
    mode = row.get_ride_mode_display() if row and one.played.is_ridden else "not ridden"
    points = f"{row.points if row else 0}" + (f" and {brought} bonus" if brought else "")
    day = formats.short_date(one.stage.date)
    sums = (str(one.ghosts[ghost.name]) for ghost in game.ghosts)
    return f"{one.stage.number}, {day}", mode, points, str(one.points), *sums


def _points_picture(game: Game, race: Sequence[RaceStage]) -> dict[str, Any]:
    """Everybody starts with nothing; what is still to be ridden is left open."""
    numbers = [one.number for one in game.to_ride]
    at = {one.stage.number: one for one in race}
    settled = [at.get(number) for number in numbers]
    ghosts = [
        {
            "name": ghost.title,
            "ink": ghost.name,
            "y": [0, *(one.ghosts[ghost.name] if one else None for one in settled)],
        }
        for ghost in game.ghosts
    ]
    you = {"name": "You", "ink": "you", "y": [0, *(one.points if one else None for one in settled)]}
    return {
        "labels": ["Start", *(f"Stage {number}" for number in numbers)],
        "ticks": list(range(len(numbers) + 1)),
        "lines": [*ghosts, you],
    }


def _days_of(first: date, length: int) -> dict[str, Any]:
    """The days under a picture as their reader writes them; each week's first may be named."""
    days = [first + n * ONE_DAY for n in range(length)]
    begins = formats.reader().first_weekday
    weeks = [n for n, day in enumerate(days) if day.weekday() == begins]
    return {
        "labels": [formats.short_date(day) for day in days],
        "ticks": weeks if length > SHORT_DAYS else list(range(length)),
    }


def _is_over(mission: Mission) -> bool:
    return mission.state == Mission.State.MISSION_COMPLETE


def _next_step(mission: Mission, *, is_empty: bool) -> Step | None:
    if _is_over(mission):
        return Step(reverse("coach:new"), "Make the next mission")
    return Step(reverse("connections:panel"), "Look at your connections") if is_empty else None
