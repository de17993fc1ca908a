from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from lanterne.rotation import Tally, look, rotate
from lanterne.stored_secrets import Place, places

BROKEN_OFF = (
    "The database gave an error ({error}). What was renewed stays renewed: run this again, and it "
    "goes on where it stopped."
)
UNOPENED = (
    "{count} cannot be opened with any of FIELD_ENCRYPTION_KEYS; they were left as they are. Put "
    "the key they were written with back, behind the newest one, and run this again."
)
LEFT = (
    "{count} changed again and again meanwhile, so older keys may still be needed. Is a process "
    "running that was started before the newest key was set? Restart every web, worker and "
    "scheduler process, and run this again."
)
ALL_NEW = "Every stored secret opens with the newest key alone."
REMOVABLE = (
    f"{ALL_NEW} Nothing here needs the older ones any more: remove them from "
    "FIELD_ENCRYPTION_KEYS and restart web, worker and scheduler. Keep them apart for as long as "
    "you keep a backup made before now."
)


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret anew with the first of FIELD_ENCRYPTION_KEYS, while the "
        "service runs. Safe to break off and to run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count, write nothing")

    def handle(self, *_: Any, **options: Any) -> None:
        is_dry_run = options["dry_run"]
        try:
            tallies = [self._told(place, is_dry_run=is_dry_run) for place in places()]
        except Error as error:
            raise CommandError(BROKEN_OFF.format(error=type(error).__name__)) from error
        unopened = sum(len(tally.unopened) for tally in tallies)
        left = sum(tally.left for tally in tallies)
        if unopened:
            raise CommandError(UNOPENED.format(count=unopened))
        if left:
            raise CommandError(LEFT.format(count=left))
        self.stdout.write(self._verdict(tallies, is_dry_run=is_dry_run))

    def _told(self, place: Place, *, is_dry_run: bool) -> Tally:
        tally = look(place) if is_dry_run else rotate(place)
        self.stdout.write(
            f"{place}: {tally.renewed} {'to renew' if is_dry_run else 'renewed'}, "
            f"{tally.already_new} already new, {len(tally.unopened)} could not be opened"
        )
        for row in tally.unopened:
            self.stderr.write(f"{row} cannot be opened")
        return tally

    def _verdict(self, tallies: list[Tally], *, is_dry_run: bool) -> str:
        if is_dry_run and any(tally.renewed for tally in tallies):
            return "Nothing was written; every stored secret opens."
        return REMOVABLE if len(settings.FIELD_ENCRYPTION_KEYS) > 1 else ALL_NEW
