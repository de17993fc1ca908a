"""A finished run as a person reads it: one large word, why, on what, and what was missing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from coach import flag_words, stored_situations, workout_picture, workouts
from coach.checkin import words
from coach.figures import shown
from coach.limits_told import LimitTold, limits_of
from coach.models import MissionRun
from coach.replies import Decision
from coach.situation import Situation
from coach.workout_files import Offer, Prescribed, offered
from connections.sources import label_of
from missions.bonuses import title_of

ACTION_WORDS = {"recover": "Recover", "ease": "Ease", "maintain": "Maintain", "push": "Push"}
MODE_WORDS = {"gc": "GC", "breakaway": "Breakaway", "steady": "Steady", "rest": "Rest"}
OUR_SCORE = {"lr_readiness_v1": "Lanterne score"}
# Label, unit, and where in the situation the value's source and age stand.
HRV = ("hrv_source", "hrv_age_h")
RESTING_HR = ("rhr_source", "rhr_age_h")
SLEEP = ("sleep_source", "sleep_age_h")
# Situations from before each quantity had a source of its own have one for the night.
NIGHT = ("night_source", "night_age_h")
OF_THE_NIGHT = (HRV, RESTING_HR, SLEEP)
LOADS = ("load_source", "load_age_h")
CHIPS = {
    "metrics.readiness": ("Readiness", "", ("readiness_source", "readiness_age_h")),
    "metrics.hrv": ("HRV", "ms", HRV),
    "metrics.hrv_baseline": ("HRV, your usual", "ms", HRV),
    "metrics.rhr": ("Resting heart rate", "bpm", RESTING_HR),
    "metrics.rhr_baseline": ("Resting heart rate, your usual", "bpm", RESTING_HR),
    "metrics.sleep_h": ("Sleep", "h", SLEEP),
    "metrics.sleep_7d_h": ("Sleep, 7-day average", "h", SLEEP),
    "metrics.tsb": ("Form (TSB)", "", LOADS),
    "metrics.ctl": ("Fitness (CTL)", "points a day", LOADS),
    "metrics.atl": ("Fatigue (ATL)", "points a day", LOADS),
    "metrics.ramp_7d": ("Fitness ramp", "points in 7 days", LOADS),
    "metrics.projected_ctl": ("Fitness (CTL) at the event, riding as now", "points a day", LOADS),
    "metrics.projected_tsb": ("Form (TSB) at the event, riding as now", "", LOADS),
    "metrics.load_7d": ("Load, 7 days", "points", LOADS),
    "metrics.history_days": ("Days of history", "", LOADS),
    "metrics.consecutive_hard_days": ("Hard days in a row", "", LOADS),
    "metrics.days_since_rest": ("Days since rest", "", LOADS),
    "today.days_to_event": ("To the event", "days", None),
    "week.minutes_done": ("Ridden this week", "min", LOADS),
    "week.hard_sessions_done": ("Hard rides this week", "", LOADS),
    "mission.availability.today_minutes": ("Your limit for today", "min", None),
    "athlete.ftp": ("FTP", "W", None),
}
MISSING_WORDS = {
    "metrics.readiness": "readiness",
    "metrics.tsb": "form (TSB)",
    "metrics.hrv": "HRV",
    "metrics.rhr": "resting heart rate",
    "metrics.sleep_h": "last night’s sleep",
    "athlete.ftp": "your FTP",
}
MOST_NEAR_LIMITS = 3
UNKNOWN = "unknown"
KEEP_TRYING = "We keep trying."
READINESS_REASONS = {
    "no_reading": "no nights have been read yet",
    "stale_reading": "the latest night is more than 36 hours old",
    "no_sleep": "the sleep of last night is not in yet",
    "baseline_too_short": "14 nights of history are needed first",
    "no_hrv_no_rhr": "neither HRV nor resting heart rate is in",
}


@dataclass(frozen=True, slots=True)
class Chip:
    label: str
    value: str
    source: str
    age: str

    def __str__(self) -> str:
        told = ", ".join(part for part in (self.source, self.age) if part)
        return f"{self.label} {self.value}" + (f" ({told})" if told else "")


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything the brief shows, in words and numbers ready to print."""

    action: str
    decision: Decision
    situation: Situation
    bars: Sequence[workouts.Bar]
    chips: Sequence[Chip]
    missing: Sequence[str]
    problems: Sequence[str]
    limits: Sequence[LimitTold]
    ride_mode: str
    first_line: str
    marked: Sequence[str] = ()

    @property
    def near_limits(self) -> Sequence[LimitTold]:
        """The few that came nearest to changing the call."""
        return [one for one in self.limits if one.distance is not None][:MOST_NEAR_LIMITS]

    @property
    def other_limits(self) -> Sequence[LimitTold]:
        near = self.near_limits
        return [one for one in self.limits if one not in near]

    @property
    def picture_words(self) -> str:
        """What the picture of the workout shows."""
        plan = self.decision.workout_plan
        return workout_picture.words(plan) if plan else ""

    @property
    def minutes(self) -> int:
        plan = self.decision.workout_plan
        return plan.duration_minutes if plan else 0

    @property
    def ftp_y(self) -> float:
        return workouts.FTP_LINE

    @property
    def flags(self) -> Sequence[str]:
        """What the coach marked, as a sentence where it is one of its short codes."""
        words = [flag.replace("_", " ") for flag in self.decision.flags]
        return [flag[:1].upper() + flag[1:] for flag in words]

    @property
    def said(self) -> Sequence[str]:
        """What the tester said of the morning, as the coach was told."""
        return words.of_health(self.situation.health)

    @property
    def bonuses(self) -> Sequence[str]:
        """The bonuses the coach sees within reach, by the titles they have in the game."""
        return [title_of(name) for name in self.decision.bonus_opportunities]

    @property
    def confidence_pct(self) -> int:
        return round(100 * self.decision.confidence)

    @property
    def blocks(self) -> Sequence[workouts.Block]:
        plan = self.decision.workout_plan
        return list(workouts.blocks(plan, self.situation.athlete.ftp)) if plan else ()

    @property
    def files(self) -> Offer | None:
        """What the workout can be taken along as."""
        plan, athlete = self.decision.workout_plan, self.situation.athlete
        return offered(Prescribed(plan, athlete.ftp, athlete.lthr)) if plan else None

    @property
    def zone_minutes(self) -> Sequence[tuple[str, str, int]]:
        plan = self.decision.workout_plan
        return workouts.zone_minutes(plan) if plan else ()


