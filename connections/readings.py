"""Everything the sources have told about a tester, gathered for one local date."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Max, OuterRef, Subquery

from accounts.models import Ftp, User
from connections import policy, registry, sources
from connections.models import AppleHealthUpload, Connection, DailySample, Night, Ride
from connections.policy import Withheld
from connections.precedence import Orders, orders_of
from connections.providers.http import ProviderBusy
from connections.sources import Source

# CTL and the 60-day baselines both fit in it.
HISTORY = timedelta(days=180)
OF_A_MORNING = (
    DailySample.Kind.READINESS,
    DailySample.Kind.TEMPERATURE_DEVIATION,
    DailySample.Kind.REST_MODE,
)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How one source stands: since when it is silent, and what is wrong in words.

    `is_news`: no brief has said yet that it fails.
    waits: it works, and knows nothing about the date yet.
    is_retried: it fails, and needs nothing of the tester.
    """

    source: str
    label: str
    is_working: bool
    last_success_at: datetime | None
    problem: str
    is_news: bool = False
    is_withheld: bool = False
    waits: bool = False
    is_retried: bool = False


@dataclass(frozen=True, slots=True)
class Readings:
    """Rides oldest first and still with duplicates; nights of the whole history; FTPs oldest first.

    `scores`: of each source that has a readiness of its own the newest; `mornings`: so of what
    else it says of a morning. `told_until`: the local date until which a source has told of every
    ride. `orders`: which source counts for what.
    `kept_back`: the sources whose readings were left out for the coach; `withheld` are those of
    them that the tester has.
    """

    rides: Sequence[Ride]
    nights: Sequence[Night]
    scores: Sequence[DailySample]
    mornings: Sequence[DailySample]
    ftps: Sequence[Ftp]
    sources: Sequence[SourceReport]
    told_until: Mapping[str, date]
    orders: Orders
    kept_back: frozenset[str] = frozenset()
    withheld: Sequence[Withheld] = ()

    @property
    def rides_known_until(self) -> date | None:
        """The last local date a source of rides has told about; after it a day without a ride is
        unknown, not a day of rest. None without any such source."""
        return max(self.told_until.values(), default=None)

    def ftp_on(self, day: date) -> Ftp | None:
        """The one that held then; each was read with the day from which it holds."""
        return next((ftp for ftp in reversed(self.ftps) if ftp.effective_date <= day), None)


def gather(user: User, local_date: date) -> Readings:
    """What the coach may use: the policies of settings.SOURCES are kept here, for all it does."""
    return for_coach(gather_all(user, local_date), user)


def gather_all(user: User, local_date: date) -> Readings:
    """Whatever the sources told, for the tester's own eyes and game."""
    first = local_date - HISTORY
    connections = list(user.connections.with_last_reason())
    last_import = user.apple_uploads.newest_import()
    samples = _newest_samples(user, first, local_date)
    return Readings(
        rides=list(
            user.rides.filter(local_date__range=(first, local_date)).order_by("started_at", "pk")
        ),
        nights=list(
            user.nights.filter(local_date__range=(first, local_date)).order_by("local_date")
        ),
        scores=[one for one in samples if one.kind == DailySample.Kind.READINESS],
        mornings=[one for one in samples if one.kind != DailySample.Kind.READINESS],
        ftps=list(user.ftps.filter(effective_date__lte=local_date).order_by("effective_date")),
        sources=_reports(connections, last_import, local_date),
        told_until=told_until(user, connections, last_import),
        orders=orders_of(user),
    )


def for_coach(told: Readings, user: User) -> Readings:
    """The readings without those of sources that are kept from the coach, which are named instead.

    An FTP counts by who told it, as any other reading does.
    """
    if policy.is_everything_allowed():
        return told
    with_data = policy.with_data(user)
    kept = policy.kept_back(with_data)
    if not kept:
        return told
    held = with_data | {report.source for report in told.sources}
    withheld = policy.in_words(kept, held)
    return replace(
        told,
        rides=[ride for ride in told.rides if ride.source not in kept],
        nights=[night for night in told.nights if night.source not in kept],
        scores=[score for score in told.scores if score.source not in kept],
        mornings=[sample for sample in told.mornings if sample.source not in kept],
        ftps=[ftp for ftp in told.ftps if ftp.source not in kept],
        sources=[
            *(report for report in told.sources if report.source not in kept),
            *map(_withheld_report, withheld),
        ],
        told_until={name: day for name, day in told.told_until.items() if name not in kept},
        kept_back=frozenset(kept),
        withheld=withheld,
    )


def scores_between(user: User, first: date, last: date, kept_back: Set[str]) -> list[DailySample]:
    """Every readiness that a source gave itself, but for those that are kept from the coach."""
    samples = user.samples.filter(
        kind=DailySample.Kind.READINESS, local_date__range=(first, last)
    ).exclude(source__in=kept_back)
    return list(samples.order_by("local_date", "source"))


def _newest_samples(user: User, first: date, last: date) -> list[DailySample]:
    """Of each source and kind the newest."""
    samples = DailySample.objects.filter(
        user=user, kind__in=OF_A_MORNING, local_date__range=(first, last)
    ).order_by()
    alike = samples.filter(source=OuterRef("source"), kind=OuterRef("kind")).values("source")
    newest = alike.annotate(newest=Max("local_date")).values("newest")
    return list(samples.filter(local_date=Subquery(newest)).order_by("source"))


def _reports(
    connections: Sequence[Connection], last_import: AppleHealthUpload | None, local_date: date
) -> list[SourceReport]:
    reports = [
        SourceReport(
            source=connection.provider,
            label=connection.get_provider_display(),
            is_working=not connection.last_error,
            last_success_at=connection.last_success_at,
            problem=connection.last_error or _wait(connection),
            is_news=connection.is_news or bool(_wait(connection)),
            waits=not connection.last_error and connection.waits_for == local_date,
            is_retried=bool(connection.last_error) and connection.state == Connection.State.OK,
        )
        for connection in connections
    ]
    if last_import is not None:
        reports.append(
            SourceReport(
                source=Source.APPLE,
                label=sources.label_of(Source.APPLE),
                is_working=True,
                last_success_at=last_import.exported_at or last_import.finished_at,
                problem="",
            )
        )
    return reports


def _wait(connection: Any) -> str:
    """In words, when the provider had us wait at the last attempt: no failure, but a gap."""
    if connection.last_reason != ProviderBusy.reason:
        return ""
    label = connection.get_provider_display()
    return f"{label} could not be asked in time. What you did there last may be missing today."


def _withheld_report(withheld: Withheld) -> SourceReport:
    """Nothing of how it stands: when it was read last is a thing it told, too."""
    return SourceReport(
        source=withheld.source,
        label=withheld.label,
        is_working=True,
        last_success_at=None,
        problem=withheld.words,
        is_news=True,
        is_withheld=True,
    )


def told_until(
    user: User, connections: Sequence[Connection], last_import: AppleHealthUpload | None
) -> dict[str, date]:
    """By source the local date of the last reading, until which a day without a ride is rest."""
    instants = {
        connection.provider: connection.last_success_at
        for connection in connections
        if registry.provider_of(connection.provider).tells_of_rest
    }
    if last_import is not None:
        instants[Source.APPLE] = last_import.exported_at
    return {name: user.local_date(instant) for name, instant in instants.items() if instant}
