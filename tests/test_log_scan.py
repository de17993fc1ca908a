"""The scan of the log catches what it is there for, and says where and not what."""

import ast
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import generate_totp_secret
from cryptography.fernet import Fernet
from django.conf import settings
from django.core import signing

from accounts import tokens
from accounts.encryption import encrypt
from accounts.models import User
from coach.models import ModelCall
from notifications.models import Notification
from sandbox.oura import app as oura
from sandbox.strava import app as strava
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY
from tests.log_scan import MARKUP, OURS, Scan, held_at, known_texts
from tests.processes import Service

ROOT = Path(settings.BASE_DIR)
PROMPTS = sorted(path.name for path in ROOT.glob("prompts/*.md"))
# A subject is too short to be known again, and a workout is a table of numbers.
MAILS = sorted(
    path.name
    for path in ROOT.glob("templates/email/*")
    if not path.match("*.subject.txt") and path.name not in {"_workout.html", "_next.txt"}
)
SECRETS = {
    "a token of Oura": ("a token", "oura-sandbox-test"),
    "a token of Strava": ("a token", "b5c9" * 10),
    "a token of a factory": ("a token", "canary-access"),
    "a name that a test hides": ("a token", "Canary hill repeats"),
    "an encrypted token": ("a token", Fernet(Fernet.generate_key()).encrypt(b"x").decode()),
    "a key of the model": ("a token", "sk-test"),
    "a second factor": ("a code", generate_totp_secret()),
    "a code of Strava": ("a code", "https://x.org/connect/complete/strava/?state=a&code=b"),
    "a link that confirms": ("a code", f"/auth/confirm/{signing.dumps(1)}"),
    "a link that resets": ("a code", "/auth/password-reset/1-c0ffee-0123456789"),
    "a link of a brief": ("a code", f"/check-in/{signing.dumps(1)}"),
    "a link that unsubscribes": ("a code", f"/mail/unsubscribe/{signing.dumps(1)}"),
    "an address of a calendar": ("a code", "/calendar/9fQk-_x.ics"),
    "a password": ("a password", "correct horse battery"),
    "an HRV as JSON": ("an HRV value", '{"hrv_ms": 48.5}'),
    "an HRV in words": ("an HRV value", "HRV of 57 ms"),
    "an HRV of a factory": ("an HRV value", "52.0625"),
    "an address": ("an address", "tester@example.org"),
    "a situation": ("a prompt", "<situation>"),
    "a fact": ("a prompt", '{"ctl":48.1}'),
    "a fact in an escaped JSON": ("a prompt", '"{\\"tsb\\":-3}"'),
}


def logged(*args: object, **options: Any) -> list[str]:
    """What a scan finds of one line, on a logger that nobody else hears."""
    scan, logger = Scan(), logging.Logger("coach.canary")  # noqa: LOG001  apart from all others
    logger.addHandler(scan)
    logger.warning(*args, **options)
    return [line.partition(" was logged by coach.canary at ")[0] for line in scan.found()]


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_caught_wherever_it_stands_in_a_record(name: str) -> None:
    kind, secret = SECRETS[name]

    assert kind in logged(secret)
    assert kind in logged("It said %s.", secret)
    assert kind in logged("It failed.", extra={"answer": secret})
    assert kind in logged("It failed.", extra={"request": {"said": [secret]}})
    assert kind in logged("It failed.", exc_info=ValueError(secret))
    caused = RuntimeError("It failed.")
    caused.__cause__ = ValueError(secret)
    assert kind in logged("It failed.", exc_info=caused)


@pytest.mark.parametrize("name", PROMPTS)
def test_text_of_every_prompt_is_caught(name: str) -> None:
    text = (ROOT / "prompts" / name).read_text()

    assert "a prompt" in logged(text)
    assert "a prompt" in logged(json.dumps({"content": text}))
    assert "a prompt" in logged("%s", {"content": text})


@pytest.mark.parametrize("name", MAILS)
def test_words_of_every_mail_are_caught(name: str) -> None:
    told = (ROOT / "templates" / "email" / name).read_text()

    assert "a mail" in logged(MARKUP.sub("\n", told))


