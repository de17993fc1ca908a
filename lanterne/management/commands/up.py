"""Web, worker and scheduler under one process that stops with Ctrl-C and leaves nothing running.

Two locks tell what an earlier start left behind: one held by this process alone, and one that every
child inherits and holds for as long as it lives. With the second taken and the first free, the
earlier supervisor was killed; its children are ended before new ones start.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from lanterne.starting import require_sound_setup

LEFTOVERS_END_WITHIN_S = 20
RESTART_AFTER_S = 1.0
HOPELESS_BELOW_S = 3.0
HOPELESS_AFTER = 3
# Ctrl-C, a service manager, a closed terminal.
ENDED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(Exception):
    """Somebody asked us to end: Ctrl-C, or a service manager."""


class Child:
    """One of the service's processes, in a group of its own, started again when it ends."""

    def __init__(self, name: str, command: list[str], held: int) -> None:
        self.name, self.command, self.held = name, command, held
        self.short_lives = 0
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  our own programs, no shell
            [sys.executable, "-m", *self.command], start_new_session=True, pass_fds=[self.held]
        )

    def restart_if_ended(self) -> bool:
        """Whether it had to be; raises CommandError when it ends at once, again and again."""
        if self.process.poll() is None:
            return False
        is_short = time.monotonic() - self.started < HOPELESS_BELOW_S
        self.short_lives = self.short_lives + 1 if is_short else 0
        if self.short_lives >= HOPELESS_AFTER:
            raise CommandError(f"The {self.name} ends at once, again and again; see above why.")
        time.sleep(RESTART_AFTER_S)
        self.start()
        return True


class Command(BaseCommand):
    help = "Start the whole service here: web, worker and scheduler; stop it with Ctrl-C."

    def handle(self, *_: Any, **__: Any) -> None:
        Path(settings.VAR_DIR).mkdir(parents=True, exist_ok=True)
        with only_one(), shared_lock() as held:
            prepare()
            require_free_port(settings.PORT)
            for number in ENDED_BY:
                signal.signal(number, _stop)
            children: list[Child] = []
            try:
                start(held, children)
                self.wait_for_web(children)
                seed(self)
                self.announce()
                while True:
                    time.sleep(0.5)
                    look_after(children)
            except Stop:
                self.stdout.write(
                    "\nStopping. What is in hand is finished first; Ctrl-C again ends it at once."
                )
                self.stdout.flush()
            finally:
                end(children)

    def wait_for_web(self, children: list[Child]) -> None:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{settings.PORT}/"):
            if time.monotonic() > deadline:
                raise CommandError("The web server does not answer; see above why.")
            look_after(children)
            time.sleep(0.2)

    def announce(self) -> None:
        lines = ["", f"  Lanterne Rouge is up:  {settings.SITE_URL}/", ""]
        if settings.SANDBOX:
            lines += [
                "  The sandbox is on: Strava, Oura and the model are stand-ins of its own.",
                "    tester    tester@lanterne.local / lanterne-tester",
                "    operator  admin@lanterne.local / lanterne-admin   (/admin/)",
                "    mailbox   /sandbox/mailbox/",
                "",
            ]
        self.stdout.write("\n".join([*lines, "  Ctrl-C stops everything.", ""]))
        self.stdout.flush()


def prepare() -> None:
    """Folders, tables and static files; safe to repeat."""
    for option in ("data_folder_in", "control_folder"):
        if folder := settings.CELERY_BROKER_TRANSPORT_OPTIONS.get(option):
            Path(str(folder)).mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    require_sound_setup()
    call_command("collectstatic", verbosity=0, interactive=False)


def seed(command: BaseCommand) -> None:
    if settings.SANDBOX:
        call_command("seed_demo", stdout=command.stdout)


def start(held: int, children: list[Child]) -> None:
    """Each is on the list, and the list on disk, before somebody can interrupt us."""
    for name, command in PROCESSES.items():
        with uninterrupted():
            children.append(Child(name, command(), held))
            remember(children)


def web_server() -> list[str]:
    return [
        *("gunicorn", "lanterne.wsgi", "--bind", f"127.0.0.1:{settings.PORT}"),
        # One process: the stand-in servers answer its own questions from other threads.
        *("--workers", "1", "--threads", "16", "--timeout", "120"),
        *("--no-control-socket", "--log-level", "warning"),
    ]


def worker() -> list[str]:
    return ["celery", "-q", "-A", "lanterne", "worker", "-c", "2", "--loglevel=WARNING"]


def scheduler() -> list[str]:
    return ["celery", "-q", "-A", "lanterne", "beat", "--loglevel=WARNING", "--pidfile="]


PROCESSES = {"web server": web_server, "worker": worker, "scheduler": scheduler}


def look_after(children: list[Child]) -> None:
    """Start again what has ended; the list on disk is never behind."""
    for child in children:
        with uninterrupted():
            if child.restart_if_ended():
                remember(children)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Whoever asks us to end meanwhile is heard when the block is through."""
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: heard.append(number)) for number in ENDED_BY
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        raise Stop


def end(children: list[Child]) -> None:
    """Ask each main process to end, so that it finishes what is in hand; then end its group.

    Whoever asks again is not made to wait: what breaks off is taken up at the next start.
    """
    again: list[int] = []
    for number in ENDED_BY:
        signal.signal(number, lambda number, _: again.append(number))
    for child in children:
        child.process.terminate()
    deadline = time.monotonic() + patience_s()
    for child in children:
        while child.process.poll() is None and not again and time.monotonic() < deadline:
            time.sleep(0.05)
        signal_group(child.process.pid, signal.SIGKILL)
        child.process.wait()
    remember([])


def patience_s() -> float:
    """As long as a question in hand may take: it is asked twice at most."""
    return 2 * float(settings.COACH_TIMEOUT_S) + 30


def signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # it has ended already, or the number belongs to somebody else by now


@contextmanager
def only_one() -> Iterator[None]:
    with lock_file("up.lock").open("w") as mine:
        if not took(mine):
            raise CommandError("It is running already. Stop that one first, with Ctrl-C.")
        os.set_inheritable(mine.fileno(), False)
        yield


@contextmanager
def shared_lock() -> Iterator[int]:
    """The lock that children inherit; whoever still holds it from an earlier start is ended."""
    with lock_file("children.lock").open("a+") as shared:
        if not took(shared):
            end_leftovers(shared)
        os.set_inheritable(shared.fileno(), True)
        yield shared.fileno()


def end_leftovers(shared: IO[str]) -> None:
    for pid in remembered():
        signal_group(pid, signal.SIGKILL)
    deadline = time.monotonic() + LEFTOVERS_END_WITHIN_S
    while not took(shared):
        if time.monotonic() > deadline:
            raise CommandError(
                "Processes of an earlier start are still running and could not be ended. "
                "End them (`pkill -f lanterne`) and try again."
            )
        time.sleep(0.2)


def took(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_file(name: str) -> Path:
    return Path(settings.VAR_DIR) / name


def remember(children: list[Child]) -> None:
    """Written beside and moved into place: whoever reads it, at any moment, reads a whole list."""
    written = lock_file("children.json.new")
    written.write_text(json.dumps([child.process.pid for child in children]))
    written.replace(lock_file("children.json"))


def remembered() -> list[int]:
    try:
        pids: list[int] = json.loads(lock_file("children.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    return pids


def require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} is taken by another program. Choose another: PORT=8001 make up"
            ) from error


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  our own address
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


def _stop(_: int, __: FrameType | None) -> None:
    raise Stop
