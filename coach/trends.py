"""The last weeks day by day: readiness, and the form with its way to the event; pure.

Both rest on the readings of a morning, so that a picture never says other than the brief does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import groupby

from coach.observe import at_the_event
from coach.physiology.days import ONE_DAY, REST, Day
from coach.physiology.form import MAX_UNKNOWN_DAYS, DayForm, Form, form_on, form_series
from coach.physiology.projection import Projection
from coach.physiology.readiness import Readiness
from coach.recovery import readiness_of
from coach.scored import days_of, score
from connections.models import DailySample
from connections.readings import Readings
from connections.usual import USUAL_DAYS
from missions.models import Mission

READINESS_DAYS = 28
FORM_DAYS = 120
RECENT_DAYS = 7
# So many of each side make a mean that is worth comparing.
LEAST_MEAN = 3


@dataclass(frozen=True, slots=True)
class ReadinessDay:
    """A day by its own night: what a morning went by for want of it stays with its own day."""

    local_date: date
    readiness: Readiness

    @property
    def score(self) -> int | None:
        return self.readiness.score


@dataclass(frozen=True, slots=True)
class ReadinessTrend:
    """Oldest day first; the last is the one that is asked for."""

    days: tuple[ReadinessDay, ...]
    least: int

    @property
    def known(self) -> list[ReadinessDay]:
        return [day for day in self.days if day.score is not None]

    @property
    def scores(self) -> list[int]:
        return [day.score for day in self.days if day.score is not None]

    @property
    def below(self) -> int:
        return sum(score < self.least for score in self.scores)

    @property
    def change(self) -> float | None:
        """The mean of the last seven days less that of those before; None with too few days."""
        recent = _scores(self.days[-RECENT_DAYS:])
        before = _scores(self.days[:-RECENT_DAYS])
        if min(len(recent), len(before)) < LEAST_MEAN:
            return None
        return sum(recent) / len(recent) - sum(before) / len(before)


@dataclass(frozen=True, slots=True)
class FormMorning:
    """What a local date began with; `load` is that of the day before, None where it is unknown.

    `is_gap`: so many days in a row are unknown that what was worked out says nothing.
    """

    local_date: date
    form: DayForm
    load: float | None
    is_gap: bool


@dataclass(frozen=True, slots=True)
class FormTrend:
    """Oldest morning first; `now` is the form of the last. `ahead` is None outside of training."""

    mornings: tuple[FormMorning, ...]
    now: Form
    ahead: Projection | None

    @property
    def known(self) -> list[FormMorning]:
        return [one for one in self.mornings if not one.is_gap]

    @property
    def way(self) -> Sequence[DayForm]:
        """From this morning to the event's first, each as the day before leaves it."""
        return self.ahead.days if self.ahead else ()


def readiness_trend(
    mission: Mission,
    readings: Readings,
    scores: Sequence[DailySample],
    *,
    local_date: date,
    now: datetime,
) -> ReadinessTrend:
    """The readiness of 28 days, each as it is known by now."""
    dates = [local_date - n * ONE_DAY for n in range(READINESS_DAYS - 1, -1, -1)]
    return ReadinessTrend(
        days=tuple(
            ReadinessDay(
                on, readiness_of(_told_of(readings, scores, on), on, _until(mission, on, now))
            )
            for on in dates
        ),
        least=mission.min_readiness,
    )


def _told_of(readings: Readings, scores: Sequence[DailySample], on: date) -> Readings:
    """The sources that tell of this very day, each with the nights that make its usual."""
    told = {night.source for night in readings.nights if night.local_date == on}
    first = on - USUAL_DAYS * ONE_DAY
    nights = (night for night in readings.nights if first <= night.local_date <= on)
    return replace(
        readings,
        nights=[night for night in nights if night.source in told],
        scores=[score for score in scores if score.local_date == on],
    )


def _until(mission: Mission, on: date, now: datetime) -> datetime:
    """By when it was known: the end of the day, or now."""
    return min(now, datetime.combine(on + ONE_DAY, time.min, tzinfo=mission.owner.zone))


def _scores(days: Sequence[ReadinessDay]) -> list[int]:
    return [day.score for day in days if day.score is not None]


def form_trend(mission: Mission, readings: Readings, *, local_date: date) -> FormTrend:
    """The form that the last 120 days began with, and where it leads as the coach projects it."""
    owner = mission.owner
    days = days_of(owner, score(owner, readings), readings, local_date)
    now = form_on(local_date, days)
    series = form_series(days, through=local_date - ONE_DAY)[1:]
    return FormTrend(
        mornings=tuple(_mornings(series, days)[-FORM_DAYS:]),
        now=now,
        ahead=at_the_event(mission, now, days),
    )


def _mornings(series: Sequence[DayForm], days: Mapping[date, Day]) -> list[FormMorning]:
    mornings = []
    for is_known, alike in groupby(series, lambda form: days.get(form.local_date, REST).is_known):
        of_days = list(alike)
        is_gap = not is_known and len(of_days) > MAX_UNKNOWN_DAYS
        for form in of_days:
            load = days.get(form.local_date, REST).atl_load if is_known else None
            mornings.append(FormMorning(form.local_date + ONE_DAY, form, load, is_gap))
    return mornings
