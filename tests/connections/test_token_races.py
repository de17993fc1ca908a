"""A pair of tokens is renewed once, by whoever comes first, and nobody is left without one."""

import json
import time
from datetime import timedelta

import httpx2
import pytest
from django.conf import LazySettings, settings
from django.db import connection as database
from django.utils import timezone

from accounts.models import User
from connections import events, sync
from connections.models import Connection
from connections.providers.http import ProviderUnavailable
from connections.providers.strava.answers import LOST
from connections.providers.webhooks import Event
from connections.sources import Source
from tests import factories
from tests.conftest import StandIns
from tests.connections.athletes import connected, expire, token_requests
from tests.connections.conftest import Provider, Reply, reload
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 200


@pytest.fixture
def connection(stand_ins: StandIns, db: None) -> Connection:
    return connected(factories.tester())


def is_accepted(token: str) -> bool:
    answer = httpx2.get(
        f"{settings.STRAVA_API_URL}/athlete", headers={"Authorization": f"Bearer {token}"}
    )
    return answer.status_code == 200


def renewed_by(workers: int, connection: Connection) -> list[str]:
    """The token each worker has in the end, all of them with the row as it was before."""
    now = timezone.now()
    rows = [reload(connection) for _ in range(workers)]
    return at_once(*[lambda row=row: sync.fresh_token(row, now) for row in rows])


def test_two_workers_renew_once_two_hundred_times(connection: Connection) -> None:
    for _ in range(ROUNDS):
        before = reload(connection)
        expire(connection)

        first, second = renewed_by(2, connection)

        after = reload(connection)
        assert first == second == after.access_token != before.access_token
        assert after.refresh_token != before.refresh_token
    # Each round gave a new pair, so each had one call.
    assert token_requests() == {
        "calls": ROUNDS,
        "successes": ROUNDS,
        "refusals": 0,
        "failures": 0,
    }
    assert is_accepted(reload(connection).access_token)


def test_eight_workers_renew_once(connection: Connection) -> None:
    expire(connection)

    assert len(set(renewed_by(8, connection))) == 1
    assert token_requests()["calls"] == 1


def test_workers_whose_token_was_refused_before_its_time_renew_it_once(
    connection: Connection, stand_ins: StandIns
) -> None:
    expire(connection)
    Connection.objects.update(expires_at=timezone.now() + timedelta(hours=5))
    now = timezone.now()
    rows = [reload(connection) for _ in range(2)]

    renewed = at_once(
        *[lambda row=row: sync.fresh_token(row, now, refused=row.access_token) for row in rows]
    )

    assert set(renewed) == {reload(connection).access_token}
    assert renewed[0] != rows[0].access_token
    assert token_requests()["calls"] == 1


# --- The answer with the new pair gets lost, as when a worker dies between it and the commit ---


def test_lost_answer_near_the_end_is_told_with_words_of_its_own(
    connection: Connection, stand_ins: StandIns
) -> None:
    expire(connection)
    stand_ins.mode("strava", "lost_answer", times=1)
    now = timezone.now()

    with pytest.raises(ProviderUnavailable):
        sync.fresh_token(reload(connection), now)
    attempt = sync.sync(reload(connection), now)

    after = reload(connection)
    assert (attempt.reason, attempt.error) == ("reconnect", LOST)
    assert (after.state, after.last_error) == (Connection.State.BROKEN, LOST)
    assert LOST.endswith("Connect Strava again; your rides stay here.")
    assert token_requests() == {"calls": 2, "successes": 0, "refusals": 1, "failures": 1}


def test_lost_answer_while_the_old_pair_lasts_is_survived(
    connection: Connection, stand_ins: StandIns
) -> None:
    # Here it is thought to have ended; at Strava it lives for hours, and is given out again.
    Connection.objects.update(expires_at=timezone.now())
    stand_ins.mode("strava", "lost_answer", times=1)
    now = timezone.now()

    with pytest.raises(ProviderUnavailable):
        sync.fresh_token(reload(connection), now)
    attempt = sync.sync(reload(connection), now)

    after = reload(connection)
    assert (attempt.is_success, after.state) == (True, Connection.State.OK)
    assert after.refresh_token == connection.refresh_token
    assert is_accepted(after.access_token)


def test_refused_for_good_it_is_asked_once_and_never_in_a_loop(
    connection: Connection, stand_ins: StandIns
) -> None:
    stand_ins.mode("strava", "missing_scope")
    now = timezone.now()

    attempt = sync.sync(reload(connection), now)

    assert (attempt.reason, reload(connection).state) == ("reconnect", Connection.State.BROKEN)
    assert "View data about your activities" in attempt.error
    assert token_requests()["calls"] == 0


def test_token_that_is_refused_though_it_was_renewed_asks_to_reconnect(
    connection: Connection, stand_ins: StandIns, settings: LazySettings
) -> None:
    tester = User.objects.get()
    stand_ins.mode("strava", "token_revoked", times=1)
    now = timezone.now()
    # The pair lives for hours at Strava, so that renewing it gives the same: refused again.
    attempt = sync.sync(reload(connection), now)
    assert attempt.is_success

    stand_ins.mode("strava", "token_revoked")
    attempt = sync.sync(reload(connection), now)

    assert (attempt.reason, tester.connections.get().state) == ("reconnect", "broken")
    assert tester.connections.get().provider == Source.STRAVA


@pytest.mark.skipif(database.vendor == "sqlite", reason="SQLite has one lock for all of it")
def test_event_does_not_wait_for_a_token_that_is_being_renewed(
    connection: Connection, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    now = timezone.now()
    pair = {"access_token": "a", "refresh_token": "r", "expires_at": now.timestamp() + 21_600}
    provider.answers(Reply(json.dumps(pair).encode(), delay_s=2.0))
    Connection.objects.update(expires_at=now)
    took: list[float] = []

    def renew() -> object:
        return sync.fresh_token(connection, now)

    def hear_of_a_ride() -> object:
        time.sleep(0.5)
        begun = time.monotonic()
        is_kept = events.keep("strava", Event(connection.external_id, "7", "create", now), now)
        took.append(time.monotonic() - begun)
        return is_kept

    assert at_once(renew, hear_of_a_ride) == ["a", True]
    assert took[0] < 1.0
