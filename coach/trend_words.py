"""What a picture of a trend shows, in sentences: for whoever reads it, or cannot see it."""

from collections.abc import Iterator
from datetime import date

from accounts import formats
from coach.brief import READINESS_REASONS, source_words
from coach.physiology.form import CTL_DAYS
from coach.recovery import rounded
from coach.trends import FORM_DAYS, READINESS_DAYS, FormTrend, ReadinessDay, ReadinessTrend
from connections.usual import LEAST_VALUES
from missions.game import Game
from missions.models import Mission
from missions.race import RaceStage

# A change of the mean by less is none that anybody would feel.
LEAST_CHANGE = 1.5
NO_RIDES = (
    "No load is known yet: it takes a ride with power, heart rate or your word on its effort."
)


def of_readiness(trend: ReadinessTrend, *, is_over: bool, nights: int) -> Iterator[str]:
    """Where it stands and where it goes, no more: `behind_readiness` has the rest.

    `nights`: how many nights of the last weeks are in, whatever their sources.
    """
    yield _newest(trend, is_over=is_over)
    if not trend.known:
        yield _of_the_wait(trend.days[-1].readiness.reason, nights)
        return
    if trend.change is not None:
        yield _changed(trend.change)
    if trend.below:
        yield f"{_days(trend.below)} {'was' if trend.below == 1 else 'were'} below {trend.least}."


def behind_readiness(trend: ReadinessTrend) -> Iterator[str]:
    """What stands with the numbers."""
    if not trend.known:
        return
    least, most = min(trend.scores), max(trend.scores)
    so_far = _so_far(len(trend.known), trend.known[0].local_date, trend.days[-1].local_date)
    yield f"{so_far}: {_span(least, most)}."
    unknown = len(trend.days) - len(trend.known)
    if unknown:
        yield f"{_days(unknown)} of {READINESS_DAYS} {_is_or_are(unknown)} unknown: left open."


def _newest(trend: ReadinessTrend, *, is_over: bool) -> str:
    newest = trend.days[-1]
    when = f"On {formats.day_month(newest.local_date)}" if is_over else "This morning"
    if newest.score is not None:
        return f"{when}: {newest.score}, {source_words(newest.readiness.source_label)}."
    last = trend.known[-1] if trend.known else None
    before = f"; {last.score} on {formats.day_month(last.local_date)}" if last else ""
    return f"{when}: unknown, {reason_of(newest)}{before}."


def reason_of(day: ReadinessDay) -> str:
    """Why a day has no readiness; of the day alone, whatever was read of others."""
    reason = day.readiness.reason
    if reason is None or reason == "no_reading":
        return "its night was not read"
    return READINESS_REASONS[reason]


def _of_the_wait(reason: str | None, nights: int) -> str:
    if reason == "baseline_too_short" and nights < LEAST_VALUES:
        return f"{nights} of {LEAST_VALUES} nights so far."
    return f"No day of these {READINESS_DAYS} has a readiness."


def _so_far(known: int, first: date, last: date) -> str:
    length = (last - first).days + 1
    if length < READINESS_DAYS:
        return f"{_days(length)} so far"
    return f"Over {READINESS_DAYS} days" if known == READINESS_DAYS else f"On {known} known days"


def _span(least: int, most: int) -> str:
    return f"{least} each time" if least == most else f"{least} to {most}"


def _changed(change: float) -> str:
    if abs(change) < LEAST_CHANGE:
        return "The last 7 days are about as those before."
    which = "higher" if change > 0 else "lower"
    return f"The last 7 days average {abs(change):.0f} {which} than before."


def of_form(trend: FormTrend, mission: Mission, *, is_over: bool) -> Iterator[str]:
    """Where it stands and where it leads, no more: `behind_form` has the rest."""
    if not trend.mornings:
        yield NO_RIDES
        return
    known = trend.known
    last = trend.mornings[-1]
    if not last.is_gap:
        when = f"On {formats.day_month(last.local_date)}" if is_over else "This morning"
        yield (
            f"{when}: fitness {told(last.form.ctl)}, fatigue {told(last.form.atl)}, "
            f"form {told(last.form.tsb)}."
        )
    elif known:
        yield f"Nothing is known of your rides since {formats.day_month(known[-1].local_date)}."
    yield from _at_the_event(trend, mission)


def behind_form(trend: FormTrend) -> Iterator[str]:
    """What stands with the numbers."""
    if trend.known:
        yield _went(trend)
    unknown = sum(one.load is None for one in trend.mornings)
    if unknown:
        yield (
            f"{_days(unknown)} {_is_or_are(unknown)} not known in full; "
            "three or more in a row are left open."
        )
    if trend.mornings and trend.now.history_days < CTL_DAYS:
        yield f"It settles after {CTL_DAYS} days of history."


def _went(trend: FormTrend) -> str:
    known = trend.known
    length = len(trend.mornings)
    over = f"Over {FORM_DAYS} days" if length >= FORM_DAYS else f"{_days(length)} so far"
    first, last = known[0].form.ctl, known[-1].form.ctl
    most = max(one.form.ctl for one in known)
    return f"{over}: fitness went from {told(first)} to {told(last)}, at most {told(most)}."


def _at_the_event(trend: FormTrend, mission: Mission) -> Iterator[str]:
    if mission.state == Mission.State.PREP:
        yield "Where it leads is shown once your training has started."
    elif trend.ahead and trend.ahead.ctl is not None and trend.ahead.tsb is not None:
        yield (
            f"Riding as now, the event begins on {formats.day_month(trend.ahead.event_date)} with "
            f"fitness {told(trend.ahead.ctl)} and form {told(trend.ahead.tsb)}."
        )


def of_points(game: Game, race: list[RaceStage]) -> Iterator[str]:
    if not race:
        whole = " or ".join(f"{one.whole} points {_ridden_as(one.name)}" for one in game.ghosts)
        yield f"No stage has its result yet. All of them are worth {whole}."
        return
    total, ghosts = _points(game.points_total), race[-1].ghosts
    there = ", ".join(f"{ghosts[one.name]} {_ridden_as(one.name)}" for one in game.ghosts)
    yield f"{total} after {len(race)} of {game.stages_total} stages. The ghosts: {there}."


def _ridden_as(ghost: str) -> str:
    return "all for GC" if ghost == "all_gc" else "all in the breakaway"


def told(value: float | None) -> str:
    """With one decimal always, so that a column of them stands in line."""
    short = rounded(value)
    return "unknown" if short is None else f"{short:.1f}".replace("-", "\N{MINUS SIGN}")


def _points(count: int) -> str:
    return "1 point" if count == 1 else f"{count} points"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _is_or_are(count: int) -> str:
    return "is" if count == 1 else "are"
