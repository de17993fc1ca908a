import pytest
from django.db import connection, transaction

from accounts import database
from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def test_connection_is_given_back_and_the_next_query_gets_one() -> None:
    User.objects.count()

    database.give_back()

    assert connection.connection is None
    assert User.objects.count() == 0


def test_within_a_transaction_it_stays() -> None:
    with transaction.atomic():
        held = connection.connection

        database.give_back()

        assert connection.connection is held is not None
