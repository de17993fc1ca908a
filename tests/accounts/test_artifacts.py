import hashlib
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command

from accounts import artifacts
from accounts.models import Artifact, User
from tests import factories
from tests.factories import NOW
from tests.storage import BUCKET

pytestmark = pytest.mark.django_db

MISSION = UUID("3f2b8c1e-0000-4000-8000-000000000001")
REASONING = Artifact.Retention.REASONING
EXPORT = Artifact.Retention.EXPORT


def put(user: User, content: bytes, name: str = "run.json") -> Artifact:
    key = artifacts.key_for(user, MISSION, date(2026, 7, 4), name)
    return artifacts.put(user, key, content, REASONING)


def test_key_says_whose_mission_and_day_a_file_is_of(tester: User) -> None:
    key = artifacts.key_for(tester, MISSION, date(2026, 7, 4), "run.json")

    assert key == f"{tester.pk}/3f2b8c1e-0000-4000-8000-000000000001/2026-07-04/run.json"


@time_machine.travel(NOW, tick=False)
def test_put_keeps_the_file_and_a_row_that_describes_it(tester: User, media: Path) -> None:
    artifact = put(tester, b"what was asked")

    assert (media / artifact.key).read_bytes() == b"what was asked"
    assert Artifact.objects.values().get() == {
        "id": artifact.pk,
        "user_id": tester.pk,
        "key": f"{tester.pk}/{MISSION}/2026-07-04/run.json",
        "retention": "reasoning-log-180d",
        "size_bytes": 14,
        "sha256": hashlib.sha256(b"what was asked").hexdigest(),
        "created_at": NOW,
        "expires_at": datetime(2026, 12, 31, 5, 30, tzinfo=UTC),
    }
    assert artifacts.read(artifact) == b"what was asked"


def test_put_under_the_same_key_replaces_the_file_and_keeps_one_row(
    tester: User, media: Path
) -> None:
    with time_machine.travel(NOW, tick=False):
        first = put(tester, b"a long first version")
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        second = put(tester, b"short")

    assert [path.name for path in media.rglob("*") if path.is_file()] == ["run.json"]
    assert (Artifact.objects.get(), second.pk) == (second, first.pk)
    assert (second.size_bytes, second.expires_at) == (5, first.expires_at + timedelta(days=1))
    assert artifacts.read(second) == b"short"


def test_files_are_readable_by_nobody_else_on_the_machine(tester: User, media: Path) -> None:
    artifact = put(tester, b"what was asked")

    assert (media / artifact.key).stat().st_mode & 0o777 == 0o600


def test_files_of_two_testers_never_share_a_folder(
    tester: User, stranger: User, media: Path
) -> None:
    keys = [put(user, b"same").key for user in (tester, stranger)]

    assert [key.split("/")[0] for key in keys] == [str(tester.pk), str(stranger.pk)]
    assert Artifact.objects.count() == 2


def test_bucket_gets_the_object_with_its_retention_and_encryption(
    tester: User, bucket: Any
) -> None:
    artifact = put(tester, b"what was asked")

    head = bucket.head_object(Bucket=BUCKET, Key=artifact.key)
    tags = bucket.get_object_tagging(Bucket=BUCKET, Key=artifact.key)["TagSet"]
    assert tags == [{"Key": "retention", "Value": "reasoning-log-180d"}]
    assert (head["ServerSideEncryption"], head["ContentLength"]) == ("AES256", 14)
    assert artifacts.read(artifact) == b"what was asked"


def test_bucket_keeps_one_object_and_one_row_under_the_same_key(tester: User, bucket: Any) -> None:
    put(tester, b"a long first version", name="again.json")
    artifact = put(tester, b"short", name="again.json")

    listed = bucket.list_objects_v2(Bucket=BUCKET, Prefix=artifact.key)["Contents"]
    assert [(one["Key"], one["Size"]) for one in listed] == [(artifact.key, 5)]
    assert Artifact.objects.get() == artifact
    tags = bucket.get_object_tagging(Bucket=BUCKET, Key=artifact.key)["TagSet"]
    assert tags == [{"Key": "retention", "Value": "reasoning-log-180d"}]


def test_bucket_tags_an_export_with_its_own_retention(tester: User, bucket: Any) -> None:
    key = artifacts.export_key(tester, MISSION)

    artifact = artifacts.put_file(tester, key, ContentFile(b"zip"), EXPORT)

    tags = bucket.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    assert tags == [{"Key": "retention", "Value": "export-24h"}]
    assert key == f"{tester.pk}/exports/{MISSION}.zip"
    assert artifact.retention == EXPORT


def test_nothing_is_stored_for_an_account_that_is_gone(tester: User, media: Path) -> None:
    User.objects.filter(pk=tester.pk).delete()

    with pytest.raises(User.DoesNotExist):
        put(tester, b"too late")

    assert not media.exists()
    assert not Artifact.objects.exists()


def test_row_is_not_kept_when_the_storage_does_not_take_the_file(tester: User, media: Path) -> None:
    (media / str(tester.pk)).parent.mkdir(parents=True)
    (media / str(tester.pk)).write_text("a file where the folder should be")

    with pytest.raises(NotADirectoryError):
        put(tester, b"what was asked")

    assert not Artifact.objects.exists()


@pytest.mark.parametrize("storage", ["media", "bucket"])
def test_purge_deletes_expired_files_with_their_rows_and_leaves_the_rest(
    tester: User, storage: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(storage)
    with time_machine.travel(NOW, tick=False):
        old = [put(tester, b"old", name) for name in ("purged-a.json", "purged-b.json")]
    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        young = put(tester, b"young", "purge-young.json")

    assert artifacts.purge(NOW + timedelta(days=180)) == 2

    assert list(Artifact.objects.all()) == [young]
    assert [default_storage.exists(one.key) for one in (*old, young)] == [False, False, True]
    assert artifacts.purge(NOW + timedelta(days=180)) == 0


def test_purge_goes_on_in_batches(
    tester: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "BATCH", 2)
    for number in range(5):
        put(tester, b"old", f"{number}.json")
    Artifact.objects.update(expires_at=NOW)

    assert artifacts.purge(NOW) == 5


def test_purge_command_counts_first_and_deletes_when_told(tester: User, media: Path) -> None:
    artifact = put(tester, b"old")
    Artifact.objects.update(expires_at=NOW)
    said = io.StringIO()

    call_command("purge_artifacts", "--dry-run", stdout=said)
    assert default_storage.exists(artifact.key)
    call_command("purge_artifacts", stdout=said)

    assert said.getvalue().splitlines() == ["1 files would be deleted.", "1 files deleted."]
    assert not default_storage.exists(artifact.key)
    assert not Artifact.objects.exists()


@pytest.mark.parametrize("storage", ["media", "bucket"])
def test_deleting_all_of_an_account_leaves_no_object_and_no_stranger_s_file(
    tester: User, storage: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(storage)
    stranger = factories.tester(email="stranger@example.org")
    theirs = put(stranger, b"theirs")
    put(tester, b"with a row")
    default_storage.save(f"{tester.pk}/lost/row.json", ContentFile(b"without a row"))

    artifacts.delete_all_of(tester)
    artifacts.delete_all_of(tester)

    assert default_storage.exists(theirs.key)
    if storage == "media":
        assert not default_storage.exists(str(tester.pk))
    else:
        assert default_storage.listdir(str(tester.pk)) == ([], [])
