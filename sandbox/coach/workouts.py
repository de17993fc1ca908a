"""The sessions the coach knows, cut to the minutes there are; zones and load follow from them."""

from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["recover", "ease", "maintain", "push"]
Intensity = Literal["low", "moderate", "high"]
Kind = Literal["warmup", "steady", "recovery", "cooldown"]

# Inside Coggan's zones, clear of their bounds (55, 75, 90, 105, 120 % of FTP).
PCT_FTP = {1: (45.0, 54.0), 2: (60.0, 72.0), 3: (78.0, 87.0), 4: (94.0, 102.0), 5: (108.0, 116.0)}
RPE = {1: (1.0, 2.0), 2: (3.0, 4.0), 3: (5.0, 6.0), 4: (7.0, 8.0), 5: (8.0, 9.0)}
# The share of FTP at the middle of each zone; below 45 % nobody pedals on purpose.
MIDDLE = {1: 0.40, 2: 0.65, 3: 0.825, 4: 0.975, 5: 1.125}


@dataclass(frozen=True, slots=True)
class Block:
    zone: int
    minutes: int
    kind: Kind = "steady"
    cue: str = ""


@dataclass(frozen=True, slots=True)
class Repeat:
    count: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """advice is the sentence that sends the rider out; {minutes} stands for the duration."""

    type: str
    action: Action
    intensity: Intensity
    description: str
    advice: str
    parts: tuple[Block | Repeat, ...] = ()

    def blocks(self) -> list[Block]:
        flat: list[Block] = []
        for part in self.parts:
            flat += part.blocks * part.count if isinstance(part, Repeat) else (part,)
        return flat

    def minutes(self) -> int:
        return sum(block.minutes for block in self.blocks())

    def in_zone(self, zone: int) -> int:
        return sum(block.minutes for block in self.blocks() if block.zone == zone)

    def intensity_factor(self) -> float | None:
        """None for no riding at all."""
        if not self.minutes():
            return None
        fourth = sum(self.in_zone(zone) * middle**4 for zone, middle in MIDDLE.items())
        return float((fourth / self.minutes()) ** 0.25)

    def load(self) -> float:
        """On the TSS scale."""
        return self.minutes() / 60 * (self.intensity_factor() or 0) ** 2 * 100


REST = Session(
    "Rest",
    "recover",
    "low",
    "No riding today.",
    "Stay off the bike: even a short ride is more than your recent training carries.",
)


def spin(minutes: int) -> Session:
    return Session(
        "Recovery spin",
        "recover",
        "low",
        "A flat, gentle spin with no pressure on the pedals.",
        "If you want to move, spin gently for {minutes} minutes and no longer.",
        (Block(1, minutes, cue="No pressure on the pedals"),),
    )


def easy(minutes: int) -> Session:
    return Session(
        "Easy ride",
        "ease",
        "low",
        "Easy riding on flat roads at a pace where you can talk in whole sentences.",
        "Ride {minutes} minutes easy, at a pace where you can talk in whole sentences.",
        _around(minutes, ()),
    )


def endurance(minutes: int) -> Session:
    return Session(
        "Endurance",
        "maintain",
        "low",
        "Steady endurance riding from the first to the last minute, without surges.",
        "Ride {minutes} minutes at a steady endurance pace, without surges.",
        _around(minutes, ()),
    )


