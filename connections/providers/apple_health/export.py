"""What an export says, per local day and per workout. None means that nobody measured it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthDay:
    """One day of the tester's own calendar; all times are in UTC.

    Sleep, breathing, wrist temperature and overnight HRV belong to the day of waking up.
    Where several devices counted the same thing, the plain name is the de-duplicated sum,
    `_raw` the sum of everything and `_max_source` that of the source with the most.
    """

    local_date: date

    asleep_min: float | None = None  # night and naps
    nap_min: float | None = None
    core_min: float | None = None
    deep_min: float | None = None
    rem_min: float | None = None
    unspecified_min: float | None = None
    awake_min: float | None = None
    in_bed_min: float | None = None
    asleep_union_min: float | None = None  # of all sources, without asking whom to trust
    sleep_start_at: datetime | None = None  # of the night: first and last instant asleep
    sleep_end_at: datetime | None = None
    sleep_sources: tuple[str, ...] = ()

    hrv_sdnn_ms: float | None = None
    hrv_sample_count: int | None = None
    hrv_last_sample_at: datetime | None = None
    hrv_sources: tuple[str, ...] = ()
    hrv_sdnn_overnight_ms: float | None = None
    hrv_overnight_sample_count: int | None = None
    overnight_rmssd_ms: float | None = None  # median of the night's samples, from their beats
    overnight_rmssd_sample_count: int | None = None
    hrv_overnight_last_sample_at: datetime | None = None
    hrv_overnight_sources: tuple[str, ...] = ()

    resting_hr_bpm: float | None = None
    resting_hr_measured_at: datetime | None = None
    resting_hr_sources: tuple[str, ...] = ()
    walking_hr_bpm: float | None = None
    heart_rate_mean_bpm: float | None = None
    heart_rate_min_bpm: float | None = None
    heart_rate_max_bpm: float | None = None
    heart_rate_sample_count: int | None = None
    heart_rate_last_sample_at: datetime | None = None
    heart_rate_sources: tuple[str, ...] = ()
    respiratory_rate_per_min: float | None = None
    wrist_temperature_c: float | None = None
    weight_kg: float | None = None
    weight_measured_at: datetime | None = None
    weight_source: str | None = None
    vo2max_ml_kg_min: float | None = None
    vo2max_measured_at: datetime | None = None

    steps: float | None = None
    steps_raw: float | None = None
    steps_max_source: float | None = None
    walking_distance_m: float | None = None  # on foot, running included
    walking_distance_m_raw: float | None = None
    walking_distance_m_max_source: float | None = None
    active_energy_kcal: float | None = None
    active_energy_kcal_raw: float | None = None
    active_energy_kcal_max_source: float | None = None
    basal_energy_kcal: float | None = None
    cycling_distance_m: float | None = None  # from samples; see also the workouts' below
    flights_climbed: float | None = None
    exercise_min: float | None = None

    ring_active_energy_kcal: float | None = None  # Apple's own de-duplicated sums
    ring_exercise_min: float | None = None
    ring_stand_hours: float | None = None

    workout_count: int | None = None  # duplicates left out, here and below
    cycling_workouts_min: float | None = None
    cycling_workouts_distance_m: float | None = None
    cycling_workouts_energy_kcal: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthWorkout:
    key: str  # source, start and type: the same in every export that holds this workout
    activity_type: str  # Apple's name without its prefix, e.g. "Cycling"
    source_name: str
    started_at: datetime
    ended_at: datetime
    duration_s: float  # pauses left out where the source says so
    distance_m: float | None
    energy_kcal: float | None  # active energy only
    average_hr_bpm: float | None
    max_hr_bpm: float | None
    average_power_w: float | None
    average_cadence_rpm: float | None
    climb_m: float | None
    is_indoor: bool | None
    duplicate_of: int | None = None  # position of the more trusted recording in the sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthExport:
    exported_at: datetime | None
    days: Mapping[date, HealthDay]
    workouts: Sequence[HealthWorkout]
    problems: Mapping[str, int]  # what was left out, in plain words, and how often
    home_zone: str | None  # the time zone that the file names most often
