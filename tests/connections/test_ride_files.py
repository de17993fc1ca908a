"""From received ride files to rides: kept once, counted once, and nothing left behind."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import privacy
from accounts.models import User
from accounts.privacy import NotAllowed
from coach import scored
from connections import incoming, readings, retention, ride_files
from connections.models import Ride, RideFile
from connections.providers.ride_files import read_ride_file
from connections.sources import Source
from connections.tasks import purge, read_ride_files, sweep
from tests import factories
from tests.connections.recorded import (
    START,
    file_id,
    fit_of,
    fit_ride,
    gpx_of,
    packed,
    records,
    session,
    tcx_of,
    trackpoint,
    trkpt,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_upload_folder", "_evening")]

NOW = START + timedelta(hours=3)
Status = RideFile.Status
Published = list[tuple[str, list[Any]]]


@pytest.fixture
def _evening() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def sent(user: User, *contents: bytes, name: str = "ride.fit") -> list[RideFile]:
    return ride_files.receive(user, [SimpleUploadedFile(name, one) for one in contents])


def read(user: User, *contents: bytes, name: str = "ride.fit") -> list[RideFile]:
    rows = sent(user, *contents, name=name)
    read_ride_files(user.pk)
    return [RideFile.objects.get(pk=row.pk) for row in rows]


def everything_kept(user: User) -> list[dict[str, Any]]:
    return [dict(row) for row in Ride.objects.filter(user=user).order_by("pk").values()]


def files_left(settings: LazySettings) -> list[Path]:
    return sorted(Path(settings.UPLOAD_DIR).glob("*"))


# --- What becomes of a file ---


def test_ride_of_a_file_is_kept_with_all_its_numbers(tester: User, settings: LazySettings) -> None:
    (row,) = read(tester, fit_ride())

    assert (row.status, row.rides, row.rides_new, row.error) == (Status.DONE, 1, 1, "")
    assert row.finished_at == NOW
    ride = tester.rides.get()
    assert (ride.source, ride.sport, ride.name) == (Source.FILE, "Ride", "garmin edge 530")
    assert (ride.started_at, ride.local_date) == (START, START.date())
    assert (ride.duration_s, ride.elapsed_s, ride.distance_m) == (3599, 3599, 28_792)
    assert (ride.average_power_w, ride.np_w, ride.has_power_meter) == (200, 200, True)
    assert ride.power_histogram == [*[0] * 20, 3600]
    assert (ride.average_hr_bpm, ride.max_hr_bpm) == (140, 140)
    assert files_left(settings) == []


def test_ride_is_filed_under_the_testers_own_day(tester: User) -> None:
    """23:30 in Paris, however late it was where the device thought to be."""
    late = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)
    User.objects.filter(pk=tester.pk).update(timezone="Pacific/Kiritimati")

    read(tester, fit_ride((200,) * 60, late - timedelta(days=1)))

    assert tester.rides.get().local_date == late.date()


def test_same_file_again_changes_nothing_however_it_is_named_or_packed(tester: User) -> None:
    content = fit_ride()
    read(tester, content)
    before = everything_kept(tester)

    with time_machine.travel(NOW + timedelta(days=1)):
        rows = read(tester, content, packed(content), name="again.gz")

    assert everything_kept(tester) == before
    assert [(row.status, row.rides, row.rides_new) for row in rows] == [(Status.DONE, 1, 0)] * 2


def test_file_with_a_session_more_brings_only_that_one(tester: User) -> None:
    later = START + timedelta(hours=1)
    two = [file_id(), *records((200,) * 60), session(59)]
    two += [*records((None,) * 60, later), session(59, later, sport="running")]

    (row,) = read(tester, fit_of(two))

    assert (row.rides, row.rides_new) == (2, 2)
    assert sorted(tester.rides.values_list("sport", flat=True)) == ["Ride", "Run"]


def test_file_of_one_tester_is_no_ride_of_another(tester: User, stranger: User) -> None:
    read(tester, fit_ride())
    read(stranger, fit_ride())

    assert (tester.rides.count(), stranger.rides.count()) == (1, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"not a ride",
        fit_ride()[:-300],
        b"<gpx><!DOCTYPE a></gpx>",
        packed(bytes(30_000_000)),
        gpx_of(trkpt(0, time="")),
        b"",
    ],
)
def test_other_files_of_an_upload_are_taken_where_one_is_not(
    tester: User, settings: LazySettings, content: bytes
) -> None:
    good = tcx_of(*(trackpoint(second) for second in range(60)))

    refused, taken = read(tester, content, good)

    assert (refused.status, refused.rides) == (Status.FAILED, 0)
    assert refused.error
    assert (taken.status, taken.rides_new) == (Status.DONE, 1)
    assert tester.rides.count() == 1
    assert files_left(settings) == []


def test_file_that_is_too_large_is_not_even_stored(tester: User, settings: LazySettings) -> None:
    settings.RIDE_FILE_MAX_BYTES = 1_000_000
    large, small = sent(tester, bytes(1_000_001), fit_ride())

    assert (large.status, large.stored_name) == (Status.FAILED, "")
    assert large.error.startswith("It holds more than 1 MB")
    assert files_left(settings) == [incoming.path_of(small.stored_name)]


def test_full_disk_is_told_for_the_file_it_stopped(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(SimpleUploadedFile):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            raise OSError(28, "No space left on device")

    full, taken = ride_files.receive(
        tester, [Full("a.fit", b"a"), SimpleUploadedFile("b.fit", fit_ride())]
    )

    assert (full.status, full.error) == (Status.FAILED, ride_files.NO_ROOM)
    assert taken.status == Status.WAITING


def test_file_is_stored_under_a_name_of_our_own(tester: User) -> None:
    (row,) = sent(tester, b"content", name="../../etc/my ride.fit")

    assert row.file_name == "my ride.fit"
    path = incoming.path_of(row.stored_name)
    assert (path.parent.stat().st_mode & 0o777, path.read_bytes()) == (0o700, b"content")


# --- The same ride from elsewhere ---


@pytest.mark.parametrize("source", [Source.STRAVA, Source.APPLE])
def test_ride_that_another_source_told_too_counts_once(tester: User, source: Source) -> None:
    """The file has the power and wins; of the rest each stays."""
    told = {"source": source, "has_power_meter": False, "np_w": None}
    factories.ride(tester, START.date(), started_at=START + timedelta(minutes=1), **told)
    read(tester, fit_ride())
    tester.refresh_from_db()

    counted = scored.score(tester, readings.gather(tester, START.date()))

    assert tester.rides.count() == 2
    assert [one.ride.source for one in counted] == [Source.FILE]


def test_ride_of_the_same_day_that_is_another_counts_too(tester: User) -> None:
    factories.ride(tester, START.date(), started_at=START + timedelta(hours=2))
    read(tester, fit_ride())

    assert len(scored.score(tester, readings.gather(tester, START.date()))) == 2


def test_same_ride_as_fit_and_as_gpx_counts_once(tester: User) -> None:
    read(tester, fit_ride(), gpx_of(*(trkpt(second) for second in range(3600))))

    assert tester.rides.count() == 2
    assert len(scored.score(tester, readings.gather(tester, START.date()))) == 1


def test_file_says_nothing_about_the_days_after_its_ride(tester: User) -> None:
    """An old ride sent today does not make the days since then days of rest."""
    with time_machine.travel(NOW + timedelta(days=10)):
        read(tester, fit_ride())
        told = readings.gather(tester, START.date() + timedelta(days=10))

    assert told.rides_known_until is None
    assert scored.last_read_on(tester, told) == START.date()


def test_rides_of_files_stay_as_long_as_the_account(tester: User) -> None:
    read(tester, fit_ride())

    assert retention.purge(NOW + timedelta(days=4000)) == 0


# --- Consent ---


def test_files_of_somebody_who_does_not_allow_it_are_not_received(
    tester: User, settings: LazySettings
) -> None:
    privacy.withdraw_consent(tester, None, NOW)

    with pytest.raises(NotAllowed):
        sent(tester, fit_ride())
    assert not RideFile.objects.exists()
    assert files_left(settings) == []


def test_consent_withdrawn_while_a_file_waits_holds(tester: User, settings: LazySettings) -> None:
    (row,) = sent(tester, fit_ride())
    privacy.withdraw_consent(tester, None, NOW)

    read_ride_files(tester.pk)

    row.refresh_from_db()
    assert (row.status, row.error) == (Status.FAILED, privacy.NOT_ALLOWED)
    assert not tester.rides.exists()
    assert files_left(settings) == []


# --- Workers ---


def test_upload_is_handed_to_a_worker_once_it_is_stored(
    tester: User,
    published: Published,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        sent(tester, fit_ride(), fit_ride())
        assert published == []

    assert published == [(ride_files.READ, [tester.pk])]


def test_file_is_read_by_one_worker_at_a_time(tester: User) -> None:
    (row,) = sent(tester, fit_ride())

    assert row.claim(NOW)
    assert not RideFile.objects.get(pk=row.pk).claim(NOW + timedelta(minutes=4))
    assert RideFile.objects.get(pk=row.pk).claim(NOW + timedelta(minutes=6))


def test_file_whose_worker_died_is_read_by_the_next(
    tester: User, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> int:
        raise SystemExit

    (row,) = sent(tester, fit_ride())
    with monkeypatch.context() as broken:
        broken.setattr(ride_files, "keep", dies)
        with pytest.raises(SystemExit):
            read_ride_files(tester.pk)

    with time_machine.travel(NOW + timedelta(minutes=6)):
        sweep()
        assert published == [(ride_files.READ, [tester.pk])]
        read_ride_files(tester.pk)

    row.refresh_from_db()
    assert (row.status, row.attempts, row.rides_new) == (Status.DONE, 2, 1)


def test_file_that_kills_its_workers_is_given_up(tester: User, settings: LazySettings) -> None:
    (row,) = sent(tester, fit_ride())
    RideFile.objects.update(attempts=RideFile.MOST_ATTEMPTS)

    read_ride_files(tester.pk)

    row.refresh_from_db()
    assert (row.status, row.error) == (Status.FAILED, ride_files.BROKE_OFF)
    assert files_left(settings) == []


def test_file_that_is_gone_is_told(tester: User) -> None:
    (row,) = sent(tester, fit_ride())
    incoming.path_of(row.stored_name).unlink()

    read_ride_files(tester.pk)

    row.refresh_from_db()
    assert (row.status, row.error) == (Status.FAILED, "The uploaded file is gone. Send it again.")


def test_sweep_leaves_what_was_just_sent_to_the_task_it_has(
    tester: User, published: Published
) -> None:
    sent(tester, fit_ride())

    sweep()

    assert published == []


def test_sweep_sends_no_second_worker_to_a_tester_whose_files_are_being_read(
    tester: User, stranger: User, published: Published
) -> None:
    being_read, _ = sent(tester, fit_ride(), fit_ride())
    sent(stranger, fit_ride())

    with time_machine.travel(NOW + timedelta(minutes=6)):
        being_read.claim(timezone.now())
        sweep()

    assert published == [(ride_files.READ, [stranger.pk])]


@pytest.mark.parametrize("files", [1, 8])
def test_receiving_many_files_asks_the_database_no_more_than_one(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries, files: int
) -> None:
    with django_assert_num_queries(2):  # may they be read, and the rows
        sent(tester, *[b"content"] * files)


# --- Nothing left behind ---


def test_nothing_of_a_file_is_in_any_log(tester: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    private = gpx_of(trkpt(0, watts=987, place=(45.12345, 6.54321)), kind="secret")

    read(tester, private, fit_ride((987,) * 60)[:-30], b"<gpx>45.12345", name="To Anna.fit")

    told = " ".join(record.getMessage() for record in caplog.records)
    assert not [word for word in ("Anna", "987", "45.12345", "secret") if word in told]


def test_place_of_a_ride_is_not_kept(tester: User) -> None:
    read(tester, gpx_of(*(trkpt(second) for second in range(60))))

    assert not [name for name in everything_kept(tester)[0] if "lat" in name or "lon" in name]


def test_what_came_of_a_file_is_forgotten_after_a_week_and_its_ride_stays(tester: User) -> None:
    read(tester, fit_ride(), b"no ride")
    (waiting,) = sent(tester, gpx_of(trkpt(0)))

    with time_machine.travel(NOW + timedelta(days=7, minutes=-1)):
        purge()
        assert RideFile.objects.count() == 3
    with time_machine.travel(NOW + timedelta(days=7, minutes=1)):
        purge()

    assert RideFile.objects.get() == waiting
    assert tester.rides.exists()


def test_leftovers_are_removed_and_what_waits_stays(tester: User, settings: LazySettings) -> None:
    (waiting,) = sent(tester, fit_ride())
    folder = Path(settings.UPLOAD_DIR)
    orphan, others = folder / "o.ride", folder / "o.upload"
    orphan.write_bytes(b"")
    others.write_bytes(b"")
    written = datetime.fromtimestamp(orphan.stat().st_mtime, UTC)

    ride_files.remove_leftovers(written + timedelta(minutes=59))
    assert orphan.exists()
    ride_files.remove_leftovers(written + timedelta(minutes=61))

    assert files_left(settings) == sorted([incoming.path_of(waiting.stored_name), others])


def test_files_of_somebody_who_leaves_are_removed_and_no_other(
    tester: User, stranger: User, settings: LazySettings
) -> None:
    sent(tester, fit_ride())
    (theirs,) = sent(stranger, fit_ride())

    ride_files.remove_files_of(tester, timezone.now())
    ride_files.remove_files_of(tester, timezone.now())

    assert files_left(settings) == [incoming.path_of(theirs.stored_name)]
    assert list(RideFile.objects.all()) == [theirs]


def test_file_deleted_with_its_tester_while_it_is_read_leaves_nothing(
    tester: User, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deletes(*given: Any, **options: Any) -> Any:
        User.objects.all().delete()
        return read_ride_file(*given, **options)

    sent(tester, fit_ride())
    monkeypatch.setattr(ride_files, "read_ride_file", deletes)

    read_ride_files(tester.pk)

    assert not RideFile.objects.exists()
    assert not Ride.objects.exists()
    assert files_left(settings) == []
