from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core import signing
from django.test import Client
from pytest_django.asserts import assertContains, assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import invitations
from accounts.models import AuditEvent, Invitation, User
from notifications.models import Notification
from tests import factories
from tests.accounts.entrance import (
    NEWCOMER,
    REGISTER,
    SENT,
    addresses_of,
    link_in_last_mail,
    mails,
    session_begun,
    who,
)
from tests.factories import NOW

pytestmark = pytest.mark.django_db

EMAIL = NEWCOMER["email"]
ADMIN = "/admin/accounts/invitation/"
LASTS = timedelta(days=14)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def _by_invitation(settings: LazySettings) -> None:
    settings.REGISTRATION = "invite"


def invited(email: str = EMAIL, now: datetime = NOW) -> str:
    """The token that was sent to an address."""
    return invitations.token_for(invitations.invite(email, None, now))


def accepted(token: str, **answers: str) -> dict[str, str]:
    return {**NEWCOMER, "invitation": token, **answers}


# --- Coming with one -----------------------------------------------------------------------------


def test_invitation_is_a_mail_with_a_link_to_the_form(client: Client) -> None:
    invitation = invitations.invite(" Newcomer@Example.org", None, NOW)

    assert (invitation.email, invitation.invited_by) == (EMAIL, None)
    assert (invitation.invited_at, invitation.expires_at) == (NOW, NOW + LASTS)
    assert mails() == [("invitation", [EMAIL])]
    page = client.get(link_in_last_mail())
    assertContains(page, "you are signed in at once")
    assert page.context["form"]["email"].value() == EMAIL
    assert "readonly" in str(page.context["form"]["email"])


@pytest.mark.parametrize("registration", ["invite", "open"])
def test_invited_registers_is_signed_in_and_needs_no_mail(
    client: Client, settings: LazySettings, registration: str
) -> None:
    settings.REGISTRATION = registration
    known, token = session_begun(client), invited()

    response = client.post(REGISTER, accepted(token))

    assertRedirects(response, "/missions/new", fetch_redirect_response=False)
    user = User.objects.get()
    assert who(client) == user
    assert addresses_of(user) == [(EMAIL, True, True)]
    assert mails() == [("invitation", [EMAIL])]
    assert not Invitation.objects.exists()
    assert not Session.objects.filter(session_key=known).exists()


def test_invitation_is_for_its_own_address(client: Client) -> None:
    response = client.post(REGISTER, accepted(invited(), email="another@example.org"))

    assert response.context["form"].errors == {
        "email": ["The invitation is for another address. Register with that."]
    }
    assert not User.objects.exists()


def test_invitation_in_the_link_alone_opens_the_form_to_no_other_address(client: Client) -> None:
    response = client.post(
        f"{REGISTER}?invitation={invited()}", {**NEWCOMER, "email": "another@example.org"}
    )

    assert response.status_code == 403
    assert not User.objects.exists()


def test_invitation_of_an_address_that_registered_meanwhile_leads_to_sign_in(
    client: Client,
) -> None:
    token = invited()
    factories.tester(EMAIL)

    response = client.post(REGISTER, accepted(token))

    assert response.context["form"].errors == {
        "email": ["This address has an account already. Sign in with it instead."]
    }
    assert who(client) is None


# --- Coming with none, or with a bad one ---------------------------------------------------------


def test_visitor_without_invitation_is_told_how_to_get_in(client: Client) -> None:
    for response in (client.get(REGISTER), client.post(REGISTER, NEWCOMER)):
        assertContains(response, "Registration is by invitation", status_code=403)
    assert not User.objects.exists()


def test_closed_registration_is_closed_to_the_invited_too(
    client: Client, settings: LazySettings
) -> None:
    settings.REGISTRATION = "closed"
    token = invited()

    for response in (
        client.get(f"{REGISTER}?invitation={token}"),
        client.post(REGISTER, accepted(token)),
    ):
        assertContains(response, "Registration is closed", status_code=403)
    assert not User.objects.exists()


def replaced() -> str:
    token = invited(now=NOW - timedelta(days=1))
    invited()
    return token


def used() -> str:
    token = invited()
    invitations.accept(EMAIL)
    return token


BAD: dict[str, Any] = {
    "too old": lambda: invited(now=NOW - LASTS),
    "replaced": replaced,
    "used": used,
    "forged": lambda: invited()[:-1] + "!",
    "of another signer": lambda: signing.dumps([1, NOW.isoformat()], salt="another"),
    "signed, but something else": lambda: signing.dumps(7, salt=invitations.SALT),
}


