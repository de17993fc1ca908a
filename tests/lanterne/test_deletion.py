"""What is left of a tester who leaves: nothing, wherever a worker dies on the way."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.conf import LazySettings
from django.core import mail
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.test import Client, RequestFactory
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts import belongings, deletion, tokens, tombstones
from accounts.models import AuditEvent, User
from accounts.tasks import delete, sweep
from coach.models import MissionRun
from coach.tasks import keep_artifacts
from connections import incoming
from connections.providers.http import ReconnectNeeded
from connections.providers.strava import client as strava
from connections.providers.strava.asking import Access
from notifications import outbox
from notifications.mail import Mail
from notifications.models import Notification
from tests import everything, factories
from tests.conftest import StandIns, signed_in
from tests.connections.conftest import Provider, Reply, new_tokens, provider, published
from tests.factories import NOW
from tests.threads import at_once

pytestmark = pytest.mark.django_db

__all__ = ["provider", "published"]
EMAIL = "leaver@example.org"


@pytest.fixture(params=["media", "bucket"])
def storage(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.fixture(autouse=True)
def _uploads(tmp_path: Path, settings: LazySettings) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def leaver(media: Path, stand_ins: StandIns) -> User:
    """With a row of everything, and tokens that the stand-in for Strava really gave."""
    user = factories.tester(email=EMAIL)
    everything.give_everything(user, **new_tokens())
    return user


def receipts() -> list[Notification]:
    return list(Notification.objects.filter(subject="Your account is deleted"))


def left_of(user_id: int) -> list[str]:
    models: list[type[Model]] = list(apps.get_models(include_auto_created=True))
    return [one for model in models for one in everything.mentions(model, user_id, EMAIL)]


def send_what_is_due() -> None:
    for pk in Notification.objects.due(timezone.now()).values_list("pk", flat=True):
        outbox.send(pk, timezone.now())


def test_this_test_gives_a_tester_a_row_of_every_model_that_can_be_theirs(leaver: User) -> None:
    empty = [rows.model._meta.label for rows in belongings.rows_of(leaver) if not rows.exists()]

    assert empty == []
    assert len(belongings.models()) > 20


def test_nothing_is_left_of_a_tester_who_leaves(
    storage: str, stand_ins: StandIns, stranger: User
) -> None:
    user = factories.tester(email=EMAIL)
    browser = signed_in(user)
    of_others = len(incoming.stored())
    everything.give_everything(user, **new_tokens())
    connection = user.connections.get()
    pair = tokens.issue(user, RequestFactory().get("/"), NOW)
    everything.give_everything(stranger)
    strangers = {rows.model: rows.count() for rows in belongings.rows_of(stranger)}
    assert left_of(user.pk)
    assert len(incoming.stored()) == of_others + 4

    deletion.ask(user, None, NOW)
    assert deletion.carry_out(user.pk, NOW)

    [receipt] = receipts()
    assert receipt.recipients == [EMAIL]
    table = "notifications.notification"
    assert left_of(user.pk) == [
        f"{table}.{field} of {receipt.pk}" for field in ("recipients", "text", "html")
    ]
    send_what_is_due()
    assert left_of(user.pk) == []
    assert [one.subject for one in mail.outbox if EMAIL in one.to] == ["Your account is deleted"]
    if storage == "media":
        assert not default_storage.exists(str(user.pk))
    else:
        assert default_storage.listdir(str(user.pk)) == ([], [])
    assert len(incoming.stored()) == of_others + 2
    with pytest.raises(ReconnectNeeded):
        strava.refresh(connection.refresh_token)
    with pytest.raises(ReconnectNeeded):
        list(strava.rides_since(Access(connection.access_token), NOW))
    with pytest.raises(tokens.NotGood):
        tokens.holder(pair.access, NOW)
    with pytest.raises(tokens.NotGood):
        tokens.refresh(pair.refresh, RequestFactory().get("/"), NOW)
    assert browser.get("/connections").status_code == 302
    assert {rows.model: rows.count() for rows in belongings.rows_of(stranger)} == strangers


def test_what_stays_is_that_an_account_was_deleted(leaver: User) -> None:
    deletion.ask(leaver, None, NOW)
    deletion.carry_out(leaver.pk, NOW)

    event = AuditEvent.objects.get(kind=AuditEvent.Kind.DELETED)
    assert (event.user, event.actor, event.at) == (None, None, NOW)
    assert (event.address, event.device, event.details) == (None, "", {})


def test_alert_to_several_operators_still_reaches_the_others(leaver: User) -> None:
    deletion.ask(leaver, None, NOW)
    deletion.carry_out(leaver.pk, NOW)

    assert Notification.objects.get(dedupe_key=f"alert:{leaver.pk}").recipients == [
        "ops@example.org"
    ]


def test_delivered_twice_writes_one_receipt(leaver: User) -> None:
    deletion.ask(leaver, None, NOW)

    delete(leaver.pk)
    delete(leaver.pk)

    assert len(receipts()) == 1
    assert AuditEvent.objects.filter(kind=AuditEvent.Kind.DELETED).count() == 1


def test_worker_that_comes_late_leaves_the_receipt(leaver: User) -> None:
    deletion.ask(leaver, None, NOW)
    late = User.objects.get(pk=leaver.pk)
    delete(leaver.pk)

    for step in STEPS:
        import_string(step)(late, NOW)
    deletion.finish(late)

    assert len(receipts()) == 1


@pytest.mark.django_db
def test_receipt_comes_also_where_somebody_had_the_number_before(media: Path) -> None:
    user = factories.tester(email=EMAIL)
    tombstones.leave(user.pk, NOW - timedelta(days=1))
    deletion.ask(user, None, NOW)
    User.objects.filter(pk=user.pk).update(date_joined=NOW - timedelta(hours=1))

    delete(user.pk)

    assert len(receipts()) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_write_one_receipt() -> None:
    user = factories.tester(email=EMAIL)
    deletion.ask(user, None, NOW)

    at_once(lambda: delete(user.pk), lambda: delete(user.pk))

    assert len(receipts()) == 1
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("media")
def test_artifact_written_while_the_account_goes_is_not_left_behind() -> None:
    user = factories.tester(email=EMAIL)
    run = MissionRun.objects.create(
        mission=factories.mission(user),
        local_date=NOW.date(),
        trigger=MissionRun.Trigger.SCHEDULE,
        outcome=MissionRun.Outcome.FAILED,
        finished_at=NOW,
    )
    deletion.ask(user, None, NOW)

    at_once(lambda: keep_artifacts(str(run.pk)), lambda: delete(user.pk))

    assert not User.objects.exists()
    assert not default_storage.exists(str(user.pk))


def test_account_that_nobody_asked_to_delete_stays(leaver: User) -> None:
    delete(leaver.pk)

    assert User.objects.filter(pk=leaver.pk, is_active=True).exists()
    assert leaver.missions.exists()


STEPS = [
    "missions.schedule.stop_for",
    "connections.apple_uploads.remove_files_of",
    "connections.ride_files.remove_files_of",
    "notifications.outbox.forget",
    "connections.consent.withdraw_everywhere",
]
TAIL = [
    "accounts.artifacts.delete_all_of",
    "accounts.deletion._forget_beside",
    "notifications.outbox.enqueue",
]


def test_steps_are_those_of_the_settings(settings: LazySettings) -> None:
    assert list(settings.ACCOUNT_DELETION_STEPS) == STEPS
    assert all(callable(import_string(step)) for step in STEPS)


@pytest.mark.parametrize("is_taken_before", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("step", STEPS + TAIL)
def test_worker_killed_at_any_step_leaves_the_rest_to_the_next_one(
    leaver: User, step: str, is_taken_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = import_string(step)

    def dies(*args: Any, **options: Any) -> None:
        if is_taken_before:
            real(*args, **options)
        raise KeyboardInterrupt

    deletion.ask(leaver, None, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(step, dies)
        with pytest.raises(KeyboardInterrupt):
            delete(leaver.pk)
    assert receipts() == []
    assert User.objects.filter(pk=leaver.pk, is_active=False).exists()

    delete(leaver.pk)

    assert len(receipts()) == 1
    send_what_is_due()
    assert left_of(leaver.pk) == []


def test_mail_on_its_way_while_the_account_goes_leaves_no_row(
    tester: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = outbox.enqueue(
        Notification.Kind.BRIEF,
        Mail("Easy today", "Ride easy.", ""),
        dedupe_key="brief",
        recipients=[tester.email],
        user=tester,
    )
    monkeypatch.setattr(outbox, "hand_over", lambda _: tester.delete())

    outbox.send(row.pk, NOW)

    assert not Notification.objects.exists()


# --- A provider that cannot be reached ---


@pytest.fixture
def strava_is_away(leaver: User, provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(Reply(status=503))
    return provider


def test_provider_out_of_reach_is_tried_again_and_nothing_is_forgotten_before(
    leaver: User, strava_is_away: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    deletion.ask(leaver, None, NOW)

    assert not deletion.carry_out(leaver.pk, NOW + timedelta(hours=23))

    assert leaver.connections.get().refresh_token
    assert receipts() == []
    assert EMAIL not in caplog.text
    strava_is_away.answers(Reply(b"{}"))
    assert deletion.carry_out(leaver.pk, NOW + timedelta(hours=23, minutes=5))
    assert len(receipts()) == 1


def test_after_a_day_the_tokens_go_all_the_same_and_the_operators_are_told(
    leaver: User, strava_is_away: Provider
) -> None:
    deletion.ask(leaver, None, NOW)

    assert deletion.carry_out(leaver.pk, NOW + timedelta(hours=24))

    [alert] = Notification.objects.filter(subject__startswith="Lanterne Rouge alert: Strava")
    assert alert.recipients == ["ops@example.org"]
    assert EMAIL not in alert.text + alert.html
    assert not User.objects.filter(pk=leaver.pk).exists()


def test_sweep_comes_back_to_accounts_and_exports_that_wait(
    leaver: User, stranger: User, published: list[tuple[str, list[Any]]]
) -> None:
    deletion.ask(leaver, None, NOW)

    sweep()

    assert published == [("accounts.delete", [leaver.pk])]


# --- The door is closed at once ---


def test_account_is_closed_the_moment_it_is_asked_for(leaver: User) -> None:
    browser, now = signed_in(leaver), timezone.now()
    pair = tokens.issue(leaver, RequestFactory().get("/"), now)

    assert deletion.ask(leaver, None, now)
    assert not deletion.ask(leaver, None, now)

    assert browser.get("/connections").status_code == 302
    with pytest.raises(tokens.NotGood):
        tokens.holder(pair.access, now)
    kinds = leaver.audit_events.filter(kind=AuditEvent.Kind.DELETION_ASKED)
    assert kinds.count() == 1
    answer = Client().post(
        "/auth/login", {"login": EMAIL, "password": "correct horse battery"}, follow=True
    )
    assert not answer.wsgi_request.user.is_authenticated


# --- The command line ---


def test_command_counts_first_and_deletes_when_told(
    leaver: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("delete_user", EMAIL.upper(), "--dry-run")
    counted = capsys.readouterr().out.splitlines()
    assert "missions.mission: 1" in counted
    assert User.objects.filter(pk=leaver.pk, is_active=True).exists()

    call_command("delete_user", EMAIL)

    assert capsys.readouterr().out == f"{EMAIL} is deleted.\n"
    assert not User.objects.filter(pk=leaver.pk).exists()
    with pytest.raises(CommandError, match="no account with the address"):
        call_command("delete_user", EMAIL)


def test_command_says_when_a_source_has_to_be_tried_again(
    leaver: User, strava_is_away: Provider
) -> None:
    with pytest.raises(CommandError, match="could not be reached"):
        call_command("delete_user", EMAIL)

    assert User.objects.filter(pk=leaver.pk, is_active=False).exists()
