"""A key that is gone while the service runs: named errors, and nothing is overwritten."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.test import Client

from accounts import deletion
from accounts.encryption import WrongEncryptionKey
from accounts.models import User
from coach import tasks as coach_tasks
from coach.models import MissionRun
from connections import consent, sync
from connections import tasks as connection_tasks
from connections.models import Connection, Ride, SyncAttempt
from connections.providers.oura.provider import Oura
from connections.providers.strava import client as strava
from connections.sources import Source
from lanterne.stored_secrets import places
from missions.models import Mission
from tests import factories
from tests.accounts.entrance import LOGIN, PASSWORD
from tests.conftest import StandIns
from tests.connections.conftest import new_tokens
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SAID = "Put the key it was written with back, behind the newest one"


@pytest.fixture
def connection(tester: User, stand_ins: StandIns, settings: LazySettings) -> Connection:
    """One that could be read, with a token to refresh, after its key was removed."""
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    made = factories.connection(tester, Source.STRAVA, expires_at=NOW, **new_tokens())
    factories.connection(tester, Source.OURA, access_token="oura-sandbox-test")
    TOTP.activate(tester, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    factories.ride(tester, TODAY)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    return made


def everything_kept() -> list[Any]:
    """Secrets as they are stored, and what is known of each connection and from it."""
    plain = ("state", "epoch", "external_id", "last_error", "last_success_at", "connected_at")
    return [
        *(list(place.rows()) for place in places()),
        list(Connection.objects.order_by("pk").values_list(*plain)),
        list(Ride.objects.values_list("pk")),
    ]


def open_page(path: str) -> Callable[[Connection], object]:
    def visit(connection: Connection) -> object:
        client = Client()
        client.force_login(connection.user)
        return client.get(path)

    return visit


def press(path: str) -> Callable[[Connection], object]:
    def visit(connection: Connection) -> object:
        client = Client()
        client.force_login(connection.user)
        return client.post(path)

    return visit


def sign_in(connection: Connection) -> object:
    client = Client()
    client.post(LOGIN, {"login": connection.user.email, "password": PASSWORD})
    return client.post("/auth/code", {"code": "000000"})


def delete_account(connection: Connection) -> object:
    deletion.ask(connection.user, None, NOW)
    return deletion.carry_out(connection.user_id, NOW)


BROKEN: dict[str, Callable[[Connection], object]] = {
    "the task that reads": lambda one: connection_tasks.sync(one.pk),
    "a reading under way": lambda one: sync.sync(one, NOW),
    "the refresh of a token": lambda one: sync.fresh_token(one, NOW),
    "a new token": lambda one: consent.keep_pasted_token(one.user, Oura(), "oura-sandbox-other"),
    "taking access back": consent.withdraw,
    "deleting the account": delete_account,
    "the page of sources": open_page("/connections"),
    "the button that disconnects": press("/connections/strava/disconnect"),
    "the button that reads": press("/connections/strava/sync"),
    "signing in with a code": sign_in,
}


@pytest.mark.parametrize("name", BROKEN)
def test_whoever_needs_the_key_names_it_and_overwrites_nothing(
    connection: Connection, settings: LazySettings, name: str
) -> None:
    before = everything_kept()

    with (
        time_machine.travel(NOW, tick=False),
        pytest.raises(WrongEncryptionKey, match=SAID) as caught,
    ):
        BROKEN[name](connection)

    assert everything_kept() == before
    assert connection.access_token not in str(caught.value)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    again = Connection.objects.get(pk=connection.pk)
    assert strava.refresh(again.refresh_token).access_token


def test_run_breaks_off_and_goes_on_when_the_key_is_back(
    connection: Connection, mission: Mission, settings: LazySettings
) -> None:
    before = everything_kept()
    arguments = (mission.owner_id, str(mission.pk), TODAY.isoformat())

    with time_machine.travel(NOW, tick=False), pytest.raises(WrongEncryptionKey, match=SAID):
        coach_tasks.run_mission_day(*arguments)
    run = MissionRun.objects.get()
    # It broke off, and is tried again later.
    assert (run.outcome, run.attempts, run.situation) == (MissionRun.Outcome.DUE, 1, None)
    assert everything_kept() == before
    assert not SyncAttempt.objects.exists()

    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    with time_machine.travel(NOW + 2 * MissionRun.LEASE, tick=False):
        coach_tasks.run_mission_day(*arguments)
    assert MissionRun.objects.get().outcome == MissionRun.Outcome.DECIDED
    assert set(Connection.objects.values_list("state", flat=True)) == {Connection.State.OK}


def test_page_that_needs_the_key_says_that_something_broke_and_shows_nothing(
    connection: Connection, settings: LazySettings
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(connection.user)
    settings.DEBUG = False

    answer = client.get("/connections")

    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
    assert "gAAAA" not in answer.content.decode()


def test_rows_of_a_key_that_is_lost_for_good_can_be_deleted(connection: Connection) -> None:
    """As docs/operating.md says: without opening them."""
    SyncAttempt.objects.create(connection=connection, started_at=NOW)
    rows = Connection.objects.filter(pk=connection.pk)

    rows.defer("access_token", "refresh_token").delete()

    assert not rows.exists()
    assert not SyncAttempt.objects.exists()
