from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertRedirects

from accounts import privacy
from accounts.models import AuditEvent, User
from notifications.models import Notification
from tests import factories
from tests.accounts.entrance import (
    COUNTING,
    LOGIN,
    LOGOUT,
    NEWCOMER,
    NOT_HERE,
    PASSWORD,
    REGISTER,
    RESET,
    SENT,
    CountingHasher,
    addresses_of,
    answer,
    link_in_last_mail,
    mails,
    session_begun,
    unconfirmed,
    who,
)
from tests.accounts.test_second_factor import SECRET, code_of
from tests.factories import NOW
from tests.threads import at_once

pytestmark = pytest.mark.django_db

CONFIRMED = "Your address is confirmed"
MISMATCH = "They do not match, or the address is not confirmed yet; then its link is on the way."


@pytest.fixture
def hashed(settings: LazySettings) -> Iterator[list[str]]:
    """The passwords that were hashed since a test last cleared the list."""
    settings.PASSWORD_HASHERS = COUNTING
    CountingHasher.hashed.clear()
    yield CountingHasher.hashed
    CountingHasher.hashed.clear()


def confirmation_of(user: User) -> str:
    address = EmailAddress.objects.get(user=user, verified=False)
    return reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])


def test_addresses_are_the_promised_ones() -> None:
    names = ("account_login", "account_signup", "account_logout", "account_reset_password")

    assert [reverse(name) for name in names] == [LOGIN, REGISTER, LOGOUT, RESET]


# --- Signing in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["tester@example.org", " Tester@EXAMPLE.org "])
def test_sign_in_leads_home_however_the_address_is_typed(
    client: Client, tester: User, typed: str
) -> None:
    response = client.post(LOGIN, {"login": typed, "password": PASSWORD})

    assertRedirects(response, "/", fetch_redirect_response=False)
    assert who(client) == tester


def test_sign_in_leads_back_to_the_page_that_asked_for_it(client: Client, tester: User) -> None:
    asked = client.get(f"{LOGIN}?next=/settings")
    response = client.post(
        LOGIN, {"login": tester.email, "password": PASSWORD, "next": "/settings"}
    )

    assertContains(asked, '<input type="hidden" name="next" value="/settings">', html=True)
    assertRedirects(response, "/settings", fetch_redirect_response=False)


@pytest.mark.parametrize("elsewhere", NOT_HERE)
def test_sign_in_leads_to_no_other_site(client: Client, tester: User, elsewhere: str) -> None:
    response = client.post(LOGIN, {"login": tester.email, "password": PASSWORD, "next": elsewhere})

    assertRedirects(response, "/", fetch_redirect_response=False)


@pytest.mark.parametrize("elsewhere", NOT_HERE)
def test_whoever_is_signed_in_is_led_to_no_other_site_either(
    as_tester: Client, elsewhere: str
) -> None:
    for page in (LOGIN, REGISTER):
        response = as_tester.get(page, {"next": elsewhere})
        assertRedirects(response, "/", fetch_redirect_response=False)


@pytest.mark.parametrize(
    ("email", "password"), [("tester@example.org", "wrong"), ("nobody@example.org", PASSWORD)]
)
def test_sign_in_that_does_not_match_says_so_and_tells_nothing_else(
    client: Client, tester: User, email: str, password: str
) -> None:
    response = client.post(LOGIN, {"login": email, "password": password})

    assert response.context["form"].non_field_errors() == [MISMATCH]
    assert who(client) is None


def test_sign_in_of_a_closed_account_is_refused(client: Client, tester: User) -> None:
    User.objects.filter(pk=tester.pk).update(is_active=False)

    response = client.post(LOGIN, {"login": tester.email, "password": PASSWORD}, follow=True)

    assertContains(response, "This account is closed")
    assert who(client) is None


def test_sign_in_hashes_once_whoever_asks(client: Client, hashed: list[str]) -> None:
    factories.tester()
    closed = factories.tester("closed@example.org")
    User.objects.filter(pk=closed.pk).update(is_active=False)
    unconfirmed()
    counts = {}

    for email in ("nobody", "tester", "closed", "newcomer"):
        hashed.clear()
        client.post(LOGIN, {"login": f"{email}@example.org", "password": "wrong"})
        counts[email] = list(hashed)

    assert counts == {email: ["wrong"] for email in counts}


