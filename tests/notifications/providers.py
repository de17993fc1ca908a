"""Mail providers that do as a test tells them, over real sockets."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer

HANG_UP = "hang up"


class SmtpServer(ThreadingTCPServer):
    """Answers each command as `answers` says, else with consent; keeps the mails it took."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.answers: dict[str, str] = {}
        self.refused = "nobody@nowhere.example"
        self.taken: list[str] = []
        # Set to let an answer to the end of a mail wait until the test says so.
        self.may_answer = threading.Event()
        self.may_answer.set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Dialogue(StreamRequestHandler):
    server: SmtpServer
    timeout = 10

    def handle(self) -> None:
        self.say("220 ready")
        for line in self.rfile:
            words = line.decode()
            command = words.split()[0].upper()
            if not self.take(command, words) or command == "QUIT":
                return

    def take(self, command: str, words: str) -> bool:
        if command == "EHLO":
            return self.say("250-stub\r\n250 8BITMIME")
        if command == "DATA" and "DATA" not in self.server.answers:
            return self.say("354 go on") and self.end_of_mail()
        if self.server.refused in words:
            return self.say("550 no such mailbox")
        return self.say(self.server.answers.get(command, "250 yes"))

    def end_of_mail(self) -> bool:
        lines = iter(self.rfile.readline, b".\r\n")
        text = b"".join(lines).decode().replace("\r\n", "\n")
        self.server.may_answer.wait(10)
        answer = self.server.answers.get("END", "250 taken")
        if answer.startswith("2") or answer == HANG_UP:
            self.server.taken.append(text)
        return self.say(answer)

    def say(self, answer: str) -> bool:
        """False when that ends the conversation."""
        if answer == HANG_UP:
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        self.wfile.write(f"{answer}\r\n".encode())
        return True


class HttpServer(ThreadingHTTPServer):
    """Answers every request with `status`, `error` and `body`, or hangs up on it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.status: int | None = 200
        self.error = ""
        self.body: dict[str, object] | bytes = {}
        self.requests: list[str] = []
        # What came with each of them.
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Request(BaseHTTPRequestHandler):
    server: HttpServer

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(self.path)
        if self.server.status is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        told = self.server.body
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-ErrorType", self.server.error)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def serving(server: SmtpServer | HttpServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
