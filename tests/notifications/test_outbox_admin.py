"""The outbox in the console: mails that were lost go out once more, and are never read."""

from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import AuditEvent, User
from notifications import once_more
from notifications.models import Notification, StoppedAddress
from tests import factories
from tests.conftest import signed_in
from tests.factories import NOW

pytestmark = pytest.mark.django_db

LIST = "/admin/notifications/notification/"
State = Notification.State


@pytest.fixture(autouse=True)
def _morning() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def mail(user: User, state: str, **fields: Any) -> Notification:
    values = {
        "dedupe_key": f"brief:{Notification.objects.count()}",
        "kind": "brief",
        "recipients": [user.email],
        "subject": "Easy today",
        "text": "Your HRV is low.",
        "attempts": 3,
        "last_error": "SMTP 550",
        **fields,
    }
    return Notification.objects.create(user=user, state=state, **values)


def send_again(client: Client, *mails: Notification, **more: str) -> Any:
    keys = [str(one.pk) for one in mails]
    return client.post(LIST, {"action": "send_again", "_selected_action": keys, **more})


def states() -> list[str]:
    return list(Notification.objects.order_by("pk").values_list("state", flat=True))


def trail() -> list[tuple[Any, ...]]:
    rows = AuditEvent.objects.exclude(kind="signed_in").order_by("pk")
    return list(rows.values_list("kind", "user__email", "actor__email", "details"))


def test_what_was_lost_is_sent_again_once_somebody_says_so_and_that_is_on_record(
    as_operator: Client, tester: User
) -> None:
    chosen = [mail(tester, state) for state in ("given_up", "unknown", "sent", "stopped")]

    asked = send_again(as_operator, *chosen)
    untouched = states()
    done = send_again(as_operator, *chosen, confirmed="Send again")

    page = asked.content.decode()
    assert ("they may come a second time" in page, "Your HRV" in page) == (True, False)
    assert untouched == ["given_up", "unknown", "sent", "stopped"]
    assert states() == ["pending", "pending", "sent", "stopped"]
    words = [str(message) for message in get_messages(done.wsgi_request)]
    assert words == ["2 of 4 chosen are sent again."]
    given_up = Notification.objects.order_by("pk")[0]
    assert (given_up.attempts, given_up.next_attempt_at, given_up.last_error) == (3, NOW, "")
    model = "notifications.notification"
    assert sorted(details["pk"] for *_, details in trail()) == [str(one.pk) for one in chosen[:2]]
    details = {"model": model, "pk": str(chosen[0].pk), "fields": ["state"]}
    assert ("admin_changed", "tester@example.org", "ops@example.org", details) in trail()


def test_mail_whose_link_was_taken_away_is_not_sent_empty(
    as_operator: Client, tester: User
) -> None:
    lost = mail(tester, "given_up", kind="account", text="")

    answer = send_again(as_operator, lost, confirmed="Send again")

    words = [str(message) for message in get_messages(answer.wsgi_request)]
    assert (words, states(), trail()) == (["0 of 1 chosen are sent again."], ["given_up"], [])


def test_of_two_who_ask_at_once_one_sends_it(tester: User) -> None:
    lost = mail(tester, "unknown")

    assert [once_more.send(lost, NOW), once_more.send(lost, NOW)] == [True, False]


def test_operator_who_may_only_look_sends_nothing(tester: User) -> None:
    looker = factories.tester("looker@example.org", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_notification"))
    client, lost = signed_in(looker), mail(tester, "given_up")

    page = client.get(LIST).content.decode()
    send_again(client, lost, confirmed="Send again")

    assert ('value="send_again"' in page, states()) == (False, ["given_up"])


def test_no_page_shows_what_a_mail_says(as_operator: Client, tester: User) -> None:
    lost = mail(tester, "given_up")

    pages = [as_operator.get(path).content.decode() for path in (LIST, f"{LIST}{lost.pk}/change/")]

    assert ["SMTP 550" in page for page in pages] == [True, True]
    assert ["Your HRV" in page for page in pages] == [False, False]


def test_lists_ask_the_database_as_often_for_ten_thousand(
    as_operator: Client, tester: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    stopped = "/admin/notifications/stoppedaddress/"
    with django_assert_num_queries(4):
        as_operator.get(LIST)
    Notification.objects.bulk_create(
        Notification(dedupe_key=f"brief:x{n}", kind="brief", user=tester, recipients=[], text="x")
        for n in range(10_000)
    )
    StoppedAddress.objects.create(address="gone@example.org", reason="bounce")

    with django_assert_num_queries(4):
        listed = as_operator.get(LIST).context["cl"]
    with django_assert_num_queries(4):
        assert "gone@example.org" in as_operator.get(stopped).content.decode()
    assert (listed.result_count, len(listed.result_list)) == (10_000, 100)
