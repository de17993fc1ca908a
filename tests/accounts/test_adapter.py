import pytest
from django.conf import LazySettings
from django.test import Client

from accounts import invitations
from accounts.models import AuditEvent, User
from tests.accounts.entrance import LOGIN, NEWCOMER, REGISTER, RESET, link_in_last_mail
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def test_sign_in_that_failed_is_written_down_without_what_was_typed(
    client: Client, tester: User
) -> None:
    for email in (tester.email, "nobody@example.org"):
        client.post(LOGIN, {"login": email, "password": "wrong"}, headers={"user-agent": "Firefox"})

    events = AuditEvent.objects.order_by("pk")
    assert list(events.values_list("kind", "user", "address", "device", "details")) == [
        ("sign_in_failed", tester.pk, "127.0.0.1", "Firefox", {}),
        ("sign_in_failed", None, "127.0.0.1", "Firefox", {}),
    ]


@pytest.mark.parametrize("path", [REGISTER, RESET])
def test_links_in_mails_lead_to_the_site_whatever_name_it_was_asked_by(
    client: Client, tester: User, path: str
) -> None:
    email = tester.email if path == RESET else NEWCOMER["email"]

    client.post(path, {**NEWCOMER, "email": email}, headers={"host": "localhost"})

    assert link_in_last_mail().startswith(("/auth/confirm/", "/auth/password-reset/"))


@pytest.mark.parametrize(
    ("registration", "with_none", "with_one"),
    [("open", True, True), ("invite", False, True), ("closed", False, False)],
)
def test_who_may_register(
    settings: LazySettings, registration: str, with_none: bool, with_one: bool
) -> None:
    settings.REGISTRATION = registration
    token = invitations.token_for(invitations.invite("guest@example.org", None, NOW))

    assert [invitations.may_register(each, NOW) for each in ("", token)] == [with_none, with_one]
