"""Every address, visited by everybody, held against one written table: tests/data/routes.txt.

A route without a row fails, and so does a row without a route. In the table, `login` is a redirect
to the sign-in page; a number is the status.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from coach.checkin.links import Link, Word
from coach.models import MissionRun
from connections.sources import Source
from tests import everything, factories
from tests.coach.samples import reply, situation
from tests.factories import NOW, TODAY

TABLE = Path(settings.BASE_DIR) / "tests" / "data" / "routes.txt"
WHO = ("anonymous", "other", "operator", "owner")
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Row:
    """One line of the table: how a route answers each of the four, and if it asks for a token."""

    method: str
    route: str
    answers: tuple[str, ...]
    csrf: str

    def __str__(self) -> str:
        return f"{self.method} /{self.route}"


def rows() -> list[Row]:
    lines = [line.split() for line in TABLE.read_text().splitlines()]
    return [
        Row(line[0], line[1].removeprefix("/"), tuple(line[2:6]), line[6])
        for line in lines
        if line and not line[0].startswith("#")
    ]


def routes(
    patterns: list[URLPattern | URLResolver] | None = None, prefix: str = ""
) -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = f"{prefix}{_plain(str(pattern.pattern))}"
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def _plain(pattern: str) -> str:
    """A regular expression as a path is written: `^(?P<key>[^/]+)$` is `<key>`."""
    return re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", pattern).strip("^$")


def test_table_has_a_row_for_every_route_and_none_besides() -> None:
    assert {row.route for row in rows()} == set(routes())


def test_table_says_everything_once() -> None:
    named = [(row.method, row.route) for row in rows()]

    assert len(named) == len(set(named))


@pytest.fixture
def world(tester: User) -> dict[str, Any]:
    """A tester with one of everything an address can name."""
    everything.give_everything(tester)
    # A second factor would stand before some of the pages; its own tests have one.
    Authenticator.objects.all().delete()
    mission = tester.missions.get()
    run = MissionRun.objects.create(
        mission=mission,
        local_date=TODAY - timedelta(days=1),
        trigger="schedule",
        outcome=MissionRun.Outcome.DECIDED,
        finished_at=NOW,
        situation=situation().model_dump(mode="json"),
        decision=reply(),
    )
    return {
        "missions": mission.pk,
        "stages": 1,
        "drafts": tester.mission_drafts.get().pk,
        "draft": tester.mission_drafts.get().pk,
        "slug": "name",
        "name": "readiness",
        "runs": run.pk,
        "ext": "zwo",
        "apple-health": tester.apple_uploads.get().pk,
        "rides": tester.rides.get(source=Source.FILE).pk,
        "exports": tester.exports.get().pk,
        "sessions": tester.token_families.get().pk,
        "programs": tester.token_families.get().pk,
        "browsers": UserSession.objects.get(user=tester).pk,
        "provider": "strava",
        "backend": "strava",
        "key": "forged",
        "token": Link(tester.pk, mission.pk, TODAY, Word.TIRED).token,
        "secret": tester.calendar_feed.token,
        "uidb36": "1",
    }


def address(route: str, world: dict[str, Any]) -> str:
    """The route with the owner's things in its places."""

    def fill(place: re.Match[str]) -> str:
        name = place.group(1)
        before = route[: place.start()].rstrip("/").split("/")[-1]
        before = {"uploads": "apple-health"}.get(before, before)
        return str(world.get(name) or world.get(before) or "0")

    if route.startswith("admin/"):
        world = {**world, **_admin_things(route)}
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", fill, route).replace(".*", "nowhere")


def _admin_things(route: str) -> dict[str, Any]:
    """The first row of the model an address of the console is about."""
    app, model = [*route.split("/"), "", ""][1:3]
    things = {"app_label": "accounts", "url": "nowhere", "content_type_id": "1"}
    is_about_one = any(place in route for place in ("object_id", "<id>", "<int:pk>"))
    if not is_about_one or app == "r":
        return things
    pk = getattr(apps.get_model(app, model).objects.first(), "pk", "0")
    return {**things, "object_id": pk, "id": pk, "pk": pk}


def visit(row: Row, path: str, client: Client) -> str:
    """What came back: the status, or `login` when it leads to the sign-in page."""
    answer = getattr(client, row.method.lower())(path, **_body(row))
    if answer.streaming:  # a file stays open until it is read to its end
        b"".join(answer.streaming_content)
    location = answer.headers.get("Location", "")
    return "login" if location.startswith("/auth/login") else str(answer.status_code)


