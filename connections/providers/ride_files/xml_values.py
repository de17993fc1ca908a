"""What stands in a TCX or GPX file as text: numbers and instants, None where it is neither."""

from datetime import UTC, datetime, timedelta
from math import isfinite

DATE_LENGTH = len("2026-07-04")


def number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) else None


def instant(text: str | None) -> datetime | None:
    """Aware. Both formats keep UTC: a time without a zone is one. A date alone is no time."""
    try:
        told = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if len(text or "") <= DATE_LENGTH:
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told


def seconds(text: str | None) -> float | None:
    told = instant(text)
    return None if told is None else told.timestamp()


def offset(text: str | None) -> timedelta | None:
    """How far ahead of UTC the clock was, where an instant says so."""
    told = instant(text)
    return (told.utcoffset() or None) if told else None
