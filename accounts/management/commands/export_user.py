from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import audit, exports
from accounts.models import AuditEvent, User


class Command(BaseCommand):
    help = "Write everything that is kept of a tester into a zip, and print where it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--to", type=Path, default=Path(), metavar="FOLDER")

    def handle(self, *_: Any, **options: Any) -> None:
        email = User.objects.normalize_email(options["email"])
        user = User.objects.filter(email=email).first()
        if user is None:
            raise CommandError(f"There is no account with the address {email}.")
        now = timezone.now()
        path = options["to"].resolve() / f"export-of-{user.pk}-{now:%Y%m%dT%H%M%S}.zip"
        if not path.parent.is_dir():
            raise CommandError(f"There is no folder {path.parent}.")
        path.touch(mode=0o600, exist_ok=False)
        with path.open("r+b") as out:
            exports.write(user, out, now)
        audit.record(AuditEvent.Kind.EXPORTED, user=user, by="the command line")
        self.stdout.write(str(path))
