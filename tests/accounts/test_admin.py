import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.auth import get_user
from django.test import Client, RequestFactory
from django.utils.html import strip_tags
from pytest_django.asserts import assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import audit, invitations, tokens
from accounts.models import AuditEvent, DataExport, Invitation, TokenFamily, User
from accounts.sessions import in_words
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

USERS = "/admin/accounts/user/"
NO_FTPS = {
    f"ftps-{name}": count
    for name, count in {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0}.items()
}


def test_account_added_by_an_operator_can_sign_in(as_operator: Client, client: Client) -> None:
    response = as_operator.post(
        f"{USERS}add/",
        {
            "email": "Guest@Example.org",
            "timezone": "Asia/Tokyo",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
            **NO_FTPS,
        },
    )
    guest = User.objects.get(email="guest@example.org")
    client.post("/auth/login", {"login": "Guest@Example.org", "password": "correct horse battery"})

    assertRedirects(response, f"{USERS}{guest.pk}/change/", fetch_redirect_response=False)
    assert get_user(client) == guest


def test_address_changed_by_an_operator_still_signs_in(
    as_operator: Client, client: Client, tester: User
) -> None:
    as_operator.post(
        f"{USERS}{tester.pk}/change/",
        {
            "email": "Tester@NEW.example",
            "timezone": "Europe/Paris",
            "is_active": "on",
            "date_joined_0": "2026-07-01",
            "date_joined_1": "06:00:00",
            **NO_FTPS,
        },
    )

    tester.refresh_from_db()
    assert tester.email == "tester@new.example"
    assert list(
        EmailAddress.objects.filter(user=tester).values_list("email", "verified", "primary")
    ) == [("tester@new.example", True, True)]
    client.post("/auth/login", {"login": tester.email, "password": "correct horse battery"})
    assert get_user(client) == tester


@pytest.mark.parametrize("end", ["", "add/"])
def test_accounts_are_for_operators_only(as_tester: Client, client: Client, end: str) -> None:
    assert as_tester.get(f"{USERS}{end}").status_code == 403
    assertRedirects(
        client.get(f"{USERS}{end}"), f"/auth/login?next={USERS}{end}", fetch_redirect_response=False
    )


def test_account_is_not_deleted_here(as_operator: Client, tester: User) -> None:
    answer = as_operator.post(f"{USERS}{tester.pk}/delete/", {"post": "yes"})
    as_operator.post(
        USERS, {"action": "delete_selected", "_selected_action": tester.pk, "post": "yes"}
    )

    assert answer.status_code == 403
    assert User.objects.filter(pk=tester.pk).exists()


@pytest.fixture
def records(tester: User) -> dict[str, Any]:
    """One row of each record an operator may read, with secrets in it where it has any."""
    client = Client(headers={"user-agent": "curl/8"})
    client.post("/auth/login", {"login": tester.email, "password": "correct horse battery"})
    tokens.issue(tester, RequestFactory().get("/"), NOW)
    TOTP.activate(tester, "JBSWY3DPEHPK3PXP")
    return {
        "accounts/auditevent": AuditEvent.objects.get(kind="signed_in"),
        "accounts/tokenfamily": TokenFamily.objects.get(),
        "accounts/dataexport": DataExport.objects.create(user=tester),
        "account/emailaddress": EmailAddress.objects.get(user=tester),
        "mfa/authenticator": Authenticator.objects.get(),
        "usersessions/usersession": UserSession.objects.get(user=tester),
    }


RECORDS = [
    "accounts/auditevent",
    "accounts/tokenfamily",
    "accounts/dataexport",
    "account/emailaddress",
    "mfa/authenticator",
    "usersessions/usersession",
]


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_read_and_not_written(
    as_operator: Client, records: dict[str, Any], name: str
) -> None:
    path, row = f"/admin/{name}/", records[name]
    before = type(row).objects.filter(pk=row.pk).values().get()

    read = [as_operator.get(address) for address in (path, f"{path}{row.pk}/change/")]
    written = [
        as_operator.post(f"{path}{end}", {"post": "yes"}).status_code
        for end in ("add/", f"{row.pk}/change/")
    ]

    assert ([answer.status_code for answer in read], written) == ([200, 200], [403, 403])
    assert "tester@example.org" in read[0].content.decode()
    assert type(row).objects.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("name", sorted({*RECORDS} - {"mfa/authenticator"}))
