from datetime import timedelta

import pytest
from django.test import RequestFactory

from accounts import invitations
from accounts.models import User
from notifications import stopping, tasks
from notifications.models import Notification, StoppedAddress
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

Kind, Reason = Notification.Kind, StoppedAddress.Reason
ADDRESS = "tester@example.org"
BOUNCED, COMPLAINED = "to that address: mails come back", "to that address: marked as spam"


def why(kind: str, user: User | None, *recipients: str) -> str:
    mail = Notification(kind=kind, user=user, recipients=list(recipients or [ADDRESS]))
    return stopping.why_not_sent(mail)


@pytest.mark.parametrize(("reason", "words"), [("bounce", BOUNCED), ("complaint", COMPLAINED)])
@pytest.mark.parametrize(
    ("kind", "is_stopped"),
    [
        (Kind.BRIEF, True),
        (Kind.NO_BRIEF, True),
        (Kind.WRAP_UP, True),
        (Kind.CONNECTION, True),
        (Kind.ACCOUNT, False),
        (Kind.ALERT, False),
    ],
)
def test_stopped_address_gets_what_was_asked_for_and_nothing_else(
    tester: User, reason: str, words: str, kind: str, is_stopped: bool
) -> None:
    StoppedAddress.objects.create(address=ADDRESS, reason=reason)

    assert why(kind, tester, "Tester@Example.org") == (words if is_stopped else "")
    assert why(kind, tester, "new@example.org") == ""


def test_account_mail_to_nobody_known_stops() -> None:
    """An invitation opens no door that anybody was locked out of."""
    StoppedAddress.objects.create(address=ADDRESS, reason="bounce")

    assert why(Kind.ACCOUNT, None) == BOUNCED


def test_alert_reaches_an_operator_who_complained() -> None:
    StoppedAddress.objects.create(address="ops@example.org", reason="complaint")

    assert why(Kind.ALERT, None, "ops@example.org") == ""


def test_mail_that_its_tester_switched_off_is_not_sent(tester: User) -> None:
    tester.wants_briefs = False

    assert [why(kind, tester) for kind in (Kind.BRIEF, Kind.NO_BRIEF, Kind.WRAP_UP)] == [
        "its tester does not want such mails",
        "its tester does not want such mails",
        "",
    ]


def test_operator_lifts_a_stop_and_that_is_written_down(tester: User) -> None:
    operator = factories.operator()
    stopping.stop(ADDRESS, Reason.BOUNCE, "550", NOW)

    request = RequestFactory().get("/")
    lifted = [
        stopping.lift(ADDRESS, request=request, user=tester, actor=operator) for _ in range(2)
    ]

    [event] = tester.audit_events.filter(kind="mails_again")
    assert (lifted, event.actor, event.details) == ([True, False], operator, {})
    assert stopping.is_lifted_since(ADDRESS, event.at)
    assert not stopping.is_lifted_since(ADDRESS, event.at + timedelta(seconds=1))
    assert not stopping.is_lifted_since("other@example.org", event.at)


def test_long_words_of_a_provider_are_cut(tester: User) -> None:
    stopping.stop(ADDRESS, Reason.BOUNCE, "x" * 500, NOW)

    assert StoppedAddress.objects.get().detail == "x" * 300


def test_address_that_nobody_has_any_more_is_forgotten_in_the_night(tester: User) -> None:
    invitations.invite("invited@example.org", factories.operator(), NOW)
    for address in (ADDRESS, "invited@example.org", "left@example.org"):
        stopping.stop(address, Reason.BOUNCE, "", NOW)

    tasks.purge()

    kept = sorted(StoppedAddress.objects.values_list("address", flat=True))
    assert kept == ["invited@example.org", ADDRESS]
