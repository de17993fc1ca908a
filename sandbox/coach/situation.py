"""Reading the situation: any field may be missing, null or stale, and none is guessed."""

from typing import Any

STALE_AFTER_H = 36
KEY_INPUTS = (
    "metrics.readiness",
    "metrics.tsb",
    "metrics.hrv",
    "metrics.rhr",
    "metrics.sleep_h",
    "athlete.ftp",
)
CONVENTIONS = {
    "rhr_rise_bpm": 7,
    "max_days_without_rest": 6,
    "usual_ramp_rate": 5,
    "max_load_pct": 150,
    "max_monotony": 2,
    "new_tester_minutes": 75,
    "jet_lag_hours": 3,
}


class Situation:
    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw

    def at(self, path: str) -> Any:
        value: Any = self.raw
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def number(self, path: str) -> float | None:
        """The value at that path; None also for a reading too old to act on."""
        value = self.at(path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        age_h = self.at(f"{path}_age_h")
        is_stale = isinstance(age_h, int | float) and age_h > STALE_AFTER_H
        return None if is_stale else value

    def flag(self, path: str) -> bool:
        return bool(self.at(path))

    def limit(self, name: str) -> float | None:
        return self.number(f"mission.constraints.{name}")

    def convention(self, name: str) -> float:
        """A limit that every mission has; what it usually is where the question leaves it out."""
        value = self.limit(name)
        return CONVENTIONS[name] if value is None else value

    def missing(self) -> list[str]:
        return [path for path in KEY_INPUTS if self.number(path) is None]

    @property
    def state(self) -> str:
        return self.at("mission.state") or "TRAINING"
