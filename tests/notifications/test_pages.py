"""The page of a mail's last link, and the button that lifts a stop."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertRedirects

from accounts.models import AuditEvent, User
from coach.models import MissionRun
from notifications.models import StoppedAddress
from notifications.unsubscribing import Link, Wish
from tests import factories
from tests.conftest import signed_in
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
AGAIN = "/mail/send-again"


def path(user: User, wish: Wish = Wish.BRIEFS) -> str:
    return f"/mail/unsubscribe/{Link(user.pk, wish).token}"


def provider() -> Client:
    """A mail program: no cookie, no form of ours."""
    return Client(enforce_csrf_checks=True)


def wishes(user: User) -> tuple[bool, ...]:
    user.refresh_from_db()
    return user.wants_briefs, user.wants_wrap_ups, user.wants_connection_mails


def trail(kind: str) -> list[tuple[Any, ...]]:
    events = AuditEvent.objects.filter(kind=kind).order_by("pk")
    return list(events.values_list("user__email", "actor__email", "address", "details"))


@pytest.mark.parametrize(
    ("wish", "left", "label"),
    [
        (Wish.BRIEFS, (False, True, True), "the morning’s brief"),
        (Wish.WRAP_UPS, (True, False, True), "the look back on a mission"),
        (Wish.CONNECTION_MAILS, (True, True, False), "mails about a source that needs you"),
    ],
)
def test_one_click_switches_one_kind_off(
    tester: User, stranger: User, wish: Wish, left: tuple[bool, ...], label: str
) -> None:
    answers = [provider().post(path(tester, wish), ONE_CLICK).status_code for _ in range(3)]

    assert (answers, wishes(tester), wishes(stranger)) == ([200] * 3, left, (True, True, True))
    assert trail("mails_off") == [("tester@example.org", None, "127.0.0.1", {"mails": label})]


def test_one_click_as_multipart_counts_as_well(tester: User) -> None:
    """RFC 8058 allows both ways of sending a form."""
    answer = provider().post(
        path(tester), "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"
    )

    assert (answer.status_code, wishes(tester)) == (200, (False, True, True))


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_the_link_changes_nothing(
    tester: User, method: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        answer = getattr(Client(), method)(path(tester))

    assert (answer.status_code, wishes(tester)) == (200, (True, True, True))
    assert "no-store" in answer["Cache-Control"]


def test_page_asks_tells_and_takes_it_back(tester: User) -> None:
    browser = provider()
    pages = [
        browser.get(path(tester)),
        browser.post(path(tester), ONE_CLICK),
        browser.get(path(tester)),
        browser.post(path(tester), {"back": "1"}),
    ]

    titles = [page.content.decode().partition("<h1>")[2].partition("</h1>")[0] for page in pages]
    assert titles == [
        "Stop the morning’s brief?",
        "Stopped: the morning’s brief",
        "Stopped: the morning’s brief",
        "You get it again: the morning’s brief",
    ]
    assert wishes(tester) == (True, True, True)
    assert [event[3] for event in trail("mails_on")] == [{"mails": "the morning’s brief"}]
    assert all("tester@example.org" not in page.content.decode() for page in pages)


def test_link_works_after_years(tester: User) -> None:
    link = path(tester)

    with time_machine.travel(NOW + timedelta(days=3 * 365)):
        assert provider().post(link, ONE_CLICK).status_code == 200
    assert wishes(tester) == (False, True, True)


@pytest.mark.parametrize("method", ["get", "post"])
def test_forged_link_is_not_found(tester: User, method: str) -> None:
    forged = f"{path(tester)[:-3]}abc"
    answer = getattr(provider(), method)(forged)

    assert (answer.status_code, wishes(tester)) == (404, (True, True, True))
    assert b"This link is not whole" in answer.content


def test_link_of_somebody_else_is_not_found(tester: User, stranger: User) -> None:
    answer = signed_in(stranger).post(path(tester), ONE_CLICK)

    assert (answer.status_code, wishes(tester)) == (404, (True, True, True))
    assert b"This link is not yours" in answer.content


def test_owner_who_is_signed_in_uses_it_as_well(tester: User) -> None:
    assert signed_in(tester).post(path(tester), ONE_CLICK).status_code == 200
    assert wishes(tester) == (False, True, True)


def test_link_of_an_account_that_goes_or_is_gone_is_not_found(tester: User) -> None:
    link = path(tester)
    User.objects.update(is_active=False)
    closed = provider().post(link, ONE_CLICK).status_code
    User.objects.all().delete()

    assert (closed, provider().post(link, ONE_CLICK).status_code) == (404, 404)


def test_nobody_plays_with_a_link_all_day(tester: User, settings: LazySettings) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "unsubscribe": [("account", 2, 3600)]}

    statuses = [provider().post(path(tester), ONE_CLICK).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


# --- a stopped address ---


@pytest.fixture
def stopped(tester: User) -> StoppedAddress:
    return StoppedAddress.objects.create(address=tester.email, reason="bounce", stopped_at=NOW)


def test_tester_lifts_the_stop_of_their_own_address(
    tester: User, stranger: User, stopped: StoppedAddress
) -> None:
    StoppedAddress.objects.create(address=stranger.email, reason="complaint")

    assertRedirects(signed_in(tester).post(AGAIN), "/settings")

    assert [row.address for row in StoppedAddress.objects.all()] == [stranger.email]
    assert trail("mails_again") == [("tester@example.org", None, "127.0.0.1", {})]


def test_lifting_what_is_not_stopped_is_no_event(tester: User, stranger: User) -> None:
    StoppedAddress.objects.create(address=tester.email, reason="bounce")

    answer = signed_in(stranger).post(AGAIN, follow=True)

    assert (StoppedAddress.objects.count(), trail("mails_again")) == (1, [])
    assert b"Mails go to" not in answer.content


def test_visitor_lifts_nothing(client: Client, stopped: StoppedAddress) -> None:
    assertRedirects(client.post(AGAIN), f"/auth/login?next={AGAIN}", fetch_redirect_response=False)
    assert StoppedAddress.objects.count() == 1


def test_lifting_is_posted_and_not_too_often(
    tester: User, stopped: StoppedAddress, settings: LazySettings
) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "mail_again": [("account", 1, 3600)]}
    browser = signed_in(tester)

    statuses = [browser.get(AGAIN).status_code, *(browser.post(AGAIN).status_code for _ in "ab")]

    assert statuses == [405, 302, 429]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "bounce",
            "Mails to tester@example.org came back, so since 4 July 2026, 07:30 none are sent",
        ),
        (
            "complaint",
            "A mail to tester@example.org was marked as spam, so since 4 July 2026, 07:30 none are",
        ),
    ],
)
def test_settings_say_that_mails_are_stopped(
    tester: User, stopped: StoppedAddress, reason: str, words: str
) -> None:
    StoppedAddress.objects.update(reason=reason)

    page = signed_in(tester).get("/settings").content.decode()

    assert words in page
    assert page.count("Send to it again") == 1


def test_new_address_is_free(tester: User, stopped: StoppedAddress) -> None:
    User.objects.update(email="new@example.org")

    assert b"Send to it again" not in signed_in(tester).get("/settings").content


@pytest.mark.parametrize("page", ["/", "/settings"])
def test_home_and_settings_say_that_briefs_are_off(tester: User, page: str) -> None:
    browser, words = signed_in(tester), b"Your briefs are not mailed to you"
    before = browser.get(page).content
    User.objects.update(wants_briefs=False)

    assert (words in before, words in browser.get(page).content) == (False, True)


@time_machine.travel(NOW, tick=False)
def test_home_says_that_mails_are_stopped_beside_the_brief(
    tester: User, stopped: StoppedAddress
) -> None:
    run = MissionRun(mission=factories.mission(tester), local_date=TODAY, trigger="schedule")
    run.outcome = MissionRun.Outcome.FAILED
    run.save()
    browser = signed_in(tester)
    before = browser.get("/").content.decode()
    browser.post(AGAIN)
    after = browser.get("/").content.decode()

    words = "Mails to tester@example.org came back, so none are sent there since 4 July 2026, 07:30"
    assert (before.count(words), before.count(f'action="{AGAIN}"')) == (1, 1)
    assert (after.count(words), after.count(AGAIN)) == (0, 0)