def test_sign_in_before_the_address_is_confirmed_sends_the_link_again(client: Client) -> None:
    user = unconfirmed()

    response = client.post(LOGIN, {"login": user.email, "password": PASSWORD})

    assert response.context["form"].non_field_errors() == [MISMATCH]
    assert mails() == [("email_confirmation", [user.email])]
    assert who(client) is None
    assertRedirects(
        Client().get(link_in_last_mail()), "/missions/new", fetch_redirect_response=False
    )


@pytest.mark.parametrize("address", [LOGIN, REGISTER])
def test_whoever_is_signed_in_is_sent_home(as_tester: Client, address: str) -> None:
    assertRedirects(as_tester.get(address), "/", fetch_redirect_response=False)


def test_sign_in_changes_the_session_somebody_could_know(client: Client, tester: User) -> None:
    known = session_begun(client)

    client.post(LOGIN, {"login": tester.email, "password": PASSWORD})

    assert who(client) == tester
    assert not Session.objects.filter(session_key=known).exists()


# --- Signing out ---------------------------------------------------------------------------------


def test_sign_out_asks_first_and_needs_a_post(as_tester: Client, tester: User) -> None:
    asked = as_tester.get(LOGOUT)
    still = who(as_tester)

    assertContains(asked, "Sign out?")
    assertRedirects(as_tester.post(LOGOUT), "/", fetch_redirect_response=False)
    assert (still, who(as_tester)) == (tester, None)


@pytest.mark.parametrize("elsewhere", NOT_HERE)
def test_sign_out_leads_to_no_other_site(as_tester: Client, elsewhere: str) -> None:
    response = as_tester.post(LOGOUT, {"next": elsewhere})

    assertRedirects(response, "/", fetch_redirect_response=False)


# --- Registering ---------------------------------------------------------------------------------


def test_register_makes_an_account_that_waits_for_its_mail_to_be_opened(client: Client) -> None:
    response = client.post(REGISTER, {**NEWCOMER, "email": "Newcomer@Example.org"})

    assertRedirects(response, SENT)
    user = User.objects.get()
    assert (user.email, user.timezone) == ("newcomer@example.org", "Asia/Kathmandu")
    assert user.check_password(PASSWORD)
    assert not user.has_consented
    assert mails() == [("email_confirmation_signup", ["newcomer@example.org"])]
    assert Notification.objects.get().user == user
    assert who(client) is None


@time_machine.travel(NOW, tick=False)
def test_register_keeps_when_consent_was_given(client: Client) -> None:
    client.post(REGISTER, {**NEWCOMER, "health_consent": "on"})

    assert User.objects.get().health_consent_at == NOW
    kinds = AuditEvent.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["registered", "consent_given"]


@pytest.mark.parametrize(
    ("taken", "to_the_owner"),
    [
        ("tester@example.org", "account_already_exists"),
        ("newcomer@example.org", "email_confirmation_signup"),
    ],
)
def test_register_answers_a_taken_address_as_a_free_one(
    hashed: list[str], settings: LazySettings, taken: str, to_the_owner: str
) -> None:
    factories.tester()
    unconfirmed()
    answers, work = [], []

    for email in ("free@example.org", taken):
        hashed.clear()
        visitor = Client()
        response = visitor.post(REGISTER, {**NEWCOMER, "email": email})
        page = visitor.get(response.headers["Location"])
        answers.append((answer(response), answer(page), set(visitor.cookies)))
        work.append(list(hashed))

    assert answers[0] == answers[1]
    assert work == [[PASSWORD], [PASSWORD]]
    assert mails() == [
        ("email_confirmation_signup", ["free@example.org"]),
        (to_the_owner, [taken]),
    ]


def test_register_with_a_taken_address_changes_nothing_of_its_account(
    client: Client, tester: User
) -> None:
    client.post(REGISTER, {**NEWCOMER, "email": tester.email, "password1": "another one entirely"})

    assert list(User.objects.all()) == [tester]
    tester.refresh_from_db()
    assert (tester.check_password(PASSWORD), tester.timezone) == (True, "Europe/Paris")
    assert link_in_last_mail() == LOGIN


def test_register_presets_no_zone_until_the_browser_names_its_own(client: Client) -> None:
    page = client.get(REGISTER)
    field = page.context["form"]["timezone"]

    assert field.value() is None
    assert '<option value="" selected>choose one</option>' in str(field)
    assert " required" in str(field)
    assert 'data-browser-timezone=""' in str(field)
    assert '<option value="America/New_York">America/New York</option>' in str(field)
    assertContains(page, 'method="post" data-new>')