@pytest.mark.django_db
def test_mail_prompt_and_reply_that_were_stored_are_caught_and_forgotten_again(
    tester: User, the_log: Scan
) -> None:
    mission = factories.mission(tester)
    run = mission.runs.create(local_date=TODAY, trigger="schedule")
    Notification.objects.create(
        kind=Notification.Kind.BRIEF,
        dedupe_key="brief:1",
        recipients=[tester.email],
        text="Keep the cranks turning over the little climb.\nShort.\n",
    )
    run.calls.create(
        attempt=1,
        model="m",
        prompt_version="1",
        prompt_sha256="0",
        outcome=ModelCall.Outcome.ANSWERED,
        prompt="You were asked how you felt on the way home.",
        reply=json.dumps({"notes": ["Your legs have earned one quiet evening."]}),
    )

    said = {
        "a mail": "Keep the cranks turning over the little climb.",
        "a prompt": "x You were asked how you felt on the way home. y",
        "a reply": repr({"notes": "Your legs have earned one quiet evening."}),
    }
    for kind, text in said.items():
        logging.getLogger("coach.canary").warning("%s", text)
        assert [found.partition(" was ")[0] for found in the_log.found()] == [kind]
        the_log.lines.clear()
    the_log.clear()
    assert the_log.learned == {}


@pytest.mark.django_db
def test_tokens_of_the_stand_ins_and_of_our_own_programs_look_as_the_scan_thinks(
    tester: User, stand_ins: StandIns, rf: Any
) -> None:
    pairs = [
        grants.redeem(grants.give_code("1", ["read"], "http://127.0.0.1/"))
        for grants in (strava.GRANTS, oura.GRANTS)
    ]
    assert None not in pairs
    ours = tokens.issue(tester, rf.get("/"), NOW)
    connection = factories.connection(tester)
    night = factories.night(tester, TODAY)

    for token in (
        *(pair.grant.access_token for pair in pairs if pair),
        *(pair.grant.refresh_token for pair in pairs if pair),
        *(ours.access, ours.refresh, encrypt("x")),
        *(connection.access_token, connection.refresh_token),
    ):
        assert logged(f"kept {token} there") == ["a token"]
    assert logged("of %s ms", night.hrv_ms) == ["an HRV value"]


def test_place_is_told_and_the_secret_is_not(the_log: Scan) -> None:
    logging.getLogger("coach.canary").debug("kept %s", "canary-access")

    (found,) = the_log.found()
    the_log.clear()
    assert found.startswith(f"a token was logged by coach.canary at {__file__}:")
    assert "canary-access" not in found


