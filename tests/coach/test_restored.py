"""A database that came back from a backup: what was done since is not done a second time."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command

from accounts import artifacts, deletion, tombstones
from accounts.models import Artifact, AuditEvent, User
from coach import again, daily_run, mornings, record, restored
from coach.models import Incident, MissionRun, ModelCall, Reflection, TokenUse
from coach.restored import Told
from connections.models import Connection, Turn
from missions.models import Mission
from notifications import outbox
from notifications.mail import Mail
from notifications.models import Notification
from tests import factories
from tests.conftest import StandIns
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db

SLOT = NOW - timedelta(hours=1, minutes=30)  # 06:00 in Paris
BACKUP = SLOT - timedelta(hours=4)
LOST = NOW + timedelta(hours=1)
BACK = LOST + timedelta(minutes=30)
YESTERDAY = TODAY - timedelta(days=1)
MAIL = Mail(subject="Today", text="https://example.org/link", html="<a>link</a>")
IN_DOUBT = (
    "mails may have been sent since the backup: their outcome is unknown, they are not sent again."
)

# What a row has that its file does not say.
ITS_OWN = (
    *("id", "opened_at", "finished_at", "trigger", "due_at", "start_at", "publish_at"),
    *("give_up_at", "wait_until", "published", "fence", "attempts", "file_attempts"),
    *("artifacts_at", "setbacks"),
)


@pytest.fixture
def due(tester: User, media: Path) -> Mission:
    """A mission whose morning was still to come when the backup was made."""
    return factories.mission(tester, next_run_at=SLOT)


def coach(mission: Mission, day: date = TODAY) -> MissionRun:
    with time_machine.travel(NOW, tick=False):
        run = daily_run.run_day(daily_run.open_run(mission, day, MissionRun.Trigger.SCHEDULE))
        record.keep_artifacts(run.pk)
    run.refresh_from_db()
    return run


def restore(mission: Mission) -> None:
    """The database as it was before that morning; the storage as it is."""
    Reflection.objects.all().delete()
    MissionRun.objects.all().delete()
    TokenUse.objects.all().delete()
    Artifact.objects.all().delete()
    Notification.objects.all().delete()
    Mission.objects.filter(pk=mission.pk).update(next_run_at=SLOT)


def put_right() -> Told:
    with time_machine.travel(BACK, tick=False):
        return restored.put_right(LOST, BACK)


def runs() -> list[tuple[Any, ...]]:
    return list(MissionRun.objects.order_by("local_date").values_list("local_date", "outcome"))


def mails(**conditions: Any) -> list[tuple[str, str]]:
    found = Notification.objects.filter(**conditions).order_by("pk")
    return list(found.values_list("kind", "state"))


def values_of(rows: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in rows.values()]


def without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


# --- Runs ----------------------------------------------------------------------------------------


def test_run_with_a_file_is_put_back_as_it_was_and_nobody_is_mailed(
    due: Mission, stand_ins: StandIns
) -> None:
    coach(due)
    (before,) = values_of(MissionRun.objects)
    calls = values_of(ModelCall.objects)
    tokens = set(TokenUse.objects.values_list("owner", "tokens"))
    restore(due)

    assert put_right() == Told(runs_put_back=1, files_adopted=1)

    (after,) = values_of(MissionRun.objects)
    assert without(after, ITS_OWN) == without(before, ITS_OWN)
    assert (after["due_at"], after["finished_at"].replace(microsecond=0)) == (SLOT, NOW)
    assert [without(call, ("id", "run_id")) for call in values_of(ModelCall.objects)] == [
        without(call, ("id", "run_id")) for call in calls
    ]
    assert set(TokenUse.objects.values_list("owner", "tokens")) == tokens
    assert mails() == [("alert", "pending")]
    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)


def test_failed_run_is_put_back_with_its_incident_and_no_further_alert(
    due: Mission, stand_ins: StandIns
) -> None:
    stand_ins.mode("openai", "malformed")
    run = coach(due)
    assert run.outcome == "failed"
    incidents = list(Incident.objects.values_list("kind", "detail"))
    restore(due)

    assert put_right() == Told(runs_put_back=1, files_adopted=1)

    assert runs() == [(TODAY, "failed")]
    assert list(Incident.objects.values_list("kind", "detail")) == incidents
    assert mails() == [("alert", "pending")]
    assert Notification.objects.get().subject.endswith("the database was restored from a backup")


def test_run_that_was_in_hand_at_the_backup_is_put_back_in_its_own_row(
    due: Mission, stand_ins: StandIns
) -> None:
    coach(due)
    restore(due)
    row = MissionRun.objects.create(
        mission=due,
        local_date=TODAY,
        trigger="tester",
        outcome="under_way",
        lease_until=SLOT,
        fence=3,
        opened_at=SLOT,
        start_at=SLOT,
    )

    assert put_right().runs_put_back == 1

    after = MissionRun.objects.get()
    assert (after.pk, after.trigger, after.outcome) == (row.pk, "tester", "decided")
    assert after.lease_until is None


def test_day_that_was_asked_for_again_is_put_back_with_its_last_word(
    due: Mission, stand_ins: StandIns
) -> None:
    first = coach(due)
    with time_machine.travel(NOW, tick=False):
        again.ask_again(first, NOW, again.Why.CHECK_IN)
    second = coach(due)
    restore(due)

    assert put_right() == Told(runs_put_back=1, files_adopted=2)

    run = MissionRun.objects.get()
    assert (run.asked, run.decision, run.calls.count()) == (2, second.decision, 2)
    (earlier,) = again.earlier(run)
    assert (earlier["asked"], earlier["summary"]) == (1, first.summary)
    assert earlier["finished_at"].replace(microsecond=0) == NOW


def test_day_asked_again_since_the_backup_keeps_what_the_backup_knew(
    due: Mission, stand_ins: StandIns
) -> None:
    first = coach(due)
    with time_machine.travel(NOW, tick=False):
        again.ask_again(first, NOW, again.Why.CHECK_IN)
    coach(due)
    Artifact.objects.filter(key__endswith="run-2.json").delete()
    ModelCall.objects.filter(attempt__gt=1).delete()
    MissionRun.objects.update(asked=1, superseded=[], summary="As it was")
    Notification.objects.all().delete()

    assert put_right() == Told(runs_put_back=1, files_adopted=1)

    run = MissionRun.objects.get()
    assert (run.asked, run.calls.count()) == (2, 2)
    assert [one["summary"] for one in run.superseded] == ["As it was"]


def test_file_of_a_run_that_the_backup_has_finished_changes_nothing_of_it(
    due: Mission, stand_ins: StandIns
) -> None:
    coach(due)
    Mission.objects.update(next_run_at=SLOT + timedelta(days=1))
    Artifact.objects.all().delete()
    before = MissionRun.objects.values().get()

    assert put_right() == Told(files_adopted=1, mails_in_doubt=1)

    assert MissionRun.objects.values().get() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b'{"outcome": "decided"}', b"\xff", b'{"outcome": "due", "decision": null}'],
)
def test_file_that_cannot_be_read_leaves_its_morning_missed(due: Mission, content: bytes) -> None:
    key = artifacts.key_for(due.owner, due.pk, TODAY, "run.json")
    default_storage.save(key, ContentFile(content))

    assert put_right() == Told(runs_missed=1, files_unreadable=1, files_adopted=1)
    assert runs() == [(TODAY, "missed")]


def test_morning_without_a_file_is_missed_and_the_next_one_comes(due: Mission) -> None:
    assert put_right() == Told(runs_missed=1)

    run = MissionRun.objects.get()
    assert (run.local_date, run.outcome, run.due_at) == (TODAY, "missed", SLOT)
    assert list(Incident.objects.values_list("run", "kind")) == [(run.pk, "missed")]
    due.refresh_from_db()
    assert due.next_run_at == SLOT + timedelta(days=1)
    assert mornings.open_due("Europe/Paris", BACK) == 0
    mornings.open_due("Europe/Paris", SLOT + timedelta(days=1))
    assert runs() == [(TODAY, "missed"), (TODAY + timedelta(days=1), "due")]


def test_missed_day_can_be_asked_for_again_and_is_mailed(due: Mission, stand_ins: StandIns) -> None:
    put_right()
    with time_machine.travel(BACK, tick=False):
        run = again.ask_again(MissionRun.objects.get(), BACK, again.Why.CHECK_IN)
        daily_run.run_day(run)

    assert runs() == [(TODAY, "decided")]
    assert mails(kind="brief") == [("brief", "pending")]


def test_every_day_of_a_long_gap_is_missed_until_the_event_is_over(due: Mission) -> None:
    Mission.objects.update(
        next_run_at=SLOT - timedelta(days=3), event_start=YESTERDAY, event_end=YESTERDAY
    )

    assert put_right() == Told(runs_missed=3)
    assert [day for day, _ in runs()] == [TODAY - timedelta(days=n) for n in (3, 2, 1)]


def test_morning_after_the_loss_is_caught_up_as_usual(due: Mission) -> None:
    Mission.objects.update(next_run_at=LOST + timedelta(minutes=1))

    assert put_right() == Told()

    assert Mission.objects.get().next_run_at == LOST + timedelta(minutes=1)
    assert (runs(), mails()) == ([], [])


@pytest.mark.parametrize("fields", [{"health_consent_at": None}, {"is_active": False}])
def test_nothing_is_recorded_of_whom_nobody_coaches(due: Mission, fields: dict[str, Any]) -> None:
    User.objects.update(**fields)

    assert put_right() == Told()
    assert runs() == []
    assert Mission.objects.get().next_run_at == SLOT + timedelta(days=1)


def test_run_that_was_open_is_missed_and_one_that_waits_for_later_waits_on(due: Mission) -> None:
    common = {"mission": due, "trigger": "schedule", "opened_at": SLOT}
    MissionRun.objects.create(**common, local_date=YESTERDAY, start_at=SLOT, published=3)
    waiting = MissionRun.objects.create(
        **common,
        local_date=TODAY,
        start_at=LOST + timedelta(minutes=5),
        published=3,
        lease_until=BACK + timedelta(minutes=1),
    )

    assert put_right() == Told(runs_missed=1)

    assert runs() == [(YESTERDAY, "missed"), (TODAY, "due")]
    waiting.refresh_from_db()
    assert (waiting.published, waiting.lease_until) == (0, None)


def test_nobody_holds_a_connection_or_a_turn_any_more(due: Mission, tester: User) -> None:
    factories.connection(tester, reading_until=BACK)
    Turn.objects.create(of="model", number=1, held_until=BACK, holder="a worker")

    put_right()

    assert Connection.objects.get().reading_until is None
    assert list(Turn.objects.values_list("held_until", "holder")) == [(None, "")]


# --- Mails ---------------------------------------------------------------------------------------


def mail(kind: str, key: str, user: User | None, **fields: Any) -> Notification:
    made = outbox.enqueue(
        Notification.Kind(kind), MAIL, dedupe_key=key, recipients=["a@example.org"], user=user
    )
    Notification.objects.filter(pk=made.pk).update(
        **{"created_at": BACKUP, "next_attempt_at": BACKUP, **fields}
    )
    return made


def test_mail_that_may_have_left_is_never_sent_again(tester: User, media: Path) -> None:
    waiting = mail("brief", "waiting", tester)
    sending = mail("brief", "sending", tester, state="sending", claimed_at=BACKUP)
    mail("brief", "sent", tester, state="sent")

    assert put_right() == Told(mails_in_doubt=2)

    assert mails(kind="brief") == [("brief", "unknown"), ("brief", "unknown"), ("brief", "sent")]
    for one in (waiting, sending):
        outbox.send(one.pk, BACK)
    outbox.sweep(BACK + timedelta(hours=1))
    assert mails(kind="brief") == [("brief", "unknown"), ("brief", "unknown"), ("brief", "sent")]


def test_operators_are_told_once_with_the_numbers(
    tester: User, media: Path, settings: LazySettings
) -> None:
    mail("brief", "one", tester)
    mail("brief", "two", tester)

    put_right()
    put_right()

    alert = Notification.objects.get(kind="alert")
    assert alert.text == (
        "It was lost at 2026-07-04 06:30 UTC. Since the backup:\n\n"
        f"2 {IN_DOUBT}\n\n"
        f"{settings.SITE_URL}/admin/notifications/notification/?state__exact=unknown\n"
    )


def test_links_of_account_mails_are_dropped(tester: User, media: Path) -> None:
    mail("account", "of a tester", tester)
    mail("account", "of nobody", None)

    assert put_right() == Told(links_dropped=2)

    of_accounts = Notification.objects.filter(kind="account")
    assert list(of_accounts.values_list("dedupe_key", "state", "text", "html")) == [
        ("of a tester", "unknown", "", "")
    ]


def test_mail_written_after_the_loss_is_sent_as_usual(tester: User, media: Path) -> None:
    mail("brief", "new", tester, created_at=BACK)

    assert put_right() == Told()
    assert mails() == [("brief", "pending")]


# --- Accounts and files --------------------------------------------------------------------------


def test_account_deleted_since_the_backup_is_deleted_again_without_a_second_receipt(
    due: Mission, tester: User, stranger: User
) -> None:
    tombstones.leave(tester.pk, BACKUP)
    User.objects.update(date_joined=BACKUP - timedelta(days=9))
    mail("brief", "theirs", tester)

    assert put_right() == Told(deleted_again=1)

    assert list(User.objects.all()) == [stranger]
    assert (runs(), mails()) == ([], [("alert", "pending")])
    assert AuditEvent.objects.filter(kind="deleted").count() == 1


def test_deleted_account_leaves_a_tombstone_of_nothing_but_its_number_and_moment(
    tester: User, media: Path
) -> None:
    number = tester.pk
    with time_machine.travel(NOW, tick=False):
        deletion.ask(tester, None, NOW)
        assert deletion.carry_out(number, NOW)

    assert [path.relative_to(media) for path in media.rglob("*") if path.is_file()] == [
        Path(f"deleted/{number}")
    ]
    assert (media / f"deleted/{number}").read_text() == NOW.isoformat()
    assert mails() == [("account", "pending")]
    assert tombstones.purge(NOW + timedelta(days=35)) == 0
    assert tombstones.purge(NOW + timedelta(days=35, seconds=1)) == 1
    assert list(tombstones.every()) == []


def test_tombstone_in_a_bucket_has_its_own_retention(bucket: Any) -> None:
    tombstones.leave(7, NOW)

    tags = bucket.get_object_tagging(Bucket="lanterne-artifacts", Key="deleted/7")["TagSet"]
    assert tags == [{"Key": "retention", "Value": "deleted-35d"}]
    assert [stone.moments for stone in tombstones.every()] == [(NOW,)]


def test_whoever_was_given_the_number_of_a_deleted_account_stays(tester: User, media: Path) -> None:
    tombstones.leave(tester.pk, BACKUP)
    User.objects.update(date_joined=NOW)

    assert put_right() == Told()
    assert User.objects.get() == tester


def test_number_under_which_files_lie_is_never_given_again(tester: User, media: Path) -> None:
    lost = tester.pk + 40
    default_storage.save(f"{lost}/exports/all.zip", ContentFile(b"of an account that is gone"))

    assert put_right() == Told(files_of_nobody=1)
    assert factories.tester("new@example.org").pk > lost


def test_other_files_get_their_row_back_and_go_with_their_age(tester: User, media: Path) -> None:
    key = f"{tester.pk}/exports/all.zip"
    default_storage.save(key, ContentFile(b"everything"))
    written_at = default_storage.get_modified_time(key)

    assert put_right() == Told(files_adopted=1)

    row = Artifact.objects.get()
    assert (row.key, row.user, row.retention, row.size_bytes) == (key, tester, "export-24h", 10)
    assert row.expires_at == written_at + timedelta(hours=24)


def test_files_in_a_bucket_are_found_as_those_in_a_folder(tester: User, bucket: Any) -> None:
    key = f"{tester.pk}/exports/in-a-bucket.zip"
    default_storage.save(key, ContentFile(b"everything"))

    assert [found for found, _ in artifacts.without_row()] == [key]
    artifacts.adopt(key, tester, NOW)
    assert list(artifacts.without_row()) == []
    default_storage.delete(key)


# --- The command ---------------------------------------------------------------------------------


def everything() -> list[list[dict[str, Any]]]:
    models: tuple[Any, ...] = (
        User,
        Artifact,
        MissionRun,
        ModelCall,
        Incident,
        Notification,
        Mission,
        TokenUse,
    )
    return [values_of(model.objects.order_by("pk")) for model in models]


def test_second_time_changes_nothing_more(
    due: Mission, tester: User, stranger: User, stand_ins: StandIns
) -> None:
    coach(due)
    restore(due)
    tombstones.leave(stranger.pk, NOW + timedelta(days=9999))
    factories.mission(factories.tester("third@example.org"), next_run_at=SLOT)
    mail("brief", "waiting", tester)
    assert put_right() == Told(
        mails_in_doubt=1, runs_put_back=1, runs_missed=1, deleted_again=1, files_adopted=1
    )
    before = everything()

    assert put_right() == Told()
    assert everything() == before


def test_dry_run_says_what_would_be_done_and_does_nothing(
    due: Mission, tester: User, stranger: User, capsys: pytest.CaptureFixture[str]
) -> None:
    tombstones.leave(stranger.pk, NOW + timedelta(days=9999))
    mail("brief", "waiting", tester)
    before = everything()

    with time_machine.travel(BACK, tick=False):
        call_command("after_restore", "--lost-at", "2026-07-04T06:30", "--dry-run")

    assert everything() == before
    assert capsys.readouterr().out.splitlines() == [
        f"1 {IN_DOUBT}",
        "1 mornings may have been briefed and have no file: recorded as missed.",
        "1 accounts that had been deleted since the backup were deleted again.",
        "Nothing was changed (--dry-run).",
    ]


@pytest.mark.parametrize("moment", ["yesterday", "2099-01-01T00:00+00:00"])
def test_command_refuses_a_moment_that_is_none_or_still_to_come(
    db: None, media: Path, moment: str
) -> None:
    with pytest.raises(CommandError, match=r"A moment looks like|still to come"):
        call_command("after_restore", "--lost-at", moment)


def test_command_says_when_the_storage_is_away(
    tester: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> None:
        raise OSError

    monkeypatch.setattr(storages["default"], "listdir", away)
    with pytest.raises(CommandError, match="does not answer"):
        call_command("after_restore", "--lost-at", "2026-07-04T06:30")
