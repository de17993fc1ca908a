"""A tester's rides as the coach counts them: each once, each with its load, by local day."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from statistics import median

from accounts.models import Ftp, User
from coach.classify import ride_mode, ride_that_counts
from coach.matched import efforts_said
from coach.physiology.days import HARD_MINUTES, UNKNOWN, Day, DayRide, day_of
from coach.physiology.load import Athlete, Sex, rpe_scale, session_rpe
from coach.physiology.scoring import Effort, RideLoad, score_ride
from coach.physiology.zones import PowerZone, zone_minutes
from connections.coverage import Coverage
from connections.duplicates import each_once, is_same_ride, recording_of
from connections.models import Ride
from connections.power_histogram import middles
from connections.readings import Readings
from missions import game, progress
from missions.models import EventProgress, Mission, Stage

# Without a power stream a whole ride at this intensity factor stands for a hard one.
HARD_RIDE_IF = 0.85
# The usual lowest heart rate of the last weeks' nights stands for the resting one of HRSS.
RESTING_NIGHTS = 28
# What an effort of 1 to 10 is held against.
MEASURED = ("power", "hrss")
SEXES: dict[str, Sex] = {User.Sex.FEMALE: "female", User.Sex.MALE: "male"}


@dataclass(frozen=True, slots=True)
class ScoredRide:
    ride: Ride
    load: RideLoad

    @property
    def zone_minutes(self) -> dict[PowerZone, float] | None:
        """Minutes in each power zone, by the FTP its load rests on; None without a stream."""
        histogram: list[int] | None = self.ride.power_histogram
        return zone_minutes(middles(histogram), self.load.ftp_w) if histogram else None

    @property
    def measured_hard_minutes(self) -> float | None:
        """Minutes in Z4 and above, where its power was recorded second by second."""
        zones = self.zone_minutes
        return sum(minutes for zone, minutes in zones.items() if zone >= "Z4") if zones else None

    @property
    def is_hard(self) -> bool | None:
        """By its minutes in Z4 and above, else over its whole length; None when nothing tells."""
        if (measured := self.measured_hard_minutes) is not None:
            return measured > HARD_MINUTES
        load, intensity = self.load.load, self.load.intensity_factor
        if load is None or not self.ride.duration_s:
            return None
        if intensity is None:
            # A load per hour is the square of the intensity factor, whichever way it was measured.
            intensity = math.sqrt(load / (self.ride.duration_s / 36))
        return intensity >= HARD_RIDE_IF

    @property
    def z4plus_minutes(self) -> float | None:
        """As measured; without a power stream all of a hard ride, none of another."""
        if (measured := self.measured_hard_minutes) is not None:
            return measured
        if self.is_hard is None:
            return None
        return float(self.minutes) if self.is_hard else 0.0

    @property
    def minutes(self) -> int:
        return round(self.ride.duration_s / 60)


def score(user: User, readings: Readings) -> list[ScoredRide]:
    """Each ride once, oldest first, with the load that the FTP of its own day gives it, or the
    effort its tester said where no sensor tells."""
    resting = _resting_hr_bpm(readings)
    rides = each_once(readings.rides, readings.orders["rides"])
    said = efforts_said(user, rides)

    def scored(ride: Ride, scale: float | None = None) -> ScoredRide:
        athlete = _athlete(user, readings.ftp_on(ride.local_date), resting)
        athlete = replace(athlete, tss_per_rpe_minute=scale)
        return ScoredRide(ride, score_ride(_effort(ride, said.get(ride.pk)), athlete))

    measured = [scored(ride) for ride in rides]
    scale = _rpe_scale(measured, said)
    return measured if scale is None else [scored(ride, scale) for ride in rides]


def _rpe_scale(scored: Sequence[ScoredRide], said: Mapping[int, int]) -> float | None:
    pairs = (
        (one.load.load, session_rpe(one.ride.duration_s, said.get(one.ride.pk)))
        for one in scored
        if one.load.method in MEASURED
    )
    return rpe_scale([(load, rated) for load, rated in pairs if load is not None and rated])


def days_of(
    user: User, scored: Sequence[ScoredRide], readings: Readings, local_date: date
) -> dict[date, Day]:
    """Every local day with a ride, and the days up to yesterday that nobody told us about."""
    rides: dict[date, list[DayRide]] = {}
    for one in scored:
        rides.setdefault(one.ride.local_date, []).append(
            DayRide(
                sport=one.ride.sport,
                load=one.load.load,
                z4plus_minutes=one.z4plus_minutes,
            )
        )
    days = {day: day_of(of_day) for day, of_day in rides.items()}
    # Without any source yesterday stands for all the days that are unknown.
    last_read = last_read_on(user, readings) or local_date - timedelta(days=1)
    # Of the day of the last reading itself only the beginning was told.
    for ahead in range((local_date - last_read).days):
        days.setdefault(last_read + timedelta(days=ahead), UNKNOWN)
    return days


def last_read_on(user: User, readings: Readings) -> date | None:
    """The local date on which rides were read last, from a source that may be gone since."""
    read_at = max((ride.read_at for ride in readings.rides), default=None)
    return readings.rides_known_until or (user.local_date(read_at) if read_at else None)


def settle_stages(mission: Mission, readings: Readings, *, local_date: date, now: datetime) -> None:
    """Write what the rides of its day make of every stage whose day is over, again if need be.

    Without a ride a stage was missed only if its whole day was told; else it stays as it is.
    """
    if mission.imported_from:
        return
    scored = score(mission.owner, readings)
    known = {ride_key(ride): ride for ride in readings.rides}
    last_told = last_told_of(mission, readings)
    coverage = Coverage.of(mission.owner)
    # A mission that was deleted meanwhile has no stages any more.
    with suppress(Mission.DoesNotExist), progress.held(mission, now) as stored:
        past = list(progress.past_stages(stored, before=local_date))
        counted = _counted(past)
        for stage in past:
            counting = counting_ride(stage, scored, counted)
            if not _may_change(stage, counting.ride if counting else None, known, coverage, now):
                continue
            if counting is not None:
                progress.write(stored, stage, _ridden(counting), now)
            elif _is_gone(stage, known) or (last_told is not None and stage.date < last_told):
                progress.write(stored, stage, None, now)


def counting_ride(
    stage: Stage, scored: Sequence[ScoredRide], counted: Mapping[str, int]
) -> ScoredRide | None:
    """The ride that counts for a stage, of all that are told.

    One that is `counted`, by its key, stays with its stage, also when the event moves to another
    zone.
    """

    def is_of_stage(ride: Ride) -> bool:
        if (stage_id := counted.get(ride_key(ride))) is not None:
            return stage_id == stage.pk
        return ridden_on(stage.mission, ride) == stage.date

    counting = ride_that_counts([one.ride for one in scored if is_of_stage(one.ride)])
    return next((one for one in scored if one.ride is counting), None)


def _counted(stages: Iterable[Stage]) -> dict[str, int]:
    """The stages that rides were settled on, by the key of the ride."""
    rows = map(progress.outcome_of, stages)
    return {row.ride_key: row.stage_id for row in rows if row and row.ride_key}


def game_told(mission: Mission, readings: Readings, *, local_date: date) -> game.Game:
    """The game as the coach may know it: what is stored rests on all that any source ever told.

    Where one is kept from the coach, what the others tell now counts instead, with the tester's
    own appeals; a stage nobody else tells of is open. An imported mission was recorded elsewhere.
    """
    if mission.imported_from or not readings.kept_back:
        return game.game_of(mission)
    return game.game_of(mission, _told_outcomes(mission, readings, local_date))


def _told_outcomes(
    mission: Mission, readings: Readings, local_date: date
) -> dict[int, EventProgress]:
    """Rows that are not stored, by the primary key of their stage."""
    scored = score(mission.owner, readings)
    last_told = last_told_of(mission, readings)
    appeals = progress.last_appeals(mission)
    past = list(progress.past_stages(mission, before=local_date))
    counted = _counted(past)
    outcomes = {}
    for stage in past:
        counting = counting_ride(stage, scored, counted)
        if counting is not None:
            ridden = _ridden(counting)
            appeal = appeals.get((stage.pk, ridden.ride_key))
            outcomes[stage.pk] = progress.as_outcome(mission, stage, ridden, appeal)
        elif last_told is not None and stage.date < last_told:
            outcomes[stage.pk] = progress.as_outcome(mission, stage, None)
    return outcomes


def _may_change(
    stage: Stage,
    counting: Ride | None,
    known: dict[str, Ride],
    coverage: Coverage,
    now: datetime,
) -> bool:
    """Whether the rides that are here now say more than those the stage was settled from."""
    row = progress.outcome_of(stage)
    if row is None or not row.ride_key:
        return True
    ride = known.get(row.ride_key)
    if ride is None:
        return coverage.would_have_told(
            row.ride_key.partition(":")[0],
            of=datetime.combine(stage.date, time.min, tzinfo=stage.mission.zone),
            since=row.settled_at,
            now=now,
        )
    # The better record of the very ride that counts already is no other ride.
    is_its_twin = counting not in (None, ride) and is_same_ride(
        recording_of(ride), recording_of(counting)
    )
    return not is_its_twin


def _is_gone(stage: Stage, known: dict[str, Ride]) -> bool:
    """Whether the ride it was settled from is not here; of what may change, it was deleted."""
    row = progress.outcome_of(stage)
    return row is not None and bool(row.ride_key) and row.ride_key not in known


def ridden_on(mission: Mission, ride: Ride) -> date:
    """The day of the mission a ride belongs to: the event may be in another zone than its rider."""
    return mission.local_date(ride.started_at)


def last_told_of(mission: Mission, readings: Readings) -> date | None:
    """The first of the mission's days that may not have been told to its end."""
    last_read = last_read_on(mission.owner, readings)
    if last_read is None or mission.timezone == mission.owner.timezone:
        return last_read
    return last_read - timedelta(days=1)


