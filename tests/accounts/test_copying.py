from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from accounts import artifacts, copying, tombstones
from accounts.copying import Copied
from accounts.models import Artifact, User
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["media", "bucket"])
def storage(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def put(user: User, name: str, content: bytes) -> str:
    key = f"{user.pk}/{name}"
    artifacts.put(user, key, content, Artifact.Retention.REASONING)
    return key


def test_files_are_copied_and_come_back_as_they_were(
    storage: Any, tester: User, tmp_path: Path
) -> None:
    keys = {put(tester, f"copied/{n}.json", b"asked %d" % n): b"asked %d" % n for n in range(3)}
    tombstones.leave(999_999, NOW)

    assert copying.to_folder(tmp_path / "copy") == Copied(copied=3)
    for key in (*keys, "deleted/999999"):
        default_storage.delete(key)
    assert copying.from_folder(tmp_path / "copy") == Copied(copied=4)

    for key, content in keys.items():
        assert artifacts.read(Artifact.objects.get(key=key)) == content
    assert 999_999 in [stone.user_id for stone in tombstones.every()]
    assert copying.from_folder(tmp_path / "copy") == Copied(there=4)


def test_copy_that_broke_off_goes_on_where_it_stopped(
    media: Path, tester: User, tmp_path: Path
) -> None:
    for n in range(3):
        put(tester, f"{n}.json", b"asked %d" % n)
    copying.to_folder(tmp_path / "copy")
    (tmp_path / "copy" / str(tester.pk) / "0.json").unlink()
    (tmp_path / "copy" / str(tester.pk) / "1.json").write_bytes(b"asked X")
    (tmp_path / "copy" / str(tester.pk) / "2.json.part").write_bytes(b"as")

    assert copying.to_folder(tmp_path / "copy") == Copied(copied=2, there=1)


def test_file_that_is_not_what_its_row_says_is_not_copied_and_said(
    media: Path, tester: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, changed, gone = (put(tester, f"{n}.json", b"asked") for n in range(3))
    (media / changed).write_bytes(b"Asked")
    (media / gone).unlink()

    with pytest.raises(CommandError, match=r"^2 files are missing, or not what their rows say"):
        call_command("copy_artifacts", "--to", str(tmp_path / "copy"))

    assert capsys.readouterr().out == "1 files copied, 0 there already.\n"
    copied = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert copied == [tmp_path / "copy" / whole]


def test_damaged_copy_does_not_replace_what_is_stored(
    media: Path, tester: User, tmp_path: Path
) -> None:
    key = put(tester, "run.json", b"asked")
    copying.to_folder(tmp_path)
    (tmp_path / key).write_bytes(b"damaged")

    assert copying.from_folder(tmp_path) == Copied()
    default_storage.delete(key)
    assert copying.from_folder(tmp_path) == Copied(lost=1)
    assert not default_storage.exists(key)


def test_files_without_a_row_come_back_and_those_of_nobody_do_not(
    media: Path, tester: User, tmp_path: Path
) -> None:
    for number in (tester.pk, tester.pk + 1):
        path = tmp_path / str(number) / "run.json"
        path.parent.mkdir()
        path.write_bytes(b"asked since the backup")

    assert copying.from_folder(tmp_path) == Copied(copied=1)
    assert [key for key, _ in artifacts.without_row()] == [f"{tester.pk}/run.json"]


def test_what_is_kept_no_longer_leaves_the_copy_when_told_to(
    media: Path, tester: User, tmp_path: Path
) -> None:
    put(tester, "kept.json", b"asked")
    copy = tmp_path / "copy"
    key = put(tester, "old.json", b"asked")
    copying.to_folder(copy)
    Artifact.objects.get(key=key).delete()
    (copy / "notes.txt").write_text("not ours")

    assert copying.to_folder(copy) == Copied(there=1)
    assert copying.to_folder(copy, prune=True, is_trial=True) == Copied(there=1, removed=1)
    assert copying.to_folder(copy, prune=True) == Copied(there=1, removed=1)
    assert sorted(path.name for path in copy.rglob("*.*")) == ["kept.json", "notes.txt"]


def test_dry_run_copies_nothing(
    media: Path, tester: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, copy = put(tester, "run.json", b"asked"), tmp_path / "copy"
    call_command("copy_artifacts", "--to", str(copy), "--dry-run")
    assert list(copy.rglob("*.json")) == []

    copying.to_folder(copy)
    default_storage.delete(key)
    with pytest.raises(CommandError, match=r"^1 files are missing"):
        call_command("copy_artifacts", "--to", str(tmp_path / "other"))
    assert copying.from_folder(copy, is_trial=True) == Copied(copied=1)
    assert not default_storage.exists(key)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["1 files copied, 0 there already.", "Nothing was changed (--dry-run)."]


def test_folder_that_is_not_there_is_named(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"^There is no folder {tmp_path}/nowhere"):
        call_command("copy_artifacts", "--from", str(tmp_path / "nowhere"))
