"""The prescribed workout as a picture: a bar a step, as high as its target, coloured by zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coach.physiology.zones import power_zone
from coach.replies import Repeat, Step, WorkoutPlan
from coach.rules import expanded

HEIGHT = 100.0
WIDTH = 600.0
# Of FTP: the top of the picture; nothing that lasts longer is higher.
TOP_PCT = 130.0
LEAST_HEIGHT = 6.0
FREE_PCT = 50.0
FTP_Y = HEIGHT * (1 - 100 / TOP_PCT)
# How far down the picture the line of 100 % FTP lies, in percent.
FTP_LINE = round(FTP_Y, 1)
ZONE_WORDS = {
    "Z1": "recovery",
    "Z2": "endurance",
    "Z3": "tempo",
    "Z4": "threshold",
    "Z5": "VO2max",
    "Z6": "anaerobic",
    "Z7": "sprint",
}
UNIT_WORDS = {
    "pct_ftp": "% of FTP",
    "pct_lthr": "% of threshold heart rate",
    "rpe": "of 10 effort",
}
KIND_WORDS = {
    "warmup": "warm-up",
    "steady": "steady",
    "ramp": "ramp",
    "recovery": "easy",
    "cooldown": "cool-down",
    "free": "as you like",
}
# Their target runs from its low to its high, downwards too; that of other kinds is a range.
SLOPES = {"warmup", "ramp", "cooldown"}
# Where an effort of 1 to 10 lies on the same scale, so that a workout by feel has a picture too.
PCT_OF_RPE = {1: 35, 2: 45, 3: 55, 4: 65, 5: 75, 6: 85, 7: 92, 8: 100, 9: 108, 10: 120}


@dataclass(frozen=True, slots=True)
class Bar:
    """A step in a box of 600 by 100: a polygon from its left to its right height."""

    x: float
    width: float
    left: float
    right: float
    zone: str
    label: str

    @property
    def points(self) -> str:
        corners = (
            (self.x, HEIGHT),
            (self.x, HEIGHT - self.left),
            (self.x + self.width, HEIGHT - self.right),
            (self.x + self.width, HEIGHT),
        )
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


@dataclass(frozen=True, slots=True)
class Line:
    """A step in words: "8 min", "95 to 100 % of FTP", "217 to 228 W"; without a target no zone."""

    kind: str
    zone: str
    duration: str
    target: str
    watts: str
    cue: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are ridden in a row, as often as `times` says."""

    times: int
    lines: Sequence[Line]


def blocks(plan: WorkoutPlan, ftp_w: int | None) -> Iterator[Block]:
    """The steps of a plan as a person reads them, repeats kept together."""
    for item in plan.steps:
        steps, times = (item.steps, item.count) if isinstance(item, Repeat) else ([item], 1)
        yield Block(times, [_line(step, ftp_w) for step in steps])


def zone_minutes(plan: WorkoutPlan) -> list[tuple[str, str, int]]:
    """Zone, its name and its minutes, easiest first, without the zones that are not ridden."""
    return [
        (zone, ZONE_WORDS[zone], minutes)
        for zone, minutes in plan.zones.model_dump().items()
        if minutes
    ]


def bars(plan: WorkoutPlan) -> Sequence[Bar]:
    """The picture of a plan; of its zones, easiest first, when it has no steps."""
    blocks = list(_blocks(plan))
    total = sum(seconds for seconds, _, _, _ in blocks)
    drawn, x = [], 0.0
    for seconds, start, end, label in blocks:
        width = WIDTH * seconds / total
        zone = _zone(start, end)
        drawn.append(Bar(x, max(width - 1, 1), _height(start), _height(end), zone, label))
        x += width
    return drawn


def _blocks(plan: WorkoutPlan) -> Iterator[tuple[int, float, float, str]]:
    if plan.steps:
        for step in expanded(plan):
            start, end = _span(step)
            yield step.seconds, start, end, _label(step)
    else:
        for (zone, minutes), middle in zip(
            plan.zones.model_dump().items(), (50, 65, 82, 97, 112, 135, 160), strict=True
        ):
            if minutes:
                yield minutes * 60, middle, middle, f"{zone}, {minutes} min"


def zone_of(step: Step) -> str:
    """The zone whose colour its bar has."""
    return _zone(*_span(step))


def _zone(start: float, end: float) -> str:
    return power_zone((start + end) / 2, 100) or "Z1"


def _span(step: Step) -> tuple[float, float]:
    """Start and end in percent of FTP."""
    target = step.target
    if target is None:
        return FREE_PCT, FREE_PCT
    low, high = target.low, target.high
    if target.unit == "rpe":
        low, high = (float(PCT_OF_RPE[min(max(round(rpe), 1), 10)]) for rpe in (low, high))
    return ends(step, low, high)


def ends(step: Step, low: float, high: float) -> tuple[float, float]:
    """What a target asks for when its step starts and ends; a steady range stands at its middle."""
    if step.kind in SLOPES:
        return low, high
    return (low + high) / 2, (low + high) / 2


def _label(step: Step) -> str:
    target = target_words(step)
    return f"{KIND_WORDS[step.kind]}, {duration(step)}" + (f" at {target}" if target else "")


def _line(step: Step, ftp_w: int | None) -> Line:
    return Line(
        kind=KIND_WORDS[step.kind],
        zone=zone_of(step) if step.target else "",
        duration=duration(step),
        target=target_words(step),
        watts=_watts(step, ftp_w),
        cue=step.cue,
    )


def duration(step: Step) -> str:
    minutes, seconds = divmod(step.seconds, 60)
    if not minutes:
        return f"{seconds} s"
    return f"{minutes}:{seconds:02d} min" if seconds else f"{minutes} min"


def target_words(step: Step) -> str:
    target = step.target
    if target is None:
        return ""
    return f"{_span_words(target.low, target.high)} {UNIT_WORDS[target.unit]}"


def _watts(step: Step, ftp_w: int | None) -> str:
    if ftp_w is None or step.target is None or step.target.unit != "pct_ftp":
        return ""
    low, high = (round(share * ftp_w / 100) for share in (step.target.low, step.target.high))
    return f"{_span_words(low, high)} W"


def _span_words(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _height(pct: float) -> float:
    return max(min(pct, TOP_PCT) / TOP_PCT * HEIGHT, LEAST_HEIGHT)
