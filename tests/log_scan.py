"""Reads every log line of every test: no token, code, mail, HRV value or prompt may be in one.

A test registers nothing. Secrets are known by their form (what the stand-ins and the factories give
out looks like nothing else), by the texts they are made of (prompts/*.md, templates/email), or by
the row they were stored in while the test ran. Our own loggers speak at DEBUG, all others at INFO.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

OURS = ("accounts", "coach", "connections", "lanterne", "missions", "notifications", "sandbox")
# What the sandbox's Strava and our JWTs, Fernet and TOTP look like; what tests and factories name.
FORMS = {
    "a token": (
        r"oura-sandbox-\w|\b[Cc]anary[- ]\w|gAAAAA[\w-]{20}|\bsk-\w{4}|sandbox-strava-secret"
        r"|(?<![0-9a-f])(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{40}(?![0-9a-f])|\beyJ[\w-]{8,}\.eyJ[\w-]+\.[\w-]+"
    ),
    "a code": (
        r"\b(?=[A-Z]*[2-7])[A-Z2-7]{32}\b|[?&](?:code|state|token)=\w"
        r"|(?:/auth/(?:confirm|password-reset)|/check-in|/mail/unsubscribe)/(?!sent\b|done\b)[\w:%-]{3}"
        r"|/calendar/[\w-]{3,}\.ics"
    ),
    "a password": r"correct horse battery|a lantern in the rain",
    "an HRV value": r"\b(?:hrv|rmssd|sdnn)\w*\W{1,4}(?:(?:of|is|was)\W)?\d|\b52\.0625",
    "an address": r"[\w.+-]+@example\.(?:org|com)",
    "a prompt": r"<(?:situation|survey|facts|profile|untrusted)>|[\"'](?:{facts})\\*[\"']\s*:",
}
SHORTEST = 30
MARKUP = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>")
# What every record has; the rest came as `extra`.
USUAL = {*vars(logging.makeLogRecord({})), "message", "asctime", "exc_text", "taskName"}


@dataclass(frozen=True, slots=True)
class Line:
    logger: str
    place: str
    text: str


class Scan(logging.Handler):
    """Keeps what is logged, with its arguments, its `extra` and what its exceptions say."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self.learned: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < held_at(record.name):
            return  # a test has lowered what the settings hold; see test_log_scan.py
        place = f"{record.pathname}:{record.lineno}"
        self.lines.append(Line(record.name, place, " ".join(told_by(record))))

    def learn(self, kind: str, text: str) -> None:
        """A text that was stored: each of its lines is looked for from now on."""
        self.learned.update((piece, kind) for piece in pieces(text))

    def found(self) -> list[str]:
        """What was logged that should not be: its kind and the place, never itself."""
        if not self.lines or not list(self._kinds("\n".join(line.text for line in self.lines))):
            return []
        return [
            f"{kind} was logged by {line.logger} at {line.place}"
            for line in self.lines
            for kind in dict.fromkeys(self._kinds(line.text))
        ]

    def clear(self) -> None:
        self.lines.clear()
        self.learned.clear()

    def _kinds(self, text: str) -> Iterator[str]:
        yield from kinds_in(text)
        spaced = " ".join(text.split())
        yield from (kind for piece, kind in self.learned.items() if piece in spaced)


def told_by(record: logging.LogRecord) -> Iterator[str]:
    """Without the lines of source in a traceback: a test's own code names its canaries."""
    yield record.getMessage()
    yield repr(record.args)
    yield from (repr(value) for name, value in vars(record).items() if name not in USUAL)
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        yield repr(error)
        error = error.__cause__ or error.__context__


def kinds_in(text: str) -> list[str]:
    """The kinds of secrets in a text, by their form and by what they are made of."""
    spaced = " ".join(text.split())
    by_form = [kind for kind, form in forms().items() if form.search(text)]
    return by_form + [kind for piece, kind in known_texts().items() if piece in spaced]


@cache
def forms() -> dict[str, re.Pattern[str]]:
    from coach.situation import Metrics  # noqa: PLC0415  a plugin is read before the apps

    facts = "|".join(Metrics.model_fields)
    return {
        kind: re.compile(form.replace("{facts}", facts), re.IGNORECASE if "hrv" in form else 0)
        for kind, form in FORMS.items()
    }


@cache
def known_texts() -> dict[str, str]:
    """The lines of our prompts, and what stands in our mails for everybody."""
    root = Path(settings.BASE_DIR)
    prompts = (path.read_text() for path in root.glob("prompts/*.md"))
    mails = (MARKUP.sub("\n", path.read_text()) for path in root.glob("templates/email/*.*"))
    return {
        **{piece: "a prompt" for text in prompts for piece in pieces(text)},
        **{piece: "a mail" for text in mails for piece in pieces(text)},
    }


def pieces(text: str) -> Iterable[str]:
    """Its lines that say enough to be known again, also where quotes in them are escaped."""
    lines = (
        " ".join(line.split()) for part in text.splitlines() for line in re.split("[\"'\\\\]", part)
    )
    return (line for line in lines if len(line) >= SHORTEST and " " in line)


def held_at(name: str) -> int:
    """The level at which the settings hold a logger, or the nearest one above it; 0 for none.

    Ours are held at none: what they tell follows LOG_LEVEL, so all of it counts.
    """
    if name.partition(".")[0] in OURS:
        return logging.NOTSET
    configured: Any = settings.LOGGING
    loggers: dict[str, Any] = configured["loggers"]
    while name and "level" not in loggers.get(name, {}):
        name = name.rpartition(".")[0]
    return logging.getLevelNamesMapping()[loggers[name]["level"]] if name else logging.NOTSET


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings_in(inner)


def _learn_from(scan: Scan) -> Any:
    """A receiver of Django's own signal: what a test stores is what must not be logged."""

    def receive(instance: Any, **_: Any) -> None:
        match instance._meta.label_lower:
            case "notifications.notification":
                scan.learn("a mail", instance.text)
            case "coach.modelcall":
                scan.learn("a prompt", instance.prompt)
                for text in _texts_of(instance.reply):
                    scan.learn("a reply", text)

    return receive


def _texts_of(reply: str) -> Iterator[str]:
    try:
        yield from strings_in(json.loads(reply))
    except (ValueError, RecursionError):  # no JSON, or a test's that is nested without end
        yield reply


def _listen(scan: Scan) -> None:
    """Anew for each test: whoever loads a second application configures the logging again."""
    logging.root.setLevel(logging.INFO)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    for handler in logging.root.handlers:
        if type(handler) is logging.StreamHandler:
            handler.setLevel(logging.WARNING)  # what is read here need not be printed
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.PlaceHolder) or (logger.parent and logger.propagate):
            continue
        logger.addHandler(scan)  # once, however often


@pytest.fixture(scope="session")
def _scan() -> Iterator[Scan]:
    from django.db.models.signals import post_save  # noqa: PLC0415  as above

    scan = Scan()
    receiver = _learn_from(scan)
    post_save.connect(receiver, weak=False)
    yield scan
    post_save.disconnect(receiver)


@pytest.fixture(autouse=True)
def the_log(_scan: Scan) -> Iterator[Scan]:
    """What this test has logged; it fails when there is anything private in it."""
    _listen(_scan)
    yield _scan
    found = _scan.found()
    _scan.clear()
    if found:
        pytest.fail("\n".join(found), pytrace=False)
