from datetime import timedelta

import pytest

from accounts import privacy
from accounts.models import AuditEvent, User
from tests import factories
from tests.factories import NOW
from tests.threads import at_once

pytestmark = pytest.mark.django_db

Kind = AuditEvent.Kind
LATER = NOW + timedelta(days=1)


def kinds(user: User) -> list[str]:
    return list(user.audit_events.order_by("pk").values_list("kind", flat=True))


def test_consent_is_given_once_and_keeps_its_date() -> None:
    user = factories.tester(health_consent_at=None)

    assert privacy.give_consent(user, None, NOW)
    assert not privacy.give_consent(user, None, LATER)

    assert User.objects.get().health_consent_at == NOW
    assert (user.health_consent_at, user.has_consented) == (NOW, True)
    assert kinds(user) == [Kind.CONSENT_GIVEN]


def test_consent_is_withdrawn_once_and_can_be_given_again(tester: User) -> None:
    assert privacy.withdraw_consent(tester, None, NOW)
    assert not privacy.withdraw_consent(tester, None, NOW)
    assert User.objects.get().health_consent_at is None
    assert not tester.has_consented

    assert privacy.give_consent(tester, None, LATER)

    assert User.objects.get().health_consent_at == LATER
    assert kinds(tester) == [Kind.CONSENT_WITHDRAWN, Kind.CONSENT_GIVEN]


def test_consent_of_one_tester_is_nobody_else_s(tester: User, stranger: User) -> None:
    privacy.withdraw_consent(tester, None, NOW)

    stranger.refresh_from_db()
    assert stranger.has_consented
    assert kinds(stranger) == []


@pytest.mark.django_db(transaction=True)
def test_consent_withdrawn_in_two_windows_is_one_event() -> None:
    user = factories.tester()

    def withdraw() -> bool:
        return privacy.withdraw_consent(User.objects.get(), None, NOW)

    told = at_once(withdraw, withdraw)

    assert sorted(told) == [False, True]
    assert kinds(user) == [Kind.CONSENT_WITHDRAWN]
