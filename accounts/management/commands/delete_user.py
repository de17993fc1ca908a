from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import belongings, deletion
from accounts.models import User


class Command(BaseCommand):
    help = "Delete an account with all it has, as its owner can: access revoked, files and rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--dry-run", action="store_true", help="only count what would go")

    def handle(self, *_: Any, **options: Any) -> None:
        email = User.objects.normalize_email(options["email"])
        user = User.objects.filter(email=email).first()
        if user is None:
            raise CommandError(f"There is no account with the address {email}.")
        if options["dry_run"]:
            self._count(user)
            return
        now = timezone.now()
        deletion.ask(user, None, now)
        if not deletion.carry_out(user.pk, now):
            raise CommandError(
                "The account is closed, but a source could not be reached to give the access to it "
                "back. A worker tries again every five minutes, for a day."
            )
        self.stdout.write(f"{email} is deleted.")

    def _count(self, user: User) -> None:
        for rows in belongings.rows_of(user):
            if count := rows.count():
                self.stdout.write(f"{rows.model._meta.label_lower}: {count}")