def ride_key(ride: Ride) -> str:
    return f"{ride.source}:{ride.external_id}"


def _ridden(one: ScoredRide) -> progress.StageRidden:
    return progress.StageRidden(
        ride_mode=ride_mode(one.ride, one.load),
        ride_key=ride_key(one.ride),
        completed_at=one.ride.ended_at,
    )


def _effort(ride: Ride, rpe: int | None) -> Effort:
    return Effort(
        duration_s=ride.duration_s,
        sport=ride.sport,
        has_power_meter=ride.has_power_meter,
        average_power_w=ride.average_power_w,
        normalized_power_w=ride.np_w,
        average_hr_bpm=ride.average_hr_bpm,
        suffer_score=ride.suffer_score,
        rpe=rpe,
    )


def _athlete(user: User, ftp: Ftp | None, resting: float | None) -> Athlete:
    return Athlete(
        ftp_w=ftp.power_w if ftp else None,
        hr_rest_bpm=resting,
        hr_max_bpm=user.hr_max_bpm,
        lthr_bpm=user.lthr_bpm,
        sex=SEXES.get(user.sex),
    )


def _resting_hr_bpm(readings: Readings) -> float | None:
    lowest = [n.resting_hr_bpm for n in readings.nights if n.resting_hr_bpm is not None]
    return median(lowest[-RESTING_NIGHTS:]) if lowest else None
