"""The copy of everything: complete, without secrets, made once, gone after a day."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from allauth.account.adapter import get_adapter
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from accounts import artifacts, belongings, exports
from accounts.export_words import WORDS
from accounts.models import Artifact, AuditEvent, DataExport, Invitation, User
from accounts.tasks import export, purge, sweep
from connections.fields import EncryptedTextField
from notifications.models import Notification
from tests import everything, factories
from tests.coach.samples import situation
from tests.connections.conftest import published
from tests.factories import NOW
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

__all__ = ["published"]
State = DataExport.State
DAY = timedelta(days=1)
SECRETS = ("argon2", "md5$", "first-secret", "second-secret", "shh", "key-")


@pytest.fixture(autouse=True)
def _uploads(tmp_path: Path, settings: LazySettings) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"


@pytest.fixture
def full(media: Path) -> User:
    user = factories.tester(email="full@example.org")
    everything.give_everything(user, access_token="first-secret", refresh_token="second-secret")
    DataExport.objects.all().delete()
    return user


def copy_of(user: User) -> zipfile.ZipFile:
    out = io.BytesIO()
    exports.write(user, out, NOW)
    return zipfile.ZipFile(out)


def rows_in(archive: zipfile.ZipFile) -> dict[str, list[dict[str, Any]]]:
    names = [name for name in archive.namelist() if name.endswith(".json") and "/" not in name]
    return {name.removesuffix(".json"): json.loads(archive.read(name)) for name in names}


# --- What is in it ---


def test_copy_has_every_row_of_every_model_that_can_be_the_tester_s(
    full: User, stranger: User
) -> None:
    everything.give_everything(stranger)

    told = rows_in(copy_of(full))

    expected = {
        rows.model._meta.label_lower: [str(pk) for pk in rows.values_list("pk", flat=True)]
        for rows in belongings.rows_of(full)
    }
    # A calendar has no number of its own: there is one to an account.
    pks = {
        name: [str(row.get("id") or row["user_id"]) for row in rows] for name, rows in told.items()
    }
    assert pks == expected
    assert [row["email"] for row in told["accounts.user"]] == ["full@example.org"]
    assert told["connections.ride"][0]["np_w"] == 160.0
    assert told["coach.missionrun"][0]["situation"] == situation().model_dump(mode="json")
    assert "stranger@example.org" not in json.dumps(told)


def test_copy_has_the_files_of_the_runs_and_no_earlier_copy(full: User) -> None:
    archive = copy_of(full)

    [run] = [name for name in archive.namelist() if name.startswith("files/")]
    assert run.endswith("/2026-07-04/run.json")
    assert archive.read(run) == b'{"asked": "how"}'


def test_copy_has_no_secret_and_says_so(full: User) -> None:
    archive = copy_of(full)

    told = "".join(archive.read(name).decode() for name in archive.namelist())
    assert [secret for secret in SECRETS if secret in told] == []
    readme = archive.read("README.txt").decode()
    assert "Left out: access_token, refresh_token." in readme
    assert "Left out: password." in readme
    assert "Left out: session_key." in readme


def test_every_encrypted_field_counts_as_a_secret() -> None:
    encrypted = [
        (model, field.name)
        for model in belongings.models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    ]

    assert len(encrypted) == 3
    assert all(belongings.is_secret(model, name) for model, name in encrypted)


def test_readme_tells_each_file_its_rows_and_what_they_are(full: User) -> None:
    archive = copy_of(full)

    readme = archive.read("README.txt").decode()
    assert readme.startswith("Everything Lanterne Rouge keeps of full@example.org\n")
    assert "connections.night.json (1 row)\n  Your nights of sleep, each under" in readme
    told = {name for name in rows_in(archive) if f"\n{name}.json (" in readme}
    assert told == rows_in(archive).keys() - {"accounts.dataexport"}
    assert "\nThe folder files/ holds" in readme


def test_readme_names_what_is_empty_in_one_line_and_no_files_where_there_are_none(
    tester: User,
) -> None:
    archive = copy_of(tester)

    readme = archive.read("README.txt").decode()
    empty = [f"{name}.json" for name, rows in rows_in(archive).items() if not rows]
    assert f"\nEmpty, because there is nothing of the kind: {', '.join(empty)}.\n" in readme
    assert "connections.ride.json" in empty
    assert "(0 rows)" not in readme
    assert "files/" not in readme


def test_every_model_of_a_copy_is_told_in_words_for_its_tester() -> None:
    assert {model._meta.label_lower for model in belongings.models()} == {*WORDS}
    assert [text for text in WORDS.values() if "`" in text or not text.endswith(".")] == []


def test_file_that_is_gone_from_the_storage_is_told_and_does_not_break_the_copy(
    full: User,
) -> None:
    key = full.artifacts.get(retention=Artifact.Retention.REASONING).key
    default_storage.delete(key)

    readme = copy_of(full).read("README.txt").decode()

    assert f"could not be found in the storage:\n  {key}\n" in readme


@pytest.mark.parametrize("rides", [1, 40])
def test_copy_of_many_rows_costs_no_more_queries(
    full: User, rides: int, django_assert_num_queries: Any
) -> None:
    # One for each model, one for the account, one for the addresses that were ever theirs.
    for _ in range(rides):
        factories.ride(full, NOW.date())

    with django_assert_num_queries(len(belongings.models()) + 2):
        copy_of(full)


# --- How it is made ---


def test_worker_keeps_the_copy_for_a_day_and_writes_to_its_owner(full: User) -> None:
    row = exports.ask(full, None, NOW)

    with time_machine.travel(NOW, tick=False):
        export(str(row.pk))

    row.refresh_from_db()
    assert (row.state, row.ready_at, row.expires_at) == (State.READY, NOW, NOW + DAY)
    kept = Artifact.objects.get(key=f"{full.pk}/exports/{row.pk}.zip")
    assert (kept.retention, kept.expires_at) == ("export-24h", NOW + DAY)
    assert kept.size_bytes == row.size_bytes
    assert "README.txt" in zipfile.ZipFile(io.BytesIO(artifacts.read(kept))).namelist()
    mail = Notification.objects.get(subject="Your data is ready")
    assert mail.recipients == ["full@example.org"]
    assert f"/settings/exports/{row.pk}\n" in mail.text
    assert "until 5 July 2026, 07:30 CEST" in mail.text
    assert full.audit_events.filter(kind=AuditEvent.Kind.EXPORTED).count() == 1


def test_asking_twice_makes_one_copy(
    full: User, published: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first, second = exports.ask(full, None, NOW), exports.ask(full, None, NOW)

    assert first == second
    assert published == [("accounts.export", [str(first.pk)])]


@pytest.mark.django_db(transaction=True)
def test_message_delivered_to_two_workers_makes_one_copy(full: User) -> None:
    row = exports.ask(full, None, NOW)

    at_once(*[lambda: exports.make(row.pk, NOW)] * 2)

    assert Notification.objects.filter(subject="Your data is ready").count() == 1
    assert DataExport.objects.get().attempts == 1


def test_copy_of_a_killed_worker_is_taken_up_when_its_lease_is_over(
    full: User, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = exports.ask(full, None, NOW)

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(exports, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            exports.make(row.pk, NOW)

    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        sweep()
        assert published == []
        export(str(row.pk))
        assert DataExport.objects.get().state == State.WAITING
    with time_machine.travel(NOW + timedelta(minutes=13), tick=False):
        sweep()
        assert published == [("accounts.export", [str(row.pk)])]
        export(str(row.pk))
    assert DataExport.objects.get().state == State.READY


def test_worker_that_was_too_slow_keeps_nothing(
    full: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, write = exports.ask(full, None, NOW), exports.write

    def slowly(*args: Any) -> None:
        write(*args)
        DataExport.objects.filter(pk=row.pk).update(attempts=2)

    monkeypatch.setattr(exports, "write", slowly)
    exports.make(row.pk, NOW)

    assert DataExport.objects.get().state == State.WAITING
    assert not Artifact.objects.filter(key__contains=str(row.pk)).exists()
    assert not Notification.objects.filter(subject="Your data is ready").exists()


def test_copy_that_broke_off_three_times_has_failed(full: User) -> None:
    row = exports.ask(full, None, NOW)
    DataExport.objects.update(attempts=3, lease_until=NOW - DAY)

    exports.make(row.pk, NOW)

    row.refresh_from_db()
    assert (row.state, row.lease_until) == (State.FAILED, None)
    again = exports.ask(full, None, NOW)
    assert (again.pk != row.pk, again.state) == (True, State.WAITING)


def test_nothing_is_made_for_a_tester_who_left_meanwhile(
    full: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, write = exports.ask(full, None, NOW), exports.write

    def meanwhile(*args: Any) -> None:
        write(*args)
        full.delete()

    monkeypatch.setattr(exports, "write", meanwhile)
    exports.make(row.pk, NOW)
    exports.make(row.pk, NOW)

    assert not default_storage.exists(f"{row.user_id}/exports/{row.pk}.zip")
    assert not Notification.objects.filter(subject="Your data is ready").exists()


def test_purge_of_the_night_takes_what_is_kept_no_longer(full: User, stranger: User) -> None:
    with time_machine.travel(NOW, tick=False):
        row = exports.ask(full, None, NOW)
        export(str(row.pk))
    AuditEvent.objects.create(user=full, kind="signed_in", at=NOW - timedelta(days=400))
    young = AuditEvent.objects.create(user=full, kind="signed_in", at=NOW - timedelta(days=398))

    with time_machine.travel(NOW + DAY, tick=False):
        purge()

    assert not DataExport.objects.exists()
    assert not default_storage.exists(f"{full.pk}/exports/{row.pk}.zip")
    assert not AuditEvent.objects.filter(at__lt=NOW - timedelta(days=399)).exists()
    assert AuditEvent.objects.filter(pk=young.pk).exists()
    assert full.artifacts.filter(retention=Artifact.Retention.REASONING).count() == 1


def test_purge_of_the_night_forgets_invitations_that_nobody_took(full: User) -> None:
    with time_machine.travel(NOW + timedelta(days=15), tick=False):
        purge()

    assert not Invitation.objects.exists()


# --- The command line ---


def test_command_writes_the_copy_for_an_operator_s_eyes_only(
    full: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("export_user", "Full@Example.org", "--to", str(tmp_path))

    path = Path(capsys.readouterr().out.strip())
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o600
    assert "accounts.user.json" in zipfile.ZipFile(path).namelist()
    assert full.audit_events.filter(kind=AuditEvent.Kind.EXPORTED).count() == 1


def test_command_says_what_is_wrong(full: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no account with the address"):
        call_command("export_user", "nobody@example.org")
    with pytest.raises(CommandError, match="no folder"):
        call_command("export_user", full.email, "--to", str(tmp_path / "nowhere"))


def test_large_file_is_copied_a_piece_at_a_time(
    full: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "COPIED_AT_ONCE", 10)
    key = artifacts.key_for(full, full.missions.get().pk, NOW.date(), "long.json")
    content = ContentFile(b"0123456789" * 10 + b"end")
    artifacts.put_file(full, key, content, Artifact.Retention.REASONING)

    archive = copy_of(full)

    [name] = [one for one in archive.namelist() if one.endswith("long.json")]
    assert archive.read(name) == b"0123456789" * 10 + b"end"


def test_link_of_a_mail_that_waits_is_not_in_the_copy(full: User) -> None:
    """It would open the account for whoever gets hold of the copy."""
    get_adapter().send_mail(
        "account/email/password_reset_key",
        full.email,
        {"user": full, "password_reset_url": "https://coach.example.org/auth/opens-the-door"},
    )

    archive = copy_of(full)

    assert all(b"opens-the-door" not in archive.read(name) for name in archive.namelist())
    mails = rows_in(archive)["notifications.notification"]
    assert [mail["text"] for mail in mails if mail["kind"] == "account"] == [None]