# What our own lines are filled in with: counts, keys and kinds, and what was counted of texts.
FILLED_IN = {
    "len(messages) - sent",
    "reason",
    "reason.label",
    "model",
    "error.kind",
    "type(told).__name__",
    "call.prompt_version",
    "call.attempt",
    "call.model",
    "call.outcome",
    "call.problem_kind or call.finish_reason",
    "call.prompt_sha256[:16]",
    "len(call.prompt)",
    "call.reply_sha256[:16] or 'none'",
    "len(call.reply)",
    "call.tokens_in",
    "call.tokens_cached",
    "call.tokens_out",
    "call.latency_ms",
    "row._meta.model_name",
    "row.file_attempts",
    "is_over",
    "len(events)",
    "connection.provider",
    "connection_id",
    "error.strerror",
    "type(error).__name__",
    "published",
    "attempt.connection.provider",
    "task",
    "message.msg",
    "message.hint",
    "attempt.connection_id",
    "attempt.reason or 'ok'",
    "attempt.rides",
    "attempt.nights",
    "attempt.samples",
    "(attempt.took or timedelta()) / timedelta(milliseconds=1)",
}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def test_every_line_of_ours_is_filled_in_with_counts_and_kinds_only() -> None:
    """An HRV value is a number like any other, so it is not known by its looks: the code is."""
    calls = [
        call
        for app in OURS
        for path in sorted((ROOT / app).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in LEVELS
        and "log" in ast.unparse(call.func.value)
    ]

    assert {type(call.args[0]) for call in calls} == {ast.Constant}
    assert {ast.unparse(value) for call in calls for value in call.args[1:]} == FILLED_IN
    assert [call.keywords for call in calls if call.keywords] == []


@pytest.mark.parametrize("name", [*OURS, "coach.conversation", "connections.sync"])
def test_our_own_loggers_are_heard_at_debug(the_log: Scan, name: str) -> None:
    logging.getLogger(name).debug("canary-heard")

    assert len(the_log.found()) == 1
    the_log.clear()


def test_logger_that_passes_nothing_on_is_heard(the_log: Scan) -> None:
    """django.server is such a one."""
    logging.getLogger("django.server").warning("canary-heard")

    assert len(the_log.found()) == 1
    the_log.clear()


@pytest.mark.parametrize(
    "line",
    [
        "Not Found: /missions/0b0c4a0e-5f0b-4a51-9d5b-3b1d3c1f9a10",
        "model call: training_day@ab12cd34ef56 attempt 1: accepted stop, prompt 0123456789abcdef",
        "Task coach.run_mission_day[7d0b7a3e-8b43-4d5e-9f4c-9a4a4d6e4c11] succeeded in 0.52s",
        "Forbidden (CSRF token missing.): /connections/oura",
        "no such column: hrv_ms",
        "Not Found: /auth/confirm",
        "Gone: /auth/confirm/…",
        f"Not Found: /api/sessions/{'9' * 40}",
    ],
)
def test_line_that_holds_nothing_private_passes(line: str) -> None:
    assert logged(line) == []


def test_texts_are_known_from_every_file() -> None:
    kinds = list(known_texts().values())

    assert kinds.count("a prompt") > 80
    assert kinds.count("a mail") > 30


LEAKS = """
import logging
import pytest

@pytest.fixture
def leaves_late():
    yield
    logging.getLogger("coach.late").info("canary-late")

def test_leaks():
    logging.getLogger("coach.leak").debug("kept %s", "canary-access")

def test_leaks_late(leaves_late):
    pass

def test_is_clean():
    logging.getLogger("coach.clean").warning("All is well.")
"""


@pytest.mark.embedded
@pytest.mark.processes
def test_very_test_whose_lines_hold_a_secret_fails(tmp_path: Path) -> None:
    file = tmp_path / "test_leaks.py"
    file.write_text(LEAKS)
    plugins = ["-p", "tests.environment", "-p", "tests.log_scan", "-p", "no:cacheprovider"]
    options = ["-c", os.devnull, "--rootdir", str(tmp_path), "-n0", "--ds", "lanterne.settings"]

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", *plugins, *options, str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    ends = [line for line in run.stdout.splitlines() if line.startswith(("PASSED", "ERROR"))]
    assert [
        " ".join((line.split()[0], line.rpartition("::")[2].partition(" - ")[0]))
        for line in sorted(ends)
    ] == [
        "ERROR test_leaks",
        "ERROR test_leaks_late",
        "PASSED test_is_clean",
        "PASSED test_leaks",
        "PASSED test_leaks_late",
    ], run.stdout + run.stderr
    assert f"a token was logged by coach.leak at {file}:11" in run.stdout
    assert run.returncode == 1


HELD = {
    *("amqp", "kombu.connection", "psycopg.pq"),
    *("boto3.resources.action", "botocore.endpoint", "botocore.auth", "s3transfer.tasks"),
    *("urllib3.connectionpool", "httpcore2.http11", "httpx2", "openai._base_client"),
    *("oauthlib.oauth2.rfc6749.endpoints.token", "requests_oauthlib.oauth2_session"),
    *("social", "social_core.backends.oauth", "social_django.views"),
}


ASKS = f"""
import django, json, logging
django.setup()
import boto3, httpx2, openai
level = lambda name: logging.getLogger(name).getEffectiveLevel()
print(json.dumps({{name: level(name) for name in {HELD!r}}}))
print(logging.getLevelName(level("coach")), level("django.db.backends"))
"""


@pytest.mark.embedded
@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_libraries_that_print_what_they_send_stay_quiet_whatever_the_level(level: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", ASKS],
        cwd=ROOT,
        env={**os.environ, "LOG_LEVEL": level, "DJANGO_SETTINGS_MODULE": "lanterne.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    levels, rest = told.stdout.splitlines()

    assert {name: at for name, at in json.loads(levels).items() if at < logging.WARNING} == {}
    assert rest == f"{level} {logging.INFO}"


def test_line_that_only_a_lowered_library_wrote_is_not_ours_to_judge(the_log: Scan) -> None:
    """A test may listen to a library on purpose; the settings never let it speak."""
    assert held_at("httpcore2.http11") == logging.WARNING
    assert (held_at("coach.llm"), held_at("django.db.backends.schema")) == (0, logging.INFO)
    record = logging.makeLogRecord(
        {"name": "httpcore2.http11", "levelno": logging.DEBUG, "msg": "canary-header"}
    )
    the_log.handle(record)

    assert the_log.lines == []


def test_what_processes_of_a_service_printed_is_read_too(tmp_path: Path) -> None:
    service = Service(tmp_path / "var")
    service.output.write_text("All is well.\nkept canary-access\n")

    with pytest.raises(AssertionError, match=r"line 1: a token") as caught:
        service.require_private_output()
    assert "canary-access" not in str(caught.value)
    assert service.environment()["LOG_LEVEL"] == "DEBUG"