def of(run: MissionRun, now: datetime) -> Brief | None:
    """The brief of a decided run, with ages as of `now`; None while there is no decision."""
    if run.decision is None or run.situation is None:
        return None
    decision = Decision.model_validate(run.decision)
    situation = stored_situations.read(run.situation)
    passed = now - situation.drawn_up_at
    plan = decision.workout_plan
    return Brief(
        action=ACTION_WORDS[decision.action],
        decision=decision,
        situation=situation,
        bars=workouts.bars(plan) if plan and plan.duration_minutes else (),
        chips=list(_chips(situation, decision, passed)),
        missing=missing_in(situation),
        problems=list(_problems(situation)),
        limits=limits_of(situation, decision),
        ride_mode=MODE_WORDS.get(decision.recommended_ride_mode or "", ""),
        first_line=headline(decision),
        marked=flag_words.of(run.flagged),
    )


def _problems(situation: Situation) -> Iterator[str]:
    for one in situation.sources:
        if one.problem and one.is_news:
            yield f"{one.problem} {KEEP_TRYING}" if one.is_retried else one.problem


def headline(decision: Decision) -> str:
    """What to do today, in one line."""
    plan = decision.workout_plan
    if plan is None or plan.duration_minutes == 0:
        return f"{ACTION_WORDS[decision.action]}: no riding today"
    mode = decision.recommended_ride_mode
    ridden = f"{MODE_WORDS[mode]}, " if mode else ""
    return (
        f"{ACTION_WORDS[decision.action]}: {ridden}{plan.duration_minutes} min, "
        f"{decision.intensity_recommendation} intensity"
    )


def missing_in(situation: Situation) -> list[str]:
    """What was not known, in words, with the reason where there is one."""
    reason = READINESS_REASONS.get(situation.metrics.readiness_reason or "")
    return [
        *(
            f"readiness ({reason})"
            if path == "metrics.readiness" and reason
            else MISSING_WORDS[path]
            for path in situation.missing()
        ),
        *(
            f"last night from {source.label} (not there yet: open the {source.label} app and it "
            "will come)"
            for source in situation.sources
            if source.waits
        ),
    ]


def efforts_in(situation: Situation) -> list[dict[str, Any]]:
    """The last week's recordings, their sport and source as people call them."""
    return [
        {
            **recorded.model_dump(by_alias=False),
            "sport": sport_words(recorded.sport),
            "source": source_words(recorded.source),
        }
        for recorded in situation.recent_activities
    ]


def sport_words(sport: str) -> str:
    """“VirtualRide” is a virtual ride."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", sport).capitalize()


def numbers_in(situation: Situation) -> list[Chip]:
    """Every number that went in, known or not, with ages as they were then.

    In the event itself there are no days to it, which is nothing unknown.
    """
    values = {path: situation.value_at(path) for path in CHIPS}
    if values["today.days_to_event"] is None:
        del values["today.days_to_event"]
    return [chip(situation, path, value, timedelta()) for path, value in values.items()]


def _chips(situation: Situation, decision: Decision, passed: timedelta) -> Iterator[Chip]:
    for evidence in decision.evidence:
        if evidence.metric in CHIPS:
            yield chip(situation, evidence.metric, evidence.value, passed)


def chip(situation: Situation, path: str, value: float | None, passed: timedelta) -> Chip:
    label, unit, provenance = CHIPS[path]
    if value is None:
        return Chip(label, UNKNOWN, "", "")
    if unit == "ms" and situation.metrics.hrv_kind == "sdnn":
        # Apple's measure, which is not to be compared with the rMSSD of others.
        unit = "ms SDNN"
    source, age_h = _provenance(situation, provenance)
    return Chip(
        label=label,
        value=f"{shown(value)} {unit}".strip(),
        source=source_words(source),
        age=_age_words(None if age_h is None else timedelta(hours=age_h) + passed),
    )


def _provenance(
    situation: Situation, names: tuple[str, str] | None
) -> tuple[str | None, float | None]:
    """The source of a value and its age in hours."""
    if names is None:
        return None, None
    source, age_h = (getattr(situation.metrics, name) for name in names)
    if source is None and names in OF_THE_NIGHT:
        return _provenance(situation, NIGHT)
    return source, age_h


def source_words(source: str | None) -> str:
    """A source as people know it: "oura" is Oura, "apple+strava" both, ":no_hrv" a footnote."""
    if source is None:
        return ""
    names = source.split(":")[0].split("+")
    return " and ".join(OUR_SCORE.get(name) or label_of(name) for name in names)


def _age_words(age: timedelta | None) -> str:
    if age is None:
        return ""
    minutes = max(round(age.total_seconds() / 60), 0)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    hours = round(minutes / 60)
    return f"{hours} h ago" if hours < 48 else f"{round(hours / 24)} days ago"
