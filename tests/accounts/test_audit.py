from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db import transaction
from django.test import Client, RequestFactory
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import audit
from accounts.models import AuditEvent, User
from tests import factories
from tests.accounts.entrance import LOGIN, LOGOUT, PASSWORD, link_in_last_mail
from tests.accounts.test_second_factor import SECRET, code_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db

Kind = AuditEvent.Kind
ACTIVITY = "/settings/activity"
NEW = "another horse battery"
DEVICE = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": DEVICE}, REMOTE_ADDR="203.0.113.7")


@pytest.fixture
def inside(client: Client, tester: User) -> Client:
    """A browser in which the tester has signed in, and an empty trail."""
    client.post(LOGIN, {"login": tester.email, "password": PASSWORD})
    AuditEvent.objects.all().delete()
    return client


def trail() -> list[tuple[Any, ...]]:
    return list(AuditEvent.objects.order_by("pk").values_list("kind", "user__email", "details"))


@time_machine.travel(NOW, tick=False)
def test_event_says_who_what_when_and_from_where(tester: User) -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="203.0.113.7", headers={"user-agent": DEVICE + "x" * 200}
    )
    operator = factories.operator()

    audit.record(Kind.DISCONNECTED, user=tester, actor=operator, request=request, provider="oura")

    assert list(AuditEvent.objects.values()) == [
        {
            "id": AuditEvent.objects.get().pk,
            "user_id": tester.pk,
            "actor_id": operator.pk,
            "kind": "disconnected",
            "at": NOW,
            "address": "203.0.113.7",
            "device": (DEVICE + "x" * 200)[:200],
            "details": {"provider": "oura"},
        }
    ]


def test_event_is_never_changed(tester: User) -> None:
    event = audit.record(Kind.SIGNED_IN, user=tester)
    event.kind = Kind.SIGNED_OUT

    for change in (
        event.save,
        AuditEvent.objects.get().save,
        lambda: AuditEvent.objects.update(kind=Kind.SIGNED_OUT),
        lambda: AuditEvent.objects.filter(pk=event.pk).update(user=None),
    ):
        with pytest.raises(TypeError, match="never changed"), transaction.atomic():
            change()

    assert trail() == [("signed_in", "tester@example.org", {})]


def test_events_go_with_the_account(tester: User, stranger: User) -> None:
    for user in (tester, stranger):
        audit.record(Kind.SIGNED_IN, user=user)

    tester.delete()

    assert trail() == [("signed_in", "stranger@example.org", {})]


def test_signing_in_and_out_is_written_down(client: Client, tester: User) -> None:
    client.post(LOGIN, {"login": tester.email, "password": "a guess"})
    client.post(LOGIN, {"login": tester.email, "password": PASSWORD})
    client.post(LOGOUT)

    assert trail() == [
        ("sign_in_failed", tester.email, {}),
        ("signed_in", tester.email, {}),
        ("signed_out", tester.email, {}),
    ]
    assert set(AuditEvent.objects.values_list("address", "device")) == {("203.0.113.7", DEVICE)}


def test_signing_out_of_nothing_is_no_event(client: Client) -> None:
    client.post(LOGOUT)

    assert trail() == []


def test_changed_password_is_written_down(inside: Client, tester: User) -> None:
    inside.post("/settings/password", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})

    assert trail() == [("password_changed", tester.email, {})]


def test_reset_password_is_written_down_with_the_sign_in_it_makes(
    client: Client, tester: User
) -> None:
    client.post("/auth/password-reset", {"email": tester.email})
    AuditEvent.objects.all().delete()

    form = client.get(link_in_last_mail(), follow=True)
    client.post(form.request["PATH_INFO"], {"password1": NEW, "password2": NEW})

    assert trail() == [
        ("password_changed", tester.email, {"how": "with a reset link"}),
        ("signed_in", tester.email, {}),
    ]


