"""Everything the sources have told about a tester, gathered for one local date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from accounts.models import User
from connections.models import AppleHealthUpload, Connection, DailySample, Night, Ride, Source

# CTL and the 60-day baselines both fit in it.
HISTORY = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How one source stands: since when it is silent, and what is wrong in words."""

    source: str
    label: str
    is_working: bool
    last_success_at: datetime | None
    problem: str


@dataclass(frozen=True, slots=True)
class Readings:
    """Rides oldest first and still with duplicates; nights and readiness of the whole history.

    `rides_known_until` is the last local date a source of rides has told about; after it a day
    without a ride is unknown, not a day of rest. None without any such source.
    """

    rides: Sequence[Ride]
    nights: Sequence[Night]
    readiness: DailySample | None
    sources: Sequence[SourceReport]
    rides_known_until: date | None


def gather(user: User, local_date: date) -> Readings:
    first = local_date - HISTORY
    connections = list(user.connections.all())
    last_import = user.apple_uploads.newest_import()
    return Readings(
        rides=list(user.rides.filter(local_date__range=(first, local_date)).order_by("started_at")),
        nights=list(
            user.nights.filter(local_date__range=(first, local_date)).order_by("local_date")
        ),
        readiness=user.samples.filter(
            kind=DailySample.Kind.READINESS, local_date__range=(first, local_date)
        )
        .order_by("-local_date")
        .first(),
        sources=_reports(connections, last_import),
        rides_known_until=_rides_known_until(user, connections, last_import),
    )


def _reports(
    connections: Sequence[Connection], last_import: AppleHealthUpload | None
) -> list[SourceReport]:
    reports = [
        SourceReport(
            source=connection.provider,
            label=connection.get_provider_display(),
            is_working=not connection.last_error,
            last_success_at=connection.last_success_at,
            problem=connection.last_error,
        )
        for connection in connections
    ]
    if last_import is not None:
        reports.append(
            SourceReport(
                source=Source.APPLE.value,
                label=str(Source.APPLE.label),
                is_working=True,
                last_success_at=last_import.exported_at or last_import.finished_at,
                problem="",
            )
        )
    return reports


def _rides_known_until(
    user: User, connections: Sequence[Connection], last_import: AppleHealthUpload | None
) -> date | None:
    instants = [
        connection.last_success_at
        for connection in connections
        if connection.provider == Source.STRAVA
    ]
    if last_import is not None:
        instants.append(last_import.exported_at)
    return max((user.local_date(instant) for instant in instants if instant), default=None)