def test_register_asks_for_one_password_and_leaves_consent_open(client: Client) -> None:
    form = client.get(REGISTER).context["form"]

    assert [field.name for field in form.visible_fields()] == [
        *("email", "password1", "timezone", "health_consent")
    ]
    assert form.fields["password1"].widget.attrs["autocomplete"] == "new-password"
    assert (form.fields["health_consent"].required, form["health_consent"].value()) == (False, None)


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        ({"email": "not an address"}, {"email": ["Enter a valid email address."]}),
        ({"timezone": ""}, {"timezone": ["This field is required."]}),
        (
            {"timezone": "Mars/Olympus"},
            {
                "timezone": [
                    "Select a valid choice. Mars/Olympus is not one of the available choices."
                ]
            },
        ),
        (
            {"password1": "1234567"},
            {
                "password1": [
                    "This password is too short. It must contain at least 8 characters.",
                    "This password is too common.",
                    "This password is entirely numeric.",
                ]
            },
        ),
        (
            {"password1": "newcomer@example"},
            {"password1": ["The password is too similar to the e-mail address."]},
        ),
    ],
)
def test_register_with_a_wrong_answer_says_which_and_makes_nobody(
    client: Client, tester: User, answers: dict[str, str], errors: dict[str, list[str]]
) -> None:
    response = client.post(REGISTER, {**NEWCOMER, **answers})

    assert response.context["form"].errors == errors
    assert list(User.objects.all()) == [tester]
    assert mails() == []


def test_register_gives_nobody_rights(client: Client) -> None:
    client.post(REGISTER, {**NEWCOMER, "is_staff": "on", "is_superuser": "on", "id": "1"})

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (False, False)


@pytest.mark.django_db(transaction=True)
def test_register_sent_twice_at_once_makes_one_account_and_answers_both_alike() -> None:
    visitors = [Client(), Client()]

    responses = at_once(*[partial(visitor.post, REGISTER, NEWCOMER) for visitor in visitors])

    assert [answer(response) for response in responses] == [answer(responses[0])] * 2
    assert [user.email for user in User.objects.all()] == [NEWCOMER["email"]]


class TheOtherRequest:
    """Stands where passwords are checked: after the address was found free, before it is taken."""

    def validate(self, password: str, user: User | None = None) -> None:
        unconfirmed()

    def get_help_text(self) -> str:
        return ""


def test_register_of_an_address_that_is_taken_in_between_is_answered_alike(
    client: Client, settings: LazySettings
) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{__name__}.TheOtherRequest"}]

    response = client.post(REGISTER, NEWCOMER)

    assertRedirects(response, SENT)
    assert User.objects.count() == 1
    assert mails() == [("account_already_exists", [NEWCOMER["email"]])]


# --- Confirming ----------------------------------------------------------------------------------


def test_link_confirms_and_signs_in_in_any_browser(client: Client) -> None:
    client.post(REGISTER, {**NEWCOMER, "next": "/settings"})
    another_browser = Client()

    response = another_browser.get(link_in_last_mail())

    assertRedirects(response, "/missions/new", fetch_redirect_response=False)
    user = User.objects.get()
    assert (who(client), who(another_browser)) == (None, user)
    assert addresses_of(user) == [(user.email, True, True)]


def test_link_signs_in_in_the_browser_that_registered_too(client: Client) -> None:
    client.post(REGISTER, NEWCOMER)

    client.get(link_in_last_mail())

    assert who(client) == User.objects.get()


def test_link_opened_again_opens_nothing_and_says_so(client: Client) -> None:
    link = confirmation_of(unconfirmed())
    Client().get(link)

    response = client.get(link)

    assertContains(response, CONFIRMED)
    assertContains(response, "This link has done its work and opens nothing more.")
    assert who(client) is None


def test_link_opened_again_by_its_owner_leads_home(client: Client) -> None:
    link = confirmation_of(unconfirmed())
    client.get(link)

    assertContains(client.get(link), "You are signed in here with its account.")


@pytest.mark.django_db(transaction=True)
def test_link_opened_twice_at_once_confirms_and_signs_in_once() -> None:
    user = unconfirmed()
    link = confirmation_of(user)
    browsers = [Client() for _ in range(4)]

    responses = at_once(*[partial(browser.get, link) for browser in browsers])

    assert sorted(response.status_code for response in responses) == [200, 200, 200, 302]
    assert sorted(str(who(browser)) for browser in browsers) == ["None"] * 3 + [user.email]
    assert AuditEvent.objects.filter(kind=AuditEvent.Kind.CONFIRMED).count() == 1


