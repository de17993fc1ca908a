"""Refusing a request that was cut off: a server ends its body as if that were all of it."""

from collections.abc import Callable, Iterable
from typing import IO, Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class WholeBody:
    """A request's body; raises ConnectionResetError where it ends before the length it told."""

    def __init__(self, body: IO[bytes], length: int) -> None:
        self._body, self._missing = body, length

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._body.read(size), size)

    def readline(self, size: int = -1) -> bytes:
        return self._counted(self._body.readline(size), size)

    def _counted(self, data: bytes, size: int) -> bytes:
        self._missing -= len(data)
        if not data and size and self._missing > 0:
            raise ConnectionResetError("The request was cut off.")
        return data


def whole(application: Application) -> Application:
    """The same application, with bodies whose length is told held to it."""

    def watched(request: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = request.get("CONTENT_LENGTH") or ""
        if length.isdecimal():
            request["wsgi.input"] = WholeBody(request["wsgi.input"], int(length))
        return application(request, start_response)

    return watched
