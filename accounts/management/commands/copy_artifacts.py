from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import artifacts, copying


class Command(BaseCommand):
    help = (
        "Copy the stored files to a folder, or back from it, whatever the storage is; each is "
        "checked. One that broke off goes on where it stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--to", type=Path, metavar="FOLDER")
        where.add_argument("--from", type=Path, metavar="FOLDER", dest="source")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="with --to: remove from the folder what is kept no longer",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            done = self._copy(options)
        except artifacts.STORAGE_ERRORS as error:
            raise CommandError(
                f"It broke off ({type(error).__name__}): see that the storage answers and the "
                "folder has room, and run it again."
            ) from error
        removed = f", {done.removed} removed" if options["prune"] else ""
        self.stdout.write(f"{done.copied} files copied, {done.there} there already{removed}.")
        if options["dry_run"]:
            self.stdout.write("Nothing was changed (--dry-run).")
        if done.lost:
            raise CommandError(f"{done.lost} files are missing, or not what their rows say.")

    def _copy(self, options: dict[str, Any]) -> copying.Copied:
        if options["to"] is not None:
            options["to"].mkdir(parents=True, exist_ok=True, mode=0o700)
            return copying.to_folder(
                options["to"], is_trial=options["dry_run"], prune=options["prune"]
            )
        if not options["source"].is_dir():
            raise CommandError(f"There is no folder {options['source']}.")
        return copying.from_folder(options["source"], is_trial=options["dry_run"])
