from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from connections import apple_uploads


class Command(BaseCommand):
    help = "Import an Apple Health export (export.zip or export.xml) for a tester, here and now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--user", required=True, metavar="EMAIL")

    def handle(self, *_: Any, **options: Any) -> None:
        path: Path = options["file"]
        user = User.objects.filter(email=options["user"].lower()).first()
        if user is None:
            raise CommandError(f"There is no account with the address {options['user']}.")
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            with path.open("rb") as stream:
                upload = apple_uploads.keep_file(user, path.name, File(stream))
        except (apple_uploads.NotReceived, apple_uploads.AnotherUnfinished) as error:
            raise CommandError(str(error)) from error
        apple_uploads.run_import(upload.pk)
        upload.refresh_from_db()
        if not upload.is_finished:
            raise CommandError("A worker took the file over and reads it now.")
        if upload.error:
            raise CommandError(upload.error)
        self.stdout.write(
            f"{upload.days} days: {upload.nights} nights, {upload.samples} samples, "
            f"{upload.rides} rides"
        )
