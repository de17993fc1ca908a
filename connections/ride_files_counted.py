"""How many files a form may bring: the rest is not stored, and the form says what is too many.

Without it Django's own limit ends the request with words for nobody, while the browser still sends.
"""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, StopUpload


class NoMoreThanTaken(FileUploadHandler):
    """An upload handler that stops at the second file too many; the first tells that there are."""

    files = 0

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        self.files += 1
        if self.files > settings.RIDE_FILES_AT_ONCE + 1:
            # What still comes is read and dropped, so that the browser gets to see the answer.
            raise StopUpload(connection_reset=False)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The next handler has the file."""
