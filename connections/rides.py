"""A tester's single rides: one read from a file while they wait, told in words, deleted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import File
from django.db.models import QuerySet
from django.utils import timezone

from accounts import formats, privacy
from accounts.models import User
from connections import ride_files
from connections.models import Ride
from connections.providers.ride_files import NotARideFile, RecordedFile, TooLarge, read_rides
from connections.sources import Source, label_of

# Of a FIT file, the slowest to read: 20 hours of seconds with 20 fields each, at worst 6 s of CPU.
# A worker, for whom nobody waits, may read seven times as much.
MOST_FIELDS = 1_500_000

IS_SEVERAL = (
    "It holds {count} rides, and one is taken here. Send the file to /api/rides/files, which takes "
    "all of them."
)
TAKES_LONGER = (
    "It holds more than is read while you wait, which is {megabytes} MB, or 20 hours of FIT. "
    "Send each ride as a file of its own, as the device recorded it, or send it to "
    "/api/rides/files, where a worker reads it."
)
DELETED_ELSEWHERE: dict[str, str] = {
    Source.STRAVA: (
        "It came from Strava. Delete it in Strava; it goes from here when Strava is read next."
    ),
    Source.APPLE: (
        "It came with an Apple Health export, and what an export has told stays as long as your "
        "account. Only rides that came from files can be deleted one by one."
    ),
    Source.OURA: "It came from Oura. Delete it in Oura; disconnecting Oura deletes it here.",
}
IN_ITS_SOURCE = "It came from {label}. Delete it there; disconnecting {label} deletes it here."


class AlreadyHere(Exception):
    """The ride of this very file is here, however the file was named or packed."""

    def __init__(self, ride: Ride) -> None:
        super().__init__("This ride is here already, from the same file. Nothing was changed.")
        self.ride = ride


class KeptElsewhere(Exception):
    """Its source would bring the ride back; the message says where to delete it."""


def read_at_once(user: User, upload: File[bytes]) -> Ride:
    """Keep the one ride of a file, read while its sender waits.

    Raises NotARideFile, of what takes too long TooLarge; AlreadyHere; privacy.NotAllowed.
    """
    privacy.require_consent(user.pk)
    recorded = _recorded(upload)
    if len(recorded.rides) > 1:
        raise NotARideFile(IS_SEVERAL.format(count=len(recorded.rides)))
    ride, is_new = ride_files.keep_only(user, recorded)
    if not is_new:
        raise AlreadyHere(ride)
    return ride


def _recorded(upload: File[bytes]) -> RecordedFile:
    most_bytes = settings.RIDE_FILE_MAX_BYTES
    try:
        return read_rides(
            upload, most_bytes=most_bytes, now=timezone.now(), most_fields=MOST_FIELDS
        )
    except TooLarge as error:
        raise TooLarge(too_large()) from error


def too_large() -> str:
    return TAKES_LONGER.format(megabytes=settings.RIDE_FILE_MAX_BYTES // 1_000_000)


def of_files(user: User) -> QuerySet[Ride]:
    """The rides that came from files, newest first."""
    return user.rides.filter(source=Source.FILE).order_by("-started_at", "-pk")


def delete(ride: Ride) -> None:
    """Forget a ride of a file; the same file sent again brings it back. Raises KeptElsewhere."""
    if ride.source != Source.FILE:
        words = DELETED_ELSEWHERE.get(ride.source, IN_ITS_SOURCE)
        raise KeptElsewhere(words.format(label=label_of(ride.source)))
    ride.delete()


@dataclass(frozen=True, slots=True)
class RideInWords:
    """A ride as a line of a list, in the units its tester reads."""

    ride: Ride

    @property
    def sport(self) -> str:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.ride.sport).capitalize()

    @property
    def figures(self) -> str:
        return ", ".join(self._figures())

    def _figures(self) -> Iterator[str]:
        yield _duration(self.ride.duration_s)
        yield self._distance()
        if self.ride.climb_m is not None:
            yield _unbroken(f"{formats.climb(self.ride.climb_m)} up")
        yield self._power()

    def _distance(self) -> str:
        metres = self.ride.distance_m
        if metres is None:
            return "distance unknown"
        return _unbroken(formats.distance(metres))

    def _power(self) -> str:
        ride = self.ride
        if ride.np_w is not None and ride.has_power_meter:
            return _unbroken(f"NP {ride.np_w:.0f} W")
        if ride.average_power_w is not None and ride.has_power_meter:
            return f"{_unbroken(f'{ride.average_power_w:.0f} W')} on average"
        return "power unknown"


def _duration(seconds: int) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return _unbroken(f"{hours} h {minutes:02} min" if hours else f"{minutes} min")


def _unbroken(figure: str) -> str:
    """On one line: a number does not break from its unit."""
    return figure.replace(" ", "\N{NO-BREAK SPACE}")
