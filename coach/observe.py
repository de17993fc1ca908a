"""Drawing up the situation: readings in, numbers computed, one frozen value out."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from accounts.models import User
from coach import situation as facts
from coach.classify import ride_that_counts
from coach.physiology.days import consecutive_hard_days, days_since_rest
from coach.physiology.form import Form, form_on
from coach.physiology.nights import age_hours
from coach.recovery import of_the_night, rounded
from coach.scored import ScoredRide, days_of, game_told, ridden_on, score
from connections.readings import Readings
from connections.sports import RIDE_SPORTS
from missions.game import standing
from missions.models import Mission, Stage

# In an event a third hard day in a row is part of the game.
MAX_HARD_DAYS_IN_EVENT = 3
RECENT = timedelta(days=7)
MOST_RECENT_RIDES = 12


def draw_up(
    mission: Mission, readings: Readings, *, local_date: date, now: datetime
) -> facts.Situation:
    """The situation of a mission on a local date, from what was read by `now`."""
    scored = score(mission.owner, readings)
    ftp = readings.ftp_on(local_date)
    recent = [one for one in scored if local_date - RECENT <= one.ride.local_date]
    return facts.Situation(
        drawn_up_at=now,
        mission=_mission(mission, local_date),
        athlete=facts.AthleteFacts(
            sport="cycling",
            ftp=ftp.power_w if ftp else None,
            lthr=mission.owner.lthr_bpm,
            hr_max=mission.owner.hr_max_bpm,
        ),
        today=_today(mission, scored, local_date),
        metrics=_metrics(mission.owner, scored, readings, local_date, now),
        week=_week(scored, readings, local_date),
        health=facts.Health(),
        recent_activities=tuple(_recent(recent)),
        progress=_progress(mission, readings, local_date),
        sources=tuple(_sources(readings)),
        untrusted=tuple(_typed(mission, recent)),
        kept_back=tuple(sorted(readings.kept_back)),
    )


def phase_on(mission: Mission, local_date: date) -> facts.Phase | None:
    """Where in the preparation a day lies: more than 42 days out Base, then Build, Peak, Taper."""
    days = mission.days_to_event(local_date)
    if days <= 0:
        return "Event" if local_date <= mission.event_end else None
    if days > 42:
        return "Base"
    if days > 21:
        return "Build"
    return "Peak" if days > 7 else "Taper"


def _is_event(mission: Mission) -> bool:
    return mission.state == Mission.State.EVENT_ACTIVE


def _progress(mission: Mission, readings: Readings, local_date: date) -> dict[str, Any] | None:
    if not _is_event(mission):
        return None
    return standing(game_told(mission, readings, local_date=local_date))


def _mission(mission: Mission, local_date: date) -> facts.MissionFacts:
    return facts.MissionFacts(
        state=mission.state,
        type=mission.mission_type,
        timezone=mission.timezone,
        phase=phase_on(mission, local_date),
        event_start=mission.event_start,
        event_end=mission.event_end,
        constraints=facts.Constraints(
            min_readiness=mission.min_readiness,
            min_tsb=mission.min_tsb,
            force_rest_readiness=mission.force_rest_readiness,
            force_rest_tsb=mission.force_rest_tsb,
            max_ramp_rate=mission.max_ramp_rate,
            max_consecutive_hard_days=_max_hard_days(mission),
            max_hard_sessions_per_week=mission.max_hard_sessions_per_week,
            max_rhr=mission.max_rhr,
            max_zone=mission.max_zone,
        ),
        availability=facts.Availability(
            weekly_minutes=mission.weekly_minutes,
            today_minutes=mission.minutes_on(local_date),
            blocked_today=mission.minutes_on(local_date) == 0,
        ),
        points_schema=mission.points_schema,
        event_style=mission.event_style,
        targets=mission.targets,
    )


def _max_hard_days(mission: Mission) -> int:
    if not _is_event(mission):
        return mission.max_consecutive_hard_days
    return max(MAX_HARD_DAYS_IN_EVENT, mission.max_consecutive_hard_days)


def _today(mission: Mission, scored: Sequence[ScoredRide], local_date: date) -> facts.TodayFacts:
    stage = mission.stage_on(local_date) if _is_event(mission) else None
    return facts.TodayFacts(
        date=local_date,
        weekday=f"{local_date:%A}",
        days_to_event=mission.days_to_event(local_date),
        stage=_stage(mission, stage, scored) if stage and not stage.is_rest_day else None,
        is_rest_day=bool(stage and stage.is_rest_day),
        tz_shift_hours=None,
    )


def _stage(mission: Mission, stage: Stage, scored: Sequence[ScoredRide]) -> facts.StageFacts:
    of_day = [one.ride for one in scored if ridden_on(mission, one.ride) == stage.date]
    return facts.StageFacts(
        number=stage.number,
        stage_type=stage.stage_type,
        is_completed=ride_that_counts(of_day) is not None,
    )


def _metrics(
    owner: User, scored: Sequence[ScoredRide], readings: Readings, local_date: date, now: datetime
) -> facts.Metrics:
    days = days_of(owner, scored, readings, local_date)
    return facts.Metrics(
        **of_the_night(readings, local_date, now),
        **_of_the_form(form_on(local_date, days)),
        **_of_the_loads(scored, readings, now),
        consecutive_hard_days=consecutive_hard_days(local_date, days),
        days_since_rest=days_since_rest(local_date, days),
        conflict=False,
    )


def _of_the_form(form: Form) -> dict[str, Any]:
    return {
        "tsb": rounded(form.tsb),
        "ctl": rounded(form.ctl),
        "atl": rounded(form.atl),
        "ramp_7d": rounded(form.ramp_7d),
        "ctl_status": form.ctl_status,
        "load_7d": rounded(form.load_7d, 0),
        "monotony": rounded(form.monotony, 2),
        "max_load_30d": rounded(form.max_load_30d, 0),
        "history_days": form.history_days,
        "unknown_days": form.unknown_days,
    }


def _of_the_loads(
    scored: Sequence[ScoredRide], readings: Readings, now: datetime
) -> dict[str, Any]:
    """Which sources the loads rest on, and how long ago the freshest of them was read."""
    sources = sorted({one.ride.source for one in scored})
    read_at = [
        report.last_success_at
        for report in readings.sources
        if report.source in sources and report.last_success_at
    ]
    return {
        "load_source": "+".join(sources) or None,
        "load_age_h": rounded(age_hours(max(read_at), now)) if read_at else None,
    }


def _week(scored: Sequence[ScoredRide], readings: Readings, local_date: date) -> facts.Week:
    """From Monday to yesterday; the limits of a mission are minutes on the bike."""
    monday = local_date - timedelta(days=local_date.weekday())
    ridden = [
        one
        for one in scored
        if monday <= one.ride.local_date < local_date and one.ride.sport in RIDE_SPORTS
    ]
    is_told = bool(readings.rides) or readings.rides_known_until is not None
    is_judged = is_told and all(one.is_hard is not None for one in ridden)
    return facts.Week(
        minutes_done=sum(one.minutes for one in ridden) if is_told else None,
        hard_sessions_done=sum(one.is_hard is True for one in ridden) if is_judged else None,
        pre_taper_session_minutes=None,
    )


def _recent(scored: Sequence[ScoredRide]) -> Iterator[facts.RecentRide]:
    for one in list(reversed(scored))[:MOST_RECENT_RIDES]:
        yield facts.RecentRide(
            date=one.ride.local_date,
            sport=one.ride.sport,
            minutes=one.minutes,
            load=rounded(one.load.load, 0),
            load_method=one.load.method,
            intensity_factor=rounded(one.load.intensity_factor, 2),
            source=one.ride.source,
        )


def _typed(mission: Mission, recent: Sequence[ScoredRide]) -> Iterator[str]:
    yield f"mission: {mission.name}"
    if mission.restrictions:
        yield f"restrictions: {mission.restrictions}"
    yield from _ride_names(recent)


def _ride_names(scored: Sequence[ScoredRide]) -> Iterator[str]:
    for one in list(reversed(scored))[:MOST_RECENT_RIDES]:
        if one.ride.name:
            yield f"ride {one.ride.local_date}: {one.ride.name}"


def _sources(readings: Readings) -> Iterator[facts.SourceFacts]:
    for report in readings.sources:
        yield facts.SourceFacts(
            source=report.source,
            label=report.label,
            is_working=report.is_working,
            last_success_at=report.last_success_at,
            problem=report.problem,
            is_news=report.is_news,
            is_withheld=report.is_withheld,
            waits=report.waits,
            is_retried=report.is_retried,
        )
