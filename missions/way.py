"""The four stops of a mission's life, and how far along its way today is."""

from dataclasses import dataclass
from datetime import date, timedelta

from missions.models import Mission

State = Mission.State


@dataclass(frozen=True, slots=True)
class Stop:
    """`day` of `days` on the way to the next stop; None where the way has no length."""

    label: str
    is_passed: bool
    is_here: bool
    day: int | None = None
    days: int | None = None

    @property
    def along_pct(self) -> int | None:
        """How far along its way this day is, from its first to its last."""
        if self.day is None or self.days is None:
            return None
        return round(100 * (self.day - 1) / self.days)


def stops_of(mission: Mission, local_date: date) -> list[Stop]:
    order = list(State)
    here = order.index(State(mission.state))
    day, days = _day_of(mission, local_date)
    return [
        Stop(state.label, is_passed=n < here, is_here=n == here, **_at(n == here, day, days))
        for n, state in enumerate(order)
    ]


def _at(is_here: bool, day: int | None, days: int | None) -> dict[str, int | None]:
    return {"day": day, "days": days} if is_here else {}


def _day_of(mission: Mission, local_date: date) -> tuple[int | None, int | None]:
    """Which day of how many it is in a state that lasts from one date to another."""
    spans = {
        State.TRAINING: (mission.prep_start, mission.event_start - timedelta(days=1)),
        State.EVENT_ACTIVE: (mission.event_start, mission.event_end),
    }
    first, last = spans.get(State(mission.state), (None, None))
    if first is None or last is None or not first <= local_date <= last:
        return None, None
    return (local_date - first).days + 1, (last - first).days + 1
