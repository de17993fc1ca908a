"""An Oura that has what a test says, over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.connections.conftest import Provider, Reply

AT_MIDNIGHT = "2026-07-04T00:00:00.000+02:00"
NIGHT = {
    "day": "2026-07-04",
    "type": "long_sleep",
    "bedtime_start": "2026-07-03T23:10:00.000+02:00",
    "bedtime_end": "2026-07-04T06:40:00.000+02:00",
    "total_sleep_duration": 25200,
}
SCORE = {"day": "2026-07-04", "score": 81, "timestamp": AT_MIDNIGHT}


class OuraServer(Provider):
    """Answers by its route: with rows, or as a test says; every other route is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Reply] = {}

    def tells(self, route: str, *rows: dict[str, Any]) -> None:
        self.told[route] = Reply(json.dumps({"data": rows, "next_token": None}).encode())

    def refuses(self, route: str, status: int) -> None:
        self.told[route] = Reply(b'{"detail": "no"}', status)

    def routes(self) -> list[str]:
        return [asked.path.rpartition("/")[2] for asked in self.asked]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        route = handler.path.partition("?")[0].rpartition("/")[2]
        self.replies = [self.told.get(route, Reply(b'{"data": []}'))]
        super()._answer(handler)


@contextmanager
def running() -> Iterator[OuraServer]:
    oura = OuraServer()
    thread = threading.Thread(
        target=oura.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield oura
    finally:
        oura.server.shutdown()
        thread.join()
        oura.server.server_close()
