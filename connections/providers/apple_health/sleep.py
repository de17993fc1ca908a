"""Nights: which source decides at each instant, and which session is the night."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from connections.providers.apple_health.intervals import Interval, gaps, length, union

SESSION_GAP_S = 90 * 60


class Stage(IntEnum):
    IN_BED = 0
    AWAKE = 1
    UNSPECIFIED = 2
    CORE = 3
    DEEP = 4
    REM = 5


SLEEP_VALUE = "HKCategoryValueSleepAnalysis"
STAGES = {
    SLEEP_VALUE + "InBed": Stage.IN_BED,
    SLEEP_VALUE + "Awake": Stage.AWAKE,
    SLEEP_VALUE + "Asleep": Stage.UNSPECIFIED,  # before iOS 16
    SLEEP_VALUE + "AsleepUnspecified": Stage.UNSPECIFIED,
    SLEEP_VALUE + "AsleepCore": Stage.CORE,
    SLEEP_VALUE + "AsleepDeep": Stage.DEEP,
    SLEEP_VALUE + "AsleepREM": Stage.REM,
}

StageSample = tuple[int, int, Stage]  # start, end in UTC seconds
BySource = Sequence[tuple[int, Sequence[StageSample]]]  # most trusted source first


@dataclass(frozen=True, slots=True)
class Stretch:
    start_s: int
    end_s: int
    stage: Stage
    source: int


@dataclass(frozen=True, slots=True)
class Night:
    """All sleep that ended on one day. Seconds; None where no source said anything."""

    asleep_s: int | None
    nap_s: int | None
    stage_s: dict[Stage, int]
    in_bed_s: int | None
    asleep_union_s: int | None
    start_s: int | None
    end_s: int | None
    sources: frozenset[int]


def night_of(by_source: BySource) -> Night:
    timeline = decided(by_source)
    sessions = [
        [part for part in session if part.stage != Stage.AWAKE] for session in split(timeline)
    ]
    asleep = [part for session in sessions for part in session]
    night = max(sessions, key=_asleep_s, default=[])
    every = [sample for _, samples in by_source for sample in samples]
    in_bed = union((start, end) for start, end, stage in every if stage == Stage.IN_BED)
    any_asleep = union((start, end) for start, end, stage in every if stage >= Stage.UNSPECIFIED)
    return Night(
        asleep_s=_asleep_s(asleep) if asleep else None,
        nap_s=_asleep_s(asleep) - _asleep_s(night) if asleep else None,
        stage_s=stage_seconds(timeline),
        in_bed_s=length(in_bed) if in_bed else None,
        asleep_union_s=length(any_asleep) if any_asleep else None,
        start_s=night[0].start_s if night else None,
        end_s=night[-1].end_s if night else None,
        sources=frozenset(part.source for part in asleep),
    )


def decided(by_source: BySource) -> list[Stretch]:
    """One stage at each instant: the most trusted source that was watching has the say."""
    timeline: list[Stretch] = []
    cover: list[Interval] = []
    for source, samples in by_source:
        watched = [sample for sample in sorted(samples) if sample[2] != Stage.IN_BED]
        for start_s, end_s, stage in _one_after_another(watched):
            timeline.extend(Stretch(a, b, stage, source) for a, b in gaps(start_s, end_s, cover))
        cover = union([*cover, *((start_s, end_s) for start_s, end_s, _ in watched)])
    return sorted(timeline, key=lambda part: part.start_s)


def _one_after_another(samples: Iterable[StageSample]) -> Iterable[StageSample]:
    """A source that repeats or overlaps itself: what it said first stands."""
    reached_s = 0
    for start_s, end_s, stage in samples:
        if end_s > reached_s:
            yield max(start_s, reached_s), end_s, stage
            reached_s = end_s


def split(timeline: Sequence[Stretch]) -> list[list[Stretch]]:
    sessions: list[list[Stretch]] = []
    for part in timeline:
        if not sessions or part.start_s - sessions[-1][-1].end_s > SESSION_GAP_S:
            sessions.append([])
        sessions[-1].append(part)
    return sessions


def stage_seconds(timeline: Sequence[Stretch]) -> dict[Stage, int]:
    """Absent where nobody looked: a source without stages does not say "no deep sleep"."""
    seconds = Counter[Stage]()
    for part in timeline:
        seconds[part.stage] += part.end_s - part.start_s
    told = set(seconds)
    if told & {Stage.CORE, Stage.DEEP, Stage.REM}:
        told = set(Stage) - {Stage.IN_BED}
    return {stage: seconds[stage] for stage in told}


def _asleep_s(session: Sequence[Stretch]) -> int:
    return sum(part.end_s - part.start_s for part in session)