def test_link_looked_at_by_a_mail_filter_stays_good(client: Client) -> None:
    user = unconfirmed()
    link = confirmation_of(user)

    response = client.head(link)

    assert (response.status_code, response.content, who(client)) == (200, b"", None)
    assert addresses_of(user) == [(user.email, False, True)]
    assert client.post(link).status_code == 405
    client.get(link)
    assert who(client) == user


def test_link_is_good_for_three_days(client: Client) -> None:
    user = unconfirmed()
    with time_machine.travel(NOW, tick=False):
        link = confirmation_of(user)

    with time_machine.travel(NOW + timedelta(days=3, seconds=1), tick=False):
        late = client.get(link)
    assert addresses_of(user) == [(user.email, False, True)]
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        client.get(link)

    assertContains(late, "This link has run out", status_code=410)
    assert addresses_of(user) == [(user.email, True, True)]


@pytest.mark.parametrize("key", ["forged", "MQ:1abcde:0123456789012345678901234567890123456789"])
def test_link_that_is_forged_says_what_to_do(client: Client, key: str) -> None:
    unconfirmed()

    response = client.get(f"/auth/confirm/{key}")

    assertContains(response, "This link is not complete, or was replaced", status_code=404)
    assert who(client) is None


def test_link_to_an_account_that_is_gone_says_what_to_do(client: Client) -> None:
    user = unconfirmed()
    link = confirmation_of(user)
    user.delete()

    assert client.get(link).status_code == 404


def test_link_signs_nobody_in_or_out_where_somebody_else_is_signed_in(
    as_stranger: Client, stranger: User
) -> None:
    user = unconfirmed()

    response = as_stranger.get(confirmation_of(user))

    assertContains(response, f"You are signed in here as {stranger.email}")
    assert addresses_of(user) == [(user.email, True, True)]
    assert who(as_stranger) == stranger


def test_link_to_a_closed_account_opens_nothing(client: Client) -> None:
    user = unconfirmed(is_active=False)

    response = client.get(confirmation_of(user), follow=True)

    assertContains(response, "This account is closed")
    assert who(client) is None


def test_link_asks_for_the_second_factor_where_there_is_one(client: Client) -> None:
    user = unconfirmed()
    TOTP.activate(user, generate_totp_secret())

    response = client.get(confirmation_of(user))

    assertRedirects(response, reverse("mfa_authenticate"), fetch_redirect_response=False)
    assert Authenticator.objects.filter(user=user).exists()
    assert who(client) is None


def test_link_changes_the_session_somebody_could_know(client: Client) -> None:
    user = unconfirmed()
    known = session_begun(client)

    client.get(confirmation_of(user))

    assert who(client) == user
    assert not Session.objects.filter(session_key=known).exists()


@pytest.mark.parametrize("elsewhere", NOT_HERE)
def test_link_leads_to_no_other_site(client: Client, elsewhere: str) -> None:
    response = client.get(confirmation_of(unconfirmed()), {"next": elsewhere})

    assertRedirects(response, "/missions/new", fetch_redirect_response=False)


# --- Confirming another address ------------------------------------------------------------------


def asked_to_change(user: User, email: str = "new@example.org") -> str:
    """The link that was sent to the new address."""
    address = EmailAddress.objects.create(user=user, email=email)
    return reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])


def addresses(user: User) -> list[Any]:
    return [User.objects.get(pk=user.pk).email, *addresses_of(user)]


def test_link_of_a_changed_address_puts_it_in_place_of_the_old_one(
    as_tester: Client, tester: User
) -> None:
    response = as_tester.get(asked_to_change(tester))

    assertRedirects(response, "/settings", fetch_redirect_response=False)
    assert addresses(tester) == ["new@example.org", ("new@example.org", True, True)]
    assert mails() == [("email_changed", ["tester@example.org"])]
    assert Notification.objects.get().user == tester


def test_link_of_a_changed_address_signs_nobody_in(client: Client, tester: User) -> None:
    response = client.get(asked_to_change(tester))

    assertContains(response, CONFIRMED)
    assert addresses(tester) == ["new@example.org", ("new@example.org", True, True)]
    assert who(client) is None


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_link_of_an_address_that_another_account_has_meanwhile_changes_nothing(
    as_tester: Client, tester: User, is_confirmed: bool
) -> None:
    link = asked_to_change(tester, "new@example.org")
    (factories.tester if is_confirmed else unconfirmed)("new@example.org")

    response = as_tester.get(link)

    assertContains(response, "This address belongs to another account", status_code=409)
    assert addresses(tester) == [
        "tester@example.org",
        ("tester@example.org", True, True),
        ("new@example.org", False, False),
    ]