def _body(row: Row) -> dict[str, Any]:
    is_json = row.route.startswith("api/") and row.method != "GET"
    return {"data": "{}", "content_type": "application/json"} if is_json else {}


@pytest.fixture
def people(tester: User, stranger: User) -> dict[str, User]:
    console = factories.operator("console@example.org")
    return {"owner": tester, "other": stranger, "operator": console}


@pytest.fixture(autouse=True)
def _morning() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@contextmanager
def undone() -> Iterator[None]:
    """One visit leaves nothing for the next."""
    before = transaction.savepoint()
    yield
    transaction.savepoint_rollback(before)


Cookies = dict[str, str]


def signed_in(people: dict[str, User]) -> dict[str, Cookies]:
    """Each signs in once: what a visit does to the session is undone after it."""
    cookies = {}
    for who, person in people.items():
        browser = Client()
        browser.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        cookies[who] = {name: morsel.value for name, morsel in browser.cookies.items()}
    return cookies


def browser_with(cookies: Cookies, *, is_strict: bool = False) -> Client:
    browser = Client(enforce_csrf_checks=is_strict)
    for name, value in cookies.items():
        browser.cookies[name] = value
    return browser


AREAS = sorted({row.route.split("/")[0] for row in rows()})


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.usefixtures("db", "stand_ins")
def test_routes_answer_everybody_as_the_table_says(
    area: str, world: dict[str, Any], people: dict[str, User]
) -> None:
    told: dict[str, dict[str, str]] = {}
    answered: dict[str, dict[str, str]] = {}
    cookies = signed_in(people)
    for row in (row for row in rows() if row.route.split("/")[0] == area):
        path = address(row.route, world)
        told[str(row)] = dict(zip(WHO, row.answers, strict=True))
        answered[str(row)] = {}
        for who in WHO:
            with undone():
                answered[str(row)][who] = visit(row, path, browser_with(cookies.get(who, {})))

    assert answered == told


@pytest.mark.usefixtures("db", "stand_ins")
def test_form_from_another_site_changes_nothing(
    world: dict[str, Any], people: dict[str, User]
) -> None:
    """`token`: refused without the form's token; `none`: no cookie is what lets anybody in."""
    told: dict[str, str] = {}
    answered: dict[str, str] = {}
    cookies = signed_in(people)["owner"]
    for row in (row for row in rows() if row.method in UNSAFE):
        told[str(row)] = row.csrf
        with undone():
            browser = browser_with(cookies, is_strict=True)
            answer = getattr(browser, row.method.lower())(address(row.route, world), **_body(row))
            words = answer.content.decode()
            refused = answer.status_code == 403 and ("form was too old" in words or "CSRF" in words)
            answered[str(row)] = "token" if refused else "none"

    assert answered == told


MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
# What nobody in Boston writes: 18:30, 4 July, 40 km. The first stage's “1 Jul 3” is well written.
UNAMERICAN = re.compile(
    rf"\b\d{{1,2}}:\d\d\b(?! [ap]m)|\b\d{{1,2}} (?:{MONTHS})\b(?! \d\d?\b)"
    r"|\b[\d.,]+\skm\b|\bm\sup\b"
)


def read_out(page: str) -> str:
    """What somebody reads or hears of a page: its text, and titles and labels of its elements.

    Not what there is to choose from: in Settings that is every way of writing.
    """
    said = re.findall(r'(?:title|alt|aria-label|data-announce)="([^"]*)"', page)
    text = re.sub(r"<(script|style|option)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    return " ".join([" ".join(text.split()), *said])


@pytest.mark.usefixtures("db", "stand_ins")
def test_every_page_is_written_as_its_reader_writes(
    world: dict[str, Any], people: dict[str, User]
) -> None:
    User.objects.update(units="imperial", clock="12", date_order="mdy", first_weekday=6)
    browser = browser_with(signed_in(people)["owner"])
    found: dict[str, list[str]] = {}
    for row in (row for row in rows() if row.method == "GET" and row.answers[-1] == "200"):
        if row.route.startswith(("admin/", "api/", "sandbox/")):
            continue
        with undone():
            answer: Any = browser.get(address(row.route, world))
        if answer.streaming:  # a file stays open until it is read to its end
            b"".join(answer.streaming_content)
        elif "text/html" in answer.headers.get("Content-Type", ""):
            found[str(row)] = UNAMERICAN.findall(read_out(answer.content.decode()))

    assert {row: told for row, told in found.items() if told} == {}
    assert len(found) > 20
