"""Drawing up the situation: readings in, numbers computed, one frozen value out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from accounts.models import User
from coach import facts
from coach.classify import BREAKAWAY_IF, GC_IF, LEAST_S
from coach.conflict import readings_disagree
from coach.event_facts import is_event, progress_of, stage_facts, stage_of_today
from coach.past_runs import past_runs
from coach.physiology.days import Day, consecutive_hard_days, days_since_rest
from coach.physiology.form import Form, form_on
from coach.physiology.nights import age_hours
from coach.physiology.projection import Projection, projected, usual_week
from coach.recovery import is_rest_mode, of_the_night, rounded, slept_by_source
from coach.reported import Reported, health_of, minutes_on, notes_of, reported_by, travel_of
from coach.scored import ScoredRide, days_of, score
from coach.situation import Situation
from coach.week import recent_rides, week_of
from connections.readings import Readings
from missions import limits
from missions.models import Mission
from missions.points import STAGE_TYPES

# In an event a third hard day in a row is part of the game.
MAX_HARD_DAYS_IN_EVENT = 3


def draw_up(mission: Mission, readings: Readings, *, local_date: date, now: datetime) -> Situation:
    """The situation of a mission on a local date, from what was read by `now`."""
    owner = mission.owner
    scored = score(owner, readings)
    reported = reported_by(owner, local_date)
    minutes = minutes_on(mission, local_date, reported)
    told = _mission(mission, local_date, minutes)
    metrics = _metrics(
        *(scored, readings, local_date, now),
        mission=mission,
        limits=told.constraints,
        reported=reported,
    )
    return Situation(
        drawn_up_at=now,
        mission=told,
        athlete=_athlete(owner, readings, local_date),
        today=_today(mission, scored, local_date, now),
        metrics=metrics,
        week=week_of(mission, scored, readings, local_date),
        health=health_of(
            owner, reported, local_date, is_rest_mode=is_rest_mode(readings, local_date)
        ),
        recent_activities=tuple(recent_rides(scored, local_date)),
        last_runs=tuple(past_runs(mission, local_date, readings.kept_back)),
        progress=progress_of(
            mission,
            readings,
            local_date,
            scored=scored,
            metrics=metrics,
            constraints=told.constraints,
            minutes_today=minutes,
        ),
        sources=tuple(_sources(readings)),
        notes=tuple(notes_of(mission, reported)),
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


def _athlete(owner: User, readings: Readings, local_date: date) -> facts.AthleteFacts:
    ftp = readings.ftp_on(local_date)
    return facts.AthleteFacts(
        sport="cycling",
        ftp=ftp.power_w if ftp else None,
        lthr=owner.lthr_bpm,
        hr_max=owner.hr_max_bpm,
        age=owner.age_on(local_date),
    )


def _mission(mission: Mission, local_date: date, minutes: int) -> facts.MissionFacts:
    priced = [kind for kind in STAGE_TYPES if kind in mission.points_schema]
    bonuses = mission.points_schema.get("bonuses", {})
    return facts.MissionFacts(
        state=mission.state,
        type=mission.mission_type,
        timezone=mission.timezone,
        phase=phase_on(mission, local_date),
        event_start=mission.event_start,
        event_end=mission.event_end,
        constraints=_constraints(mission),
        availability=facts.Availability(
            weekly_minutes=mission.weekly_minutes,
            today_minutes=minutes,
            blocked_today=minutes == 0,
        ),
        goal=mission.name,
        points_schema={kind: mission.points_schema[kind] for kind in priced},
        bonuses={name: bonus["points"] for name, bonus in bonuses.items()},
        detection=facts.Detection(
            min_minutes=LEAST_S // 60, gc_if=GC_IF, breakaway_if=BREAKAWAY_IF
        ),
        event_style=mission.event_style,
        targets=mission.targets,
    )


def _constraints(mission: Mission) -> facts.Constraints:
    return facts.Constraints(
        min_readiness=mission.min_readiness,
        min_tsb=mission.min_tsb,
        force_rest_readiness=mission.force_rest_readiness,
        force_rest_tsb=mission.force_rest_tsb,
        max_ramp_rate=mission.max_ramp_rate,
        max_consecutive_hard_days=_max_hard_days(mission),
        max_hard_sessions_per_week=mission.max_hard_sessions_per_week,
        max_rhr=mission.max_rhr,
        max_zone=mission.max_zone,
        **{name: getattr(mission, name) for name in Mission.CONVENTIONS},
    )


def _max_hard_days(mission: Mission) -> int:
    """In an event three, unless the tester has set more, or fewer than is usual."""
    own, usual = mission.max_consecutive_hard_days, limits.MAX_CONSECUTIVE_HARD_DAYS.usual
    return max(MAX_HARD_DAYS_IN_EVENT, own) if is_event(mission) and own >= usual else own


def _today(
    mission: Mission, scored: Sequence[ScoredRide], local_date: date, now: datetime
) -> facts.TodayFacts:
    stage = stage_of_today(mission, local_date)
    ahead = mission.days_to_event(local_date)
    return facts.TodayFacts(
        date=local_date,
        weekday=f"{local_date:%A}",
        days_to_event=ahead if ahead > 0 else None,
        # The first day of the event is its day 1.
        days_into_event=1 - ahead if ahead <= 0 and local_date <= mission.event_end else None,
        stage=stage_facts(mission, stage, scored),
        is_rest_day=bool(stage and stage.is_rest_day),
        **travel_of(mission.owner, local_date, now),
    )


def _metrics(
    scored: Sequence[ScoredRide],
    readings: Readings,
    local_date: date,
    now: datetime,
    *,
    mission: Mission,
    limits: facts.Constraints,
    reported: Reported,
) -> facts.Metrics:
    days = days_of(mission.owner, scored, readings, local_date)
    night, form = of_the_night(readings, local_date, now), form_on(local_date, days)
    return facts.Metrics(
        **night,
        **_of_the_form(form),
        **_at_the_event(mission, form, days),
        **_of_the_loads(scored, readings, now),
        consecutive_hard_days=consecutive_hard_days(local_date, days),
        days_since_rest=days_since_rest(local_date, days),
        conflict=_is_conflict(night, slept_by_source(readings, local_date), limits, reported),
    )


def _is_conflict(
    night: dict[str, Any],
    slept_h: Sequence[float],
    limits: facts.Constraints,
    reported: Reported,
) -> bool:
    rhr, baseline = night["rhr"], night["rhr_baseline"]
    return readings_disagree(
        readiness=night["readiness"],
        min_readiness=limits.min_readiness,
        rhr_rise=None if rhr is None or baseline is None else round(rhr - baseline, 1),
        rhr_rise_bpm=limits.rhr_rise_bpm,
        feel=reported.check_in.feel if reported.check_in else None,
        slept_h=slept_h,
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
        "strain": rounded(form.strain, 0),
        "max_load_30d": rounded(form.max_load_30d, 0),
        "history_days": form.history_days,
        "unknown_days": form.unknown_days,
    }


def _at_the_event(mission: Mission, form: Form, days: Mapping[date, Day]) -> dict[str, Any]:
    event = at_the_event(mission, form, days)
    if event is None:
        return {}
    return {"projected_ctl": rounded(event.ctl), "projected_tsb": rounded(event.tsb)}


def at_the_event(mission: Mission, form: Form, days: Mapping[date, Day]) -> Projection | None:
    """What the form would be on the event's first morning, if the coming days were as usual.

    None outside of training.
    """
    if mission.state != Mission.State.TRAINING:
        return None
    return projected(
        form,
        {},
        event_date=mission.event_start,
        usual=usual_week(form.local_date, days),
        phase_on=partial(phase_on, mission),
    )


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
