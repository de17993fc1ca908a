"""What the coach knows this morning, as one frozen value that goes to the model and to the row.

The field names are the model's vocabulary. Whatever is not known is None and stays None; every age
is in hours, every load on the TSS scale, TSB as it stood when the day began.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Phase = Literal["Base", "Build", "Peak", "Taper", "Event"]


class Fact(BaseModel):
    # An error that quoted its input would carry health values into a log.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Constraints(Fact):
    min_readiness: int
    min_tsb: int
    force_rest_readiness: int
    force_rest_tsb: int
    max_ramp_rate: float
    max_consecutive_hard_days: int
    max_hard_sessions_per_week: int
    # Stored situations are older than what has a default here and below.
    max_rhr: int | None = None
    max_zone: int | None = None


class Availability(Fact):
    weekly_minutes: int
    today_minutes: int
    blocked_today: bool


class MissionFacts(Fact):
    state: str
    type: str
    timezone: str
    phase: Phase | None
    event_start: date
    event_end: date
    constraints: Constraints
    availability: Availability
    points_schema: dict[str, Any]
    event_style: str | None = None
    targets: dict[str, int] = {}


class AthleteFacts(Fact):
    sport: str
    ftp: int | None
    lthr: int | None
    hr_max: int | None


class StageFacts(Fact):
    number: int
    stage_type: str
    is_completed: bool


class TodayFacts(Fact):
    date: date
    weekday: str
    days_to_event: int
    stage: StageFacts | None
    is_rest_day: bool
    tz_shift_hours: int | None


class Metrics(Fact):
    readiness: int | None
    readiness_source: str | None
    readiness_age_h: float | None
    readiness_reason: str | None
    tsb: float | None
    ctl: float | None
    atl: float | None
    ramp_7d: float | None
    ctl_status: str
    hrv: float | None
    hrv_kind: str | None
    hrv_baseline: float | None
    hrv_7d_z: float | None
    rhr: float | None
    rhr_baseline: float | None
    sleep_h: float | None
    sleep_7d_h: float | None
    night_source: str | None
    night_age_h: float | None
    load_7d: float | None
    load_source: str | None
    load_age_h: float | None
    monotony: float | None
    max_load_30d: float | None
    history_days: int
    unknown_days: int
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


class Week(Fact):
    """What was ridden from Monday to yesterday; None where no source could have told."""

    minutes_done: int | None
    hard_sessions_done: int | None
    pre_taper_session_minutes: int | None


class Health(Fact):
    """What the tester reported; a list that is empty says that nothing was reported."""

    red_flags: tuple[str, ...] = ()
    illness: str | None = None
    illness_resolved_days: int | None = None
    injury: str | None = None
    reds_flag: bool = False


class RecentRide(Fact):
    date: date
    sport: str
    minutes: int
    load: float | None
    load_method: str | None
    intensity_factor: float | None
    source: str


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


class Situation(Fact):
    drawn_up_at: datetime
    mission: MissionFacts
    athlete: AthleteFacts
    today: TodayFacts
    metrics: Metrics
    week: Week
    health: Health
    recent_activities: tuple[RecentRide, ...]
    progress: dict[str, Any] | None
    sources: tuple[SourceFacts, ...]
    untrusted: tuple[str, ...]
    # The sources nothing of which is in here, because the settings keep them from the model.
    kept_back: tuple[str, ...] = ()

    def for_model(self) -> dict[str, Any]:
        """The situation as JSON values, without what people typed and without our own notes."""
        return self.model_dump(mode="json", exclude=OUR_NOTES)

    def value_at(self, path: str) -> Any:
        """The value at a dotted path such as "metrics.readiness"; KeyError when there is none."""
        value: Any = self.for_model()
        for part in path.split("."):
            if not isinstance(value, dict):
                raise KeyError(path)
            value = value[part]
        return value

    def missing(self) -> tuple[str, ...]:
        """The key inputs that are unknown this morning, by path."""
        return tuple(path for path in KEY_INPUTS if self.value_at(path) is None)


OUR_NOTES = {"drawn_up_at", "sources", "untrusted", "kept_back"}
KEY_INPUTS = (
    "metrics.readiness",
    "metrics.tsb",
    "metrics.hrv",
    "metrics.rhr",
    "metrics.sleep_h",
    "athlete.ftp",
)
