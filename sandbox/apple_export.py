"""An Apple Health export of the rider's last weeks, laid out as the iPhone lays it out.

Records are grouped by type and, inside a type, by source. The rides appear again as workouts of the
watch, a few seconds off the recordings on Strava; steps come from two devices that overlap.
"""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from math import sin, sqrt
from statistics import pstdev

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now as utc_now
from django.views.decorators.http import require_GET

from sandbox.apple_xml import SOURCES, Phone, element, prolog
from sandbox.person.days import day_of
from sandbox.person.nights import Night, night_of
from sandbox.person.recording import distance_m, recording, totals
from sandbox.person.rider import BIRTH_DATE, HOME, at_home, luck
from sandbox.person.rides import Ride, rides_between

DAYS = 45
QUANTITY, CATEGORY = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifier"
ASLEEP = "HKCategoryValueSleepAnalysis"
BEATS = 46
# The night in four cycles: deep sleep early, REM late.
CYCLES = ((0.4, 0.1), (0.3, 0.2), (0.2, 0.3), (0.1, 0.4))


@require_GET
def download(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(export_zip(utc_now()), content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="export.zip"'
    return response


def export_zip(now: datetime) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("apple_health_export/export_cda.xml", CLINICAL_COPY)
        archive.writestr("apple_health_export/export.xml", "".join(_export(now)))
    return packed.getvalue()


CLINICAL_COPY = '<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"/>\n'


def _export(now: datetime) -> Iterator[str]:
    offset = now.astimezone(HOME).utcoffset() or timedelta()
    phone = Phone(timezone(offset))
    today = now.astimezone(HOME).date()
    days = [today - timedelta(days=n) for n in range(DAYS, 0, -1)]
    nights = [night for day in (*days, today) if (night := night_of(day)).wake_at <= now]
    rides = [
        ride for ride in rides_between(days[0], today) if ride.end_at <= now and not ride.is_manual
    ]
    yield prolog()
    yield '<HealthData locale="en_FR">\n'
    yield element("ExportDate", {"value": phone.stamp(now)})
    yield element("Me", ME)
    yield from _weights(phone, days)
    yield from _heart_rates(phone, nights, rides)
    yield from _steps(phone, days)
    yield from _resting_heart_rates(phone, nights)
    yield from _sleep(phone, nights)
    yield from _variability(phone, nights)
    yield from (_workout(phone, ride) for ride in rides)
    yield from (_summary(day) for day in days)
    yield "</HealthData>\n"


ME = {
    "HKCharacteristicTypeIdentifierDateOfBirth": BIRTH_DATE.isoformat(),
    "HKCharacteristicTypeIdentifierBiologicalSex": "HKBiologicalSexMale",
    "HKCharacteristicTypeIdentifierBloodType": "HKBloodTypeNotSet",
    "HKCharacteristicTypeIdentifierFitzpatrickSkinType": "HKFitzpatrickSkinTypeNotSet",
    "HKCharacteristicTypeIdentifierCardioFitnessMedicationsUse": "None",
}


def _weights(phone: Phone, days: list[date]) -> Iterator[str]:
    for day in days:
        if day.toordinal() % 3 == 0:
            moment = at_home(day, 6, 55)
            weight = str(day_of(day).weight_kg)
            yield phone.record(f"{QUANTITY}BodyMass", "scale", (moment, moment), weight, unit="kg")


def _heart_rates(phone: Phone, nights: list[Night], rides: list[Ride]) -> Iterator[str]:
    """Every twenty minutes at night, every minute on the bike."""
    for night in nights:
        for minutes in range(0, night.in_bed_s // 60, 20):
            bpm = night.lowest_hr_bpm + (minutes * 7) % 9
            yield _heart_rate(phone, night.bed_at + timedelta(minutes=minutes), bpm)
    for ride in rides:
        for second in range(0, ride.moving_s // 2, 60):
            bpm = recording(ride).heartrate[second]
            yield _heart_rate(phone, ride.start_at + timedelta(seconds=second), bpm)


def _heart_rate(phone: Phone, moment: datetime, bpm: int) -> str:
    context = {"key": "HKMetadataKeyHeartRateMotionContext", "value": "2" if bpm > 100 else "1"}
    return phone.record(
        f"{QUANTITY}HeartRate",
        "watch",
        (moment, moment),
        str(bpm),
        unit="count/min",
        inner=element("MetadataEntry", context, depth=2),
    )


def _steps(phone: Phone, days: list[date]) -> Iterator[str]:
    """The phone stays on the desk for part of the day, the watch does not: adding them is wrong."""
    for source, first_hour, share in (("phone", 9, 0.6), ("watch", 7, 1.0)):
        for day in days:
            hours = range(first_hour, 21)
            for hour in hours:
                begin = at_home(day, hour, 10)
                count = round(day_of(day).steps * share / len(hours))
                yield phone.record(
                    f"{QUANTITY}StepCount",
                    "phone" if source == "phone" else "watch",
                    (begin, begin + timedelta(minutes=35)),
                    str(count),
                    unit="count",
                )


def _resting_heart_rates(phone: Phone, nights: list[Night]) -> Iterator[str]:
    for night in nights:
        span = (at_home(night.local_date, 0, 0, 5), night.wake_at)
        # Apple takes it from quiet moments of the day: a little above the lowest of the night.
        bpm = str(night.lowest_hr_bpm + 3)
        yield phone.record(f"{QUANTITY}RestingHeartRate", "watch", span, bpm, unit="count/min")


def _sleep(phone: Phone, nights: list[Night]) -> Iterator[str]:
    kind = f"{CATEGORY}SleepAnalysis"
    zone = element("MetadataEntry", {"key": "HKTimeZone", "value": str(HOME)}, depth=2)
    for night in nights:
        span = (night.bed_at, night.wake_at)
        yield phone.record(kind, "phone", span, f"{ASLEEP}InBed", inner=zone)
    for night in nights:
        begin = night.bed_at
        for stage, seconds in _stages(night):
            end = begin + timedelta(seconds=seconds)
            yield phone.record(kind, "watch", (begin, end), f"{ASLEEP}{stage}", inner=zone)
            begin = end


def _stages(night: Night) -> Iterator[tuple[str, int]]:
    for deep, rem in CYCLES:
        yield "Awake", night.awake_s // 4
        yield "AsleepCore", night.light_s // 8
        yield "AsleepDeep", round(night.deep_s * deep)
        yield "AsleepCore", night.light_s // 8
        yield "AsleepREM", round(night.rem_s * rem)


def _variability(phone: Phone, nights: list[Night]) -> Iterator[str]:
    """SDNN three times a night, with the beats it was made from."""
    for night in nights:
        for hours in (1, 3, 5):
            begin = min(night.bed_at + timedelta(hours=hours), night.wake_at)
            intervals = _intervals_ms(night, hours)
            end = begin + timedelta(milliseconds=sum(intervals))
            yield phone.record(
                f"{QUANTITY}HeartRateVariabilitySDNN",
                "watch",
                (begin, end),
                f"{pstdev(intervals):.4f}",
                unit="ms",
                inner=_beats(phone, begin, intervals),
            )


def _intervals_ms(night: Night, subject: int) -> list[float]:
    """Beat to beat: successive differences have the night's rMSSD, a slow wave adds to SDNN."""
    dice = luck(night.local_date, f"beats {subject}")
    mean = 60_000 / (night.lowest_hr_bpm + 3)
    spread = night.hrv_ms / sqrt(2)
    wave = night.hrv_ms * 0.8
    return [mean + dice.gauss(0, spread) + wave * sin(i / 8) for i in range(BEATS)]


def _beats(phone: Phone, begin: datetime, intervals: list[float]) -> str:
    lines, moment = [], begin
    for interval in intervals:
        moment += timedelta(milliseconds=interval)
        beat = {"bpm": str(round(60_000 / interval)), "time": phone.beat_time(moment)}
        lines.append(element("InstantaneousBeatsPerMinute", beat, depth=3))
    return element("HeartRateVariabilityMetadataList", {}, "".join(lines), depth=2)


def _workout(phone: Phone, ride: Ride) -> str:
    """Started and stopped by hand, so a few seconds inside the head unit's recording."""
    start, end = ride.start_at + timedelta(seconds=8), ride.end_at - timedelta(seconds=5)
    attributes = {
        "workoutActivityType": "HKWorkoutActivityTypeCycling",
        "duration": f"{(ride.moving_s - 13) / 60:.6f}",
        "durationUnit": "min",
        **SOURCES["watch"],
        "creationDate": phone.stamp(end),
        **phone.span(start, end),
    }
    inner = [
        _metadata("HKIndoorWorkout", "1" if ride.is_indoor else "0"),
        _metadata("HKTimeZone", str(HOME)),
        *_pause(phone, ride),
        *_statistics(ride, phone.span(start, end)),
    ]
    return element("Workout", attributes, "".join(inner))


def _metadata(key: str, value: str) -> str:
    return element("MetadataEntry", {"key": key, "value": value}, depth=2)


def _pause(phone: Phone, ride: Ride) -> Iterator[str]:
    if not ride.pause_s:
        return
    begin = ride.start_at + timedelta(seconds=ride.moving_s // 2)
    for name, moment in (("Pause", begin), ("Resume", begin + timedelta(seconds=ride.pause_s))):
        event = {"type": f"HKWorkoutEventType{name}", "date": phone.stamp(moment)}
        yield element("WorkoutEvent", event, depth=2)


def _statistics(ride: Ride, span: dict[str, str]) -> Iterator[str]:
    sums = totals(ride)
    figures = {
        "ActiveEnergyBurned": {"sum": f"{sums.work_kj:.1f}", "unit": "kcal"},
        "DistanceCycling": {"sum": f"{distance_m(ride) / 1000:.4f}", "unit": "km"},
        "HeartRate": {
            "average": str(sums.average_hr_bpm),
            "maximum": str(sums.max_hr_bpm),
            "unit": "count/min",
        },
    }
    for name, values in figures.items():
        yield element("WorkoutStatistics", {"type": QUANTITY + name, **span, **values}, depth=2)


def _summary(day: date) -> str:
    return element(
        "ActivitySummary",
        {
            "dateComponents": day.isoformat(),
            "activeEnergyBurned": str(day_of(day).active_kcal),
            "activeEnergyBurnedGoal": "600",
            "activeEnergyBurnedUnit": "kcal",
            "appleExerciseTime": str(day_of(day).active_kcal // 12),
            "appleExerciseTimeGoal": "30",
            "appleStandHours": "11",
            "appleStandHoursGoal": "12",
        },
    )
