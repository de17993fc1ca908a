"""What is read of an export, and where it goes: from types of records to HealthDays."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from connections.providers.apple_health.day_fields import (
    Fields,
    heart_rate_fields,
    hrv_fields,
    overnight_hrv_fields,
    resting_hr_fields,
    sleep_fields,
    sum_fields,
    vo2max_fields,
    weight_fields,
    workout_fields,
)
from connections.providers.apple_health.export import HealthDay, HealthWorkout
from connections.providers.apple_health.local_time import LocalDays
from connections.providers.apple_health.sleep import night_of
from connections.providers.apple_health.sources import Sources
from connections.providers.apple_health.stores import (
    Cumulative,
    DayLatest,
    DayStatistics,
    HrvSample,
    HrvSamples,
    NightStatistics,
    SleepSamples,
    Store,
    StoreOfMany,
)
from connections.providers.apple_health.units import (
    BREATHS_PER_MIN,
    DISTANCE_M,
    ENERGY_KCAL,
    EXERCISE_MIN,
    FLIGHTS,
    HEART_RATE_BPM,
    STEPS,
    VO2MAX,
    WEIGHT_KG,
    WRIST_C,
)

QUANTITY = "HKQuantityTypeIdentifier"
HRV_TYPE = f"{QUANTITY}HeartRateVariabilitySDNN"
SLEEP_TYPE = "HKCategoryTypeIdentifierSleepAnalysis"

# Of everything together, 16 bytes each; 8 GB of a real export hold some twelve million.
MOST_COUNTED = 16_000_000
# Of HRV, or of sleep: an unusual watch writes 35,000 HRV samples a year.
MOST_OF_NIGHTS = 500_000


class Daily:
    def __init__(self, days: LocalDays) -> None:
        self._days = days
        self.rings: dict[int, Fields] = {}
        self.hrv = HrvSamples()
        self._sleep = SleepSamples()
        self._heart_rate = DayStatistics(HEART_RATE_BPM, days)
        self._resting_hr = DayStatistics(HEART_RATE_BPM, days)
        self._walking_hr = DayStatistics(HEART_RATE_BPM, days)
        self._breathing = NightStatistics(BREATHS_PER_MIN, days)
        self._wrist = NightStatistics(WRIST_C, days)
        self._weight = DayLatest(WEIGHT_KG, days)
        self._vo2max = DayLatest(VO2MAX, days)
        self._sums = {
            "steps": Cumulative(STEPS),
            "walking_distance_m": Cumulative(DISTANCE_M),
            "active_energy_kcal": Cumulative(ENERGY_KCAL),
            "basal_energy_kcal": Cumulative(ENERGY_KCAL),
            "cycling_distance_m": Cumulative(DISTANCE_M),
            "flights_climbed": Cumulative(FLIGHTS),
            "exercise_min": Cumulative(EXERCISE_MIN),
        }

    def stores(self) -> dict[str, Store]:
        """By Apple's name for the type of a record; other types are not read."""
        return {
            f"{QUANTITY}HeartRate": self._heart_rate,
            f"{QUANTITY}RestingHeartRate": self._resting_hr,
            f"{QUANTITY}WalkingHeartRateAverage": self._walking_hr,
            f"{QUANTITY}RespiratoryRate": self._breathing,
            f"{QUANTITY}AppleSleepingWristTemperature": self._wrist,
            f"{QUANTITY}BodyMass": self._weight,
            f"{QUANTITY}VO2Max": self._vo2max,
            f"{QUANTITY}StepCount": self._sums["steps"],
            f"{QUANTITY}DistanceWalkingRunning": self._sums["walking_distance_m"],
            f"{QUANTITY}ActiveEnergyBurned": self._sums["active_energy_kcal"],
            f"{QUANTITY}BasalEnergyBurned": self._sums["basal_energy_kcal"],
            f"{QUANTITY}DistanceCycling": self._sums["cycling_distance_m"],
            f"{QUANTITY}FlightsClimbed": self._sums["flights_climbed"],
            f"{QUANTITY}AppleExerciseTime": self._sums["exercise_min"],
            SLEEP_TYPE: self._sleep,
            HRV_TYPE: self.hrv,
        }

    def stores_of_many(self) -> dict[str, StoreOfMany]:
        """Those of them that take many samples at once."""
        return {
            kind: store
            for kind, store in self.stores().items()
            if isinstance(store, Cumulative | DayStatistics | NightStatistics | HrvSamples)
        }

    def is_overfull(self) -> bool:
        counted = sum(store.count for store in self._sums.values())
        return counted > MOST_COUNTED or max(self.hrv.count, self._sleep.count) > MOST_OF_NIGHTS

    def health_days(
        self, sources: Sources, workouts: Iterable[HealthWorkout]
    ) -> dict[date, HealthDay]:
        rows: defaultdict[int, Fields] = defaultdict(dict)
        for fields_by_day in (
            self._measured(sources),
            self._summed(sources),
            self._slept(sources),
            self.rings.items(),
            workout_fields(workouts, self._days),
        ):
            for day, fields in fields_by_day:
                rows[day].update(fields)
        local_dates = {day: date.fromordinal(day) for day in sorted(rows)}
        return {
            local_date: HealthDay(local_date=local_date, **rows[day])
            for day, local_date in local_dates.items()
        }

    def _measured(self, sources: Sources) -> Iterable[tuple[int, Fields]]:
        for day, tally in self._heart_rate.by_day.items():
            yield day, heart_rate_fields(tally, sources)
        for day, tally in self._resting_hr.by_day.items():
            yield day, resting_hr_fields(tally, sources)
        for name, store in (
            ("walking_hr_bpm", self._walking_hr),
            ("respiratory_rate_per_min", self._breathing),
            ("wrist_temperature_c", self._wrist),
        ):
            for day, tally in store.by_day.items():
                yield day, {name: tally.mean}
        for day, reading in self._weight.by_day.items():
            yield day, weight_fields(reading, sources)
        for day, reading in self._vo2max.by_day.items():
            yield day, vo2max_fields(reading)

    def _summed(self, sources: Sources) -> Iterable[tuple[int, Fields]]:
        for name, store in self._sums.items():
            for day, of_day in store.by_day(self._days, sources).items():
                yield day, sum_fields(name, of_day)

    def _slept(self, sources: Sources) -> Iterable[tuple[int, Fields]]:
        hrv = self.hrv.in_order()
        by_day: defaultdict[int, list[HrvSample]] = defaultdict(list)
        for sample in hrv:
            by_day[self._days.of(sample.start_s)].append(sample)
        for day, samples in by_day.items():
            yield day, hrv_fields(samples, sources)
        for day, by_source in self._sleep.by_night(self._days, sources):
            night = night_of(by_source)
            yield day, sleep_fields(night, sources)
            yield day, overnight_hrv_fields(night, hrv, sources)
