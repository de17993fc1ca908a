from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from connections.models import AppleHealthUpload
from connections.sources import Source
from tests import factories
from tests.connections.conftest import Provider, Reply
from tests.connections.test_apple_uploads import steps, xml

pytestmark = pytest.mark.usefixtures("_upload_folder")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.xml"
    path.write_bytes(xml(steps(500), steps(600, "2026-06-29")))
    return path


@pytest.fixture
def strava_says(provider: Provider, settings: LazySettings) -> Provider:
    settings.STRAVA_API_URL = settings.STRAVA_OAUTH_URL = provider.url
    provider.answers(b"[]")
    return provider


def test_import_reads_a_file_here_and_now(
    tester: User, export: Path, capsys: pytest.CaptureFixture[str], settings: LazySettings
) -> None:
    call_command("import_apple_health", str(export), "--user", "Tester@Example.org")

    assert capsys.readouterr().out == "2 days: 0 nights, 2 samples, 0 rides\n"
    assert sorted(tester.samples.values_list("value", flat=True)) == [500, 600]
    upload = tester.apple_uploads.get()
    assert (upload.file_name, upload.status) == ("export.xml", AppleHealthUpload.Status.DONE)
    assert export.exists()
    assert list(Path(settings.UPLOAD_DIR).iterdir()) == []


def test_import_of_no_export_says_what_is_wrong(tester: User, tmp_path: Path) -> None:
    wrong = tmp_path / "holiday.jpg"
    wrong.write_bytes(b"\xff\xd8\xff\xe0")

    with pytest.raises(CommandError, match="not an Apple Health export"):
        call_command("import_apple_health", str(wrong), "--user", tester.email)
    assert not tester.samples.exists()


def test_import_for_nobody_is_refused(tester: User, export: Path) -> None:
    with pytest.raises(CommandError, match=r"no account with the address who@example\.org"):
        call_command("import_apple_health", str(export), "--user", "who@example.org")
    assert not AppleHealthUpload.objects.exists()


def test_import_of_a_file_that_is_not_there_is_refused(tester: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no file .*gone\.zip"):
        call_command("import_apple_health", str(tmp_path / "gone.zip"), "--user", tester.email)


def test_import_onto_a_full_disk_is_refused(
    tester: User, export: Path, settings: LazySettings
) -> None:
    settings.UPLOAD_DIR = export / "no folder"

    with pytest.raises(CommandError, match="could not be stored on our side"):
        call_command("import_apple_health", str(export), "--user", tester.email)


def test_import_that_a_worker_took_over_is_not_called_done(
    tester: User, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = AppleHealthUpload.claim

    def too_late(upload: AppleHealthUpload, now: object) -> bool:
        assert claim(AppleHealthUpload.objects.get(pk=upload.pk), timezone.now())
        return claim(upload, timezone.now())

    monkeypatch.setattr(AppleHealthUpload, "claim", too_late)

    with pytest.raises(CommandError, match="A worker took the file over"):
        call_command("import_apple_health", str(export), "--user", tester.email)


def test_sync_reads_every_connection(
    tester: User, stranger: User, strava_says: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    connections = [factories.connection(user) for user in (tester, stranger)]

    call_command("sync_connections")

    assert capsys.readouterr().out == (
        f"Strava of {tester.pk}: read\nStrava of {stranger.pk}: read\n"
    )
    assert [connection.attempts.count() for connection in connections] == [1, 1]


def test_sync_reads_one_tester_s(
    tester: User, stranger: User, strava_says: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, theirs = factories.connection(tester), factories.connection(stranger)

    call_command("sync_connections", "--user", str(tester.pk))

    assert capsys.readouterr().out == f"Strava of {tester.pk}: read\n"
    assert (mine.attempts.count(), theirs.attempts.count()) == (1, 0)


def test_sync_reads_the_rest_when_one_fails_and_says_so(
    tester: User,
    strava_says: Provider,
    settings: LazySettings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.OURA_API_URL = strava_says.url
    factories.connection(tester, Source.OURA)
    factories.connection(tester, Source.STRAVA)
    strava_says.answers(Reply(status=500), b"[]")

    with pytest.raises(CommandError, match=r"^Not every connection could be read\.$"):
        call_command("sync_connections")

    assert capsys.readouterr().out == (
        f"Oura of {tester.pk}: Oura has trouble of its own just now.\nStrava of {tester.pk}: read\n"
    )
