import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from uuid import uuid4
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import httpx2
import pytest
from django.conf import LazySettings, settings
from django.core.cache import caches
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import Client

from accounts.models import User
from missions.models import Mission
from tests import factories, migrated
from tests.log_scan import _scan, the_log
from tests.processes import Service, running
from tests.storage import bucket, configure, media, s3

__all__ = ["_scan", "bucket", "configure", "media", "s3", "the_log"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """A copy of a database that is migrated already.

    SQLite in a file: of two threads that write, one waits; in memory it would get an error.
    """
    database = connections.settings["default"]
    if connections["default"].vendor == "sqlite":
        database["TEST"]["NAME"] = Path(settings.VAR_DIR) / "tests.sqlite3"
        migrated.copy_sqlite(database["TEST"]["NAME"])
    else:
        database["TEST"]["TEMPLATE"] = migrated.postgres_template()
        # What a test wrote need not outlive the machine.
        database["OPTIONS"]["options"] = "-c synchronous_commit=off"


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The copy is kept as it was put there; it goes with the run's folder."""
    return connections["default"].vendor == "sqlite"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Whoever began the run takes away what its processes were given."""
    if "DATABASE_URL" in os.environ and not hasattr(config, "workerinput"):
        migrated.drop_postgres_template()


@pytest.fixture(scope="session", autouse=True)
def _middleware_is_loaded() -> None:
    """As in a web process: two clients that load it at once would register the metrics twice."""
    get_wsgi_application()


def pytest_itemcollected(item: pytest.Item) -> None:
    """What asks no database is the same beside every service, and is run once."""
    fixtures = {"db", "transactional_db", "machine", "cluster", "own_servers"}
    asks = fixtures.intersection(getattr(item, "fixturenames", ()))
    if not asks and not any(item.iter_markers("django_db")) and not _has_processes(item):
        item.add_marker("embedded")


def _has_processes(item: pytest.Item) -> bool:
    return any(item.iter_markers("processes"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts processes takes longest: it comes first, so that no worker waits for it alone."""
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


def pytest_collection_finish() -> None:
    """Of what is imported by now nothing ever goes: the garbage collector need not look there."""
    gc.freeze()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def finish_request(self, request: Any, client_address: Any) -> None:
        """A request's thread ends with it, and would leave its connection to the database open."""
        try:
            super().finish_request(request, client_address)
        finally:
            connections.close_all()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="session")
def _served() -> Iterator[None]:
    application = get_wsgi_application()
    server = _Server(("127.0.0.1", settings.PORT), _Quiet)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        # The first request imports every view, which can outlast a client's patience.
        httpx2.get(f"{settings.SITE_URL}/sandbox/strava/mode", timeout=60).raise_for_status()
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class StandIns:
    """The stand-in servers, over real HTTP, and how a test tells them to misbehave."""

    def mode(self, server: str, mode: str, **options: float) -> None:
        answer = httpx2.post(
            f"{settings.SITE_URL}/sandbox/{server}/mode", json={"mode": mode, **options}
        )
        answer.raise_for_status()

    def questions(self) -> list[dict[str, Any]]:
        """The bodies of the requests the model was sent, oldest first."""
        answer = httpx2.get(f"{settings.SITE_URL}/sandbox/openai/requests")
        bodies: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        return bodies


@pytest.fixture
def stand_ins(_served: None) -> Iterator[StandIns]:
    caches["sandbox"].clear()
    yield StandIns()
    caches["sandbox"].clear()


@pytest.fixture(autouse=True)
def _quick_passwords(settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _nobody_tried_before(settings: LazySettings) -> None:
    """Limits count in the cache: each test has a part of its own."""
    default = {**settings.CACHES["default"], "KEY_PREFIX": uuid4().hex}
    settings.CACHES = {**settings.CACHES, "default": default}


@pytest.fixture
def tester(db: None) -> User:
    return factories.tester()


@pytest.fixture
def stranger(db: None) -> User:
    return factories.tester(email="stranger@example.org")


@pytest.fixture
def mission(tester: User) -> Mission:
    return factories.mission(tester)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


@pytest.fixture
def as_tester(tester: User) -> Client:
    return signed_in(tester)


@pytest.fixture
def as_stranger(stranger: User) -> Client:
    return signed_in(stranger)


@pytest.fixture
def as_operator(db: None) -> Client:
    return signed_in(factories.operator())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The seeded sandbox as `make up` starts it: real processes, for the tests of one file."""
    with running(Service(tmp_path_factory.mktemp("service") / "var")) as service:
        yield service
