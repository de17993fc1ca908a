#!/usr/bin/env python3
"""Write a synthetic Apple Health export of any size, and the answers to it.

    make_export.py --days 790 --out big.zip                  # about 1 GB of XML
    make_export.py --days 60 --scale 0.05 --out small.xml    # about 5 MB
    make_export.py --days 30 --out bad.xml --defects dtd,dupattr,vt

Only the standard library is used. The same arguments give the same bytes.
Nothing is read back: the expected values are added up from the numbers the
generator itself chose, so a parser under test shares no code with its oracle.

OUTPUT
  <out>                 export.xml, or a zip laid out as Apple lays it out
  <out>.expected.json   {"meta": ..., "days": {"YYYY-MM-DD": ...}, "workouts": [...]}

WHAT THE FILE IMITATES
  * Records are grouped by type, and inside a type by source, NOT by time
    across sources: every iPhone step of ten years precedes the first Watch step.
  * Each line is one element, indented one space; HeartRate records carry a
    MetadataEntry child, HRV records an InstantaneousBeatsPerMinute list.
  * `sourceName` has a no-break space and a curly apostrophe; `device` has
    escaped angle brackets, commas and a memory address that changes.
  * With --offset-mode export (the default, as Apple does) every timestamp in
    the file carries the ONE UTC offset the phone had when it exported, so half
    of the year its wall clock is an hour off. --offset-mode record writes the
    offset in force at each sample. The expected values are the same for both.
  * Steps, walking distance and active energy are written by two devices;
    nights by up to three sources; some rides twice (Watch and Strava).
  * About 0.3 % of cumulative and sleep samples are repeated verbatim.

DEFINITIONS OF THE EXPECTED VALUES
  local day   calendar date, in meta.tz, of the instant of a sample's startDate.
              No cumulative sample crosses a local midnight.
  sleep day   local date of endDate when it ends by 18:00 local, else the next
              date. Used for sleep, respiratory rate and overnight HRV.
  priority    Watch, then other apps, then iPhone.
  dedup       steps, walking distance, active energy: exact repeats count once;
              a sample of a lower-priority source counts for the share of its
              interval that no higher-priority sample of that type covers.
              `*_raw` is the naive sum and `*_max_source` the largest
              single-source sum, for tools that choose another rule.
  sleep       at each instant the highest-priority source having an Asleep* or
              Awake sample there decides. `asleep_union_min` is the plain union
              of all Asleep* intervals. `in_bed_min` is the union of InBed.
              A gap over 90 minutes separates sessions; the one with most sleep
              is the night, the rest are naps. asleep_min = night + naps.
  hrv         mean of the day's SDNN values; `overnight` = those that start
              within the night's first to last asleep instant.
  weight      last of the day. VO2max: last of the day. Resting HR: mean.
  workouts    from WorkoutStatistics, else from attributes; `duplicate_of`
              names the higher-priority workout it repeats, and duplicates are
              left out of the per-day workout sums.
  Units       ms, count/min, min, km, kcal, kg, mL/(min.kg), W, rpm, degC.
"""

import argparse
import bisect
import json
import os
import random
import sys
import zipfile
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

HOUR, MINUTE = 3600, 60
Q, C = "HKQuantityTypeIdentifier", "HKCategoryTypeIdentifier"
SLEEP = "HKCategoryValueSleepAnalysis"

KM_PER_MI = 1.609344
KG_PER_LB = 0.45359237
KJ_PER_KCAL = 4.184

UNITS = {  # --units: (distance, km per unit), (mass, kg per unit), (energy, kcal per unit)
    "us": (("mi", KM_PER_MI), ("lb", KG_PER_LB), ("Cal", 1.0)),
    "metric": (("km", 1.0), ("kg", 1.0), ("kcal", 1.0)),
    "kj": (("km", 1.0), ("kg", 1.0), ("kJ", 1 / KJ_PER_KCAL)),
}

WATCH, APP, PHONE = 0, 1, 2  # also the order of priority
SOURCE_NAME = {
    WATCH: "Sam\u2019s Apple\u00a0Watch",
    APP: "AutoSleep",
    PHONE: "Sam\u2019s iPhone",
    "scale": "Withings",
    "strava": "Strava",
    "cuff": "Health &amp; Cuff",
}


# ---------------------------------------------------------------- time

class Clock:
    """Formats UTC seconds the way Apple does: 2024-03-01 07:14:22 -0800."""

    _MMSS = [f"{m:02d}:{s:02d}" for m in range(60) for s in range(60)]

    def __init__(self, zone, fixed_offset=None):
        self.zone = zone
        self.fixed = None if fixed_offset is None else timezone(timedelta(seconds=fixed_offset))
        self._quarters = {}  # 900 s of UTC -> (text up to the hour, minute, text after)

    def __call__(self, ts):
        quarter, rest = divmod(int(ts), 900)
        parts = self._quarters.get(quarter)
        if parts is None:
            local = datetime.fromtimestamp(quarter * 900, self.fixed or self.zone)
            parts = (f"{local:%Y-%m-%d %H:}", local.minute * 60, f" {local:%z}")
            self._quarters[quarter] = parts
            if len(self._quarters) > 20000:
                self._quarters.clear()
        head, base, tail = parts
        return head + self._MMSS[base + rest] + tail


class Days:
    """The local days of the export, as instants."""

    def __init__(self, first, count, zone):
        self.zone = zone
        self.dates = [first + timedelta(days=i) for i in range(count)]
        self.edges = [self.at(first + timedelta(days=i), 0) for i in range(count + 1)]
        self.keys = [d.isoformat() for d in self.dates]

    def at(self, day, seconds):
        """UTC seconds of the given wall-clock time on a local date (it may exceed 24 h)."""
        wall = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)
        return int(wall.replace(tzinfo=self.zone).timestamp())


# ---------------------------------------------------------------- the plan of each day

