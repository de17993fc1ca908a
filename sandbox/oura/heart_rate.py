"""The heart-rate series, in UTC."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.person import rider
from sandbox.person.heart import beats_on


def heart_rate(start: datetime, end: datetime) -> list[dict[str, Any]]:
    """From the first instant to before the second."""
    first = max(start.astimezone(rider.HOME).date(), rider.FIRST_DATE)
    last = end.astimezone(rider.HOME).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [
        {
            "timestamp": beat.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "timestamp_unix": int(beat.at.timestamp() * 1000),
            "bpm": beat.bpm,
            "source": beat.source,
        }
        for day in days
        for beat in beats_on(day)
        if start <= beat.at < end
    ]
