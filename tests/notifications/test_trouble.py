from datetime import timedelta

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import User
from notifications.models import Notification, StoppedAddress
from notifications.trouble import delivery_trouble, is_there_any, stopped_address_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db

Kind, State = Notification.Kind, Notification.State
DAY = timedelta(days=1)
TROUBLE = (
    "Your brief could not be delivered to tester@example.org. Check your address in Settings; "
    "until then you find every brief here."
)


def mail(user: User, state: Notification.State, **fields: object) -> Notification:
    values = {
        "kind": Kind.BRIEF,
        "dedupe_key": str(Notification.objects.count()),
        "recipients": [user.email],
        "created_at": NOW - DAY,
        **fields,
    }
    return Notification.objects.create(user=user, state=state, **values)


@pytest.mark.parametrize("kind", [Kind.BRIEF, Kind.NO_BRIEF])
def test_tester_hears_of_a_brief_that_was_given_up(
    tester: User, kind: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mail(tester, State.SENT)
    mail(tester, State.GIVEN_UP, kind=kind)
    mail(tester, State.PENDING)

    with django_assert_num_queries(1):
        assert delivery_trouble(tester, NOW) == TROUBLE


@pytest.mark.parametrize(
    "fields",
    [{"kind": Kind.ACCOUNT}, {"kind": Kind.WRAP_UP}, {"created_at": NOW - 7 * DAY}],
)
def test_other_mails_and_old_ones_are_no_trouble(tester: User, fields: dict[str, object]) -> None:
    mail(tester, State.GIVEN_UP, **fields)

    assert delivery_trouble(tester, NOW) == ""


@pytest.mark.parametrize("state", [State.SENT, State.PENDING, State.SENDING, State.UNKNOWN])
def test_mail_that_may_have_arrived_is_no_trouble(tester: User, state: Notification.State) -> None:
    mail(tester, state)

    assert delivery_trouble(tester, NOW) == ""


def test_trouble_is_over_with_the_next_brief_that_is_taken(tester: User, stranger: User) -> None:
    mail(tester, State.GIVEN_UP)
    mail(stranger, State.SENT)
    mail(tester, State.SENT, kind=Kind.ACCOUNT)
    before = delivery_trouble(tester, NOW)
    mail(tester, State.SENT)

    assert (before, delivery_trouble(tester, NOW)) == (TROUBLE, "")


def test_stopped_address_is_trouble_of_whoever_has_it(tester: User, stranger: User) -> None:
    row = StoppedAddress.objects.create(address="tester@example.org", reason="bounce")
    tester.email = "Tester@Example.org"

    assert (stopped_address_of(tester), stopped_address_of(stranger)) == (row, None)


@pytest.mark.parametrize(
    ("is_lost", "is_stopped"), [(True, False), (False, True), (True, True), (False, False)]
)
def test_either_trouble_is_found_with_another_query(
    tester: User, is_lost: bool, is_stopped: bool, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    if is_lost:
        mail(tester, State.GIVEN_UP)
    if is_stopped:
        StoppedAddress.objects.create(address=tester.email, reason="complaint")

    with django_assert_num_queries(1):
        found = User.objects.annotate(found=is_there_any(tester, NOW)).get(pk=tester.pk)
    assert found.found == (is_lost or is_stopped)
