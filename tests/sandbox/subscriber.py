"""The other end of a webhook, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2


@dataclass
class Subscriber:
    """How it shakes hands, how it answers events, what came in; raw: headers and body."""

    echo: Callable[[dict[str, str]], tuple[int, Any]]
    statuses: list[int]
    queries: list[dict[str, str]]
    events: list[Any]
    url: str = ""
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


def well(query: dict[str, str]) -> tuple[int, Any]:
    """As Strava wants it, and as Oura wants it."""
    name = "hub.challenge" if "hub.challenge" in query else "challenge"
    return 200, {name: query[name]}


@contextmanager
def listening() -> Iterator[Subscriber]:
    other = Subscriber(well, [200], [], [])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = dict(httpx2.URL(f"http://subscriber{self.path}").params)
            other.queries.append(query)
            self.answer(*other.echo(query))

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            other.raw.append((headers, body))
            other.events.append(json.loads(body))
            kept = len(other.statuses) == 1
            self.answer(other.statuses[0] if kept else other.statuses.pop(0), {})

        def answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            with suppress(ConnectionError):  # whoever asked had no patience
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    other.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield other
    server.shutdown()
    thread.join()
    server.server_close()
