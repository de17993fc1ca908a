"""When a connection is read next without being asked: hourly, each in a minute of its own."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

HOUR_S = 3600
# A reading that was asked for between two slots takes the place of the next one.
LEAST_BETWEEN = timedelta(minutes=30)
# Whoever waits for the same instant comes one after the other over this time.
SPREAD_S = 600
FIRST_RETRY = timedelta(minutes=15)
LAST_RETRY = timedelta(hours=6)
# So long a worker has for a claimed connection; then its message is void and it is due again.
LEASE = timedelta(minutes=10)
# Steps of the golden ratio: numbers that follow each other lie evenly over the whole.
GOLDEN = 2_654_435_761


def offset_s(pk: int, within_s: int) -> int:
    """The connection's own place in a stretch of time, the same after every restart."""
    return (pk * GOLDEN % 2**32) * within_s >> 32


def own_slot(pk: int, now: datetime) -> datetime:
    """The next of its slots that is not too close to `now`."""
    earliest = now + LEAST_BETWEEN
    hour = earliest.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    slot = hour + timedelta(seconds=offset_s(pk, HOUR_S))
    return slot if slot >= earliest else slot + timedelta(seconds=HOUR_S)


def after_success(pk: int, now: datetime, again_in: timedelta | None) -> datetime:
    """`again_in`: a source that has not told yet what it will tell is asked sooner."""
    return own_slot(pk, now) if again_in is None else now + again_in


def after_failure(failing_since: datetime, now: datetime) -> datetime:
    """It waits as long as it has failed already, so that each wait doubles."""
    return now + min(max(now - failing_since, FIRST_RETRY), LAST_RETRY)


def after_busy(pk: int, now: datetime, retry_at: datetime | None) -> datetime:
    """Not all at once, and nobody first every time: each instant draws its lots anew."""
    if retry_at is None:
        return own_slot(pk, now)
    lot = crc32(f"{pk} {retry_at.timestamp()}".encode())
    return retry_at + timedelta(seconds=lot % SPREAD_S)