@pytest.mark.parametrize("why", BAD)
def test_invitation_that_is_not_valid_says_what_to_do(client: Client, why: str) -> None:
    token = BAD[why]()

    for response in (
        client.get(REGISTER, {"invitation": token}),
        client.post(REGISTER, accepted(token)),
    ):
        assertContains(response, "ask whoever invited you to send it again", status_code=403)
    assert not User.objects.exists()


def test_invitation_is_good_until_it_runs_out(client: Client) -> None:
    token = invited(now=NOW - LASTS + timedelta(seconds=1))

    client.post(REGISTER, accepted(token))

    assert who(client) is not None


def test_invitation_that_is_not_valid_keeps_nobody_out_while_registration_is_open(
    client: Client, settings: LazySettings
) -> None:
    settings.REGISTRATION = "open"
    token = used()

    page = client.get(REGISTER, {"invitation": token})
    refused = client.post(REGISTER, accepted(token))
    response = client.post(REGISTER, {**NEWCOMER, "invitation": ""})

    assertContains(page, "If not, you can register here")
    assert page.context["form"]["invitation"].value() is None
    assertContains(refused, "This invitation is not valid any more.")
    assertRedirects(response, SENT)
    assert addresses_of(User.objects.get()) == [(EMAIL, False, True)]


# --- The operator's side -------------------------------------------------------------------------


def test_operator_invites_in_the_admin(as_operator: Client) -> None:
    response = as_operator.post(f"{ADMIN}add/", {"email": "Newcomer@Example.org"})

    assertRedirects(response, ADMIN, fetch_redirect_response=False)
    operator = User.objects.get()
    row = Invitation.objects.get()
    assert (row.email, row.invited_by, row.invited_at, row.expires_at) == (
        *(EMAIL, operator),
        *(NOW, NOW + LASTS),
    )
    assert mails() == [("invitation", [EMAIL])]
    assert Notification.objects.get().user is None
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.INVITED)
    assert (event.actor, event.user, event.details) == (
        *(operator, None),
        {"invitation": row.pk},
    )


@pytest.mark.parametrize(
    ("email", "error"),
    [
        ("Tester@example.org", "This address has an account already."),
        ("WAITING@example.org", "Invitation with this E-mail address already exists."),
        ("no address", "Enter a valid email address."),
    ],
)
def test_operator_is_told_whom_they_cannot_invite(
    as_operator: Client, tester: User, email: str, error: str
) -> None:
    invited("waiting@example.org")

    response = as_operator.post(f"{ADMIN}add/", {"email": email})

    assert response.context["adminform"].errors == {"email": [error]}
    assert mails() == [("invitation", ["waiting@example.org"])]


def test_operator_sends_again_and_the_link_before_is_dead(
    as_operator: Client, client: Client
) -> None:
    before = invited(now=NOW - timedelta(days=13))
    row = Invitation.objects.get()

    as_operator.post(ADMIN, {"action": "send_again", "_selected_action": [row.pk]})

    assert mails() == [("invitation", [EMAIL])] * 2
    assert Invitation.objects.get().expires_at == NOW + LASTS
    assert client.get(REGISTER, {"invitation": before}).status_code == 403
    assert client.get(link_in_last_mail()).status_code == 200
    assert AuditEvent.objects.filter(kind=AuditEvent.Kind.INVITED).count() == 1


def test_operator_sees_whom_they_invited_and_changes_nothing_of_it(as_operator: Client) -> None:
    invited()
    row = Invitation.objects.get()

    listed = as_operator.get(ADMIN)
    as_operator.post(f"{ADMIN}{row.pk}/change/", {"email": "another@example.org"})

    assertContains(listed, EMAIL)
    assert Invitation.objects.get().email == EMAIL


@pytest.mark.parametrize("rows", [1, 20])
def test_list_asks_the_database_as_often_for_many_invitations(
    as_operator: Client, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(rows):
        invitations.invite(f"guest{number}@example.org", User.objects.get(), NOW)
    as_operator.get(ADMIN)

    with django_assert_num_queries(4):
        as_operator.get(ADMIN)


def test_invitations_are_for_operators_only(as_tester: Client, client: Client) -> None:
    for someone in (as_tester, client):
        for page in (ADMIN, f"{ADMIN}add/"):
            assert someone.get(page).status_code in {302, 403}
        someone.post(f"{ADMIN}add/", {"email": EMAIL})
    assert not Invitation.objects.exists()