def tempo(minutes: int) -> Session:
    block = 12 if minutes >= 55 else max(5, minutes // 5)
    count = 2 if minutes >= 30 else 1
    pair = (Block(3, block, cue="Strong and even"), Block(1, 3, "recovery"))
    return Session(
        "Tempo",
        "maintain",
        "moderate",
        "Endurance riding with tempo in the middle: breathing deeper, still in control.",
        "Ride {minutes} minutes with some tempo in the middle and the rest at endurance pace.",
        _around(minutes, _repeated(count, pair)),
    )


def threshold(minutes: int) -> Session:
    """Needs 45 minutes."""
    count = 4 if minutes >= 70 else 3 if minutes >= 55 else 2
    pair = (Block(4, 8, cue="At threshold, even pressure"), Block(1, 4, "recovery"))
    return Session(
        "Threshold intervals",
        "push",
        "high",
        "Blocks of eight minutes at threshold with four easy minutes after each.",
        "Ride {minutes} minutes with blocks of eight minutes at threshold in the middle.",
        _around(minutes, _repeated(count, pair)),
    )


def sharpener(minutes: int) -> Session:
    """Needs 35 minutes."""
    pair = (Block(5, 2, cue="Quick and light"), Block(1, 3, "recovery"))
    return Session(
        "Taper with short efforts",
        "maintain",
        "moderate",
        "A short ride with four efforts of two minutes: less volume, the same sharpness.",
        "Ride {minutes} minutes with four short hard efforts: the volume goes down, a little "
        "intensity stays.",
        _around(minutes, _repeated(4, pair)),
    )


def openers(minutes: int) -> Session:
    """Needs 30 minutes."""
    pair = (Block(5, 1, cue="Quick legs"), Block(1, 4, "recovery"))
    return Session(
        "Openers",
        "ease",
        "moderate",
        "An easy ride with three efforts of one minute, to arrive at the event fresh and awake.",
        "Ride {minutes} minutes easy with three short efforts, so that you stay fresh and awake.",
        _around(minutes, _repeated(3, pair)),
    )


def stage_in_the_bunch(minutes: int, *, is_gentle: bool) -> Session:
    """GC: an intensity factor of 0.70 or more without anything hard."""
    tempo_min = round(minutes * (0.3 if is_gentle else 0.55))
    warm_up = max(3, (minutes - tempo_min) // 2)
    cool_down = minutes - tempo_min - warm_up
    return Session(
        "Stage in the bunch",
        "ease" if is_gentle else "maintain",
        "moderate",
        "The stage at bunch pace: endurance to start and to finish, tempo between.",
        "Ride {minutes} minutes at bunch pace, with tempo in the middle and nothing above it.",
        (
            Block(2, warm_up, cue="Settle in"),
            Block(3, tempo_min, cue="Bunch pace"),
            Block(2, cool_down, cue="Ride in"),
        ),
    )


def stage_in_the_break(minutes: int) -> Session:
    """Breakaway: an intensity factor of 0.85."""
    threshold_min, tempo_min = round(minutes * 0.38), round(minutes * 0.38)
    warm_up = max(3, (minutes - threshold_min - tempo_min) * 2 // 3)
    return Session(
        "Stage in the break",
        "push",
        "high",
        "The stage off the front: threshold to get away, tempo to stay away.",
        "Ride {minutes} minutes off the front: threshold to get away, then tempo to hold it.",
        (
            Block(2, warm_up, cue="Warm up in the wheels"),
            Block(4, threshold_min, cue="Go and keep going"),
            Block(3, tempo_min, cue="Hold the gap"),
            Block(2, minutes - warm_up - threshold_min - tempo_min, cue="Ride in"),
        ),
    )


def plan_of(session: Session, *, has_ftp: bool) -> dict[str, Any]:
    """Without FTP there is no load to state and the targets are effort, 1 to 10."""
    factor = session.intensity_factor()
    return {
        "type": session.type,
        "description": session.description,
        "duration_minutes": session.minutes(),
        "zones": {f"Z{zone}": session.in_zone(zone) for zone in range(1, 8)},
        "estimated_load": round(session.load(), 1) if has_ftp else None,
        "intensity_factor": round(factor, 2) if has_ftp and factor is not None else None,
        "steps": [_part(part, has_ftp=has_ftp) for part in session.parts],
    }


def _repeated(count: int, pair: tuple[Block, ...]) -> tuple[Block | Repeat, ...]:
    return (Repeat(count, pair),) if count > 1 else pair


def _around(minutes: int, middle: tuple[Block | Repeat, ...]) -> tuple[Block | Repeat, ...]:
    """Warm-up in Z1, endurance, the middle, cool-down in Z1, all of it exactly that long."""
    edge = max(2, min(6, minutes // 8))
    used = Session("", "ease", "low", "", "", middle).minutes()
    filling = minutes - used - 2 * edge
    fill = (Block(2, filling),) if filling > 0 else ()
    return (Block(1, edge, "warmup"), *fill, *middle, Block(1, edge, "cooldown"))


def _part(part: Block | Repeat, *, has_ftp: bool) -> dict[str, Any]:
    if isinstance(part, Repeat):
        steps = [_part(block, has_ftp=has_ftp) for block in part.blocks]
        return {"kind": "repeat", "count": part.count, "steps": steps}
    return {
        "kind": part.kind,
        "seconds": part.minutes * 60,
        "target": _target(part, has_ftp=has_ftp),
        "cadence": None,
        "cue": part.cue,
    }


def _target(block: Block, *, has_ftp: bool) -> dict[str, Any]:
    low, high = (PCT_FTP if has_ftp else RPE)[block.zone]
    # In a cool-down `low` is the start and `high` the end.
    start, end = (high, low) if block.kind == "cooldown" else (low, high)
    return {"unit": "pct_ftp" if has_ftp else "rpe", "low": start, "high": end}
