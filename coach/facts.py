"""What the coach knows this morning, fact by fact; `coach.situation` is the whole of it.

The field names are the model's vocabulary. Whatever is not known is None and stays None; every age
is in hours, every load on the TSS scale, TSB as it stood when the day began.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from missions import limits

Phase = Literal["Base", "Build", "Peak", "Taper", "Event", "Complete"]
STALE_AFTER_H = 36


class Fact(BaseModel):
    # An error that quoted its input would carry health values into a log.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class Constraints(Fact):
    """The limits of the mission: its own, and the conventions it may set differently."""

    min_readiness: int
    min_tsb: float
    force_rest_readiness: int
    force_rest_tsb: float
    max_ramp_rate: float
    max_consecutive_hard_days: int
    max_hard_sessions_per_week: int
    max_rhr: int | None = None
    max_zone: int | None = None
    rhr_rise_bpm: int = limits.RHR_RISE_BPM.usual
    max_days_without_rest: int = limits.MAX_DAYS_WITHOUT_REST.usual
    usual_ramp_rate: float = limits.USUAL_RAMP_RATE.usual
    max_load_pct: int = limits.MAX_LOAD_PCT.usual
    max_monotony: float = limits.MAX_MONOTONY.usual
    new_tester_minutes: int = limits.NEW_TESTER_MINUTES.usual
    jet_lag_hours: int = limits.JET_LAG_HOURS.usual
    prefer_gc_readiness: int | None = None
    prefer_gc_tsb: float | None = None


class Availability(Fact):
    weekly_minutes: int | None
    today_minutes: int
    blocked_today: bool


class Detection(Fact):
    """What makes a ride on a stage day count, and as what."""

    min_minutes: int
    gc_if: float
    breakaway_if: float


class MissionFacts(Fact):
    state: str
    type: str
    timezone: str
    phase: Phase | None
    # Typed by the tester: the name they gave it.
    goal: str | None = None
    event_start: date
    event_end: date
    constraints: Constraints
    availability: Availability
    points_schema: dict[str, dict[str, int]] = {}
    bonuses: dict[str, int] = {}
    detection: Detection | None = None
    event_style: str | None = None
    targets: dict[str, int] = {}


class AthleteFacts(Fact):
    sport: str
    ftp: int | None
    lthr: int | None
    hr_max: int | None
    age: int | None = None


class StageFacts(Fact):
    number: int
    type: str
    completed: bool


class TodayFacts(Fact):
    date: date
    weekday: str
    days_to_event: int | None
    days_into_event: int | None = None
    stage: StageFacts | None
    is_rest_day: bool
    tz_shift_hours: float | None
    days_since_travel: int | None = None


class Metrics(Fact):
    readiness: int | None
    readiness_source: str | None = None
    readiness_age_h: float | None = None
    readiness_reason: str | None = None
    tsb: float | None
    ctl: float | None
    atl: float | None
    ramp_7d: float | None
    ctl_status: str
    hrv: float | None
    hrv_kind: str | None = None
    hrv_baseline: float | None = None
    hrv_7d_z: float | None = None
    rhr: float | None
    rhr_baseline: float | None
    sleep_h: float | None
    sleep_7d_h: float | None = None
    night_source: str | None = None
    night_age_h: float | None = None
    load_7d: float | None = None
    load_source: str | None = None
    load_age_h: float | None = None
    monotony: float | None = None
    strain: float | None = None
    max_load_30d: float | None = None
    history_days: int
    unknown_days: int | None = None
    consecutive_hard_days: int | None
    days_since_rest: int | None
    conflict: bool
    # Where each quantity of the night comes from, which can be several sources.
    hrv_source: str | None = None
    hrv_age_h: float | None = None
    rhr_source: str | None = None
    rhr_age_h: float | None = None
    sleep_source: str | None = None
    sleep_age_h: float | None = None
    # What the event's first morning would start with, ridden towards as in the last four weeks.
    projected_ctl: float | None = None
    projected_tsb: float | None = None
    # Degrees Celsius from the sleeper's own usual.
    temperature_deviation: float | None = None


class Week(Fact):
    """What was ridden from Monday to yesterday; None where no source could have told."""

    minutes_done: int | None
    hard_sessions_done: int | None
    # The mean of the rides before the taper began; None outside of a taper.
    pre_taper_session_minutes: int | None


class Health(Fact):
    """What the tester reported; a list that is empty says that nothing was reported."""

    is_checked_in: bool | None = None
    feel: int | None = None
    soreness: int | None = None
    red_flags: tuple[str, ...] = ()
    illness: str | None = None
    illness_resolved_days: int | None = None
    injury: str | None = None
    reds_flag: bool = False
    # As the ring's app has it.
    is_rest_mode: bool | None = None


class RecentRide(Fact):
    date: date
    # Typed by people or devices.
    name: str | None = None
    sport: str
    minutes: int
    load: float | None
    load_method: str | None = None
    intensity_factor: float | None = Field(alias="if")
    z4plus_minutes: float | None = None
    source: str | None = None


class PastRun(Fact):
    """What was decided on an earlier day, and what the tester did with it."""

    date: date
    # None where there was no guidance.
    action: str | None
    intensity: str | None = None
    minutes: int | None = None
    load: float | None = None
    ride_mode: str | None = None
    # The tester's own word: done, changed, skipped.
    word: str | None = None
    rpe: int | None = None
    ridden_minutes: int | None = None
    ridden_load: float | None = None
    ridden_hard_minutes: float | None = None


class Note(Fact):
    source: str
    text: str


class SourceFacts(Fact):
    """How a source stood when it was read; shown to people, not sent to the model.

    Of one that was withheld from the coach only that, and why.
    """

    source: str
    label: str
    is_working: bool
    last_success_at: datetime | None
    problem: str
    # Until a problem is told once, every brief told it.
    is_news: bool = True
    is_withheld: bool = False
    waits: bool = False
    # Not one that needs the tester.
    is_retried: bool = False


class Facts(Fact):
    drawn_up_at: datetime
    mission: MissionFacts
    athlete: AthleteFacts
    today: TodayFacts
    metrics: Metrics
    week: Week
    health: Health
    recent_activities: tuple[RecentRide, ...]
    last_runs: tuple[PastRun, ...] = ()
    progress: dict[str, Any] | None
    notes: tuple[Note, ...] = ()
    # Strings that must never come back in a reply.
    canaries: tuple[str, ...] = ()
    sources: tuple[SourceFacts, ...] = ()
    # The sources nothing of which is in here, because the settings keep them from the model.
    kept_back: tuple[str, ...] = ()
