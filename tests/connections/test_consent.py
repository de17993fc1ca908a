import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from social_django.models import UserSocialAuth

from accounts.models import User
from connections import consent
from connections.models import Connection, DailySample, Ride, SyncAttempt
from connections.providers.base import Tokens
from connections.providers.http import ProviderUnavailable, ReconnectNeeded
from connections.providers.oura.provider import Oura
from connections.providers.strava import client as strava
from connections.providers.strava.asking import Access
from connections.sources import Source
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.connections.conftest import Provider, Reply, Visit
from tests.factories import NOW, TODAY

OURA = Oura()
TOKEN = "oura-sandbox-first"
YESTERDAY = TODAY - timedelta(days=1)


def test_keep_puts_the_tokens_into_one_connection_and_has_it_read(
    tester: User,
    published: list[tuple[str, list[Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        connection = consent.keep(tester, Source.OURA, "a1", Tokens(access_token="t1"))

    assert published == [("connections.sync", [connection.pk])]
    row = tester.connections.values("provider", "external_id", "access_token", "state").get()
    assert row == {
        "provider": Source.OURA,
        "external_id": "a1",
        "access_token": "t1",
        "state": Connection.State.OK,
    }


def test_keep_of_the_same_account_keeps_how_far_it_was_read(tester: User) -> None:
    known = factories.connection(
        tester,
        Source.OURA,
        external_id="a1",
        state=Connection.State.BROKEN,
        last_error="dead",
        last_success_at=NOW,
    )

    consent.keep(tester, Source.OURA, "a1", Tokens(access_token="t2"))

    again = tester.connections.get()
    assert (again.pk, again.access_token, again.last_success_at) == (known.pk, "t2", NOW)
    assert (again.state, again.last_error) == (Connection.State.OK, "")


def test_keep_of_another_account_starts_its_reading_anew(tester: User) -> None:
    factories.connection(tester, Source.OURA, external_id="a1", last_success_at=NOW)
    strava_row = factories.connection(tester, Source.STRAVA, last_success_at=NOW)

    consent.keep(tester, Source.OURA, "a2", Tokens(access_token="t2"))

    assert tester.connections.get(provider=Source.OURA).last_success_at is None
    assert Connection.objects.get(pk=strava_row.pk).last_success_at == NOW


def test_keep_of_another_tester_s_account_is_refused_and_changes_nothing(
    tester: User, stranger: User
) -> None:
    factories.connection(stranger, Source.OURA, external_id="theirs", access_token="t0")
    mine = factories.connection(tester, Source.OURA, external_id="mine", last_success_at=NOW)

    with pytest.raises(consent.AccountTaken):
        consent.keep(tester, Source.OURA, "theirs", Tokens(access_token="t1"))

    assert Connection.objects.get(pk=mine.pk).last_success_at == NOW
    assert sorted(Connection.objects.values_list("external_id", flat=True)) == ["mine", "theirs"]


def test_oura_token_is_kept_under_the_account_it_opens(tester: User, stand_ins: StandIns) -> None:
    connection = consent.keep_pasted_token(tester, OURA, TOKEN)

    assert connection.provider == Source.OURA
    assert len(connection.external_id) == 36
    assert Connection.objects.get().access_token == TOKEN


def test_oura_token_that_oura_refuses_is_not_kept(tester: User, stand_ins: StandIns) -> None:
    with pytest.raises(ReconnectNeeded):
        consent.keep_pasted_token(tester, OURA, "somebody-else-s")

    assert not tester.connections.exists()


def test_withdraw_revokes_at_strava_and_forgets_the_tokens(
    as_tester: Client, tester: User, stand_ins: StandIns
) -> None:
    Visit(as_tester).connect()
    connection = tester.connections.get()

    consent.withdraw(connection)

    assert not tester.connections.exists()
    assert not tester.social_auth.exists()
    with pytest.raises(ReconnectNeeded):
        list(strava.rides_since(Access(connection.access_token), timezone.now()))
    with pytest.raises(ReconnectNeeded):
        strava.refresh(connection.refresh_token)


def test_withdraw_revokes_the_newest_pair(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    read_before = factories.connection(tester, refresh_token="old")
    Connection.objects.update(refresh_token="new")

    consent.withdraw(read_before)

    assert [asked.form for asked in provider.asked] == [{"token": "new"}]


def test_withdraw_leaves_other_testers_connected(
    tester: User, stranger: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    theirs = factories.connection(stranger)

    consent.withdraw(factories.connection(tester, refresh_token="mine"))

    assert list(Connection.objects.all()) == [theirs]
    assert [asked.form for asked in provider.asked] == [{"token": "mine"}]


def test_withdraw_keeps_everything_while_strava_does_not_take_it(
    as_tester: Client, tester: User, stand_ins: StandIns, provider: Provider, settings: LazySettings
) -> None:
    Visit(as_tester).connect()
    settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(Reply(status=503))

    with pytest.raises(ProviderUnavailable):
        consent.withdraw(tester.connections.get())

    assert tester.connections.get().refresh_token
    assert tester.social_auth.count() == 1


def test_withdraw_of_a_pasted_token_asks_nobody(tester: User, provider: Provider) -> None:
    connection = factories.connection(tester, Source.OURA)
    SyncAttempt.objects.create(connection=connection, started_at=NOW)

    consent.withdraw(connection)

    assert not Connection.objects.exists()
    assert not SyncAttempt.objects.exists()
    assert provider.asked == []


def test_withdraw_erases_what_came_from_that_source_and_nothing_else(
    tester: User, stranger: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    factories.ride(tester, TODAY)
    tester.ftps.create(effective_date=TODAY, power_w=250, source="strava")
    own_ftp = tester.ftps.create(effective_date=YESTERDAY, power_w=240)
    kept = [
        factories.ride(tester, TODAY, source=Source.APPLE),
        factories.ride(stranger, TODAY),
    ]
    night = factories.night(tester, TODAY)

    consent.withdraw(factories.connection(tester))

    assert list(Ride.objects.order_by("pk")) == kept
    assert list(tester.nights.all()) == [night]
    assert list(tester.ftps.all()) == [own_ftp]


def test_withdraw_of_oura_erases_its_nights_and_samples(tester: User) -> None:
    factories.night(tester, TODAY)
    apple_night = factories.night(tester, TODAY, source=Source.APPLE)
    sample = {"local_date": TODAY, "kind": DailySample.Kind.RESTING_HR, "unit": "bpm"}
    tester.samples.create(source=Source.OURA, value=48, **sample)
    apple_sample = tester.samples.create(source=Source.APPLE, value=49, **sample)
    ride = factories.ride(tester, TODAY)

    consent.withdraw(factories.connection(tester, Source.OURA))

    assert list(tester.nights.all()) == [apple_night]
    assert list(tester.samples.all()) == [apple_sample]
    assert list(tester.rides.all()) == [ride]


def test_withdraw_that_fails_erases_nothing(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(Reply(status=503))
    ride = factories.ride(tester, TODAY)

    with pytest.raises(ProviderUnavailable):
        consent.withdraw(factories.connection(tester))

    assert list(tester.rides.all()) == [ride]


@pytest.mark.django_db(transaction=True)
def test_withdraw_in_two_windows_at_once_asks_strava_once(
    provider: Provider, settings: LazySettings
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(Reply(delay_s=0.2))
    connection = factories.connection(factories.tester())

    def withdraw() -> None:
        try:
            consent.withdraw(connection)
        finally:
            database.close()

    windows = [threading.Thread(target=withdraw) for _ in range(2)]
    for window in windows:
        window.start()
    for window in windows:
        window.join()

    assert len(provider.asked) == 1
    assert not Connection.objects.exists()


def test_connecting_and_disconnecting_are_audited_without_any_token(
    tester: User, stand_ins: StandIns
) -> None:
    connection = consent.keep_pasted_token(tester, OURA, "oura-sandbox-audited")
    consent.withdraw(connection)

    told = [(event.kind, event.details) for event in tester.audit_events.order_by("pk")]
    assert told == [("connected", {"provider": "oura"}), ("disconnected", {"provider": "oura"})]


def test_pasted_token_ends_what_was_granted_on_the_consent_page(
    tester: User, provider: Provider, settings: LazySettings
) -> None:
    settings.OURA_API_URL = settings.OURA_REVOKE_URL = provider.url
    factories.connection(tester, Source.OURA, external_id="mine", refresh_token="canary-refresh")
    UserSocialAuth.objects.create(user=tester, provider="oura", uid="mine")
    provider.answers(b'{"id": "mine"}')

    consent.keep_pasted_token(tester, OURA, TOKEN)

    assert [asked.method for asked in provider.asked] == ["GET", "POST"]
    assert provider.asked[1].query == {"access_token": "canary-access"}
    assert not tester.social_auth.exists()
    assert tester.connections.get().access_token == TOKEN


@pytest.mark.parametrize("status", [401, 403])
def test_withdraw_does_not_wait_for_a_provider_that_shuts_the_application_out(
    tester: User,
    provider: Provider,
    settings: LazySettings,
    status: int,
) -> None:
    settings.STRAVA_OAUTH_URL = provider.url
    settings.OPERATOR_EMAILS = ["ops@example.com"]
    fault = {"resource": "Application", "field": "client_id", "code": "invalid"}
    provider.answers(Reply(json.dumps({"errors": [fault]}).encode(), status=status))

    consent.withdraw(factories.connection(tester))

    assert not tester.connections.exists()
    assert [mail.recipients for mail in Notification.objects.all()] == [["ops@example.com"]]
