"""How sensible and how quick the stand-in coach is: python -m bench.evaluate

Serves the stand-in model in this process and puts the scenarios of tests/data/scenarios.json to it
as `manage.py evaluate_coach` does, over real HTTP. Prints its table. Exit status 1 if fewer pass
than the yardstick.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django

SCENARIOS = Path(__file__).parent.parent / "tests" / "data" / "scenarios.json"
LEAST = 28


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings_in(Path(folder))
        with stand_in_model():
            return report()


def settings_in(folder: Path) -> None:
    for service in ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        os.environ.pop(service, None)
    os.environ.update(DEBUG="1", SANDBOX="1", VAR_DIR=str(folder), LOG_LEVEL="WARNING")
    os.environ["DJANGO_SETTINGS_MODULE"] = "lanterne.settings"
    (folder / "static").mkdir()
    django.setup()


@contextmanager
def stand_in_model() -> Iterator[None]:
    # Settings can be had only now that the service has its folder.
    from django.conf import settings  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.server_port}/sandbox/openai/v1"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def report() -> int:
    from django.core.management import CommandError, call_command  # noqa: PLC0415  as above

    try:
        call_command("evaluate_coach", "--scenarios", str(SCENARIOS), "--least", str(LEAST))
    except CommandError as failure:
        print(failure)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
