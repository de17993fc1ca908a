"""No process of the service starts with keys that do not open what is stored; real processes."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import settings

from tests.environment import free_port

pytestmark = [pytest.mark.processes, pytest.mark.embedded]

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
FIX = "Put the key it was written with back, behind the newest one."
ADD = """
import django; django.setup()
from accounts.models import User
from allauth.mfa.totp.internal.auth import TOTP
from connections.models import Connection
for n in range(3):
    user = User.objects.create(email=f"{n}@example.org")
    Connection.objects.create(user=user, provider="strava", access_token="canary")
TOTP.activate(user, "JBSWY3DPEHPK3PXP")
"""
STARTS = {
    "up": ["manage.py", "up"],
    "web": ["-m", "gunicorn", "lanterne.wsgi", "--no-control-socket", "--log-level", "warning"],
    "worker": ["-m", "celery", "-q", "-A", "lanterne", "worker", "-c", "1", "-P", "solo"],
    "scheduler": ["-m", "celery", "-q", "-A", "lanterne", "beat", "--pidfile="],
    "check": ["manage.py", "check", "--database", "default"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of its own, with secrets under the old key."""
    folder = tmp_path_factory.mktemp("keys")
    for command in (["manage.py", "migrate", "-v0"], ["-c", ADD]):
        started = run(folder, OLD, command)
        assert started.returncode == 0, started.stderr
    return folder


def run(folder: Path, keys: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    unset = {"DATABASE_URL", "REDIS_URL", "SITE_URL"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    own = {"VAR_DIR": str(folder), "PORT": str(free_port()), "FIELD_ENCRYPTION_KEYS": keys}
    return subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env={**kept, **own, "DJANGO_SETTINGS_MODULE": "lanterne.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def stored(folder: Path) -> list[tuple[str]]:
    with sqlite3.connect(folder / "lanterne.sqlite3") as link:
        tokens = link.execute("SELECT access_token FROM connections_connection ORDER BY id")
        factors = link.execute("SELECT data FROM mfa_authenticator")
        found = [*tokens.fetchall(), *factors.fetchall()]
    link.close()
    return found


@pytest.mark.parametrize("process", STARTS)
def test_removed_key_is_named_the_process_ends_and_nothing_is_overwritten(
    folder: Path, process: str
) -> None:
    before = stored(folder)

    ended = run(folder, NEW, STARTS[process])

    told = ended.stdout + ended.stderr
    assert ended.returncode not in (0, -15), told
    for place in ("connections.connection.access_token", "mfa.authenticator.data"):
        said = f"FIELD_ENCRYPTION_KEYS does not open what is stored in {place}."
        assert said in told
    assert "connections.connection.refresh_token" not in told  # there is none stored
    assert FIX in told
    assert not any(secret in told for secret in (OLD, NEW, "canary", before[0][0]))
    assert stored(folder) == before


@pytest.mark.parametrize("process", ["web", "worker"])
def test_key_that_is_none_ends_the_process(folder: Path, process: str) -> None:
    ended = run(folder, "too-short", STARTS[process])

    assert ended.returncode != 0
    assert "lanterne.E002" in ended.stdout + ended.stderr


def test_rotation_without_the_old_key_ends_with_status_1_and_writes_nothing(folder: Path) -> None:
    before = stored(folder)

    ended = run(folder, Fernet.generate_key().decode(), ["manage.py", "rotate_encryption_keys"])

    assert ended.returncode == 1
    assert "connections.connection.access_token of 1 cannot be opened" in ended.stderr
    assert "behind the newest one" in ended.stderr
    assert stored(folder) == before


def test_without_a_table_there_is_nothing_to_open(tmp_path: Path) -> None:
    checked = run(tmp_path, NEW, STARTS["check"])

    assert checked.returncode == 0, checked.stderr


def test_database_that_does_not_answer_is_not_told_as_a_wrong_key(tmp_path: Path) -> None:
    """A web process starts; /healthz says what is missing."""
    away = str(tmp_path / "nowhere")
    started = run(Path(away), NEW, ["-c", "import lanterne.wsgi; print('started')"])

    assert (started.returncode, started.stdout) == (0, "started\n"), started.stderr
