from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.template.defaultfilters import pluralize
from django.utils import timezone

from accounts.models import User
from missions.legacy import reading, storing
from missions.legacy.file import LARGEST, Flag, NotLegacy
from missions.legacy.reading import LegacyMission
from missions.legacy.storing import NotImported
from missions.models import Mission


class Command(BaseCommand):
    help = (
        "Import a mission of the single-user forerunner for a tester, as it was recorded. What "
        "does not add up is printed, and stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.toml")
        parser.add_argument("--points", type=Path, metavar="FILE.json", help="its record of points")
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose it is; needed with many accounts"
        )
        parser.add_argument("--dry-run", action="store_true", help="print all, write nothing")
        parser.add_argument(
            "--strict", action="store_true", help="import nothing if anything does not add up"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        file, is_dry_run = options["file"], options["dry_run"]
        user = _account(options["user"])
        try:
            read = _read(file, options["points"])
            flags = [*read.flags, *storing.flags_of_the_account(user, read, _name(file))]
            if options["strict"] and flags:
                self._print(_told_flags(flags))
                raise CommandError(
                    f"Nothing is imported: {len(flags)} things do not add up. Mend them, or import "
                    "without --strict."
                )
            with transaction.atomic():
                mission = storing.store(user, read, _name(file), timezone.now())
                told = list(_told(mission, read))
                transaction.set_rollback(is_dry_run)
        except (NotLegacy, NotImported) as error:
            raise CommandError(str(error)) from error
        stored = f"Imported: {mission.get_absolute_url()}"
        self._print([*told, *_told_flags(flags)])
        self._print(["Dry run: nothing is written." if is_dry_run else stored])

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(line)


def _account(email: str | None) -> User:
    users = User.objects.filter(deletion_requested_at=None)
    if email is None:
        first, *others = [*users[:2], None]
        if first is None or others != [None]:
            raise CommandError("Say whose mission this is: --user EMAIL.")
        return first
    email = User.objects.normalize_email(email)
    user = users.filter(email=email).first()
    if user is None:
        raise CommandError(
            f"There is no account with the address {email}. Check the address, or let its owner "
            "register first."
        )
    return user


def _read(file: Path, points: Path | None) -> LegacyMission:
    if points is None:
        return reading.read(_name(file), _text(file))
    return reading.read(
        _name(file), _text(file), points_name=_name(points), points_text=_text(points)
    )


def _name(path: Path) -> str:
    """A file may have a name that is no text; what is stored and printed is text."""
    return path.name.encode(errors="replace").decode()


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise CommandError(f"There is no file {_name(path)} at that path. Check the path.")
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(
            f"{_name(path)} cannot be read: {error.strerror}. Give the path of a file that can be."
        ) from error
    if len(content) > LARGEST:
        raise CommandError(
            f"{_name(path)} is larger than {LARGEST // 1_000_000} MB, and such files are much "
            "smaller. Choose the file that the forerunner wrote."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{_name(path)} is not text in UTF-8. Choose the file that the forerunner wrote."
        ) from error


def _told(mission: Mission, read: LegacyMission) -> Iterator[str]:
    """What is stored, and where it comes from."""
    stages = mission.stages.filter(is_rest_day=False).count()
    rest_days = mission.stages.count() - stages
    yield f"{mission.name}, for {mission.owner.email}"
    yield (
        f"Preparation from {_day(mission.prep_start)}, event from {_day(mission.event_start)} to "
        f"{_day(mission.event_end)}: {_count(stages, 'stage')}, {_count(rest_days, 'rest day')}."
    )
    yield f"State: {_state(mission)}"
    yield f"Results: {_results(mission, read)}"
    for theirs, ours in read.bonus_names.items():
        yield f"Bonus: {theirs} in the file is {ours} here."
    yield (
        "Not in the file, so as usual: an indoor tour, ridden "
        f"{mission.get_event_style_display()}, at most {mission.weekly_minutes} minutes a week. "
        f"As in the account: the time zone {mission.timezone}, the brief at "
        f"{mission.send_time:%H:%M}."
    )


def _state(mission: Mission) -> str:
    if mission.state == Mission.State.MISSION_COMPLETE:
        return "complete, for the event is over."
    if mission.imported_from:
        return (
            "preparation, for the event is not over. Its points stay as recorded: stages that "
            "are ridden from now on are not settled here."
        )
    return "preparation, for the event is not over. Its owner starts the training."


def _results(mission: Mission, read: LegacyMission) -> str:
    ridden = read.record.ridden
    if not ridden:
        return "none. A record of points is given with --points."
    awards = [f"{one.name} ({_count(one.points, 'point')})" for one in read.record.awards]
    return (
        f"{_count(len(ridden), 'stage')}, {_count(sum(one.points for one in ridden), 'point')}; "
        f"bonuses: {', '.join(awards) or 'none'}; together "
        f"{_count(mission.points_total(), 'point')}."
    )


def _told_flags(flags: list[Flag]) -> list[str]:
    if not flags:
        return ["Everything adds up."]
    numbered = [f"{number:3}. {flag}" for number, flag in enumerate(flags, start=1)]
    return [f"What does not add up ({len(flags)}):", *numbered]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{pluralize(number)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
