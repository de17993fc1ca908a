from datetime import timedelta

import pytest

from accounts import registering
from accounts.models import User
from tests import factories
from tests.accounts.entrance import unconfirmed
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("days", "is_kept"), [(6, True), (8, False)])
def test_address_that_nobody_confirmed_is_forgotten_after_a_week(days: int, is_kept: bool) -> None:
    user = unconfirmed()
    User.objects.filter(pk=user.pk).update(date_joined=NOW - timedelta(days=days))

    registering.purge(NOW)

    assert User.objects.filter(pk=user.pk).exists() == is_kept


def test_accounts_in_use_and_operators_stay() -> None:
    factories.tester()
    factories.operator()
    User.objects.update(date_joined=NOW - timedelta(days=400))

    assert registering.purge(NOW) == 0
    assert User.objects.count() == 2
