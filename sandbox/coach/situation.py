"""Reading the situation: any field may be missing, null or stale, and none is guessed."""

import json
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


class NoSituation(Exception):
    """No message holds a situation that can be read."""


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

    def missing(self) -> list[str]:
        return [path for path in KEY_INPUTS if self.number(path) is None]

    @property
    def state(self) -> str:
        return self.at("mission.state") or "TRAINING"


def situation_in(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The situation of the latest user message that holds one; raises NoSituation."""
    for message in reversed(messages):
        if message.get("role") == "user":
            block = _block(_text(message.get("content")))
            if block is not None:
                return block
    raise NoSituation


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _block(text: str) -> dict[str, Any] | None:
    """What stands between the two marker lines, outside any untrusted block."""
    inside: str | None = None
    lines: list[str] = []
    for line in text.splitlines():
        mark = line.strip()
        if inside is None and mark in ("<situation>", "<untrusted>"):
            inside = mark
        elif inside == "<situation>" and mark == "</situation>":
            return _parsed("\n".join(lines))
        elif inside == "<untrusted>" and mark == "</untrusted>":
            inside = None
        elif inside == "<situation>":
            lines.append(line)
    return None


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