def test_records_are_not_deleted(as_operator: Client, records: dict[str, Any], name: str) -> None:
    row = records[name]

    answer = as_operator.post(f"/admin/{name}/{row.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert type(row).objects.filter(pk=row.pk).exists()


def test_records_show_no_secret(as_operator: Client, records: dict[str, Any]) -> None:
    family, factor = records["accounts/tokenfamily"], records["mfa/authenticator"]
    secrets = [
        str(family.refresh_id),
        family.auth_hash,
        factor.data["secret"],
        records["usersessions/usersession"].session_key,
    ]

    for name in RECORDS:
        for end in ("", f"{records[name].pk}/change/"):
            page = as_operator.get(f"/admin/{name}/{end}").content.decode()
            assert [secret for secret in secrets if secret in page] == [], name


def test_lost_second_factor_is_taken_away_by_an_operator(
    as_operator: Client, records: dict[str, Any], tester: User
) -> None:
    path = f"/admin/mfa/authenticator/{records['mfa/authenticator'].pk}/delete/"

    as_operator.post(path, {"post": "yes"})

    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.filter(user=tester, kind="admin_deleted").count() == 1


@pytest.mark.parametrize("rows", [1, 20])
def test_audit_list_asks_the_database_as_often_for_many(
    as_operator: Client, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    operator = User.objects.get()
    for number in range(rows):
        user = factories.tester(email=f"tester{number}@example.org")
        row = Invitation.objects.create(email=f"guest{number}@example.org", expires_at=NOW)
        audit.record(AuditEvent.Kind.INVITED, user=user, actor=operator, invitation=row.pk)

    with django_assert_num_queries(4):  # session, account; how many, with people
        listed = as_operator.get("/admin/accounts/auditevent/").context["cl"].result_list

    assert len(listed) == rows


def test_audit_list_finds_by_kind_and_by_tester(
    as_operator: Client, tester: User, stranger: User
) -> None:
    theirs = audit.record(AuditEvent.Kind.EXPORTED, user=stranger)
    mine = audit.record(AuditEvent.Kind.EXPORTED, user=tester)
    signed_in = audit.record(AuditEvent.Kind.SIGNED_IN, user=tester)

    found = [
        {*as_operator.get("/admin/accounts/auditevent/", query).context["cl"].result_list}
        for query in ({"kind__exact": "exported"}, {"q": "tester@example"})
    ]

    assert found == [{theirs, mine}, {mine, signed_in}]


def audit_row(operator: Client, kind: str) -> list[str]:
    """What stands in the newest line of the audit trail, of one kind."""
    answer = operator.get("/admin/accounts/auditevent/", {"kind__exact": kind})
    page = answer.content.decode()
    line = page.partition('id="result_list"')[2].partition("<tbody>")[2].partition("</tr>")[0]
    cells = re.split(r"<t[hd][^>]*>", line)[1:]
    return [strip_tags(cell).strip() for cell in cells]


def test_audit_list_tells_when_who_and_from_where(as_operator: Client, tester: User) -> None:
    audit.record(AuditEvent.Kind.ADMIN_CHANGED, user=tester, fields=["sex", "units"])
    at = datetime(2026, 12, 4, 15, 5, tzinfo=UTC)
    AuditEvent.objects.create(
        user=tester, kind="signed_in", at=at, device="curl/8", address="192.0.2.7"
    )
    with time_machine.travel(at, tick=False):
        told = audit_row(as_operator, "signed_in")

    assert told == [
        *("4 Dec 2026, 15:05 UTC", "signed in", "tester@example.org", "-"),
        f"{in_words('curl/8')}, 192.0.2.7",
    ]


def test_audit_trail_tells_who_was_invited_until_they_have_come(as_operator: Client) -> None:
    as_operator.post("/admin/accounts/invitation/add/", {"email": "guest@example.org"})
    row, event = Invitation.objects.get(), AuditEvent.objects.get(kind="invited")

    waiting = audit_row(as_operator, "invited")
    alone = as_operator.get(f"/admin/accounts/auditevent/{event.pk}/change/").content.decode()
    invitations.accept("guest@example.org")
    come = audit_row(as_operator, "invited")

    assert waiting[1:4] == ["invited", "by ops@example.org", "invitation: guest@example.org"]
    assert "invitation: guest@example.org" in alone
    assert come[3] == f"invitation: {row.pk}, taken up or expired"
    assert "guest" not in str(event.details)


def test_audit_list_is_gone_through_by_date(as_operator: Client, tester: User) -> None:
    for month in (5, 6):
        at = datetime(2026, month, 4, tzinfo=UTC)
        AuditEvent.objects.create(user=tester, kind="signed_in", at=at)

    june = as_operator.get(
        "/admin/accounts/auditevent/",
        {"at__gte": "2026-06-01 00:00:00+00:00", "at__lt": "2026-07-01 00:00:00+00:00"},
    )

    assert [event.at.month for event in june.context["cl"].result_list] == [6]
