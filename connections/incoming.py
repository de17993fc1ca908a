"""Files on their way in: received on the disk, kept where every machine finds them, read, removed.

A web process receives a file and a worker reads it, on another machine perhaps. Between the two it
lies in the storage `uploads`: a folder, or a bucket. Nowhere is a file ever held in memory.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import artifacts

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1024 * 1024
# What a request may hold beside its files.
FORM_BYTES = 1024 * 1024
# A file is here for a while before its row is, and a part of one for as long as it is received.
RECEIVING = timedelta(hours=1)
# Ends the name of what one process alone knows of: it receives it, or has fetched it to be read.
PART = ".part"
View = Callable[[HttpRequest], HttpResponseBase]
BUCKET_ERRORS = (BotoCoreError, Boto3Error, ClientError)


class NoRoom(Exception):
    """A file could not be stored; on our side, so the tester may send it again later."""


class OutOfReach(Exception):
    """A file that is stored could not be fetched; it can be tried again."""


class Folder(FileSystemStorage):
    """UPLOAD_DIR, where nobody else can read."""

    def __init__(self) -> None:
        super().__init__(file_permissions_mode=0o600, directory_permissions_mode=0o700)

    @property
    def base_location(self) -> str:
        return str(settings.UPLOAD_DIR)

    @property
    def location(self) -> str:
        return str(Path(self.base_location).absolute())


class Bucket(artifacts.ImpatientS3Storage):
    """A part of a file is in memory at a time: boto3's threads would hold ten."""

    def get_default_settings(self) -> dict[str, Any]:
        one_by_one = TransferConfig(use_threads=False)
        return {**super().get_default_settings(), "transfer_config": one_by_one}


def storage() -> Storage:
    return storages["uploads"]


# --- Receiving -----------------------------------------------------------------------------------


class Received(TemporaryUploadedFile):
    """On the disk where it can stay, so that keeping it is a rename."""

    def __init__(self, handler: "ToDisk", part: IO[bytes] | None, size: int) -> None:
        UploadedFile.__init__(
            self,
            BytesIO() if part is None else part,
            handler.file_name,
            handler.content_type,
            size,
            handler.charset,
            handler.content_type_extra,
        )
        self.has_room = part is not None


class ToDisk(FileUploadHandler):
    """Writes what comes in to the disk, and nothing of a request that nobody would read.

    A full disk does not break the request off: its rest is passed over, so that it can be told.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._part: IO[bytes] | None = None
        self._is_too_long = False

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *_: Any) -> None:  # noqa: N803
        self._is_too_long = is_too_long(content_length)

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        if self._is_too_long or not self._is_from_somebody():
            raise StopUpload(connection_reset=True)
        try:
            self._part = new_part()
        except OSError as error:
            self._drop(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._part is not None:
            try:
                self._part.write(raw_data)
            except OSError as error:
                self._drop(error)

    def file_complete(self, file_size: int) -> Received:
        if self._part is not None:
            try:
                self._part.seek(0)  # writes what is still on its way
            except OSError as error:
                self._drop(error)
        part, self._part = self._part, None
        return Received(self, part, file_size)

    def upload_interrupted(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            with suppress(OSError):  # a full disk takes no last word
                part.close()

    def _is_from_somebody(self) -> bool:
        return self.request is not None and self.request.user.is_authenticated

    def _drop(self, error: OSError) -> None:
        logger.warning("An upload cannot be stored: %s", error.strerror)
        self.upload_interrupted()


def drops_parts(get_response: View) -> View:
    """Middleware: what was received of a file whose request broke off goes at once."""

    def handled(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for handler in request.upload_handlers:
            handler.upload_interrupted()
        return response

    return handled


def length_of(headers: Mapping[str, str]) -> int:
    """What a request says of its length before anybody reads it; 0 where it says nothing."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else 0


def is_too_long(length: int) -> bool:
    """Whether a request is longer than any file that is taken; of such a one nothing is stored."""
    most_bytes: int = settings.UPLOAD_MAX_BYTES + FORM_BYTES
    return length > most_bytes


def is_whole(content: File[bytes]) -> bool:
    """Whether there was room for all of it when it was received."""
    return not isinstance(content, Received) or content.has_room


def new_part() -> IO[bytes]:
    """A file of this process, removed when it is closed; whoever was killed has left theirs."""
    folder = Path(settings.UPLOAD_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_parts(datetime.now(UTC))
    return NamedTemporaryFile(dir=folder, suffix=PART)


def remove_parts(now: datetime) -> None:
    for part in Path(settings.UPLOAD_DIR).glob(f"*{PART}"):
        with suppress(FileNotFoundError):  # it is whole by now, or closed
            if now - datetime.fromtimestamp(part.stat().st_mtime, UTC) > RECEIVING:
                part.unlink()


# --- Keeping and reading -------------------------------------------------------------------------


def put(content: File[bytes], suffix: str) -> str:
    """Store a file under a name of our own, which ends in `suffix`. Raises NoRoom."""
    if not is_whole(content):
        raise NoRoom
    name = f"{uuid.uuid4().hex}{suffix}"
    try:
        return storage().save(name, content)
    except (OSError, *BUCKET_ERRORS) as error:
        remove(name)
        raise NoRoom from error


@contextmanager
def at_hand(name: str, meanwhile: Callable[[], object]) -> Iterator[Path]:
    """Where to read a file; `meanwhile` is called now and then as long as it has to be fetched.

    Raises FileNotFoundError and OutOfReach.
    """
    store = storage()
    if not isinstance(store, Bucket):
        yield path_of(name)
        return
    with _fetched(store, name, meanwhile) as part:
        yield Path(part.name)


def path_of(name: str) -> Path:
    """Where a file lies on this machine, if it does."""
    return Path(storage().path(name))


def remove(name: str) -> None:
    """What cannot be removed now is one of the leftovers later."""
    try:
        storage().delete(name)
    except (OSError, *BUCKET_ERRORS) as error:
        logger.warning("An upload could not be removed yet: %s", type(error).__name__)


def remove_leftovers(suffix: str, waiting: set[str], now: datetime) -> None:
    """Files that nobody will read: of a deleted tester, or of a server that died receiving."""
    remove_parts(now)
    store = storage()
    try:
        for name in stored():
            if name.endswith(suffix) and name not in waiting:
                with suppress(FileNotFoundError):  # its worker has just finished
                    if now - store.get_modified_time(name) > RECEIVING:
                        store.delete(name)
    except BUCKET_ERRORS as error:
        logger.warning("Leftovers could not be looked for: %s", type(error).__name__)


def stored() -> list[str]:
    """The names of all files on their way in."""
    try:
        return storage().listdir("")[1]
    except FileNotFoundError:
        return []


def _fetched(store: Bucket, name: str, meanwhile: Callable[[], object]) -> IO[bytes]:
    try:
        with store.open(name) as stored:
            part = new_part()
            for chunk in stored.obj.get()["Body"].iter_chunks(CHUNK_BYTES):
                part.write(chunk)
                meanwhile()
            part.flush()
    except FileNotFoundError:
        raise
    except (OSError, *BUCKET_ERRORS) as error:
        raise OutOfReach(f"An upload could not be fetched: {type(error).__name__}") from error
    return part
