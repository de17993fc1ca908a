"""What a reading leaves on its connection, and with itself."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from connections import attempts, slots
from connections.models import Connection, FailureTally, SyncAttempt
from connections.providers.base import Told
from connections.providers.http import (
    NotShared,
    ProviderBusy,
    ProviderError,
    ProviderRefuses,
    ProviderUnavailable,
    ReconnectNeeded,
)
from notifications.models import Notification
from tests import factories
from tests.connections.conftest import reload
from tests.factories import NOW

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
OK, BROKEN = Connection.State.OK, Connection.State.BROKEN


def attempt_of(connection: Connection) -> SyncAttempt:
    return SyncAttempt.objects.create(connection=connection, started_at=NOW)


def mails_to(tester: User) -> list[Notification]:
    return list(Notification.objects.filter(user=tester, kind="connection"))


def left_on(connection: Connection) -> tuple[Any, ...]:
    row = reload(connection)
    return row.state, row.last_error, row.failing_since, row.next_read_at, row.told_at


def test_failure_says_when_to_try_again_and_who_has_to_do_something(tester: User) -> None:
    """Failing for an hour already, of which its tester was told a minute after it began."""
    since, told = NOW - HOUR, NOW - timedelta(minutes=59)
    in_an_hour = NOW + HOUR
    source = factories.connection(
        tester, failing_since=since, told_at=told, last_error="Down.", next_read_at=NOW
    )
    busy = ProviderBusy("Full.", in_an_hour)
    turn = slots.after_busy(source.pk, NOW, in_an_hour)
    expected: list[tuple[ProviderError, tuple[Any, ...]]] = [
        (busy, (OK, "Down.", since, turn, told)),
        (ProviderUnavailable("Gone."), (OK, "Gone.", since, in_an_hour, told)),
        (ProviderRefuses("Off."), (OK, "Off.", since, in_an_hour, None)),
        (ProviderRefuses("Off."), (OK, "Off.", since, in_an_hour, None)),
        (ReconnectNeeded("Again."), (BROKEN, "Again.", since, None, None)),
        (ProviderUnavailable("Gone."), (BROKEN, "Again.", since, None, None)),
    ]

    found = []
    for error, _ in expected:
        attempt = attempt_of(reload(source))
        attempts.failed(attempt, error)
        found.append((error, left_on(source)))

    assert found == expected
    kept = SyncAttempt.objects.order_by("pk").values_list("is_success", "reason", "error")
    assert list(kept) == [(False, error.reason, str(error)) for error, _ in expected]
    tallies = dict(FailureTally.objects.values_list("reason", "count"))
    assert tallies == {"busy": 1, "unavailable": 2, "refused": 2, "reconnect": 1}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ReconnectNeeded("Connect Strava again."), ["Connect Strava again."]),
        (NotShared("The membership has ended."), ["The membership has ended."]),
        (ProviderRefuses("Our operator has to mend that."), []),
        (ProviderUnavailable("Gone."), []),
        (ProviderBusy("Full."), []),
    ],
)
def test_tester_is_mailed_what_needs_them_and_nothing_that_passes(
    tester: User, error: ProviderError, told: list[str]
) -> None:
    source = factories.connection(tester)

    attempts.failed(attempt_of(source), error)
    attempts.failed(attempt_of(reload(source)), error)

    assert [mail.text.splitlines()[2] for mail in mails_to(tester)] == told


def test_source_that_broke_down_in_steps_is_one_mail_until_it_works_again(tester: User) -> None:
    source = factories.connection(tester, failing_since=NOW - HOUR, last_error="Down.")

    for _ in range(2):
        attempts.failed(attempt_of(reload(source)), NotShared("The membership has ended."))
        attempts.failed(attempt_of(reload(source)), ReconnectNeeded("Connect Strava again."))
    assert len(mails_to(tester)) == 1
    attempts.succeeded(attempt_of(reload(source)), Told(), is_whole=True)
    attempts.failed(attempt_of(reload(source)), ReconnectNeeded("Connect Strava again."))

    assert len(mails_to(tester)) == 2


def test_what_an_older_consent_met_is_mailed_to_nobody(tester: User) -> None:
    source = factories.connection(tester)
    attempt = attempt_of(source)
    Connection.objects.update(epoch=source.epoch + 1)

    attempts.failed(attempt, ReconnectNeeded("Connect Strava again."))

    assert mails_to(tester) == []


def test_same_reason_is_told_once_while_it_lasts(tester: User) -> None:
    source = factories.connection(tester)

    attempts.failed(attempt_of(source), ProviderRefuses("Off."))
    Connection.objects.update(told_at=NOW)
    attempts.failed(attempt_of(reload(source)), ProviderRefuses("Off."))

    assert reload(source).told_at == NOW


@time_machine.travel(NOW, tick=False)
def test_success_ends_what_failed_and_says_what_was_left_out(tester: User) -> None:
    source = factories.connection(
        tester, state=BROKEN, failing_since=NOW - HOUR, told_at=NOW, last_error="Again."
    )
    attempt = attempt_of(source)

    attempts.succeeded(attempt, Told(left_out="Not your stress."), is_whole=True)

    assert left_on(source) == (OK, "", None, slots.own_slot(source.pk, NOW), None)
    row = reload(source)
    assert (row.last_success_at, row.history_read_at) == (NOW, NOW)
    assert SyncAttempt.objects.values("is_success", "reason", "error", "finished_at").get() == {
        "is_success": True,
        "reason": SyncAttempt.INCOMPLETE,
        "error": "Not your stress.",
        "finished_at": NOW,
    }


def test_of_another_consent_than_the_one_it_was_made_with_nothing_is_kept(tester: User) -> None:
    source = factories.connection(tester, last_success_at=None)
    attempt = attempt_of(source)
    Connection.objects.update(epoch=source.epoch + 1)

    attempts.succeeded(attempt, Told(), is_whole=False)

    assert reload(source).last_success_at is None
    assert SyncAttempt.objects.get().is_success
