"""A server that answers as intervals.icu does, over real HTTP."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "intervals-key-1"
ATHLETE = {"id": "i42", "name": "A rider"}


class StandIn:
    """`activities` and `wellness` are what it tells, `status` how it fails, `asked` what came."""

    def __init__(self) -> None:
        self.activities: list[dict[str, Any]] = []
        self.wellness: list[dict[str, Any]] = []
        self.status = 200
        self.asked: list[str] = []

    def answer(self, path: str, authorization: str) -> tuple[int, Any]:
        self.asked.append(path)
        if authorization != f"Basic {base64.b64encode(f'API_KEY:{KEY}'.encode()).decode()}":
            return 401, {"error": "Unauthorized"}
        if self.status != 200:
            return self.status, {"error": "no"}
        url = urlsplit(path)
        days = {name: values[0] for name, values in parse_qs(url.query).items()}
        told = {
            "/api/v1/athlete/0": ATHLETE,
            "/api/v1/athlete/0/activities": within(self.activities, "start_date", days),
            "/api/v1/athlete/0/wellness": within(self.wellness, "id", days),
        }
        return (200, told[url.path]) if url.path in told else (404, {"error": "Not found"})


def within(rows: list[dict[str, Any]], name: str, days: dict[str, str]) -> list[dict[str, Any]]:
    oldest, newest = days.get("oldest", ""), days.get("newest", "9999")
    return [row for row in rows if oldest <= row[name][:10] <= newest]


@contextmanager
def running(stand_in: StandIn) -> Iterator[str]:
    """Its address, for as long as it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, told = stand_in.answer(self.path, self.headers.get("Authorization", ""))
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
