"""What comes in: on the disk, in the folder, in the bucket, at hand for a reader, and gone."""

import errno
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import StopUpload
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.test import RequestFactory

from accounts.models import User
from connections import apple_uploads, incoming, ride_files
from connections.incoming import NoRoom, OutOfReach, ToDisk
from connections.models import AppleHealthUpload
from tests.connections.test_apple_uploads import imported, steps, xml
from tests.factories import NOW
from tests.storage import BUCKET, Configure

Status = AppleHealthUpload.Status
FORM = "multipart/form-data; boundary=b"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: LazySettings) -> Path:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    return tmp_path / "uploads"


def nothing() -> None:
    return


def request_of(user: User, content: bytes) -> HttpRequest:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="before"\r\n\r\nfirst\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="e.zip"\r\n\r\n'
        + content
        + b'\r\n--b\r\nContent-Disposition: form-data; name="after"\r\n\r\nlast\r\n--b--\r\n'
    )
    request = RequestFactory().post("/", data=body, content_type=FORM)
    request.user = user
    return request


def file_of(request: HttpRequest) -> UploadedFile[bytes]:
    sent = request.FILES["file"]
    assert isinstance(sent, UploadedFile)
    return sent


# --- Receiving ---


def test_length_is_what_a_request_says_of_it(settings: LazySettings) -> None:
    said = {"12": 12, "0": 0, "": 0, "-1": 0, "1e3": 0, "many": 0}
    assert {one: incoming.length_of({"Content-Length": one}) for one in said} == said
    assert incoming.length_of({}) == 0

    settings.UPLOAD_MAX_BYTES = 1_000
    most = 1_000 + incoming.FORM_BYTES
    assert [incoming.is_too_long(length) for length in (0, most, most + 1)] == [False, False, True]


def test_file_is_received_where_it_stays_and_kept_by_a_rename(tester: User, folder: Path) -> None:
    request = request_of(tester, b"content")
    sent = file_of(request)
    (received,) = folder.iterdir()
    number = received.stat().st_ino

    name = incoming.put(sent, ".upload")
    request.close()

    (kept,) = folder.iterdir()
    assert (kept.name, kept.stat().st_ino, kept.read_bytes()) == (name, number, b"content")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (name.endswith(".upload"), sent.size) == (True, 7)


def test_file_that_nobody_keeps_goes_with_its_request(tester: User, folder: Path) -> None:
    request = request_of(tester, b"content")
    assert file_of(request).read() == b"content"

    request.close()

    assert list(folder.iterdir()) == []


def test_request_that_breaks_off_leaves_nothing_on_the_disk(tester: User, folder: Path) -> None:
    request = request_of(tester, b"content" * 100_000)
    whole = request._stream

    class Cut:
        def read(self, size: int) -> bytes:
            if list(folder.glob("*")):
                raise ConnectionResetError
            data: bytes = whole.read(size)
            return data

    def view(request: HttpRequest) -> HttpResponse:
        cut: Any = Cut()
        request._stream = cut
        with pytest.raises(UnreadablePostError):
            _ = request.FILES
        assert [part.suffix for part in folder.iterdir()] == [".part"]
        return HttpResponse()

    incoming.drops_parts(view)(request)

    assert list(folder.iterdir()) == []


def test_file_of_nobody_is_not_stored(folder: Path) -> None:
    anonymous: Any = type("Anonymous", (), {"is_authenticated": False})()

    request = request_of(anonymous, b"content")

    assert (dict(request.FILES), request.POST["before"]) == ({}, "first")
    assert not folder.exists()


@pytest.mark.parametrize(("size", "is_taken"), [(2000, True), (2400, False)])
def test_request_longer_than_any_file_is_not_stored(
    tester: User,
    folder: Path,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    is_taken: bool,
) -> None:
    settings.UPLOAD_MAX_BYTES = 2000
    monkeypatch.setattr(incoming, "FORM_BYTES", 300)

    request = request_of(tester, b"a" * size)

    assert ("file" in request.FILES) is is_taken
    assert folder.exists() is is_taken
    request.close()


class Full:
    """A file on a disk that fills up after so many bytes."""

    def __init__(self, room: int) -> None:
        self.room, self.is_closed = room, False

    def write(self, data: bytes) -> None:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    def seek(self, _: int) -> None:
        self.write(b"")

    def close(self) -> None:
        self.is_closed = True