# --- A new password ------------------------------------------------------------------------------


def test_reset_answers_an_unknown_address_as_a_known_one(tester: User) -> None:
    answers = []

    for email in (tester.email, "nobody@example.org"):
        visitor = Client()
        response = visitor.post(RESET, {"email": email})
        page = visitor.get(response.headers["Location"])
        answers.append((answer(response), answer(page), set(visitor.cookies)))

    assert answers[0] == answers[1]
    assert mails() == [
        ("password_reset_key", [tester.email]),
        ("unknown_account", ["nobody@example.org"]),
    ]
    assert [row.user for row in Notification.objects.order_by("pk")] == [tester, None]
    assert link_in_last_mail() == REGISTER
    asked = AuditEvent.objects.get(kind=AuditEvent.Kind.RESET_ASKED)
    assert (asked.user, asked.details) == (tester, {})


@pytest.mark.parametrize("registration", ["invite", "closed"])
def test_unknown_address_is_not_led_to_a_form_that_is_shut(
    client: Client, settings: LazySettings, registration: str
) -> None:
    settings.REGISTRATION = registration

    client.post(RESET, {"email": "nobody@example.org"})

    assert link_in_last_mail() == "/"


def choose(client: Client, link: str, password: str = "a lantern in the rain") -> Any:
    """Open the link of a reset and fill the form that it leads to."""
    form = client.get(link)
    assertRedirects(form, form.headers["Location"])
    return client.post(form.headers["Location"], {"password1": password})


def test_reset_sets_the_password_signs_in_here_and_out_elsewhere(
    client: Client, as_tester: Client, tester: User
) -> None:
    client.post(RESET, {"email": " Tester@Example.org"})
    link, known = link_in_last_mail(), session_begun(client)

    response = choose(client, link)

    assertRedirects(response, "/", fetch_redirect_response=False)
    tester.refresh_from_db()
    assert tester.check_password("a lantern in the rain")
    assert (who(client), who(as_tester)) == (tester, None)
    assert not Session.objects.filter(session_key=known).exists()
    assert mails()[1:] == [("password_reset", [tester.email])]


@pytest.mark.parametrize("seconds", [3600, 3601])
def test_reset_link_is_good_for_an_hour(client: Client, tester: User, seconds: int) -> None:
    with time_machine.travel(NOW, tick=False):
        client.post(RESET, {"email": tester.email})

    with time_machine.travel(NOW + timedelta(seconds=seconds), tick=False):
        response = client.get(link_in_last_mail())

    assert response.status_code == (302 if seconds == 3600 else 200)
    assert bool(response.context and response.context.get("token_fail")) is (seconds == 3601)


def test_reset_link_works_once(client: Client, tester: User) -> None:
    client.post(RESET, {"email": tester.email})
    link = link_in_last_mail()
    choose(client, link)

    response = Client().get(link)

    assertContains(response, "This link does not work any more")


def test_reset_with_a_password_that_is_too_easy_says_so(client: Client, tester: User) -> None:
    client.post(RESET, {"email": tester.email})

    response = choose(client, link_in_last_mail(), "12345678")

    assert response.context["form"].errors == {
        "password1": ["This password is too common.", "This password is entirely numeric."]
    }
    assert who(client) is None


def test_reset_asks_for_the_second_factor_where_there_is_one(client: Client, tester: User) -> None:
    TOTP.activate(tester, generate_totp_secret())
    client.post(RESET, {"email": tester.email})

    response = choose(client, link_in_last_mail())

    assertRedirects(response, reverse("mfa_authenticate"), fetch_redirect_response=False)
    assert who(client) is None


def test_reset_of_a_closed_account_is_answered_as_an_unknown_one(
    client: Client, tester: User
) -> None:
    User.objects.filter(pk=tester.pk).update(is_active=False)

    client.post(RESET, {"email": tester.email})

    assert mails() == [("unknown_account", [tester.email])]


