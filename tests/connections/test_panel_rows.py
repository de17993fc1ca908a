"""A row of the Connections card: its state, since when it fails, what is here, one next step."""

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import User
from connections import panel
from connections.models import Connection, RideFile
from connections.panel import SourceState
from connections.sources import Source
from tests import factories
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SYNC = "/connections/strava/sync"
API_SYNC = "/api/connections/strava/sync"
Published = list[tuple[str, list[Any]]]


class Text(HTMLParser):
    """What a page says, without its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def said(html: str) -> str:
    reader = Text()
    reader.feed(html)
    return " ".join(" ".join(reader.words).split())


def row_of(client: Client, label: str, path: str = "/connections/cards") -> str:
    html = client.get(path).content.decode()
    return next(row for row in html.split('<li class="source">') if f">{label}</strong>" in row)


def forms_of(row: str) -> list[str]:
    return [part.split('"')[0] for part in row.split('action="')[1:]]


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def test_working_source_says_what_is_here_and_when_it_was_read(
    as_tester: Client, tester: User, stranger: User
) -> None:
    factories.connection(tester, last_success_at=NOW - HOUR)
    for number in range(3):
        factories.ride(tester, TODAY - number * DAY)
    factories.ride(tester, TODAY, source=Source.FILE)
    factories.ride(stranger, TODAY)
    factories.night(tester, TODAY)

    row = row_of(as_tester, "Strava")

    assert said(row).startswith("Strava Connected; 3 rides here Last read an hour ago")
    assert '#icon-ok"' in row
    assert forms_of(row) == ["/connections/strava/sync", "/connections/strava/disconnect"]


def test_failing_source_says_since_when_and_that_we_keep_trying(
    as_tester: Client, tester: User
) -> None:
    factories.connection(
        tester,
        last_success_at=NOW - DAY,
        failing_since=NOW - 3 * HOUR,
        last_error="Strava could not be reached.",
    )

    row = row_of(as_tester, "Strava")

    assert said(row).startswith(
        "Strava Strava could not be reached. We keep trying by ourselves. "
        "Not working since 4 July, 04:30 ; last read 1 day ago Sync now"
    )
    assert '#icon-broken"' in row


def test_source_that_needs_its_tester_has_the_one_button_that_mends_it(
    as_tester: Client, tester: User
) -> None:
    factories.connection(
        tester,
        Source.OURA,
        state=Connection.State.BROKEN,
        failing_since=NOW - 2 * DAY,
        last_error="Connect Oura again.",
    )

    row = row_of(as_tester, "Oura", "/connections")

    assert said(row).startswith(
        "Oura Connect Oura again. Not working since 2 July, 07:30 Connect Oura"
    )
    assert forms_of(row) == ["/connect/login/oura/", "/connections/oura/disconnect"]
    # The consent page first, a token second.
    assert row.index("Connect Oura<") < row.index("Paste a token")


def test_card_of_home_has_a_button_only_for_what_it_mends(as_tester: Client, tester: User) -> None:
    connection = factories.connection(tester, last_success_at=NOW)
    assert "<button" not in row_of(as_tester, "Strava", "/")

    Connection.objects.update(last_error="Strava could not be reached.", failing_since=NOW)
    assert forms_of(row_of(as_tester, "Strava", "/")) == [SYNC]

    Connection.objects.update(state=Connection.State.BROKEN)
    assert forms_of(row_of(as_tester, "Strava", "/")) == ["/connect/login/strava/"]

    connection.delete()
    assert "Send ride files" not in row_of(as_tester, "Ride files", "/")
    RideFile.objects.create(
        user=tester, file_name="ride.fit", size_bytes=1, uploaded_at=NOW, status="failed"
    )
    assert 'href="/connections/ride-files">Send ride files' in row_of(as_tester, "Ride files", "/")


def test_token_is_asked_for_only_where_one_is_wanted(as_tester: Client, tester: User) -> None:
    assert 'action="/connections/oura/token' in as_tester.get("/connections").content.decode()

    factories.connection(tester, Source.OURA, last_success_at=NOW)

    assert 'action="/connections/oura/token' not in as_tester.get("/connections").content.decode()


def test_source_that_is_being_read_looks_again_with_and_without_scripts(
    as_tester: Client, tester: User
) -> None:
    factories.connection(tester)

    html = as_tester.get("/connections/cards").content.decode()
    assert 'hx-get="/connections/cards" hx-trigger="every 2s"' in html
    assert '<noscript><p><a class="go" href="/connections">Look again</a></p></noscript>' in html
    assert "Sync now" not in row_of(as_tester, "Strava")

    Connection.objects.update(last_success_at=NOW)
    html = as_tester.get("/connections/cards").content.decode()
    assert ("hx-get" in html, "noscript" in html) == (False, False)


def test_fragment_announces_what_is_read_and_what_came_of_it(
    as_tester: Client, tester: User
) -> None:
    """The whole page announces nothing of it: there are other parts on it that do."""
    factories.connection(tester)
    oura = factories.connection(tester, Source.OURA, last_success_at=NOW)
    reading = as_tester.get("/connections/cards").content.decode()
    Connection.objects.update(last_success_at=NOW)
    read = as_tester.get("/connections/cards").content.decode()
    Connection.objects.filter(pk=oura.pk).update(last_error="Oura could not be reached.")
    failed = as_tester.get("/connections/cards").content.decode()

    assert [
        html.split('data-announce="')[1].split('"')[0].strip() for html in (reading, read, failed)
    ] == [
        "Reading Strava.",
        "Reading has ended.",
        "Reading has ended. Oura is not working.",
    ]
    for whole in ("/connections", "/connections/cards?quiet=1"):
        assert "data-announce" not in as_tester.get(whole).content.decode()


def test_night_that_is_waited_for_has_a_clock(as_tester: Client, tester: User) -> None:
    factories.connection(tester, Source.OURA, last_success_at=NOW, waits_for=TODAY)

    row = row_of(as_tester, "Oura")

    assert 'class="icon is-pending" aria-hidden="true"><use href="#icon-pending"' in row


def test_token_form_sends_most_people_to_the_button_where_there_is_one(
    as_tester: Client, settings: LazySettings
) -> None:
    words = "Most people have none: use the Connect button."
    page = said(as_tester.get("/connections").content.decode())
    assert (words in page, "Connect with this token" in page) == (True, True)

    oura = {name: value for name, value in settings.SOURCES["oura"].items() if name != "BACKEND"}
    settings.SOURCES = {**settings.SOURCES, "oura": oura}
    page = said(as_tester.get("/connections").content.decode())
    assert (words in page, "Connect with this token" in page) == (False, True)


def test_state_of_a_source_is_one_value(tester: User) -> None:
    factories.connection(
        tester, last_success_at=NOW, failing_since=NOW - HOUR, last_error="Strava is down."
    )
    factories.ride(tester, TODAY)

    assert panel.state_of(tester, "strava") == SourceState(
        source="strava",
        label="Strava",
        state="broken",
        words="Strava is down. We keep trying by ourselves.",
        last_success_at=NOW,
        failing_since=NOW - HOUR,
        rides=1,
        is_connected=True,
        backend="strava",
    )


def test_panel_asks_as_often_for_many_rows(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):
        panel.context_for(tester)
    for source in (Source.STRAVA, Source.OURA):
        factories.connection(tester, source)
    for number in range(12):
        factories.ride(tester, TODAY - number * DAY)
        factories.night(tester, TODAY - number * DAY)
    with django_assert_num_queries(4):
        panel.context_for(tester)


# --- Sync now ---


@pytest.fixture
def asked(
    published: Published, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Any:
    """The answer to a POST, and what was handed to workers."""

    def post(client: Client, path: str) -> tuple[Any, Published]:
        published.clear()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(path)
        return answer, list(published)

    return post


def test_button_has_the_source_read(as_tester: Client, tester: User, asked: Any) -> None:
    connection = factories.connection(tester, last_success_at=NOW - HOUR)

    answer, published = asked(as_tester, SYNC)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/connections")
    assert published == [("connections.sync", [connection.pk])]
    page = as_tester.get("/connections")
    assert [str(message) for message in page.context["messages"]] == ["Strava is being read."]
    assert "Connected; reading what is new" in said(row_of(as_tester, "Strava"))


def test_call_has_the_source_read_and_says_how_it_stands(
    as_tester: Client, tester: User, asked: Any
) -> None:
    connection = factories.connection(tester, last_success_at=NOW - HOUR)

    answer, published = asked(as_tester, API_SYNC)

    assert answer.status_code == 202
    assert answer.json() == {
        "source": "strava",
        "label": "Strava",
        "state": "pending",
        "last_success_at": "2026-07-04T04:30:00Z",
        "failing_since": None,
        "rides": 0,
        "nights": 0,
        "last_error": None,
        "next_step": None,
    }
    assert published == [("connections.sync", [connection.pk])]


def test_source_that_needs_its_tester_is_not_read(
    as_tester: Client, tester: User, asked: Any
) -> None:
    factories.connection(tester, state=Connection.State.BROKEN, last_error="Connect Strava again.")

    page, from_page = asked(as_tester, SYNC)
    call, from_call = asked(as_tester, API_SYNC)

    told = as_tester.get(page.headers["Location"]).context["messages"]
    assert [str(message) for message in told] == ["Connect Strava again."]
    assert (call.status_code, call.json()["detail"]) == (409, "Connect Strava again.")
    assert (from_page, from_call) == ([], [])


def test_tester_without_consent_is_told_where_to_give_it(
    as_tester: Client, tester: User, asked: Any
) -> None:
    factories.connection(tester)
    User.objects.update(health_consent_at=None)

    page, from_page = asked(as_tester, SYNC)
    call, from_call = asked(as_tester, API_SYNC)

    told = as_tester.get(page.headers["Location"]).context["messages"]
    words = "Your health data may not be read. Allow it in Settings, under Privacy."
    assert [str(message) for message in told] == [words]
    assert (call.status_code, call.json()["detail"]) == (403, words)
    assert (from_page, from_call) == ([], [])


@pytest.mark.parametrize("path", [SYNC, API_SYNC])
def test_stranger_and_anonymous_have_nothing_read(
    tester: User, as_stranger: Client, client: Client, asked: Any, path: str
) -> None:
    factories.connection(tester)

    answers = [asked(one, path) for one in (as_stranger, client)]

    refused = 401 if path == API_SYNC else 302
    assert [answer.status_code for answer, _ in answers] == [404, refused]
    assert [published for _, published in answers] == [[], []]
    assert Connection.objects.get().asked_at is None


def test_page_and_calls_together_are_limited_by_account(
    as_tester: Client, tester: User, as_stranger: Client, stranger: User, settings: LazySettings
) -> None:
    assert settings.THROTTLES["sync"] == [("account", 6, 3600)]
    for user in (tester, stranger):
        factories.connection(user)

    statuses = [as_tester.post(path).status_code for path in (SYNC, API_SYNC) * 3]
    page, call = as_tester.post(SYNC), as_tester.post(API_SYNC)

    assert statuses == [302, 202] * 3
    assert (page.status_code, call.status_code) == (429, 429)
    assert page.headers["Retry-After"] == call.headers["Retry-After"] == "1800"
    assert "Wait 30 minutes, then read it again." in said(page.content.decode())
    assert as_stranger.post(API_SYNC).status_code == 202
