"""What the coach knows this morning, as one frozen value that goes to the model and to the row.

What people or devices typed (a goal, the name of a ride, a note) is told apart from the rest: see
`untrusted`.
"""

from collections.abc import Iterator
from typing import Any

from coach import derived, told
from coach.facts import (
    STALE_AFTER_H,
    AthleteFacts,
    Availability,
    Constraints,
    Detection,
    Fact,
    Facts,
    Health,
    Metrics,
    MissionFacts,
    Note,
    PastRun,
    Phase,
    RecentRide,
    SourceFacts,
    StageFacts,
    TodayFacts,
    Week,
)

__all__ = [
    "STALE_AFTER_H",
    "AthleteFacts",
    "Availability",
    "Constraints",
    "Detection",
    "Fact",
    "Health",
    "Metrics",
    "MissionFacts",
    "Note",
    "PastRun",
    "Phase",
    "RecentRide",
    "Situation",
    "SourceFacts",
    "StageFacts",
    "TodayFacts",
    "Week",
]


class Situation(Facts):
    """The facts, and what is told of them."""

    def for_model(self) -> dict[str, Any]:
        """What is sent: the situation and what is derived from it, without what people typed, our
        own notes, and what is null. Of a key input the null is sent: that it is missing matters."""
        return told.briefly(self._numbers(), kept_nulls=derived.KEY_INPUTS)

    def _numbers(self) -> dict[str, Any]:
        facts = self.model_dump(mode="json", exclude=KEPT_FROM_THE_NUMBERS)
        return {**facts, "derived": derived.numbers(self)}

    @property
    def untrusted(self) -> tuple[str, ...]:
        """What people or devices typed, a line each: data, and never an instruction."""
        return tuple(self._typed())

    def _typed(self) -> Iterator[str]:
        if self.mission.goal:
            yield f"mission: {self.mission.goal}"
        for note in self.notes:
            yield f"{note.source}: {note.text}"
        for ride in self.recent_activities:
            if ride.name:
                yield f"ride {ride.date}: {ride.name}"

    def value_at(self, path: str) -> Any:
        """The value at a dotted path such as "metrics.readiness"; KeyError when there is none."""
        value: Any = self._numbers()
        for part in path.split("."):
            if not isinstance(value, dict):
                raise KeyError(path)
            value = value[part]
        return value

    def missing(self) -> tuple[str, ...]:
        """The key inputs that are unknown this morning, or too old to count, by path."""
        return derived.missing(self)


KEPT_FROM_THE_NUMBERS: dict[str, Any] = {
    **dict.fromkeys(("drawn_up_at", "sources", "notes", "canaries", "kept_back"), True),
    "mission": {"goal"},
    "recent_activities": {"__all__": {"name"}},
}
