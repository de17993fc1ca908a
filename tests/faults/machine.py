"""One machine of the service as real processes: web, workers, schedulers, ended at will.

*Embedded* (SQLite, a folder as broker) unless the tests were pointed at a PostgreSQL and a Redis;
then a database and a Redis of its own there. The web process has the stand-ins of Strava, Oura,
the model and the mailbox in it. Within a test Django's own connection leads to the machine's
database and Celery's own application to its broker, so that rows are made and read, and messages
sent, by the product's own code. Time that must pass is taken off the rows: see `later`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import environ
import httpx2
import redis
from celery import Celery
from django.apps import apps
from django.conf import settings
from django.db import connections, transaction
from django.db.models import F, Model
from django.utils import timezone

from accounts.models import Artifact, User
from coach.models import Incident, MissionDraft, MissionRun, ModelCall, Reflection
from connections.models import Connection, ProviderEvent
from connections.sources import Source
from lanterne.management.commands import up
from missions import schedule
from missions.models import BonusAward, EventProgress, Mission, StageType
from notifications.models import Notification
from tests import factories
from tests.environment import free_port
from tests.log_scan import kinds_in

# For machines many times slower than a desk's.
PATIENCE_S = 120
# What the passing of time changes: until when something is held or waits.
WAITS: dict[str, tuple[str, ...]] = {
    "coach.MissionRun": (
        *("start_at", "wait_until", "give_up_at"),
        *("publish_at", "lease_until", "file_due_at"),
    ),
    "notifications.Notification": ("created_at", "next_attempt_at", "claimed_at"),
    "connections.Connection": ("reading_until", "next_read_at", "asked_at", "last_success_at"),
    "connections.ProviderEvent": ("received_at", "lease_until"),
    "connections.Turn": ("held_until",),
    "coach.ModelPace": ("minute_started_at", "closed_until"),
}
# What migrations put into the tables, which no test changes.
KEPT_TABLES = ("django_content_type", "auth_permission")


class Process:
    """One process of the machine, with the group of its children."""

    def __init__(self, name: str, pid: int, folder: Path) -> None:
        self.name, self.pid, self.folder = name, pid, folder

    @property
    def log(self) -> str:
        file = self.folder / f"{self.name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def is_ready(self) -> bool:
        return (self.folder / f"{self.name}.ready").exists()

    @property
    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """As a power cut: with -9, its children too."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """As a deployment does: asked to end, and given the time for it."""
        os.kill(self.pid, signal.SIGTERM)

    def pause(self) -> None:
        self.send(signal.SIGSTOP)

    def go_on(self) -> None:
        self.send(signal.SIGCONT)

    def wait(self) -> None:
        """Until it has ended, by itself or not."""
        deadline = time.monotonic() + PATIENCE_S
        while self.is_alive:
            assert time.monotonic() < deadline, f"{self.name} does not end\n{self.log}"
            time.sleep(0.02)


class Machine:
    """Everything in one folder; `database_url` is migrated already, empty for SQLite there."""

    def __init__(
        self, folder: Path, *, database_url: str = "", redis_url: str = "", **environment: str
    ) -> None:
        self.folder, self.port = folder, free_port()
        self.database_url = database_url or f"sqlite:///{folder / 'lanterne.sqlite3'}"
        self.redis_url, self.more = redis_url, environment
        self.numbers = count(1)
        self.processes: list[Process] = []
        self.celery = self._celery()

    # --- The processes -------------------------------------------------------------------------

    def start(self) -> None:
        """The nursery and the web process; workers and schedulers are a test's own."""
        for part in ("broker/queue", "broker/control", "static", "mailbox", "logs"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        with (self.logs / "nursery.log").open("w") as log:
            self.nursery = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"],
                cwd=settings.BASE_DIR,
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._answer()
        self.web = self._born("web", "gunicorn", self._web_arguments())
        self.until(self.answers)

    def environment(self) -> dict[str, str]:
        unset = {"DATABASE_URL", "REDIS_URL", "SITE_URL"}
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        return {
            **kept,
            "ENV_FILE": os.devnull,
            "DEBUG": "1",
            "SANDBOX": "1",
            "VAR_DIR": str(self.folder),
            "PORT": str(self.port),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "OPERATOR_EMAILS": "ops@example.org",
            "LOG_LEVEL": "INFO",
            "SWEEP_EVERY_S": "1",
            "CELERY_SKIP_CHECKS": "1",
            **self.more,
        }

    def worker(
        self, *, threads: int = 2, dies_at: str = "", clock_off_s: float = 0, **changed: Any
    ) -> Process:
        """One worker for all queues. `changed`: settings that it has otherwise than the others."""
        arguments = [*up.worker()[1:], "-P", "threads", "-c", str(threads)]
        # Among themselves they have nothing to say here, and each word is computing.
        arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        name = f"worker{next(self.numbers)}"
        return self._born(
            name,
            "celery",
            [*arguments, "-n", f"{name}@machine"],
            dies_at=dies_at,
            clock_off_s=clock_off_s,
            changed=changed,
        )

    def scheduler(self, *, dies_at: str = "", **changed: Any) -> Process:
        name = f"scheduler{next(self.numbers)}"
        return self._born(name, "celery", up.scheduler()[1:], dies_at=dies_at, changed=changed)

    def _web_arguments(self) -> list[str]:
        mine = {f"127.0.0.1:{settings.PORT}": f"127.0.0.1:{self.port}"}
        return [mine.get(argument, argument) for argument in up.web_server()[1:]]

    def _born(
        self,
        name: str,
        program: str,
        arguments: list[str],
        *,
        dies_at: str = "",
        clock_off_s: float = 0,
        changed: dict[str, Any] | None = None,
    ) -> Process:
        order = {
            "program": program,
            "arguments": arguments,
            "log": str(self.logs / f"{name}.log"),
            "ready": str(self.logs / f"{name}.ready"),
            "dies_at": dies_at,
            "clock_off_s": clock_off_s,
            "settings": changed or {},
        }
        assert self.nursery.stdin is not None
        self.nursery.stdin.write(json.dumps(order) + "\n")
        self.nursery.stdin.flush()
        process = Process(name, int(self._answer()), self.logs)
        self.processes.append(process)
        return process

    def _answer(self) -> str:
        assert self.nursery.stdout is not None
        line = self.nursery.stdout.readline()
        assert line, (self.logs / "nursery.log").read_text()
        return line

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def has_services(self) -> bool:
        return bool(self.redis_url)

    def said(self) -> str:
        """What its processes printed, for a test that failed."""
        return "\n".join(
            f"--- {process.name} ({'alive' if process.is_alive else 'gone'})\n{process.log[-4000:]}"
            for process in self.processes
        )

    def end_workers(self) -> None:
        """Every process but the web's, at once."""
        for process in self.processes:
            if process is not self.web:
                process.go_on()
                process.kill()
        self.processes = [self.web]

    def end(self) -> None:
        """Leave nothing behind, whatever the tests did to it."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.close()
        self.nursery.wait(PATIENCE_S)
        self.nursery.stdout.close()
        self.celery.close()
        self.require_private_logs()

    def require_private_logs(self) -> None:
        found = [
            f"{file.name}, line {number}: {kind}"
            for file in sorted(self.logs.glob("*.log"))
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
            for kind in kinds_in(line)
        ]
        assert found == [], f"in what the machine printed: {found}"

    # --- Its database and its broker, from within a test -----------------------------------------

    @contextmanager
    def here(self) -> Iterator[None]:
        """Django's connection and Celery's application lead to this machine."""
        before, usual = connections["default"], connections.settings["default"]
        connections.settings["default"] = {**usual, **_database(self.database_url)}
        del connections["default"]
        self.celery.set_current()
        try:
            yield
        finally:
            connections["default"].close()
            connections.settings["default"] = usual
            connections["default"] = before
            _usual_celery().set_current()

    def clear(self) -> None:
        """As it was when it was new: nobody at work, no row, no message, no mail, no file."""
        self.end_workers()
        if not self.web.is_alive:
            self.web = self._born("web", "gunicorn", self._web_arguments())
        self.empty_broker()
        for part in ("mailbox", "media", "sandbox", "cache", "uploads"):
            for path in (self.folder / part).glob("*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        empty_tables()

    def empty_broker(self) -> None:
        if self.redis_url:
            with redis.Redis.from_url(self.redis_url) as client:
                client.flushdb()
        for message in (self.folder / "broker" / "queue").glob("*"):
            message.unlink(missing_ok=True)

    def deliver(self, task: str, *args: object, times: int = 1, **kwargs: object) -> None:
        """Put the message of a task into the broker, so many times."""
        with self.celery.producer_or_acquire() as producer:
            for _ in range(times):
                self.celery.send_task(task, args=list(args), kwargs=kwargs, producer=producer)

    def waiting(self) -> int:
        """How many messages lie in the broker, or are with a worker that has yet to answer."""
        if not self.redis_url:
            return len(list((self.folder / "broker" / "queue").glob("*.msg")))
        with redis.Redis.from_url(self.redis_url) as client:
            lists = [key for key in client.scan_iter() if client.type(key) == b"list"]
            return int(sum(client.llen(key) for key in lists) + client.hlen("unacked"))

    def come_to_rest(self) -> None:
        """Every message is handled: the workers have nothing left, and finish what is in hand."""
        self.until(lambda: self.waiting() == 0)
        workers = [one for one in self.processes if one.name.startswith("worker") and one.is_alive]
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.wait()

    def deliver_run(self, mission: Mission, *, times: int = 1) -> None:
        """The message that a worker is told of today's run with."""
        day = mission.local_date().isoformat()
        self.deliver("coach.run_mission_day", mission.owner_id, str(mission.pk), day, times=times)

    def wake(self, mission: Mission) -> None:
        """What the scheduler sends for the mission's zone, every five minutes."""
        self.deliver(schedule.OPEN_MORNINGS, timezone_name=mission.timezone)

    def sweep(self) -> None:
        """What the scheduler sends every minute; for a test that needs no scheduler of its own."""
        for task in ("coach.sweep", "notifications.sweep", "connections.sweep"):
            self.deliver(task)

    def _celery(self) -> Celery:
        app = Celery("machine", set_as_current=False, fixups=[])
        app.config_from_object("django.conf:settings", namespace="CELERY")
        queue = str(self.folder / "broker" / "queue")
        folders = {
            "data_folder_in": queue,
            "data_folder_out": queue,
            "control_folder": str(self.folder / "broker" / "control"),
        }
        app.conf.update(
            broker_url=self.redis_url or "folder://localhost",
            broker_transport_options={} if self.redis_url else folders,
        )
        return app

    # --- What happens to it ----------------------------------------------------------------------

    def until(self, condition: Callable[[], object], *, sweeping: bool = False) -> None:
        """Wait for it; `sweeping`: with the sweeps that a scheduler would send meanwhile."""
        deadline, swept = time.monotonic() + PATIENCE_S, time.monotonic()
        while not condition():
            assert time.monotonic() < deadline, f"{told_of_rows()}\n{self.said()}"
            if sweeping and time.monotonic() - swept > 1:
                self.sweep()
                swept = time.monotonic()
            time.sleep(0.05)

    def later(self, **duration: float) -> None:
        """So much time passes for whatever is held or waits; nobody has to sleep for it."""
        passed = timedelta(**duration)
        for label, fields in WAITS.items():
            model = apps.get_model(label)
            for field in fields:
                rows = model._default_manager.filter(**{f"{field}__isnull": False})
                rows.update(**{field: F(field) - passed})

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answers(self) -> bool:
        try:
            return httpx2.get(self.url("/sandbox/strava/mode"), timeout=60).status_code == 200
        except httpx2.HTTPError:
            return False

    def mode(self, server: str, mode: str, **options: float) -> None:
        """Have a stand-in misbehave."""
        answer = httpx2.post(
            self.url(f"/sandbox/{server}/mode"), json={"mode": mode, **options}, timeout=30
        )
        answer.raise_for_status()

    def questions(self) -> int:
        """How often the model was asked since `clear`."""
        answer = httpx2.get(self.url("/sandbox/openai/requests"), timeout=30)
        return int(answer.raise_for_status().json()["count"])

    # --- Who is there ----------------------------------------------------------------------------

    def tester(
        self,
        *,
        due_ago: timedelta | None = timedelta(minutes=15),
        rides: int = 3,
        nights: int = 3,
        is_in_event: bool = False,
        has_strava: bool = False,
        has_oura: bool = False,
        **fields: Any,
    ) -> Mission:
        """Somebody with a live mission whose brief was due so long ago (None: is not due yet).

        It is ten in the morning where they are. In an event, they have ridden yesterday's stage.
        `has_strava`, `has_oura`: connected to the stand-ins, by the way a browser goes.
        """
        zone = zone_where_it_is(10)
        user = factories.tester(f"rider{User.objects.count()}@example.org", timezone=zone)
        today = user.local_date(timezone.now())
        dates = _event(today) if is_in_event else {"event_start": today + timedelta(days=30)}
        values = {"event_end": dates["event_start"], "wait_minutes": 0, **dates, **fields}
        mission = factories.mission(user, prep_start=today - timedelta(days=60), **values)
        mission.stages.update(stage_type=StageType.HILLY)
        for ago in range(1, rides + 1):
            factories.ride(user, today - timedelta(days=ago))
        for ago in range(nights):
            factories.night(user, today - timedelta(days=ago))
        if has_strava:
            self.connect_strava(user)
        if has_oura:
            self.connect_oura(user)
        slot = timezone.now() + timedelta(hours=1) if due_ago is None else timezone.now() - due_ago
        self.due(mission, slot)
        return mission

    def testers(self, number: int, **options: Any) -> list[Mission]:
        return [self.tester(**options) for _ in range(number)]

    def due(self, mission: Mission, slot: datetime) -> None:
        """The brief of a mission is due at that moment, and every day at that time."""
        slot = slot.replace(second=0, microsecond=0)
        mission.send_time = slot.astimezone(mission.zone).time()
        mission.next_run_at = slot
        mission.save(update_fields=["send_time", "next_run_at"])

    def connect_strava(self, user: User) -> Connection:
        asked = {
            "client_id": settings.SOCIAL_AUTH_STRAVA_KEY,
            "redirect_uri": self.url("/connect/complete/strava/"),
            "response_type": "code",
            "scope": ",".join(settings.SOCIAL_AUTH_STRAVA_SCOPE),
        }
        with httpx2.Client(timeout=30) as browser:
            back = browser.post(
                self.url(f"/sandbox/strava/oauth/authorize?{urlencode(asked)}"),
                data={"decision": "authorize", "granted": settings.SOCIAL_AUTH_STRAVA_SCOPE},
            )
            code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
            tokens = browser.post(
                self.url("/sandbox/strava/oauth/token"),
                data={
                    "client_id": settings.SOCIAL_AUTH_STRAVA_KEY,
                    "client_secret": settings.SOCIAL_AUTH_STRAVA_SECRET,
                    "code": code,
                    "grant_type": "authorization_code",
                },
            )
        told = tokens.raise_for_status().json()
        return factories.connection(
            user,
            Source.STRAVA,
            external_id=str(told["athlete"]["id"]),
            access_token=told["access_token"],
            refresh_token=told["refresh_token"],
            expires_at=datetime.fromtimestamp(told["expires_at"], UTC),
            scopes=asked["scope"],
        )

    def connect_oura(self, user: User) -> Connection:
        token = f"oura-sandbox-rider-{user.pk}"
        return factories.connection(user, Source.OURA, access_token=token)

    # --- What came of it ---------------------------------------------------------------------

    def mails(self, kind: str = "brief") -> list[str]:
        """To whom mails of a kind went out, one entry for each."""
        found = [mail for mail in self._mailbox() if mail["X-Lanterne-Kind"] == kind]
        return sorted(str(mail["To"]) for mail in found)

    def _mailbox(self) -> Iterator[Message]:
        for file in (self.folder / "mailbox").glob("*.log"):
            for content in re.split(rb"^-{79}\n", file.read_bytes(), flags=re.MULTILINE):
                if content.strip():
                    yield message_from_bytes(content)

    def told(self, missions: Iterable[Mission]) -> list[tuple[str, str]]:
        """Each mission's runs: local date and outcome."""
        runs = MissionRun.objects.filter(mission__in=list(missions)).order_by("local_date")
        return [(run.local_date.isoformat(), run.outcome) for run in runs]

    def must_be_right(
        self,
        missions: Sequence[Mission],
        *,
        questions: int | None = None,
        sweeping: bool = True,
    ) -> None:
        """The promise: each has today's run once, decided, its one brief, its points, no more."""
        self.must_be_finished(missions, questions=questions, sweeping=sweeping)
        addressed = sorted(mission.owner.email for mission in missions)
        assert self.mails() == addressed, self.said()
        briefs = Notification.objects.filter(kind=Notification.Kind.BRIEF)
        assert sorted(brief.recipients[0] for brief in briefs) == addressed
        incidents = Incident.objects.values_list("kind", "detail")
        assert list(incidents) == [], self.said()

    def must_be_finished(
        self,
        missions: Sequence[Mission],
        *,
        questions: int | None = None,
        sweeping: bool = True,
    ) -> None:
        """The same but for the mails: today's run once, its file, its points, nothing left open."""
        self.until(lambda: all_finished(missions) and not left_open(), sweeping=sweeping)
        runs = MissionRun.objects.filter(mission__in=missions)
        assert sorted((run.mission_id, run.local_date, run.outcome) for run in runs) == sorted(
            (mission.pk, mission.local_date(), "decided") for mission in missions
        ), self.said()
        assert Artifact.objects.filter(key__endswith="/run.json").count() == len(missions)
        assert len(list((self.folder / "media").rglob("run.json"))) == len(missions)
        assert not ModelCall.objects.exclude(prompt="").exists()
        assert ModelCall.objects.count() == len(missions)
        self.must_have_points(missions)
        if questions is not None:
            assert self.questions() == questions

    def must_be_settled(self) -> None:
        """Nothing is left open, however the runs ended."""
        self.until(lambda: not left_open(), sweeping=True)

    def rest(self, seconds: float) -> None:
        """For what only a clock on the wall can do: a server that does not answer meanwhile."""
        time.sleep(seconds)

    def must_have_points(self, missions: Sequence[Mission]) -> None:
        """Yesterday's stage of those in an event is settled once, at its price."""
        for mission in missions:
            yesterday = mission.local_date() - timedelta(days=1)
            stages = mission.stages.filter(date__lte=yesterday, is_rest_day=False)
            settled = EventProgress.objects.filter(mission=mission)
            assert settled.count() == stages.count()
            prices = mission.points_schema[StageType.HILLY]
            for outcome in settled:
                assert outcome.points == prices.get(outcome.ride_mode, outcome.points)
        assert BonusAward.objects.count() == 0


def _event(today: date) -> dict[str, Any]:
    return {
        "state": Mission.State.EVENT_ACTIVE,
        "event_start": today - timedelta(days=1),
        "event_end": today + timedelta(days=3),
    }


def zone_where_it_is(hour: int) -> str:
    """A zone whose wall clocks show that hour now."""
    off = (hour - timezone.now().hour + 11) % 24 - 11
    return f"Etc/GMT{-off:+d}" if off else "Etc/GMT"


def all_finished(missions: Sequence[Mission]) -> bool:
    done = MissionRun.objects.filter(mission__in=missions).exclude(outcome__in=MissionRun.OPEN)
    return done.values("mission").distinct().count() >= len(missions)


def left_open() -> dict[str, int]:
    """How many rows of each kind somebody still has to do something about."""
    unsent = (Notification.State.PENDING, Notification.State.SENDING)
    found = {
        "runs": MissionRun.objects.unfinished().count(),
        "drafts": MissionDraft.objects.filter(outcome__in=MissionDraft.OPEN).count(),
        "files": sum(
            kind._default_manager.filter(file_due_at__isnull=False).count()
            for kind in (MissionRun, MissionDraft, Reflection)
        ),
        "mails": Notification.objects.filter(state__in=unsent).count(),
        "events": ProviderEvent.objects.filter(
            handled_at__isnull=True, given_up_at__isnull=True
        ).count(),
    }
    return {kind: number for kind, number in found.items() if number}


def told_of_rows() -> str:
    """The rows that matter when a test fails."""
    runs = MissionRun.objects.values_list(
        *("mission__owner__email", "local_date", "outcome", "fence", "attempts", "published"),
        *("lease_until", "start_at", "publish_at", "file_due_at"),
    )
    mails = Notification.objects.values_list("dedupe_key", "state", "attempts", "last_error")
    incidents = Incident.objects.values_list("kind", "detail")
    rows = [*runs[:10], *mails[:10], *incidents[:10]]
    return "\n".join([f"left open: {left_open()}", *map(str, rows)])


def empty_tables() -> None:
    """Constraints are looked at when all of it is done."""
    with transaction.atomic():
        for model in apps.get_models(include_auto_created=True):
            if model._meta.managed and model._meta.db_table not in KEPT_TABLES:
                _rows_of(model)._raw_delete("default")


def _rows_of(model: type[Model]) -> Any:
    return model._default_manager.all()


def _database(url: str) -> dict[str, Any]:
    told = environ.Env.db_url_config(url)
    if told["ENGINE"].endswith("sqlite3"):
        return {"NAME": told["NAME"]}
    return {name: told[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}


def _usual_celery() -> Celery:
    from lanterne.celery import app  # noqa: PLC0415  a module with a side effect on Celery

    return app