def test_full_disk_lets_the_rest_of_the_form_through(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Full(100_000)
    monkeypatch.setattr(incoming, "new_part", lambda: full)

    request = request_of(tester, b"a" * 300_000)
    sent = file_of(request)

    assert (sent.size, request.POST["after"], full.is_closed) == (300_000, "last", True)
    assert not incoming.is_whole(sent)
    with pytest.raises(NoRoom):
        incoming.put(sent, ".upload")


def test_folder_that_cannot_be_made_is_no_room(
    tester: User, tmp_path: Path, settings: LazySettings
) -> None:
    (tmp_path / "file").touch()
    settings.UPLOAD_DIR = tmp_path / "file"

    assert not incoming.is_whole(file_of(request_of(tester, b"content")))


def test_handler_by_itself_stores_nothing() -> None:
    with pytest.raises(StopUpload):
        ToDisk().new_file("file", "e.zip", "application/zip", 1)


def test_part_of_a_process_that_was_killed_is_removed_after_an_hour(folder: Path) -> None:
    folder.mkdir()
    part = folder / "killed.part"
    part.touch()
    written = datetime.fromtimestamp(part.stat().st_mtime, UTC)

    with time_machine.travel(written + timedelta(minutes=59), tick=False):
        incoming.new_part().close()
    assert part.exists()

    with time_machine.travel(written + timedelta(minutes=61), tick=False):
        incoming.new_part().close()
    assert not part.exists()


# --- In a folder ---


def test_file_in_the_folder_is_read_where_it_lies(folder: Path) -> None:
    name = incoming.put(ContentFile(b"content"), ".upload")

    with incoming.at_hand(name, nothing) as path:
        assert path == folder / name
        assert path.read_bytes() == b"content"
    assert path.exists()

    incoming.remove(name)
    incoming.remove(name)
    assert not path.exists()


def test_half_a_file_is_not_left_when_storing_it_fails(folder: Path) -> None:
    class Broken(ContentFile[bytes]):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"half"
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NoRoom):
        incoming.put(Broken(b"whole"), ".upload")

    assert list(folder.iterdir()) == []


# --- In a bucket ---


def keys_in(bucket: Any) -> list[str]:
    listed = bucket.list_objects_v2(Bucket=BUCKET, Prefix="incoming/").get("Contents", [])
    return [one["Key"] for one in listed]


@pytest.fixture
def empty_bucket(bucket: Any) -> Any:
    for key in keys_in(bucket):
        bucket.delete_object(Bucket=BUCKET, Key=key)
    return bucket


def test_file_goes_into_the_bucket_private_encrypted_and_with_an_end(
    tester: User, empty_bucket: Any, folder: Path
) -> None:
    request = request_of(tester, b"content")

    name = incoming.put(file_of(request), ".upload")
    request.close()

    key = f"incoming/{name}"
    assert keys_in(empty_bucket) == [key]
    head = empty_bucket.head_object(Bucket=BUCKET, Key=key)
    assert head["ServerSideEncryption"] == "AES256"
    assert (head["ContentType"], head["ContentLength"]) == ("application/octet-stream", 7)
    tags = empty_bucket.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    assert tags == [{"Key": "retention", "Value": "apple-health-raw-30d"}]
    grants = empty_bucket.get_object_acl(Bucket=BUCKET, Key=key)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
    assert list(folder.iterdir()) == []


def test_large_file_goes_into_the_bucket_in_parts(tester: User, empty_bucket: Any) -> None:
    content = b"0123456789abcdef" * (20 * 65_536)

    request = request_of(tester, content)
    name = incoming.put(file_of(request), ".upload")
    request.close()

    stored = empty_bucket.get_object(Bucket=BUCKET, Key=f"incoming/{name}")
    assert stored["ETag"].strip('"').endswith("-3")
    assert stored["Body"].read() == content