class Plan:
    """What a person did on one local day: everything other sections must agree on."""

    def __init__(self, args, days, i):
        rng = random.Random(f"{args.seed}/plan/{i}")
        day = days.dates[i]
        self.start, self.end = days.edges[i], days.edges[i + 1]
        self.key = days.keys[i]
        self.watch_worn = rng.random() > 0.04
        self.watch_off = (days.at(day, 20 * HOUR), days.at(day, 21 * HOUR + rng.randrange(1800)))
        self.rest_hr = 52 + 4 * rng.random() + rng.choice((0, 0, 0, 3, 6))
        self.hrv = 62 - 0.8 * (self.rest_hr - 52) + 8 * rng.gauss(0, 1)
        self.energy = 0.7 + 0.6 * rng.random()

        # The night that ends on this day.
        self.bed = days.at(day, rng.randrange(-2 * HOUR, HOUR) // 30 * 30)
        self.wake = days.at(day, rng.randrange(5 * HOUR + 1800, 8 * HOUR + 1800) // 30 * 30)
        kind = rng.random()
        self.night_sources = ((WATCH,) if kind < 0.62 else (WATCH, APP) if kind < 0.82
                              else (APP,) if kind < 0.94 else ())
        self.phone_in_bed = rng.random() < 0.7
        self.nap = None
        if rng.random() < 0.06:
            nap = days.at(day, rng.randrange(13 * HOUR + 1800, 14 * HOUR + 1800) // 30 * 30)
            self.nap = (nap, nap + rng.randrange(20, 80) * MINUTE)

        self.workouts = []
        free_from = self.wake + 1800
        for chance in (0.6, 0.1):
            if rng.random() < chance:
                kind = rng.choices(("Cycling", "Running", "Walking", "TraditionalStrengthTraining"),
                                   (60, 18, 12, 10))[0]
                begin = free_from + rng.randrange(1, 3 * HOUR)
                length = rng.randrange(30, 200 if kind == "Cycling" else 70) * MINUTE + rng.randrange(60)
                if begin + length > self.watch_off[0] - 60:
                    break
                self.workouts.append(Workout(rng, kind, begin, begin + length, self))
                free_from = begin + length + 1800

    def asleep_span(self, inset=0):
        return self.bed + 15 * MINUTE + inset, self.wake - inset

    def watch_hours(self):
        """The spans of the local day during which the Watch is on the wrist."""
        if not self.watch_worn:
            return []
        return [(self.start, self.watch_off[0]), (self.watch_off[1], self.end)]


class Workout:
    def __init__(self, rng, kind, start, end, plan):
        self.kind, self.start, self.end = kind, start, end
        self.source = WATCH if plan.watch_worn and rng.random() < 0.88 else "strava"
        self.copied_to_strava = self.source == WATCH and kind == "Cycling" and rng.random() < 0.15
        self.paused = rng.randrange(60, 600) if rng.random() < 0.3 else 0
        self.indoor = kind == "Cycling" and rng.random() < 0.3
        self.duration = end - start - self.paused
        hours = self.duration / HOUR
        self.kcal = round(hours * rng.uniform(350, 750), 3)
        speed = {"Cycling": 27, "Running": 10.5, "Walking": 5.2}.get(kind, 0)
        self.km = round(hours * speed * rng.uniform(0.85, 1.15), 4)
        self.power = round(rng.uniform(140, 260), 1) if kind == "Cycling" and rng.random() < 0.6 else None
        self.cadence = round(rng.uniform(78, 95), 1) if self.power else None
        self.climb_m = 0 if self.indoor else round(rng.uniform(5, 900))
        self.hr_low, self.hr_high = rng.randrange(110, 130), rng.randrange(150, 182)
        self.hr = []  # the samples written for it


# ---------------------------------------------------------------- the expected values

def merged(intervals):
    """Sorted, disjoint union of (start, end) pairs."""
    out = []
    for a, b in sorted(intervals):
        if out and a <= out[-1][1]:
            if b > out[-1][1]:
                out[-1] = (out[-1][0], b)
        elif b > a:
            out.append((a, b))
    return out


def uncovered(a, b, cover):
    """The parts of [a, b) outside `cover`, which is sorted and disjoint."""
    parts = []
    i = bisect.bisect_left(cover, (a, a))
    if i and cover[i - 1][1] > a:
        a = min(b, cover[i - 1][1])
    while i < len(cover) and cover[i][0] < b:
        if cover[i][0] > a:
            parts.append((a, cover[i][0]))
        a = max(a, cover[i][1])
        i += 1
    if a < b:
        parts.append((a, b))
    return parts


def length(intervals):
    return sum(b - a for a, b in intervals)


class Truth:
    """Collects samples as the generator makes them, and adds them up per day."""

    def __init__(self, days):
        self.days = days
        self.counts = defaultdict(int)
        self.means = defaultdict(lambda: defaultdict(list))    # metric -> day -> [n, sum, min, max]
        self.last = defaultdict(dict)                          # metric -> day -> (ts, value)
        self.sums = defaultdict(lambda: defaultdict(float))    # metric -> day -> sum
        self.shared = defaultdict(lambda: defaultdict(list))   # metric -> day -> [(source, a, b, value)]
        self.raw = defaultdict(lambda: defaultdict(float))     # metric -> day -> sum with repeats
        self.hrv = defaultdict(list)                           # index of day -> [(ts, value)]
        self.breaths = defaultdict(list)                       # sleep day -> values
        self.sleep = defaultdict(list)                         # sleep day -> [(source, stage, a, b)]
        self.rings, self.workouts = {}, []

    def day(self, ts):
        return self.days.keys[bisect.bisect_right(self.days.edges, ts) - 1]

    def sleep_day(self, end):
        local = datetime.fromtimestamp(end, self.days.zone)
        late = local.hour * HOUR + local.minute * MINUTE + local.second > 18 * HOUR
        return (local.date() + timedelta(days=late)).isoformat()

    def mean(self, metric, ts, value):
        acc = self.means[metric][self.day(ts)]
        if not acc:
            acc[:] = [1, value, value, value]
        else:
            acc[0] += 1
            acc[1] += value
            acc[2] = min(acc[2], value)
            acc[3] = max(acc[3], value)

    def latest(self, metric, ts, value):
        day = self.day(ts)
        if ts >= self.last[metric].get(day, (0,))[0]:
            self.last[metric][day] = (ts, value)

    def cumulative(self, metric, source, a, b, value, repeated=False):
        day = self.day(a)
        self.shared[metric][day].append((source, a, b, value))
        self.raw[metric][day] += value * (2 if repeated else 1)

    def _deduplicated(self, samples):
        total, by_source, cover = 0.0, defaultdict(float), []
        for source in (WATCH, APP, PHONE):
            mine = [(a, b, v) for s, a, b, v in samples if s == source]
            for a, b, value in mine:
                by_source[source] += value
                total += value * length(uncovered(a, b, cover)) / (b - a)
            cover = merged(cover + [(a, b) for a, b, _ in mine])
        return total, max(by_source.values())

    def _night(self, samples):
        stages, timeline, cover = defaultdict(int), [], []
        for source in (WATCH, APP, PHONE):
            mine = [(a, b, stage) for s, stage, a, b in samples if s == source and stage != "InBed"]
            for a, b, stage in mine:
                for part in uncovered(a, b, cover):
                    stages[stage] += part[1] - part[0]
                    timeline.append((*part, stage))
            cover = merged(cover + [(a, b) for a, b, _ in mine])
        sessions = []
        for a, b, stage in sorted(timeline):
            if not sessions or a - sessions[-1][-1][1] > 90 * MINUTE:
                sessions.append([])
            sessions[-1].append((a, b, stage))
        asleep = [[(a, b) for a, b, stage in s if stage != "Awake"] for s in sessions]
        night = max(asleep, key=length, default=[])
        total = sum(map(length, asleep))
        minutes = lambda *names: round(sum(stages[n] for n in names) / 60, 3)
        in_bed = merged([(a, b) for _, stage, a, b in samples if stage == "InBed"])
        union = merged([(a, b) for _, stage, a, b in samples if stage.startswith("Asleep")])
        return {
            "asleep_min": round(total / 60, 3),
            "nap_min": round((total - length(night)) / 60, 3),
            "core_min": minutes("AsleepCore"), "deep_min": minutes("AsleepDeep"),
            "rem_min": minutes("AsleepREM"), "unspecified_min": minutes("AsleepUnspecified", "Asleep"),
            "awake_min": minutes("Awake"),
            "in_bed_min": round(length(in_bed) / 60, 3) if in_bed else None,
            "asleep_union_min": round(length(union) / 60, 3),
            "start": iso(night[0][0]) if night else None,
            "end": iso(night[-1][1]) if night else None,
        }, (night[0][0], night[-1][1]) if night else None

    def result(self):
        days = {key: {} for key in self.days.keys}

        def put(day, metric, value):
            days.setdefault(day, {})[metric] = value

        spans = {}
        for day, samples in self.sleep.items():
            night, spans[day] = self._night(samples)
            put(day, "sleep", night)
        for i, samples in self.hrv.items():
            key = self.days.keys[i]
            values = [v for _, v in samples]
            put(key, "hrv_sdnn_ms", round(sum(values) / len(values), 4))
            put(key, "hrv_n", len(values))
        overnight = defaultdict(list)
        everything = sorted(s for samples in self.hrv.values() for s in samples)
        for day, span in spans.items():
            if span:
                lo, hi = (bisect.bisect_left(everything, (t,)) for t in span)
                overnight[day] = [v for _, v in everything[lo:hi]]
        for day, values in overnight.items():
            if values:
                put(day, "hrv_overnight_sdnn_ms", round(sum(values) / len(values), 4))
                put(day, "hrv_overnight_n", len(values))
        for day, values in self.breaths.items():
            put(day, "respiratory_rate", round(sum(values) / len(values), 4))
        for metric, by_day in self.means.items():
            for day, (n, total, low, high) in by_day.items():
                put(day, metric, round(total / n, 4))
                if metric == "heart_rate":
                    put(day, "heart_rate_n", n)
                    put(day, "heart_rate_min", low)
                    put(day, "heart_rate_max", high)
        for metric, by_day in self.last.items():
            for day, (_, value) in by_day.items():
                put(day, metric, round(value, 4))
        for metric, by_day in self.sums.items():
            for day, value in by_day.items():
                put(day, metric, round(value, 4))
        for metric, by_day in self.shared.items():
            for day, samples in by_day.items():
                total, largest = self._deduplicated(samples)
                put(day, metric, round(total, 4))
                put(day, metric + "_raw", round(self.raw[metric][day], 4))
                put(day, metric + "_max_source", round(largest, 4))
        for day, ring in self.rings.items():
            put(day, "rings", ring)
        for w in self.workouts:
            if w["duplicate_of"] is None:
                row = days.setdefault(w["day"], {})
                row["workouts_n"] = row.get("workouts_n", 0) + 1
                if w["type"] == "Cycling":
                    for name, value in (("cycling_min", w["duration_s"] / 60),
                                        ("cycling_km", w["distance_km"] or 0),
                                        ("cycling_kcal", w["energy_kcal"] or 0)):
                        row[name] = round(row.get(name, 0) + value, 4)
        return {day: row for day, row in sorted(days.items()) if row}


def iso(ts):
    return datetime.fromtimestamp(ts, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------- the file

DTD = {  # element -> (content model, required attributes, optional attributes)
    "ExportDate": ("EMPTY", "value", ""),
    "Me": ("EMPTY", "HKCharacteristicTypeIdentifierDateOfBirth HKCharacteristicTypeIdentifierBiologicalSex "
           "HKCharacteristicTypeIdentifierBloodType HKCharacteristicTypeIdentifierFitzpatrickSkinType "
           "HKCharacteristicTypeIdentifierCardioFitnessMedicationsUse", ""),
    "Record": ("((MetadataEntry|HeartRateVariabilityMetadataList)*)", "type sourceName startDate endDate",
               "unit value sourceVersion device creationDate"),
    "Correlation": ("((MetadataEntry|Record)*)", "type sourceName startDate endDate",
                    "sourceVersion device creationDate"),
    "Workout": ("((MetadataEntry|WorkoutEvent|WorkoutRoute|WorkoutStatistics)*)",
                "workoutActivityType sourceName startDate endDate",
                "duration durationUnit totalDistance totalDistanceUnit totalEnergyBurned "
                "totalEnergyBurnedUnit sourceVersion device creationDate"),
    "WorkoutEvent": ("((MetadataEntry)*)", "type date", "duration durationUnit"),
    "WorkoutStatistics": ("EMPTY", "type startDate endDate", "average minimum maximum sum unit"),
    "WorkoutRoute": ("((MetadataEntry|FileReference)*)", "sourceName startDate endDate",
                     "sourceVersion device creationDate"),
    "FileReference": ("EMPTY", "path", ""),
    "ActivitySummary": ("EMPTY", "", "dateComponents activeEnergyBurned activeEnergyBurnedGoal "
                        "activeEnergyBurnedUnit appleMoveTime appleMoveTimeGoal appleExerciseTime "
                        "appleExerciseTimeGoal appleStandHours appleStandHoursGoal"),
    "MetadataEntry": ("EMPTY", "key value", ""),
    "HeartRateVariabilityMetadataList": ("(InstantaneousBeatsPerMinute*)", "", ""),
    "InstantaneousBeatsPerMinute": ("EMPTY", "bpm time", ""),
    "VisionPrescription": ("((RightEye|LeftEye|Attachment|MetadataEntry)*)", "type dateIssued",
                           "expirationDate brand"),
    "RightEye": ("EMPTY", "", "sphere sphereUnit"),
    "LeftEye": ("EMPTY", "", "sphere sphereUnit"),
    "Attachment": ("EMPTY", "", "identifier"),
}


def prolog(version, broken):
    """XML declaration and internal DTD; `broken` loses the '>' that iOS 16.0 lost."""
    out = ['<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n'
           f"<!-- HealthKit Export Version: {version} -->\n"
           "<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|"
           "ClinicalRecord|Audiogram|VisionPrescription)*)>\n"
           "<!ATTLIST HealthData\n  locale CDATA #REQUIRED\n>\n"]
    for name, (model, required, optional) in DTD.items():
        out.append(f"<!ELEMENT {name} {model}>\n")
        attributes = [f"  {a} CDATA #REQUIRED\n" for a in required.split()]
        attributes += [f"  {a} CDATA #IMPLIED\n" for a in optional.split()]
        if attributes:
            unclosed = broken and name in ("VisionPrescription", "RightEye", "LeftEye")
            out.append(f"<!ATTLIST {name}\n{''.join(attributes)}{'' if unclosed else '>' + chr(10)}")
    out.append(">\n]>\n" if broken else "]>\n")
    return "".join(out)


class Export:
    """Builds the XML section by section; `write` takes text."""

    def __init__(self, args, write):
        self.args, self.write = args, write
        self.zone = ZoneInfo(args.tz)
        self.days = Days(date.fromisoformat(args.start), args.days, self.zone)
        self.plans = [Plan(args, self.days, i) for i in range(args.days)]
        self.truth = Truth(self.days)
        self.exported_at = self.days.edges[-1] + 9 * HOUR
        offset = datetime.fromtimestamp(self.exported_at, self.zone).utcoffset().total_seconds()
        self.clock = Clock(self.zone, offset if args.offset_mode == "export" else None)
        self.distance, self.mass, self.energy = UNITS[args.units]
        self.legacy = args.ios < 16
        self.buffer, self.routes = [], []
        self._device_rng = random.Random(f"{args.seed}/devices")
        self._devices = {}

    # -- writing

    def emit(self, line):
        self.buffer.append(line)
        if len(self.buffer) >= 4096:
            self.flush()

    def flush(self):
        text = "".join(self.buffer)
        self.buffer.clear()
        if self.args.style == "pretty":  # legal XML no line-based scanner survives
            text = text.replace('" startDate="', '"\n\t startDate="').replace("&gt;", ">")
        self.write(text)

    def rng(self, section, i):
        return random.Random(f"{self.args.seed}/{section}/{i}")

    def origin(self, source):
        """sourceName, sourceVersion and device attributes."""
        if source not in self._devices or self._device_rng.random() < 0.001:
            address = f"0x{self._device_rng.randrange(1 << 28, 1 << 34):x}0"
            name = f'sourceName="{SOURCE_NAME[source]}"'
            if source == WATCH:
                name += (f' sourceVersion="10.6.1" device="&lt;&lt;HKDevice: {address}&gt;, name:Apple Watch, '
                         'manufacturer:Apple Inc., model:Watch, hardware:Watch6,2, software:10.6.1&gt;"')
            elif source == PHONE:
                name += (f' sourceVersion="18.1" device="&lt;&lt;HKDevice: {address}&gt;, name:iPhone, '
                         'manufacturer:Apple Inc., model:iPhone, hardware:iPhone15,2, software:18.1&gt;"')
            else:
                name += ' sourceVersion="7.4"'
            self._devices[source] = name
        return self._devices[source]

    def record(self, kind, source, a, b, value, unit=None, children="", indent=" ", count=True):
        clock = self.clock
        if count:
            self.truth.counts[kind] += 1
        unit = f' unit="{unit}"' if unit else ""
        tail = f">\n{children}{indent}</Record>\n" if children else "/>\n"
        return (f'{indent}<Record type="{kind}" {self.origin(source)}{unit} creationDate="{clock(b + 7)}" '
                f'startDate="{clock(a)}" endDate="{clock(b)}" value="{value}"{tail}')

    def put(self, *args, **kwargs):
        line = self.record(*args, **kwargs)
        self.emit(line)
        return line

    def repeat(self, rng, kind, line):
        """Now and then write a sample twice, as restored phones do."""
        if rng.random() < 0.003:
            self.truth.counts[kind] += 1
            self.emit(line)
            return True
        return False

    # -- sections, in file order

    def body_mass(self):
        unit, kg = self.mass
        for i, plan in enumerate(self.plans):
            rng = self.rng("mass", i)
            if rng.random() < 0.4:
                for n in range(rng.choice((1, 1, 1, 2))):
                    ts = plan.wake + 600 + n * 40
                    text = f"{(72 + 2 * rng.random()) / kg:.4g}"
                    self.put(Q + "BodyMass", "scale", ts, ts, text, unit)
                    self.truth.latest("weight_kg", ts, float(text) * kg)

    def heart_rate(self):
        kind, scale = Q + "HeartRate", self.args.scale
        for i, plan in enumerate(self.plans):
            rng = self.rng("hr", i)
            busy = [(w.start, w.end) for w in plan.workouts if w.source == WATCH]
            samples = []
            for a, b in plan.watch_hours():
                t = a + 30
                while t < b:
                    if not any(s - 1 <= t <= e + 1 for s, e in busy):
                        level = plan.rest_hr + (0 if t < plan.wake else 22 * rng.random())
                        samples.append((int(t), round(level + 3 * rng.random())))
                    t += (20 + 230 * rng.random()) / scale
            for w in plan.workouts:
                if w.source == WATCH:
                    t = w.start
                    while t < w.end:
                        bpm = w.hr_low + round((w.hr_high - w.hr_low) * rng.random())
                        samples.append((int(t), bpm))
                        w.hr.append(bpm)
                        t += 5 / scale
            samples.sort()
            for ts, bpm in samples:
                context = 2 if bpm > 105 else rng.getrandbits(1)
                self.put(kind, WATCH, ts, ts, bpm, "count/min",
                         f'  <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="{context}"/>\n')
                self.truth.mean("heart_rate", ts, bpm)

    def oxygen(self):
        kind = Q + "OxygenSaturation"
        for i, plan in enumerate(self.plans):
            if WATCH in plan.night_sources and plan.watch_worn:
                rng = self.rng("spo2", i)
                for ts in self.spread(rng, plan.bed + 900, plan.wake, 30 * MINUTE):
                    text = f"{0.93 + 0.07 * rng.random():.2g}"
                    self.put(kind, WATCH, ts, ts + 15, text, "%",
                             '  <MetadataEntry key="HKMetadataKeyBarometricPressure" value="101284 Pa"/>\n')

    def breathing(self):
        kind = Q + "RespiratoryRate"
        for i, plan in enumerate(self.plans):
            if WATCH in plan.night_sources:
                rng = self.rng("breath", i)
                for ts in self.spread(rng, plan.bed + 900, plan.wake - 60, 10 * MINUTE):
                    text = f"{13 + 4 * rng.random():.3g}"
                    self.put(kind, WATCH, ts, ts, text, "count/min")
                    self.truth.breaths[self.truth.sleep_day(ts)].append(float(text))

    def spread(self, rng, a, b, step):
        step /= self.args.scale
        t = a + step * rng.random()
        while t < b:
            yield int(t)
            t += step * (0.4 + 1.2 * rng.random())

    def shared_metric(self, metric, kind, unit, to_canonical, per_minute, decimals, phone_step, watch_step):
        """A cumulative type that iPhone and Watch both write; the iPhone's come first."""
        for source, step in ((PHONE, phone_step), (WATCH, watch_step)):
            for i, plan in enumerate(self.plans):
                rng = self.rng(f"{metric}/{source}", i)
                spans = plan.watch_hours() if source == WATCH else [(plan.wake, plan.end - HOUR)]
                for a, b in spans:
                    a, b = max(a, plan.wake) + 60, b - 60
                    t = a
                    while t < b:
                        begin = int(t)
                        span = min(int(step / self.args.scale * (0.2 + rng.random())) + 2, b - begin)
                        if span < 2:
                            break
                        active = rng.random() < 0.55
                        if active:
                            amount = per_minute * plan.energy * span / 60 * (0.5 + rng.random())
                            text = f"{amount:.{decimals}f}"
                            if float(text) > 0:
                                line = self.put(kind, source, begin, begin + span, text, unit)
                                again = self.repeat(rng, kind, line)
                                self.truth.cumulative(metric, source, begin, begin + span,
                                                      float(text) * to_canonical, again)
                        t = begin + span + (1 if active else span * rng.random() + 1)

    def cycling_distance(self):
        kind = Q + "DistanceCycling"
        unit, km = self.distance
        for i, plan in enumerate(self.plans):
            for w in plan.workouts:
                if w.kind == "Cycling" and w.source == WATCH:
                    step = max(1, int(10 / self.args.scale))
                    moments = range(w.start, w.end - step, step)
                    for ts in moments:
                        text = f"{w.km / km / max(1, len(moments)):.6g}"
                        self.put(kind, WATCH, ts, ts + step, text, unit)
                        self.truth.sums["distance_cycling_km"][plan.key] += float(text) * km

    def cycling_power(self):
        kind = Q + "CyclingPower"
        for i, plan in enumerate(self.plans):
            for w in plan.workouts:
                if w.power and w.source == WATCH:
                    rng = self.rng("power", i)
                    for ts in self.spread(rng, w.start, w.end, 5):
                        self.put(kind, WATCH, ts, ts + 1, round(w.power * (0.6 + 0.8 * rng.random())), "W")

    def watch_only(self, suffix, metric, unit, low, high, step, to_canonical=None, day_only=True):
        """A type only the Watch writes; summed per day when to_canonical is given."""
        kind = Q + suffix
        for i, plan in enumerate(self.plans):
            rng = self.rng(suffix, i)
            for a, b in plan.watch_hours():
                for ts in self.spread(rng, max(a, plan.wake) if day_only else a, b - 120, step):
                    text = f"{rng.uniform(low, high):.4g}"
                    self.put(kind, WATCH, ts, ts + 60, text, unit)
                    if to_canonical:
                        self.truth.sums[metric][self.truth.day(ts)] += float(text) * to_canonical

    def daily(self):
        """Resting heart rate, walking heart rate, VO2max, wrist temperature."""
        for i, plan in enumerate(self.plans):
            if plan.watch_worn:
                text = f"{plan.rest_hr:.0f}"
                a = plan.start + 5 + i % 50
                self.put(Q + "RestingHeartRate", WATCH, a, plan.end - 300, text, "count/min")
                self.truth.mean("resting_hr", a, float(text))
        for i, plan in enumerate(self.plans):
            if plan.watch_worn:
                a = plan.wake + 60
                text = f"{plan.rest_hr + 40:.1f}"
                self.put(Q + "WalkingHeartRateAverage", WATCH, a, plan.end - 400, text, "count/min")
                self.truth.mean("walking_hr", a, float(text))
        for i, plan in enumerate(self.plans):
            for w in plan.workouts:
                if w.kind in ("Running", "Walking") and w.source == WATCH:
                    text = f"{49 + 3 * self.rng('vo2', i).random():.2f}"
                    self.put(Q + "VO2Max", WATCH, w.end, w.end, text, "mL/min\u00b7kg",
                             '  <MetadataEntry key="HKVO2MaxTestType" value="2"/>\n')
                    self.truth.latest("vo2max", w.end, float(text))
        fahrenheit = self.args.units == "us"
        for i, plan in enumerate(self.plans):
            if WATCH in plan.night_sources and not self.legacy:
                celsius = 35 + 1.5 * self.rng("temp", i).random()
                text = f"{celsius * 9 / 5 + 32 if fahrenheit else celsius:.4f}"
                self.put(Q + "AppleSleepingWristTemperature", WATCH, plan.bed + 900, plan.wake, text,
                         "degF" if fahrenheit else "degC")
                back = (float(text) - 32) * 5 / 9 if fahrenheit else float(text)
                self.truth.mean("wrist_temperature_c", plan.wake, back)

    def sleep(self):
        kind = C + "SleepAnalysis"

        def put(rng, source, stage, a, b):
            zone = f'  <MetadataEntry key="HKTimeZone" value="{self.args.tz}"/>\n'
            line = self.put(kind, source, a, b, SLEEP + stage, None, zone)
            self.repeat(rng, kind, line)
            self.truth.sleep[self.truth.sleep_day(b)].append((source, stage, a, b))

        for i, plan in enumerate(self.plans):  # the iPhone's bedtime, before everything else
            if plan.phone_in_bed:
                put(self.rng("bed", i), PHONE, "InBed", plan.bed, plan.wake + 300)
        for i, plan in enumerate(self.plans):
            rng = self.rng("app", i)
            if APP in plan.night_sources:
                a, b = plan.asleep_span(inset=180)
                put(rng, APP, "Asleep" if self.legacy else "AsleepUnspecified", a, b)
        for i, plan in enumerate(self.plans):
            rng = self.rng("stages", i)
            spans = []
            if WATCH in plan.night_sources:
                spans.append(plan.asleep_span())
            if plan.nap and plan.watch_worn:
                spans.append(plan.nap)
            for a, b in spans:
                while a < b:
                    stage = rng.choices(("AsleepCore", "AsleepDeep", "AsleepREM", "Awake"), (50, 17, 23, 10))[0]
                    minutes = rng.randrange(1, 8) if stage == "Awake" else rng.randrange(4, 40)
                    end = min(b, a + minutes * 60 + rng.choice((0, 30)))
                    if self.legacy:
                        stage = "Awake" if stage == "Awake" else "Asleep"
                    put(rng, WATCH, stage, a, end)
                    a = end

    def stand_hours(self):
        kind = C + "AppleStandHour"
        for i, plan in enumerate(self.plans):
            rng = self.rng("stand", i)
            for a, b in plan.watch_hours():
                for ts in range(a - a % HOUR + HOUR, b - HOUR, HOUR):
                    state = "Stood" if ts > plan.wake and rng.random() < 0.8 else "Idle"
                    self.put(kind, WATCH, ts, ts + HOUR, f"HKCategoryValueAppleStandHour{state}")

    def hrv(self):
        kind = Q + "HeartRateVariabilitySDNN"
        gap = "\u202f" if self.args.ios >= 17 else " "
        for i, plan in enumerate(self.plans):
            rng = self.rng("hrv", i)
            if not plan.watch_worn:
                continue
            moments = [t for a, b in plan.watch_hours() for t in self.spread(rng, a + 60, b - 120, 3 * HOUR)]
            for ts in moments:
                lift = 6 if ts < plan.wake else 0
                text = f"{max(8.0, plan.hrv + lift + 7 * rng.gauss(0, 1)):.6g}"
                beats = []
                t = float(ts)
                for _ in range(rng.randrange(38, 62)):
                    bpm = round(plan.rest_hr + 10 * rng.random())
                    t += 60 / bpm
                    wall = self.clock(t)[11:19]
                    hour = int(wall[:2])
                    beats.append(f'   <InstantaneousBeatsPerMinute bpm="{bpm}" time="{hour % 12 or 12}{wall[2:]}'
                                 f'.{int(t % 1 * 100):02d}{gap}{"AM" if hour < 12 else "PM"}"/>\n')
                self.put(kind, WATCH, ts, ts + 60, text, "ms",
                         "  <HeartRateVariabilityMetadataList>\n" + "".join(beats)
                         + "  </HeartRateVariabilityMetadataList>\n")
                self.truth.hrv[i].append((ts, float(text)))

    def blood_pressure(self):
        """Records that stand alone and, again, inside a Correlation."""
        for i in range(0, self.args.days, 10):
            ts = self.plans[i].wake + 900
            pair = [(Q + "BloodPressureSystolic", 118 + i % 9), (Q + "BloodPressureDiastolic", 74 + i % 7)]
            for kind, value in pair:
                self.put(kind, "cuff", ts, ts, value, "mmHg")
        for i in range(0, self.args.days, 10):
            ts = self.plans[i].wake + 900
            pair = [(Q + "BloodPressureSystolic", 118 + i % 9), (Q + "BloodPressureDiastolic", 74 + i % 7)]
            inner = "".join(self.record(kind, "cuff", ts, ts, value, "mmHg", indent="  ", count=False)
                            for kind, value in pair)
            self.emit(f' <Correlation type="HKCorrelationTypeIdentifierBloodPressure" {self.origin("cuff")} '
                      f'creationDate="{self.clock(ts)}" startDate="{self.clock(ts)}" endDate="{self.clock(ts)}">\n'
                      f"{inner} </Correlation>\n")
            self.truth.counts["<Correlation>"] += 1

    def workouts(self):
        for plan in self.plans:
            for w in plan.workouts:
                original = len(self.truth.workouts)
                self.workout(w, plan, w.source, None)
                if w.copied_to_strava:
                    self.workout(w, plan, "strava", original)

    def workout(self, w, plan, source, duplicate_of):
        clock, at = self.clock, f'startDate="{self.clock(w.start)}" endDate="{self.clock(w.end)}"'
        bare = source == "strava"
        (km_unit, km), (kcal_unit, kcal) = self.distance, self.energy
        duration = w.duration / 60
        energy, distance = f"{w.kcal / kcal:.6g}", f"{w.km / km:.6g}"
        head = (f' <Workout workoutActivityType="HKWorkoutActivityType{w.kind}" duration="{duration!r}" '
                f'durationUnit="min"')
        if self.legacy and not bare:
            head += (f' totalDistance="{distance}" totalDistanceUnit="{km_unit}" totalEnergyBurned="{energy}" '
                     f'totalEnergyBurnedUnit="{kcal_unit}"')
        self.emit(f'{head} {self.origin(source)} creationDate="{clock(w.end + 9)}" {at}>\n')
        self.emit(f'  <MetadataEntry key="HKIndoorWorkout" value="{int(w.indoor)}"/>\n')
        expected = {
            "day": plan.key, "type": w.kind, "source": SOURCE_NAME[source], "start": iso(w.start),
            "end": iso(w.end), "duration_s": w.duration, "indoor": w.indoor, "duplicate_of": duplicate_of,
            "energy_kcal": None, "distance_km": None, "avg_hr": None, "max_hr": None, "avg_power_w": None,
            "avg_cadence_rpm": None, "climb_m": None, "route": None,
            "avg_hr_from_samples": round(sum(w.hr) / len(w.hr), 4) if w.hr else None,
        }
        if not bare:
            self.emit(f'  <MetadataEntry key="HKTimeZone" value="{self.args.tz}"/>\n')
            note = "easy\x0b spin" if "vt" in self.args.defects else "easy spin"
            self.emit(f'  <MetadataEntry key="Coach Note" value="{note} &amp; &lt;intervals&gt;"/>\n')
            if w.climb_m:
                self.emit(f'  <MetadataEntry key="HKElevationAscended" value="{w.climb_m * 100} cm"/>\n')
                expected["climb_m"] = w.climb_m
            if w.paused:
                begin = w.start + w.duration // 2
                for name, ts in (("Pause", begin), ("Resume", begin + w.paused)):
                    self.emit(f'  <WorkoutEvent type="HKWorkoutEventType{name}" date="{clock(ts)}"/>\n')
            expected["energy_kcal"] = round(float(energy) * kcal, 4)
            expected["distance_km"] = round(float(distance) * km, 4) if w.km or self.legacy else None
            if not self.legacy:
                self.statistics(w, at, energy, distance, expected)
            if w.kind != "TraditionalStrengthTraining" and not w.indoor:
                local = datetime.fromtimestamp(w.end, self.zone)
                name = f"route_{local:%Y-%m-%d}_{local.hour % 12 or 12}.{local:%M%p}.gpx".replace("AM", "am")
                expected["route"] = "/workout-routes/" + name.replace("PM", "pm")
                self.routes.append((expected["route"], w))
                self.emit(f'  <WorkoutRoute {self.origin(source)} creationDate="{clock(w.end + 20)}" {at}>\n'
                          f'   <FileReference path="{expected["route"]}"/>\n  </WorkoutRoute>\n')
        self.emit(" </Workout>\n")
        self.truth.workouts.append(expected)

    def statistics(self, w, at, energy, distance, expected):
        if "dupattr" in self.args.defects:  # iOS 16 betas named both dates startDate
            at = at.replace("endDate", "startDate")

        def one(name, body):
            self.emit(f'  <WorkoutStatistics type="{Q}{name}" {at} {body}/>\n')

        one("ActiveEnergyBurned", f'sum="{energy}" unit="{self.energy[0]}"')
        one("BasalEnergyBurned", f'sum="{float(energy) * 0.2:.6g}" unit="{self.energy[0]}"')
        if w.km:
            name = "DistanceCycling" if w.kind == "Cycling" else "DistanceWalkingRunning"
            one(name, f'sum="{distance}" unit="{self.distance[0]}"')
        if w.hr:
            text = f"{sum(w.hr) / len(w.hr):.6g}"
            one("HeartRate", f'average="{text}" minimum="{min(w.hr)}" maximum="{max(w.hr)}" unit="count/min"')
            expected["avg_hr"], expected["max_hr"] = float(text), max(w.hr)
        if w.power:
            one("CyclingPower", f'average="{w.power}" minimum="0" maximum="{w.power * 2.5:.5g}" unit="W"')
            one("CyclingCadence", f'average="{w.cadence}" minimum="0" maximum="120" unit="count/min"')
            expected["avg_power_w"], expected["avg_cadence_rpm"] = w.power, w.cadence

    def activity_summaries(self):
        unit, kcal = self.energy
        for i, plan in enumerate(self.plans):
            rng = self.rng("rings", i)
            text, exercise, stand = f"{rng.uniform(300, 1200) / kcal:.6g}", rng.randrange(120), rng.randrange(6, 16)
            self.emit(f' <ActivitySummary dateComponents="{plan.key}" activeEnergyBurned="{text}" '
                      f'activeEnergyBurnedGoal="600" activeEnergyBurnedUnit="{unit}" appleMoveTime="0" '
                      f'appleMoveTimeGoal="0" appleExerciseTime="{exercise}" appleExerciseTimeGoal="30" '
                      f'appleStandHours="{stand}" appleStandHoursGoal="12"/>\n')
            self.truth.rings[plan.key] = {"active_energy_kcal": round(float(text) * kcal, 4),
                                          "exercise_min": exercise, "stand_hours": stand}

    def run(self):
        args, (km_unit, km), (kcal_unit, kcal) = self.args, self.distance, self.energy
        version = 11 if self.legacy else 12 if "dtd" in args.defects else 14
        self.write(prolog(version, "dtd" in args.defects))
        self.write(f'<HealthData locale="en_US">\n <ExportDate value="{self.clock(self.exported_at)}"/>\n'
                   ' <Me HKCharacteristicTypeIdentifierDateOfBirth="1980-01-01" '
                   'HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexNotSet" '
                   'HKCharacteristicTypeIdentifierBloodType="HKBloodTypeNotSet" '
                   'HKCharacteristicTypeIdentifierFitzpatrickSkinType="HKFitzpatrickSkinTypeNotSet" '
                   'HKCharacteristicTypeIdentifierCardioFitnessMedicationsUse="None"/>\n')
        self.body_mass()
        self.heart_rate()
        self.oxygen()
        self.breathing()
        self.shared_metric("steps", Q + "StepCount", "count", 1, 25, 0, 8 * MINUTE, 5 * MINUTE)
        self.shared_metric("distance_walking_km", Q + "DistanceWalkingRunning", km_unit, km, 0.02 / km, 6,
                           8 * MINUTE, 5 * MINUTE)
        self.cycling_distance()
        self.watch_only("BasalEnergyBurned", "basal_energy_kcal", kcal_unit, 2 / kcal, 6 / kcal, 6 * MINUTE,
                        kcal, day_only=False)
        self.shared_metric("active_energy_kcal", Q + "ActiveEnergyBurned", kcal_unit, kcal, 1.1 / kcal, 4,
                           20 * MINUTE, 90)
        self.watch_only("FlightsClimbed", "flights", "count", 1, 1, 4 * HOUR, 1)
        self.watch_only("AppleExerciseTime", "exercise_min", "min", 1, 1, 20 * MINUTE, 1)
        if not self.legacy:
            self.watch_only("PhysicalEffort", None, "kcal/hr\u00b7kg", 1, 6, 4 * MINUTE)
        self.watch_only("WalkingSpeed", None, f"{km_unit}/hr", 2.5, 4, 40 * MINUTE)
        self.watch_only("EnvironmentalAudioExposure", None, "dBASPL", 40, 80, 30 * MINUTE)
        self.daily()
        self.cycling_power()
        self.sleep()
        self.stand_hours()
        self.hrv()
        self.blood_pressure()
        self.workouts()
        self.activity_summaries()
        self.emit("</HealthData>\n")
        self.flush()

    def expected(self, size):
        meta = vars(self.args) | {"bytes": size, "exported_at": iso(self.exported_at),
                                  "record_counts": dict(sorted(self.truth.counts.items())),
                                  "records": sum(n for kind, n in self.truth.counts.items() if kind[0] != "<")}
        return {"meta": meta, "days": self.truth.result(), "workouts": self.truth.workouts}


# ---------------------------------------------------------------- containers

class Writer:
    """Counts bytes, and stops after `limit` of them (the truncate defect)."""

    def __init__(self, raw, limit=None):
        self.raw, self.size, self.limit = raw, 0, limit

    def __call__(self, text):
        data = text.encode()
        if self.limit is not None:
            data = data[:max(0, self.limit - self.size)]
        self.size += len(data)
        self.raw.write(data)


def gpx(w):
    points = [f'<trkpt lon="{-122 + i * 1e-4:.6f}" lat="{37 + i * 1e-4:.6f}"><ele>10.5</ele>'
              f"<time>{iso(w.start + 5 * i)}</time><extensions><speed>7.5</speed><course>90.1</course>"
              "<hAcc>3.2</hAcc><vAcc>2.1</vAcc></extensions></trkpt>\n" for i in range(20)]
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="Apple Health Export" '
            'xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>\n' + "".join(points)
            + "</trkseg></trk></gpx>\n")


def write_zip(args, limit):
    folder = "apple_health_export/"
    with zipfile.ZipFile(args.out, "w", zipfile.ZIP_DEFLATED, compresslevel=args.level) as archive:
        def entry(name):
            info = zipfile.ZipInfo(folder + name, (2026, 1, 1, 12, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info._compresslevel = args.level
            return info

        cda = ('<?xml version="1.0"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">'
               "<!-- HealthData here must not be mistaken for the export --></ClinicalDocument>\n")
        archive.writestr(entry("export_cda.xml"), cda)
        archive.writestr(entry("electrocardiograms/ecg_2025-01-02.csv"),
                         "Name,Sam\nRecorded Date,2025-01-02 08:00:00 -0800\nClassification,Sinus Rhythm\n\n1.5\n")
        with archive.open(entry(args.xml_name), "w", force_zip64=True) as raw:
            write = Writer(raw, limit)
            export = Export(args, write)
            export.run()
        for path, workout in export.routes[:200]:
            archive.writestr(entry(path.lstrip("/")), gpx(workout))
    return export, write.size


def write_xml(args, limit):
    with open(args.out, "wb", buffering=1 << 20) as raw:
        write = Writer(raw, limit)
        export = Export(args, write)
        export.run()
    return export, write.size


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--format", choices=("zip", "xml"), help="default: from the suffix of --out")
    p.add_argument("--days", type=int, default=365)
    p.add_argument("--scale", type=float, default=1.0, help="samples per day, relative to a real export")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--start", default="2022-01-01", help="first local day")
    p.add_argument("--tz", default="America/Los_Angeles", help="IANA zone the person lives in")
    p.add_argument("--units", choices=sorted(UNITS), default="us")
    p.add_argument("--offset-mode", choices=("export", "record"), default="export")
    p.add_argument("--ios", type=int, default=18, help="under 16: no stages, totals as Workout attributes")
    p.add_argument("--style", choices=("apple", "pretty"), default="apple",
                   help="pretty: attributes on several lines, bare '>' inside values")
    p.add_argument("--defects", default="", help="comma list of dtd, dupattr, vt, truncate")
    p.add_argument("--xml-name", default="export.xml", help="e.g. exportar.xml or \u5bfc\u51fa.xml")
    p.add_argument("--level", type=int, default=6, help="deflate level")
    p.add_argument("--expected", help="default: <out>.expected.json")
    args = p.parse_args(argv)
    args.defects = [d for d in args.defects.split(",") if d]
    unknown = set(args.defects) - {"dtd", "dupattr", "vt", "truncate"}
    if unknown or args.days < 1 or args.scale <= 0:
        p.error(f"unknown defect {unknown}" if unknown else "--days and --scale must be positive")
    args.format = args.format or ("zip" if args.out.endswith(".zip") else "xml")
    return args


def main(argv=None):
    args = parse_args(argv)
    make = write_zip if args.format == "zip" else write_xml
    limit = None
    if "truncate" in args.defects:
        limit = int(args.days * args.scale * 300_000)
    export, size = make(args, limit)
    answers = export.expected(size)
    answers["meta"].pop("out"), answers["meta"].pop("expected")
    target = args.expected or args.out + ".expected.json"
    with open(target, "w", encoding="utf-8") as f:
        json.dump(answers, f, indent=1, ensure_ascii=False)
    print(f"{args.out}: {size / 1e6:.1f} MB of XML ({os.path.getsize(args.out) / 1e6:.1f} MB on disk), "
          f"{answers['meta']['records']:,} records, {len(answers['days'])} days; answers in {target}",
          file=sys.stderr)


if __name__ == "__main__":
    main()