def test_changed_address_is_written_down_without_the_addresses(
    inside: Client, tester: User
) -> None:
    inside.post("/auth/password", {"password": PASSWORD, "next": "/settings/email"})
    inside.post("/settings/email", {"email": "new@example.org", "action_add": ""})
    inside.get(link_in_last_mail(), follow=True)

    assert sorted(trail()) == [
        ("confirmed", "new@example.org", {}),
        ("email_changed", "new@example.org", {}),
    ]


def test_second_factor_is_written_down_once_each(
    inside: Client,
    tester: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with time_machine.travel(NOW, tick=False), django_capture_on_commit_callbacks(execute=True):
        inside.post("/auth/password", {"password": PASSWORD, "next": "/settings"})
        secret = inside.get("/settings/second-factor/app").context["form"].secret
        inside.post("/settings/second-factor/app", {"code": code_of(secret)})
        inside.post("/settings/second-factor/codes/renew")
        inside.post("/settings/second-factor/app/remove")

    assert sorted(trail()) == [
        ("second_factor_added", tester.email, {}),
        ("second_factor_removed", tester.email, {}),
        ("second_factor_renewed", tester.email, {}),
    ]


def test_wrong_code_is_written_down_as_a_failed_sign_in(client: Client, tester: User) -> None:
    TOTP.activate(tester, SECRET)
    RecoveryCodes.activate(tester)
    client.post(LOGIN, {"login": tester.email, "password": PASSWORD})

    client.post("/auth/code", {"code": "000000"})

    assert trail() == [("sign_in_failed", tester.email, {"how": "wrong code"})]


def test_activity_shows_everyone_their_own_newest_first(
    as_tester: Client, tester: User, stranger: User
) -> None:
    operator = factories.operator()
    for user in (tester, stranger):
        audit.record(Kind.CONNECTED, user=user, provider="oura")
    shown = {"address": "203.0.113.7", "device": DEVICE}
    late = datetime(2030, 7, 4, 22, 30, tzinfo=UTC)
    AuditEvent.objects.create(
        user=tester, kind=Kind.SIGNED_IN, at=late, details={"by": "token"}, **shown
    )
    AuditEvent.objects.create(
        user=tester,
        actor=operator,
        kind=Kind.ADMIN_CHANGED,
        at=late + timedelta(minutes=1),
        address="198.51.100.9",
        device="the operator's own",
        details={"model": "accounts.user", "pk": "1", "fields": ["timezone"]},
    )

    answer = as_tester.get(ACTIVITY)

    assert [(event.user, event.kind, device) for event, device in answer.context["lines"]] == [
        (tester, "admin_changed", "the operator's own"),
        (tester, "signed_in", "Firefox on Linux"),
        (tester, "connected", "Unknown device"),
    ]
    text = " ".join(answer.content.decode().split())
    assert "<b>Changed in the admin</b>: timezone, by an operator" in text
    assert "Friday 5 July 2030, 00:30</time>, Firefox on Linux, from 203.0.113.7" in text
    assert "<b>Source connected</b>: Oura" in text
    assert "<b>Signed in</b>, by a program" in text
    assert "198.51.100.9" not in text
    assert "operator&#x27;s own" not in text


def test_activity_without_events_says_so(as_tester: Client) -> None:
    assert "Nothing so far." in as_tester.get(ACTIVITY).content.decode()


def test_activity_asks_whoever_is_not_signed_in_to_sign_in(client: Client) -> None:
    assert client.get(ACTIVITY)["Location"] == f"{LOGIN}?next={ACTIVITY}"


@pytest.mark.parametrize(("rows", "pages"), [(1, [1, 1]), (51, [50, 1])])
def test_activity_comes_fifty_to_a_page_with_as_few_queries(
    as_tester: Client,
    tester: User,
    rows: int,
    pages: list[int],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(rows):
        audit.record(Kind.SIGNED_IN, user=tester)

    shown = []
    for number in (1, 2):
        with django_assert_num_queries(4):  # session, account; how many, these
            shown.append(len(as_tester.get(ACTIVITY, {"page": number}).context["lines"]))

    assert shown == pages