def test_file_in_the_bucket_is_fetched_and_removed_after_it_was_read(
    empty_bucket: Any, folder: Path
) -> None:
    name = incoming.put(ContentFile(b"a" * 3_000_000), ".upload")
    called: list[None] = []

    with incoming.at_hand(name, lambda: called.append(None)) as path:
        assert path.read_bytes() == b"a" * 3_000_000
        assert path.stat().st_mode & 0o777 == 0o600
    assert len(called) == 3
    assert list(folder.iterdir()) == []

    incoming.remove(name)
    assert keys_in(empty_bucket) == []
    with pytest.raises(FileNotFoundError), incoming.at_hand(name, nothing):
        pass


def test_fetching_stops_when_nobody_wants_the_file_any_more(
    empty_bucket: Any, folder: Path
) -> None:
    name = incoming.put(ContentFile(b"a" * 3_000_000), ".upload")

    def cancelled() -> None:
        raise apple_uploads.LostLease

    with pytest.raises(apple_uploads.LostLease), incoming.at_hand(name, cancelled):
        pass
    assert list(folder.iterdir()) == []


def test_upload_in_the_bucket_is_imported_and_removed(tester: User, empty_bucket: Any) -> None:
    upload = imported(tester, xml(steps(500)))

    assert (upload.status, [one.value for one in tester.samples.all()]) == (Status.DONE, [500])
    assert keys_in(empty_bucket) == []


def test_upload_cancelled_in_the_bucket_is_removed(tester: User, empty_bucket: Any) -> None:
    upload = apple_uploads.keep_file(tester, "export.xml", ContentFile(xml(steps(500))))

    apple_uploads.cancel(upload, NOW)

    assert keys_in(empty_bucket) == []


def test_ride_file_goes_through_the_bucket_too(tester: User, empty_bucket: Any) -> None:
    (row,) = ride_files.receive(tester, [ContentFile(b"no ride", "a.fit")])
    assert keys_in(empty_bucket) == [f"incoming/{row.stored_name}"]

    ride_files.read_waiting(tester.pk)

    row.refresh_from_db()
    assert row.error
    assert keys_in(empty_bucket) == []


@pytest.fixture
def _bucket_is_down(configure: Configure) -> None:
    configure(
        S3_BUCKET=BUCKET,
        S3_ENDPOINT_URL="http://127.0.0.1:9",
        S3_REGION="eu-west-1",
        S3_ACCESS_KEY_ID="key",
        S3_SECRET_ACCESS_KEY="secret",
        AWS_MAX_ATTEMPTS="1",
    )


@pytest.mark.usefixtures("_bucket_is_down")
def test_bucket_that_is_down_takes_nothing_and_gives_nothing(
    tester: User, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NoRoom):
        incoming.put(ContentFile(b"content"), ".upload")
    with pytest.raises(OutOfReach), incoming.at_hand("x.upload", nothing):
        pass
    incoming.remove("x.upload")
    incoming.remove_leftovers(".upload", set(), NOW)

    assert [record.getMessage() for record in caplog.records if record.name == incoming.__name__][
        1:
    ] == [
        "An upload could not be removed yet: EndpointConnectionError",
        "Leftovers could not be looked for: EndpointConnectionError",
    ]


@pytest.mark.usefixtures("_bucket_is_down")
def test_upload_is_tried_again_later_when_the_bucket_is_down(tester: User) -> None:
    upload = AppleHealthUpload.objects.create(
        user=tester, file_name="e.zip", stored_name="x.upload", size_bytes=1
    )

    with time_machine.travel(NOW, tick=False), pytest.raises(OutOfReach):
        apple_uploads.run_import(upload.pk)

    upload.refresh_from_db()
    assert (upload.status, upload.attempts) == (Status.READING, 1)
    assert upload.lease_until == NOW + apple_uploads.OUT_OF_REACH_FOR


# --- Leftovers ---


@pytest.mark.parametrize("place", ["folder", "empty_bucket"])
def test_leftovers_go_after_an_hour_and_no_other_file(
    place: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(place)
    lost, waiting = (incoming.put(ContentFile(b"x"), ".upload") for _ in range(2))
    ride = incoming.put(ContentFile(b"x"), ".ride")
    now = datetime.now(UTC)

    incoming.remove_leftovers(".upload", {waiting}, now + timedelta(minutes=59))
    assert sorted(incoming.stored()) == sorted([lost, waiting, ride])

    incoming.remove_leftovers(".upload", {waiting}, now + timedelta(minutes=61))
    assert sorted(incoming.stored()) == sorted([waiting, ride])
