"""Ride files' way: received to disk, read one after the other by one worker, kept, removed."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts import privacy, purging
from accounts.models import User
from connections import incoming
from connections.models import Ride, RideFile
from connections.providers.ride_files import (
    NotARideFile,
    RecordedFile,
    RecordedRide,
    read_ride_file,
)
from connections.providers.ride_files.reader import too_large
from connections.rows import keep_rides
from connections.sources import Source

READ = "connections.read_ride_files"
SUFFIX = ".ride"
# What came of a file is shown for a while; then its name is forgotten.
TOLD_FOR = timedelta(days=7)
DIGITS = 40

NO_ROOM = (
    "It could not be stored on our side, most likely because the disk is full. Please send it "
    "again in an hour."
)
BROKE_OFF = (
    "Reading it broke off several times. Export the ride again from your device or app, in another "
    "format if you can, and send that."
)

Status = RideFile.Status


def receive(user: User, uploads: Sequence[File[bytes]]) -> list[RideFile]:
    """Put uploaded files where the worker finds them, and have them read.

    What is wrong with one of them is told on its row. Raises privacy.NotAllowed.
    """
    privacy.require_consent(user.pk)
    now = timezone.now()
    rows = RideFile.objects.bulk_create([_stored(user, upload, now) for upload in uploads])
    # No functools.partial: Django trips over its missing name when the broker is away.
    transaction.on_commit(lambda: publish(user.pk), robust=True)
    return rows


def publish(user_id: int) -> None:
    current_app.send_task(READ, args=[user_id])


def publish_again(now: datetime) -> None:
    """Whose files nobody reads, though they have been here for a while.

    A worker that is at one of a tester's files gets to the others: a second one is for others.
    """
    a_while_ago = now - RideFile.PATIENCE
    waiting = RideFile.objects.claimable(now).filter(uploaded_at__lt=a_while_ago)
    held = RideFile.objects.waiting().filter(user=OuterRef("user"), tried_at__gte=a_while_ago)
    unread = waiting.filter(~Exists(held)).order_by("user_id")
    for user_id in unread.values_list("user_id", flat=True).distinct():
        publish(user_id)


def read_waiting(user_id: int) -> None:
    """Read a tester's files that wait, one after the other."""
    while True:
        now = timezone.now()
        waiting = RideFile.objects.claimable(now).filter(user_id=user_id)
        row = waiting.select_related("user").order_by("pk").first()
        if row is None:
            return
        if row.claim(now):
            _read(row)


def purge(now: datetime) -> int:
    return purging.in_batches(RideFile.objects.finished().filter(finished_at__lt=now - TOLD_FOR))


def remove_files_of(user: User, now: datetime) -> None:
    """Deletion step: the row first, so that no worker keeps what it still reads."""
    for row in user.ride_files.all():
        row.delete()
        _remove(row)


def remove_leftovers(now: datetime) -> None:
    waiting = set(RideFile.objects.waiting().values_list("stored_name", flat=True))
    incoming.remove_leftovers(SUFFIX, waiting, now)


def _stored(user: User, upload: File[bytes], now: datetime) -> RideFile:
    row = RideFile(
        user=user,
        file_name=Path(upload.name or "ride").name[:200],
        size_bytes=upload.size,
        uploaded_at=now,
    )
    if row.size_bytes > settings.RIDE_FILE_MAX_BYTES:
        return _refused(row, too_large(settings.RIDE_FILE_MAX_BYTES), now)
    try:
        row.stored_name = incoming.put(upload, SUFFIX)
    except incoming.NoRoom:
        return _refused(row, NO_ROOM, now)
    return row


def _refused(row: RideFile, error: str, now: datetime) -> RideFile:
    row.status, row.error, row.finished_at, row.stored_name = Status.FAILED, error, now, ""
    return row


def _read(row: RideFile) -> None:
    """A worker may die anywhere in here: whoever comes next finds the same file, or the result."""
    try:
        recorded = _recorded(row)
        new = keep(row.user, recorded)
    except (NotARideFile, privacy.NotAllowed) as refusal:
        _finish(row, status=Status.FAILED, error=str(refusal)[:400])
    except FileNotFoundError:
        _finish(row, status=Status.FAILED, error="The uploaded file is gone. Send it again.")
    else:
        _finish(row, status=Status.DONE, rides=len(recorded.rides), rides_new=new)
    _remove(row)


def _recorded(row: RideFile) -> RecordedFile:
    if row.attempts > RideFile.MOST_ATTEMPTS:
        raise NotARideFile(BROKE_OFF)
    # The row says since when it is tried: that is patience enough to fetch a file of this size.
    with incoming.at_hand(row.stored_name, lambda: None) as path:
        return read_ride_file(path, most_bytes=settings.RIDE_FILE_MAX_BYTES, now=timezone.now())


def keep(user: User, recorded: RecordedFile) -> int:
    """Write the rides of a file; how many of them were new. One that is here stays as it is."""
    rides = list(_rows(user, recorded))
    with transaction.atomic():
        known = _known(user, rides).count()
        keep_rides(rides, is_newest=False)
    return len(rides) - known


def keep_only(user: User, recorded: RecordedFile) -> tuple[Ride, bool]:
    """Write the ride of a file that holds one: as it is stored, and whether it is new."""
    (ride,) = _rows(user, recorded)
    with transaction.atomic():
        for known in _known(user, [ride]):
            return known, False
        ride.save(force_insert=True)
    return ride, True


def _known(user: User, rides: Sequence[Ride]) -> QuerySet[Ride]:
    """Those that are here already, with nobody else writing until the end of the transaction.

    Raises privacy.NotAllowed.
    """
    privacy.require_consent_for_now(user.pk)
    return user.rides.filter(
        source=Source.FILE, external_id__in=[ride.external_id for ride in rides]
    )


def _rows(user: User, recorded: RecordedFile) -> Iterator[Ride]:
    """Known by what is in the file, however it is named or packed."""
    for number, ride in enumerate(recorded.rides, start=1):
        yield _row(user, ride, f"{recorded.digest[:DIGITS]}-{number}")


def _row(user: User, ride: RecordedRide, external_id: str) -> Ride:
    return Ride(
        user=user,
        source=Source.FILE,
        external_id=external_id,
        started_at=ride.started_at,
        local_date=user.local_date(ride.started_at),
        name=ride.device[:200],
        sport=ride.sport,
        duration_s=ride.moving_s,
        elapsed_s=ride.elapsed_s,
        distance_m=ride.distance_m,
        climb_m=ride.climb_m,
        energy_kj=ride.energy_kj,
        average_power_w=ride.average_power_w,
        np_w=ride.np_w,
        has_power_meter=ride.has_power_meter,
        power_histogram=ride.power_histogram,
        average_hr_bpm=ride.average_hr_bpm,
        max_hr_bpm=ride.max_hr_bpm,
        # A file tells of its own ride and of nothing after it: `coach.scored` takes the newest
        # of these for the day up to which rides are known.
        read_at=ride.ended_at,
    )


def _finish(row: RideFile, *, status: Status, **values: int | str) -> None:
    RideFile.objects.filter(pk=row.pk, status=Status.WAITING).update(
        status=status, finished_at=timezone.now(), **values
    )


def _remove(row: RideFile) -> None:
    if row.stored_name:
        incoming.remove(row.stored_name)
