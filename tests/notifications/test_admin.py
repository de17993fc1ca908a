from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEvent, User
from notifications.models import StoppedAddress
from tests import factories
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/notifications/stoppedaddress/"


@pytest.fixture
def operator() -> User:
    return factories.operator()


def stop(*addresses: str) -> list[int]:
    rows = (StoppedAddress(address=one, reason="bounce", detail="550") for one in addresses)
    StoppedAddress.objects.bulk_create(rows)
    return list(StoppedAddress.objects.order_by("pk").values_list("pk", flat=True))


def send_again(browser: Client, chosen: list[int]) -> Any:
    return browser.post(LIST, {"action": "send_again", "_selected_action": chosen}, follow=True)


def test_operator_has_mails_sent_again(operator: User, tester: User) -> None:
    chosen = stop("tester@example.org", "invited@example.org", "stays@example.org")[:2]

    page = send_again(signed_in(operator), chosen).content.decode()

    assert [row.address for row in StoppedAddress.objects.all()] == ["stays@example.org"]
    assert "Mails go to 2 of 2 chosen addresses again." in page
    events = AuditEvent.objects.filter(kind="mails_again", details={})
    assert set(events.values_list("user__email", "actor__email")) == {
        ("tester@example.org", "ops@example.org"),
        (None, "ops@example.org"),
    }


def test_operator_who_may_only_look_lifts_nothing(tester: User) -> None:
    looker = User.objects.create_user("look@example.org", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_stoppedaddress"))
    chosen = stop("tester@example.org")

    send_again(signed_in(looker), chosen)

    assert StoppedAddress.objects.count() == 1


@pytest.mark.parametrize("rows", [1, 1_000])
def test_list_asks_the_database_as_often_for_many_rows(
    operator: User, rows: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    stop(*(f"{number}@example.org" for number in range(rows)))
    browser = signed_in(operator)

    with django_assert_num_queries(4):
        browser.get(f"{LIST}?reason__exact=bounce")