def test_newest_registration_counts_while_nobody_has_confirmed(client: Client) -> None:
    """Whoever registered somebody else's address first leaves them neither password nor consent."""
    client.post(
        REGISTER, {**NEWCOMER, "password1": "a stranger chose this", "health_consent": "on"}
    )
    before = link_in_last_mail()
    Client().post(REGISTER, NEWCOMER)
    newest = link_in_last_mail()

    assert client.get(before).status_code == 404
    owner = Client()
    owner.get(newest)

    user = User.objects.get()
    assert who(owner) == user
    assert user.check_password(PASSWORD)
    assert user.health_consent_at is None


def test_registering_and_then_signing_in_does_not_tell_whether_an_address_was_free() -> None:
    get_adapter().set_password(factories.tester(), "known to its owner")
    answers = []
    for email in ("tester@example.org", "free@example.org"):
        Client().post(REGISTER, {**NEWCOMER, "email": email})
        tried = Client().post(LOGIN, {"login": email, "password": NEWCOMER["password1"]})
        errors = tried.context["form"].non_field_errors()
        limited = [
            Client().post(LOGIN, {"login": email, "password": NEWCOMER["password1"]}).status_code
            for _ in range(5)
        ]
        answers.append((tried.status_code, errors, limited))

    assert answers[0] == answers[1] == (200, [MISMATCH], [200, 200, 200, 200, 429])


def test_address_that_waits_to_be_confirmed_opens_nothing(tester: User) -> None:
    """It was typed by its account's owner, and may be a slip that reaches a stranger."""
    EmailAddress.objects.create(user=tester, email="typo@example.net")

    asked = Client().post(RESET, {"email": "typo@example.net"})
    signed = Client().post(LOGIN, {"login": "typo@example.net", "password": PASSWORD})

    assert asked.status_code == 302
    assert [name for name, _ in mails()] == ["unknown_account"]
    assert signed.context["form"].non_field_errors() == [MISMATCH]


def test_password_changed_before_the_second_step_makes_the_first_one_worthless(
    client: Client, tester: User
) -> None:
    TOTP.activate(tester, SECRET)
    with time_machine.travel(NOW, tick=False):
        client.post(LOGIN, {"login": tester.email, "password": PASSWORD})
        get_adapter().set_password(tester, "another one entirely")
        refused = client.post("/auth/code", {"code": code_of(SECRET)})

    assertRedirects(refused, LOGIN, fetch_redirect_response=False)
    assert who(client) is None


def test_new_password_does_not_bring_back_what_was_taken_back_meanwhile(tester: User) -> None:
    """Between reading the account and writing the hash a tenth of a second passes."""
    privacy.withdraw_consent(User.objects.get(pk=tester.pk), None, NOW)

    get_adapter().set_password(tester, "another one entirely")

    stored = User.objects.get(pk=tester.pk)
    assert stored.health_consent_at is None
    assert stored.check_password("another one entirely")


def test_new_password_by_mail_lets_in_whoever_was_locked_out(tester: User) -> None:
    browser = Client()
    for _ in range(5):
        browser.post(LOGIN, {"login": tester.email, "password": "wrong"})
    assert browser.post(LOGIN, {"login": tester.email, "password": PASSWORD}).status_code == 429

    browser.post(RESET, {"email": tester.email})
    form = browser.get(link_in_last_mail(), follow=True).redirect_chain[-1][0]
    browser.post(form, {"password1": "another one entirely"})

    answer = Client().post(LOGIN, {"login": tester.email, "password": "another one entirely"})
    assert answer.status_code == 302


def test_account_that_was_ever_opened_is_not_registered_anew(client: Client, tester: User) -> None:
    """Whatever has become of the row that says its address is confirmed."""
    EmailAddress.objects.filter(user=tester).delete()
    User.objects.filter(pk=tester.pk).update(last_login=NOW)

    client.post(REGISTER, {**NEWCOMER, "email": tester.email, "password1": "a stranger chose this"})

    tester.refresh_from_db()
    assert tester.check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_confirming_and_registering_anew_at_once_leave_one_owner() -> None:
    """Either the link came first and the account is theirs, or it is dead and the newest counts."""
    Client().post(REGISTER, NEWCOMER)
    link, owner, late = link_in_last_mail(), Client(), Client()
    again = {**NEWCOMER, "password1": "somebody else chose it"}

    at_once(partial(owner.get, link), partial(late.post, REGISTER, again))

    user = User.objects.get()
    is_owners = who(owner) == user
    assert user.check_password(NEWCOMER["password1"]) == is_owners
    assert EmailAddress.objects.get(user=user).verified == is_owners
