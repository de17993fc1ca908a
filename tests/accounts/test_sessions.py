from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django.asserts import assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import sessions, tokens
from accounts.models import AuditEvent, TokenFamily, User
from accounts.sessions import Place, in_words, places
from tests.accounts.entrance import LOGIN, PASSWORD, who
from tests.accounts.test_second_factor import SECRET
from tests.factories import NOW

pytestmark = pytest.mark.django_db

SESSIONS = "/settings/sessions"
OTHERS = f"{SESSIONS}/others/end"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Mobile Safari/537.36"
)


def browser(user: User, device: str = MAC) -> Client:
    """A browser in which somebody has just signed in, as one does."""
    client = Client(headers={"user-agent": device})
    client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    return client


def program(user: User, device: str = "curl/8.5") -> TokenFamily:
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.7", headers={"user-agent": device})
    now = timezone.now()
    _, family = tokens.holder(tokens.issue(user, request, now).access, now)
    return family


def row_of(client: Client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def end_of(row: UserSession | TokenFamily) -> str:
    kind = "programs" if isinstance(row, TokenFamily) else "browsers"
    return f"{SESSIONS}/{kind}/{row.pk}/end"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (MAC, "Firefox on macOS"),
        (PHONE, "Chrome on Android"),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
                "Gecko) CriOS/138.0 Mobile/15E148 Safari/604.1"
            ),
            "Chrome on iPad",
        ),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
            ),
            "Edge on Windows",
        ),
        (
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0"
            ),
            "Opera on Linux",
        ),
        (
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/140.0.0.0 Safari/537.36"
            ),
            "Chrome on ChromeOS",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 15; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) "
                "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"
            ),
            "Samsung Internet on Android",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        (
            "a training diary that says very much of itself",
            "a training diary that says very much of…",
        ),
        ("x" * 40, "x" * 40),
        ("  ", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_device_is_named_as_its_owner_would(user_agent: str, words: str) -> None:
    assert in_words(user_agent) == words


@time_machine.travel(NOW, tick=False)
def test_list_names_every_browser_and_program_this_one_first(tester: User) -> None:
    this, phone, diary = browser(tester), browser(tester, PHONE), program(tester)
    when: dict[str, Any] = {"since_at": NOW, "last_used_at": NOW}

    shown = this.get(SESSIONS).context["places"]

    assert shown[0] == Place(
        "browser", row_of(this).pk, "Firefox on macOS", "127.0.0.1", is_this=True, **when
    )
    assert {place.key: place for place in shown[1:]} == {
        row_of(phone).pk: Place(
            "browser", row_of(phone).pk, "Chrome on Android", "127.0.0.1", **when
        ),
        diary.pk: Place("program", diary.pk, "curl/8.5", "203.0.113.7", **when),
    }


def test_list_shows_nothing_of_a_stranger(tester: User, stranger: User) -> None:
    browser(stranger)
    program(stranger)

    assert [place.is_this for place in browser(tester).get(SESSIONS).context["places"]] == [True]


def test_list_asks_whoever_is_not_signed_in_to_sign_in(client: Client) -> None:
    for answer in (client.get(SESSIONS), client.post(OTHERS)):
        assert answer["Location"].startswith("/auth/login?next=/settings/sessions")


def test_list_leaves_out_what_opens_the_account_no_more(tester: User) -> None:
    with time_machine.travel(NOW, tick=False):
        browser(tester)
        ended, expired, wrong = program(tester), program(tester), program(tester)
        tokens.end(ended, NOW)
        TokenFamily.objects.filter(pk=expired.pk).update(expires_at=NOW)
        TokenFamily.objects.filter(pk=wrong.pk).update(auth_hash="of another password")
        assert [place.kind for place in places(tester, None, NOW)] == ["browser"]

    after = NOW + timedelta(seconds=settings.SESSION_COOKIE_AGE + 1)
    assert places(tester, None, after) == []


def test_list_leaves_out_browsers_of_an_earlier_password(tester: User) -> None:
    browser(tester)
    tester.set_password("another horse battery")
    tester.save()

    assert places(tester, None, NOW) == []


@pytest.mark.parametrize("rows", [1, 20])
def test_list_asks_the_database_as_often_for_many(
    tester: User, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    this = browser(tester)
    for _ in range(rows):
        browser(tester, PHONE)
        program(tester)

    with django_assert_num_queries(5):  # session, account; browsers, their sessions, programs
        shown = this.get(SESSIONS).context["places"]

    assert len(shown) == 1 + 2 * rows


def test_ended_browser_is_really_out(tester: User) -> None:
    this, phone = browser(tester), browser(tester, PHONE)

    answer = this.post(end_of(row_of(phone)))

    assertRedirects(answer, SESSIONS, fetch_redirect_response=False)
    assert (who(this), who(phone)) == (tester, None)
    assert phone.get("/settings")["Location"] == "/auth/login?next=/settings"
    assert list(UserSession.objects.all()) == [row_of(this)]


def test_ended_browser_that_is_this_one_is_signed_out(tester: User) -> None:
    this = browser(tester)

    assertRedirects(this.post(end_of(row_of(this))), "/", fetch_redirect_response=False)
    assert who(this) is None


def test_ended_program_gets_nothing_any_more(tester: User) -> None:
    this = browser(tester)
    request = RequestFactory().get("/")
    with time_machine.travel(NOW, tick=False):
        pair = tokens.issue(tester, request, NOW)
    family = TokenFamily.objects.get()

    assertRedirects(this.post(end_of(family)), SESSIONS, fetch_redirect_response=False)
    with pytest.raises(tokens.NotGood):
        tokens.holder(pair.access, NOW)
    with pytest.raises(tokens.NotGood):
        tokens.refresh(pair.refresh, request, NOW)


def test_ending_is_audited_without_a_key(tester: User) -> None:
    this, phone, diary = browser(tester), browser(tester, PHONE), program(tester)
    AuditEvent.objects.all().delete()

    for address in (end_of(row_of(phone)), end_of(diary), end_of(diary), OTHERS):
        this.post(address)

    assert list(AuditEvent.objects.values_list("kind", "user", "device", "details")) == [
        ("session_ended", tester.pk, MAC, {"how": how})
        for how in ("everywhere else", "a program", "a browser")
    ]


def test_browsers_and_programs_of_a_stranger_are_not_found(tester: User, stranger: User) -> None:
    theirs, family = browser(stranger), program(stranger)
    this = browser(tester)

    answers = [this.post(end_of(row)).status_code for row in (row_of(theirs), family)]

    assert (answers, who(theirs)) == ([404, 404], stranger)
    assert TokenFamily.objects.get().ended_at is None


def test_ending_needs_a_post(tester: User) -> None:
    this, phone = browser(tester), browser(tester, PHONE)

    answers = [this.get(path).status_code for path in (end_of(row_of(phone)), OTHERS)]

    assert (answers, who(phone)) == ([405, 405], tester)


def test_ending_all_others_leaves_this_browser_and_strangers_alone(
    tester: User, stranger: User
) -> None:
    this, phone, theirs = browser(tester), browser(tester, PHONE), browser(stranger)
    mine, foreign = program(tester), program(stranger)

    assertRedirects(this.post(OTHERS), SESSIONS, fetch_redirect_response=False)

    assert [who(client) for client in (this, phone, theirs)] == [tester, None, stranger]
    mine.refresh_from_db()
    foreign.refresh_from_db()
    assert (mine.ended_at is not None, foreign.ended_at) == (True, None)


def test_sign_out_takes_the_browser_off_the_list(tester: User) -> None:
    this, phone = browser(tester), browser(tester, PHONE)

    phone.post("/auth/logout")

    assert list(UserSession.objects.all()) == [row_of(this)]


def test_last_use_is_noted_every_ten_minutes_and_costs_nothing_between(
    tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        this = browser(tester)
        clock.move_to(NOW + timedelta(minutes=9, seconds=59))
        with django_assert_num_queries(2):  # session, account
            this.get("/settings/password")
        assert row_of(this).last_seen_at == NOW

        clock.move_to(NOW + timedelta(minutes=10))
        with django_assert_num_queries(6):  # and both rows are written, one in a savepoint
            this.get("/settings/password", REMOTE_ADDR="203.0.113.9")

    row = row_of(this)
    assert (row.last_seen_at, row.ip) == (NOW + timedelta(minutes=10), "203.0.113.9")


def test_browser_from_before_there_was_a_list_appears_with_its_next_use(
    tester: User, as_tester: Client
) -> None:
    session = as_tester.session
    session.pop(sessions.SEEN_AT)
    session.save()

    as_tester.get("/settings", headers={"user-agent": PHONE})

    assert list(UserSession.objects.values_list("user", "session_key", "user_agent")) == [
        (tester.pk, as_tester.session.session_key, PHONE)
    ]


def test_visitors_get_no_session_and_cost_no_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        client.get("/auth/login")

    assert not Session.objects.exists()


@time_machine.travel(NOW, tick=False)
def test_purge_forgets_what_ran_out_and_keeps_what_is_alive(tester: User) -> None:
    alive, expired, gone = browser(tester), browser(tester, PHONE), browser(tester, PHONE)
    kept = row_of(alive)
    Session.objects.filter(pk=expired.session.session_key).update(
        expire_date=NOW - timedelta(seconds=1)
    )
    Session.objects.filter(pk=gone.session.session_key).delete()

    purged = sessions.purge(NOW)

    assert purged == 3
    assert list(UserSession.objects.all()) == [kept]
    assert [one.pk for one in Session.objects.all()] == [kept.session_key]
    assert sessions.purge(NOW) == 0


def test_password_change_keeps_this_browser_and_ends_all_else(tester: User) -> None:
    this, phone = browser(tester), browser(tester, PHONE)
    with time_machine.travel(NOW, tick=False):
        pair = tokens.issue(tester, RequestFactory().get("/"), NOW)

    answer = this.post(
        "/settings/password",
        {
            "oldpassword": PASSWORD,
            "password1": "another horse battery",
            "password2": "another horse battery",
        },
    )

    assertRedirects(answer, "/settings", fetch_redirect_response=False)
    tester.refresh_from_db()
    assert (who(this), who(phone)) == (tester, None)
    with pytest.raises(tokens.NotGood):
        tokens.holder(pair.access, NOW)
    assert [place.is_this for place in this.get(SESSIONS).context["places"]] == [True]


def test_password_change_asks_for_the_old_one(tester: User) -> None:
    this = browser(tester)

    answer = this.post(
        "/settings/password",
        {
            "oldpassword": "a guess",
            "password1": "another horse battery",
            "password2": "another horse battery",
        },
    )

    assert list(answer.context["form"].errors) == ["oldpassword"]
    tester.refresh_from_db()
    assert tester.check_password(PASSWORD)


def test_store_is_the_one_the_list_reads() -> None:
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore

    assert store.get_model_class() is Session


def test_request_without_a_name_has_an_unknown_device() -> None:
    assert in_words(sessions.device_of(HttpRequest())) == "Unknown device"


def test_sign_in_that_waits_for_its_code_is_forgotten_with_its_account(
    tester: User, stranger: User
) -> None:
    """Until the second step nothing but the content of the session says whose it is."""
    for user in (tester, stranger):
        TOTP.activate(user, SECRET)
        Client().post("/auth/login", {"login": user.email, "password": "correct horse battery"})
    assert Session.objects.count() == 2

    assert sessions.forget_unfinished(tester) == 1

    (left,) = Session.objects.all()
    assert left.get_decoded()["account_authentication_methods_user"] == str(stranger.pk)
