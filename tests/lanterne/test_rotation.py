"""Changing the encryption keys of a service that runs, over every place that keeps secrets."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet, InvalidToken
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.db import transaction

from accounts.encryption import decrypt, encrypt
from accounts.models import User
from connections import sync
from connections.models import Connection
from connections.sources import Source
from lanterne import rotation
from lanterne.stored_secrets import Place, places
from tests import everything, factories
from tests.connections.conftest import Provider, Reply, provider
from tests.factories import NOW
from tests.test_layering import imports
from tests.threads import at_once

__all__ = ["provider"]

pytestmark = pytest.mark.django_db

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ACCESS, REFRESH, FEED, DATA = (
    "connections.connection.access_token",
    "connections.connection.refresh_token",
    "coach.calendarfeed.token",
    "mfa.authenticator.data",
)


@pytest.fixture(autouse=True)
def _old_key(settings: LazySettings) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]


def place(name: str) -> Place:
    return next(one for one in places() if str(one) == name)


def many(count: int) -> None:
    """That many testers, each with a connection of two tokens."""
    users = User.objects.bulk_create(User(email=f"{n}@example.org") for n in range(count))
    Connection.objects.bulk_create(
        Connection(
            user=user,
            provider=Source.STRAVA,
            external_id=str(n),
            access_token=f"canary-access-{n}",
            refresh_token=f"canary-refresh-{n}",
            expires_at=NOW - timedelta(hours=1),
        )
        for n, user in enumerate(users)
    )


def tokens() -> list[tuple[str, str]]:
    return list(Connection.objects.order_by("pk").values_list("access_token", "refresh_token"))


def as_written(count: int) -> list[tuple[str, str]]:
    return [(f"canary-access-{n}", f"canary-refresh-{n}") for n in range(count)]


def stored(name: str) -> list[str]:
    return [text for _, text in place(name).rows()]


def opens(secret: str, key: str) -> bool:
    try:
        Fernet(key).decrypt(secret)
    except InvalidToken:
        return False
    return True


def rotate(**options: bool) -> list[str]:
    out = StringIO()
    call_command("rotate_encryption_keys", stdout=out, **options)
    return out.getvalue().splitlines()


def refused(**options: bool) -> tuple[str, list[str], list[str]]:
    """The error, and the lines of both streams."""
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("rotate_encryption_keys", stdout=out, stderr=err, **options)
    return str(caught.value), out.getvalue().splitlines(), err.getvalue().splitlines()


@contextmanager
def broken_off_after(updates: int) -> Iterator[None]:
    """As Ctrl-C and a lost connection do, at any statement."""
    left = updates

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal left
        if sql.startswith("UPDATE"):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return execute(sql, *rest)

    with database.execute_wrapper(watch), pytest.raises(KeyboardInterrupt):
        yield


def dump() -> str:
    """Every value of every table, as it is stored."""
    with database.cursor() as cursor:
        values = []
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")
            values += [str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(values)


def test_everything_encrypted_is_renewed_and_the_old_key_can_go(
    tester: User, settings: LazySettings
) -> None:
    everything.give_everything(tester, access_token="canary-one", refresh_token="canary-two")
    codes = RecoveryCodes.activate(tester).generate_codes()
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    *told, verdict = rotate()

    assert told == [
        f"{ACCESS}: 1 renewed, 0 already new, 0 could not be opened",
        f"{REFRESH}: 1 renewed, 0 already new, 0 could not be opened",
        f"{FEED}: 1 renewed, 0 already new, 0 could not be opened",
        f"{DATA}: 2 renewed, 0 already new, 0 could not be opened",
    ]
    assert verdict == (
        "Every stored secret opens with the newest key alone. Nothing here needs the older ones "
        "any more: remove them from FIELD_ENCRYPTION_KEYS and restart web, worker and scheduler. "
        "Keep them apart for as long as you keep a backup made before now."
    )
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert tokens() == [("canary-one", "canary-two")]
    totp = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert decrypt(totp.data["secret"]) == "shh"
    again = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
    assert RecoveryCodes(again).generate_codes() == codes


def test_nothing_in_a_dump_needs_the_old_key_and_no_secret_is_readable(
    tester: User, settings: LazySettings
) -> None:
    """A tester with a row of everything: what is encrypted in a place nobody listed fails here."""
    everything.give_everything(tester, access_token="canary-one", refresh_token="canary-two")
    RecoveryCodes.activate(tester)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    before = re.findall(r"gAAAA[\w=-]+", dump())
    rotate()
    after = re.findall(r"gAAAA[\w=-]+", dump())

    assert (len(before), len(after)) == (5, 5)
    assert [secret for secret in before if not opens(secret, OLD)] == []
    assert [secret for secret in after if not opens(secret, NEW)] == []
    assert "canary" not in dump()


def test_only_these_two_modules_encrypt_what_is_stored() -> None:
    """Another that does has to be among the places of lanterne/stored_secrets.py first."""
    users = {str(path) for path, _, module in imports() if module == "accounts.encryption"}

    assert users == {
        "accounts/second_factor.py",
        "connections/fields.py",
        # These open and renew.
        "lanterne/checks.py",
        "lanterne/rotation.py",
    }
    assert [str(one) for one in places()] == [ACCESS, REFRESH, FEED, DATA]


def test_every_secret_of_a_second_factor_is_renewed_and_the_rest_stays(
    tester: User, settings: LazySettings
) -> None:
    kept = {"used_mask": 5, "viewed_at": 1.5, "note": 'gAA "quoted"'}
    codes = [encrypt("one"), encrypt("two")]
    Authenticator.objects.create(
        user=tester,
        type=Authenticator.Type.RECOVERY_CODES,
        data={**kept, "seed": encrypt("seed"), "migrated_codes": codes},
    )
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]

    data = Authenticator.objects.get().data
    assert decrypt(data.pop("seed")) == "seed"
    assert [decrypt(code) for code in data.pop("migrated_codes")] == ["one", "two"]
    assert data == kept


def test_thousand_rows_broken_off_half_way_are_finished_by_the_next_start(
    settings: LazySettings,
) -> None:
    many(1_000)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    with broken_off_after(400):
        rotate()
    half = [opens(secret, NEW) for secret in stored(ACCESS)]
    assert (half.count(True), half.count(False)) == (400, 600)
    assert tokens() == as_written(1_000)

    assert rotate()[:2] == [
        f"{ACCESS}: 600 renewed, 400 already new, 0 could not be opened",
        f"{REFRESH}: 1000 renewed, 0 already new, 0 could not be opened",
    ]
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert tokens() == as_written(1_000)


def test_second_rotation_writes_nothing(settings: LazySettings) -> None:
    many(3)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    before = dump()

    assert rotate()[0] == f"{ACCESS}: 0 renewed, 3 already new, 0 could not be opened"
    assert dump() == before


def test_with_one_key_there_is_none_to_remove() -> None:
    many(1)

    assert rotate() == [
        f"{ACCESS}: 0 renewed, 1 already new, 0 could not be opened",
        f"{REFRESH}: 0 renewed, 1 already new, 0 could not be opened",
        f"{FEED}: 0 renewed, 0 already new, 0 could not be opened",
        f"{DATA}: 0 renewed, 0 already new, 0 could not be opened",
        "Every stored secret opens with the newest key alone.",
    ]


def test_empty_token_is_nothing_to_renew(tester: User) -> None:
    factories.connection(tester, Source.OURA, refresh_token="")

    assert rotate()[1] == f"{REFRESH}: 0 renewed, 0 already new, 0 could not be opened"


def test_dry_run_counts_and_writes_nothing(settings: LazySettings) -> None:
    many(2)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    before = dump()

    assert rotate(dry_run=True) == [
        f"{ACCESS}: 2 to renew, 0 already new, 0 could not be opened",
        f"{REFRESH}: 2 to renew, 0 already new, 0 could not be opened",
        f"{FEED}: 0 to renew, 0 already new, 0 could not be opened",
        f"{DATA}: 0 to renew, 0 already new, 0 could not be opened",
        "Nothing was written; every stored secret opens.",
    ]
    assert dump() == before


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_what_no_key_opens_is_named_and_left_as_it_is(
    tester: User, stranger: User, settings: LazySettings, is_dry_run: bool
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [LOST]
    lost = factories.connection(stranger, access_token="canary-lost", refresh_token="")
    factor = TOTP.activate(stranger, TOTP_SECRET).instance
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    factories.connection(tester)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    before = dump()

    error, out, err = refused(dry_run=is_dry_run)

    how = "to renew" if is_dry_run else "renewed"
    assert error == (
        "2 cannot be opened with any of FIELD_ENCRYPTION_KEYS; they were left as they are. Put the "
        "key they were written with back, behind the newest one, and run this again."
    )
    assert out == [
        f"{ACCESS}: 1 {how}, 0 already new, 1 could not be opened",
        f"{REFRESH}: 1 {how}, 0 already new, 0 could not be opened",
        f"{FEED}: 0 {how}, 0 already new, 0 could not be opened",
        f"{DATA}: 0 {how}, 0 already new, 1 could not be opened",
    ]
    assert err == [
        f"{ACCESS} of {lost.pk} cannot be opened",
        f"{DATA} of {factor.pk} cannot be opened",
    ]
    assert (dump() == before) is is_dry_run
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD, LOST]
    rotate()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert Connection.objects.get(pk=lost.pk).access_token == "canary-lost"


def test_row_that_changed_since_it_was_read_is_not_written(
    tester: User, settings: LazySettings
) -> None:
    connection = factories.connection(tester)
    ((pk, read),) = place(ACCESS).rows()
    Connection.objects.filter(pk=pk).update(access_token="refreshed")

    assert place(ACCESS).put(pk, read, encrypt("access")) is False
    assert Connection.objects.get(pk=connection.pk).access_token == "refreshed"


def test_second_factor_that_changed_since_it_was_read_is_not_written(tester: User) -> None:
    made = RecoveryCodes.activate(tester)
    ((pk, read),) = place(DATA).rows()
    assert made.validate_code(made.generate_codes()[0])

    assert place(DATA).put(pk, read, read) is False
    assert Authenticator.objects.get().data["used_mask"] == 1
    ((pk, read),) = place(DATA).rows()
    assert place(DATA).put(pk, read, json.dumps({"used_mask": 7})) is True
    assert Authenticator.objects.get().data == {"used_mask": 7}


def test_process_that_still_writes_with_the_old_key_keeps_it_from_being_removed(
    settings: LazySettings,
) -> None:
    """As a worker does that was started before the new key was set."""
    many(1)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    is_writing = False

    def as_an_old_worker(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal is_writing
        result = execute(sql, *rest)
        if sql.startswith("UPDATE") and not is_writing:
            is_writing = True
            settings.FIELD_ENCRYPTION_KEYS = [OLD]
            Connection.objects.update(access_token="canary-access-0")
            settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
            is_writing = False
        return result

    with database.execute_wrapper(as_an_old_worker):
        error, *_ = refused()

    assert error.startswith("1 changed again and again meanwhile, so older keys may still be need")
    assert "Restart every web, worker and scheduler process, and run this again." in error
    assert tokens() == as_written(1)
    assert rotate()[-1].startswith("Every stored secret opens with the newest key alone.")


@pytest.mark.django_db(transaction=True)
def test_token_refreshed_during_a_rotation_is_kept(
    provider: Provider, settings: LazySettings
) -> None:
    """Two threads, each with a connection of its own: one renews, one refreshes from the end."""
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    many(300)
    refreshed = list(Connection.objects.order_by("-pk")[:60])
    pairs = [(f"canary-new-{n}", f"canary-newer-{n}") for n in range(60)]
    provider.answers(
        *(
            Reply(
                json.dumps(
                    {
                        "access_token": access,
                        "refresh_token": refresh,
                        "expires_at": NOW.timestamp() + 21_600,
                    }
                ).encode()
            )
            for access, refresh in pairs
        )
    )
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    def refresh_all() -> list[str]:
        return [sync.fresh_token(one, NOW) for one in refreshed]

    told, _ = at_once(rotate, refresh_all)

    assert told[-1].startswith("Every stored secret opens with the newest key alone.")
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert tokens() == [*as_written(300)[:240], *reversed(pairs)]


@pytest.mark.django_db(transaction=True)
def test_rotation_waits_for_a_refresh_that_holds_the_row_and_leaves_its_tokens(
    provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    many(1)
    pair = {"access_token": "new", "refresh_token": "newer", "expires_at": NOW.timestamp() + 21_600}
    provider.answers(Reply(json.dumps(pair).encode(), delay_s=0.6))
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    connection = Connection.objects.get()

    told, _ = at_once(rotate, lambda: [sync.fresh_token(connection, NOW)])

    assert told[-1].startswith("Every stored secret opens with the newest key alone.")
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    assert tokens() == [("new", "newer")]


def test_rotation_reads_in_batches_and_writes_each_row_by_itself(settings: LazySettings) -> None:
    many(3)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    batches = list(place(ACCESS).batches(2))

    assert batches == [list(place(ACCESS).rows())[:2], list(place(ACCESS).rows())[2:]]
    assert rotation.rotate(place(ACCESS)) == rotation.Tally(renewed=3)
    with transaction.atomic():
        assert rotation.look(place(ACCESS)) == rotation.Tally(already_new=3)


def test_database_that_breaks_off_is_told_without_a_statement(settings: LazySettings) -> None:
    many(1)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    def away(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        return execute("SELECT 1 FROM nowhere", None, *rest[1:])

    with transaction.atomic(), database.execute_wrapper(away):
        error, *_ = refused()
        transaction.set_rollback(True)

    assert re.fullmatch(
        r"The database gave an error \(\w+Error\)\. What was renewed stays renewed: run this "
        r"again, and it goes on where it stopped\.",
        error,
    )
