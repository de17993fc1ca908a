from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import artifacts
from coach import restored


def moment(text: str) -> datetime:
    """A moment with or without its offset; without one it is UTC."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("A moment looks like 2026-07-04T05:30+00:00.") from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = (
        "Put right what a restored backup does not know, so that nobody is mailed twice. Run it "
        "after `deploy/restore` and before web, worker and scheduler start."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--lost-at",
            required=True,
            type=moment,
            metavar="ISO",
            help="when the old database was written to for the last time, or a little later",
        )
        parser.add_argument("--dry-run", action="store_true", help="only count what would be done")

    def handle(self, *_: Any, **options: Any) -> None:
        lost_at, now = options["lost_at"], timezone.now()
        if lost_at > now:
            raise CommandError("--lost-at is still to come: give the moment of the loss.")
        try:
            told = restored.put_right(lost_at, now, is_trial=options["dry_run"])
        except artifacts.STORAGE_ERRORS as error:
            raise CommandError(
                f"The storage of the files does not answer ({type(error).__name__}). Put them "
                "back first, or mend its settings, and run this again: it may be run twice."
            ) from None
        for line in told.words or ["Nothing to put right."]:
            self.stdout.write(line)
        if options["dry_run"]:
            self.stdout.write("Nothing was changed (--dry-run).")
