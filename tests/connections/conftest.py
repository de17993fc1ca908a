"""A provider that answers as a test says, the way to Strava and back, and what was published."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from celery.signals import after_task_publish
from django.conf import LazySettings, settings
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from accounts.models import User
from connections.models import Connection
from connections.readings import HISTORY
from sandbox.person.nights import night_of
from sandbox.strava.oauth import ATHLETE_COOKIE

ATHLETE = 42_071_660
RIDE_SCOPES = ("read", "activity:read_all", "profile:read_all")


@dataclass(frozen=True)
class Reply:
    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    is_cut: bool = False
    meanwhile: Callable[[], object] | None = None


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    authorization: str


class Provider:
    """Over real HTTP: `replies` in their order, the last one for ever; `asked` is what came in."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [Reply()]
        self.asked: list[Asked] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, *bodies: bytes | Reply) -> None:
        self.replies = [body if isinstance(body, Reply) else Reply(body) for body in bodies]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = self.rfile.read(length).decode()
                url = httpx2.URL(f"http://provider{self.path}")
                provider.asked.append(
                    Asked(
                        self.command,
                        url.path,
                        dict(url.params),
                        dict(httpx2.QueryParams(sent)),
                        self.headers.get("Authorization", ""),
                    )
                )
                provider._answer(self)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                return

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        time.sleep(reply.delay_s)
        if reply.meanwhile:
            reply.meanwhile()
            database.close()
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body) + reply.is_cut))
        handler.end_headers()
        with suppress(BrokenPipeError):  # a slow answer finds its client gone
            handler.wfile.write(reply.body)


@pytest.fixture
def _upload_folder(tmp_path: Path, settings: LazySettings) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    thread = threading.Thread(
        target=provider.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    yield provider
    provider.server.shutdown()
    thread.join()
    provider.server.server_close()


@pytest.fixture
def published() -> Iterator[list[tuple[str, list[Any]]]]:
    """The name and arguments of every task that was handed to the broker."""
    tasks: list[tuple[str, list[Any]]] = []

    def note(sender: str, body: tuple[list[Any], Any, Any], **_: Any) -> None:
        tasks.append((sender, list(body[0])))

    after_task_publish.connect(note, weak=False)
    yield tasks
    after_task_publish.disconnect(note)


class Visit:
    """A tester's browser on its way from our page to Strava's and back."""

    def __init__(self, client: Client, athlete: int = ATHLETE) -> None:
        self.client, self.athlete = client, athlete
        # Strava sends athletes back to registered hosts and to this machine only.
        self.client.defaults["SERVER_NAME"] = "127.0.0.1"

    def begin(self) -> str:
        """The address of Strava's consent page."""
        return self.client.post("/connect/login/strava/").headers["location"]

    def consent(
        self, address: str, granted: tuple[str, ...] = RIDE_SCOPES, decision: str = "authorize"
    ) -> str:
        """The address that Strava sends the browser back to."""
        form = {"decision": decision, "granted": list(granted)}
        signed_in = {ATHLETE_COOKIE: str(self.athlete)}
        return httpx2.post(address, data=form, cookies=signed_in).headers["location"]

    def come_back(self, address: str) -> list[str]:
        """What the tester is told on the page where it ends."""
        answer = self.client.get(address.removeprefix("http://127.0.0.1"))
        assert answer.status_code == 302
        assert answer.headers["location"] == "/connections"
        page = self.client.get("/connections")
        return [str(message) for message in page.context["messages"]]

    def connect(self, granted: tuple[str, ...] = RIDE_SCOPES) -> list[str]:
        return self.come_back(self.consent(self.begin(), granted))


def new_tokens() -> dict[str, Any]:
    """A pair of tokens that the stand-in really gave."""
    address = f"{settings.STRAVA_OAUTH_URL}/authorize"
    query = {
        "client_id": settings.SOCIAL_AUTH_STRAVA_KEY,
        "redirect_uri": "http://127.0.0.1/",
        "response_type": "code",
        "scope": ",".join(RIDE_SCOPES),
    }
    form: dict[str, Any] = {"decision": "authorize", "granted": list(RIDE_SCOPES)}
    back = httpx2.post(address, params=query, data=form).headers["location"]
    pair: dict[str, str] = httpx2.post(
        f"{settings.STRAVA_OAUTH_URL}/token",
        data={
            "client_id": settings.SOCIAL_AUTH_STRAVA_KEY,
            "client_secret": settings.SOCIAL_AUTH_STRAVA_SECRET,
            "code": httpx2.URL(back).params["code"],
        },
    ).json()
    return {"access_token": pair["access_token"], "refresh_token": pair["refresh_token"]}


def reload(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def nights_to_read(user: User) -> int:
    """The nights of half a year that the stand-in has told of by now.

    A change to summer time can make it one fewer, and so does the night that is not over yet.
    """
    now = timezone.now()
    days = (user.local_date(now) - user.local_date(now - HISTORY)).days + 1
    is_asleep = night_of(user.local_date(now)).wake_at > now
    return days - is_asleep
