import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.db import connection as database

from accounts.encryption import WrongEncryptionKey
from accounts.models import User
from connections.models import Connection
from tests import factories

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def stored(connection: Connection) -> tuple[str, str]:
    """What stands in the table, without any field in between."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT access_token, refresh_token FROM connections_connection WHERE external_id = %s",
            [connection.external_id],
        )
        row: tuple[str, str] = cursor.fetchone()
    return row


def test_stored_value_is_not_the_token(tester: User, settings: LazySettings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    connection = factories.connection(tester, access_token="canary-one", refresh_token="ünï")

    access, refresh = stored(connection)
    assert Fernet(NEW).decrypt(access) == b"canary-one"
    assert Fernet(NEW).decrypt(refresh).decode() == "ünï"
    again = Connection.objects.get()
    assert (again.access_token, again.refresh_token) == ("canary-one", "ünï")


def test_stored_value_differs_for_the_same_token(tester: User, stranger: User) -> None:
    first = factories.connection(tester, access_token="same")
    second = factories.connection(stranger, access_token="same")

    assert stored(first)[0] != stored(second)[0]


def test_empty_token_stays_empty(tester: User) -> None:
    connection = factories.connection(tester, access_token="", refresh_token="")

    assert stored(connection) == ("", "")
    assert Connection.objects.get().access_token == ""


def test_old_key_still_opens_and_the_new_one_encrypts(tester: User, settings: LazySettings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    factories.connection(tester, access_token="canary-one")

    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    connection = Connection.objects.get()
    assert connection.access_token == "canary-one"

    connection.save(update_fields=["access_token"])
    assert Fernet(NEW).decrypt(stored(connection)[0]) == b"canary-one"


def test_removed_key_is_named_and_nothing_is_overwritten(
    tester: User, settings: LazySettings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    before = stored(factories.connection(tester, access_token="canary-one"))

    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(WrongEncryptionKey, match="FIELD_ENCRYPTION_KEYS") as caught:
        Connection.objects.get()

    assert "canary-one" not in str(caught.value)
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    assert stored(Connection.objects.get()) == before
