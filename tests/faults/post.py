"""A mail provider of a test's own, over SMTP, that does what a test tells it to."""

import socketserver
import threading
from collections import Counter
from typing import Any

from tests.environment import free_port


class Post:
    """Takes mails, refuses an address, or takes a mail and is gone before it can say so."""

    def __init__(self) -> None:
        self.port = free_port()
        # To whom and of which kind, one entry for each mail it took.
        self.taken: Counter[tuple[str, str]] = Counter()
        self.refused: set[str] = set()
        self.offered: Counter[str] = Counter()
        self.hangs_up_after_taking = False
        self._server: Any = None

    def come(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), _Talk)
        self._server.post = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self._thread.start()

    def go(self) -> None:
        """From now on nobody can connect."""
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def settings(self) -> dict[str, Any]:
        """Those of a worker whose mails go here."""
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": self.port,
            "EMAIL_USE_TLS": False,
            "EMAIL_TIMEOUT": 5,
        }

    def briefs(self) -> dict[str, int]:
        return {to: number for (to, kind), number in self.taken.items() if kind == "brief"}


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    post: Post


class _Talk(socketserver.StreamRequestHandler):
    """One conversation, as far as smtplib has it."""

    server: _Server

    def handle(self) -> None:
        self._say("220 post")
        to = ""
        while line := self.rfile.readline().decode().strip():
            word = line[:4].upper()
            if word == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
                self.server.post.offered[to] += 1
                is_refused = to in self.server.post.refused
                self._say("550 no such address" if is_refused else "250 ok")
            elif word == "DATA":
                self._say("354 go on")
                self._take(to)
                if self.server.post.hangs_up_after_taking:
                    return
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self, to: str) -> None:
        kind = ""
        while (line := self.rfile.readline()) and line != b".\r\n":
            if line.lower().startswith(b"x-lanterne-kind:"):
                kind = line.split(b":")[1].decode().strip()
        self.server.post.taken[to, kind] += 1

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())
