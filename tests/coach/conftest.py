import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from celery.signals import after_task_publish
from django.conf import LazySettings

from tests.coach.samples import reply

Message = tuple[str, tuple[Any, ...]]


class Model:
    """A model server that says what a test tells it to, in order, and keeps what it was asked."""

    def __init__(self) -> None:
        # Bytes are sent as they are, anything else as JSON.
        self.answers: list[Any] = []
        self.questions: list[dict[str, Any]] = []

    def says(self, *texts: str | None, **fields: Any) -> None:
        """Completions with these texts; `fields` are of the choice, or None to be left out."""
        for text in texts:
            choice = {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, "refusal": None},
            }
            self.answers.append(
                {
                    "id": "chatcmpl-1",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "gpt-4o-mini-2024-07-18",
                    "choices": [choice | fields],
                    "usage": {
                        "prompt_tokens": 2100,
                        "completion_tokens": 310,
                        "total_tokens": 2410,
                        "prompt_tokens_details": {"cached_tokens": 1024},
                    },
                }
            )

    def decides(self, *decisions: dict[str, Any]) -> None:
        self.says(*(json.dumps(decision) for decision in decisions or (reply(),)))


@pytest.fixture
def model(settings: LazySettings) -> Iterator[Model]:
    scripted = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            scripted.questions.append(json.loads(self.rfile.read(length)))
            said = scripted.answers.pop(0)
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.server_port}/v1"
    yield scripted
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def published() -> Iterator[list[Message]]:
    """The messages that reach the broker, as task name and arguments, oldest first."""
    messages: list[Message] = []

    def keep(sender: str, body: Any, **_: Any) -> None:
        arguments, _named, _embedded = body
        messages.append((sender, tuple(arguments)))

    after_task_publish.connect(keep, weak=False)
    yield messages
    after_task_publish.disconnect(keep)
