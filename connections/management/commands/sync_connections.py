from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from connections import sync
from connections.models import Connection


class Command(BaseCommand):
    help = "Read every connection now that needs nothing of its tester, or one tester's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", type=int, metavar="ID")

    def handle(self, *_: Any, **options: Any) -> None:
        connections = Connection.objects.working().select_related("user")
        if options["user"] is not None:
            if not User.objects.filter(pk=options["user"]).exists():
                raise CommandError(f"There is no tester {options['user']}.")
            connections = connections.filter(user_id=options["user"])
        unread = [connection for connection in connections if not self.is_read(connection)]
        if unread:
            raise CommandError("Not every connection could be read.")

    def is_read(self, connection: Connection) -> bool:
        try:
            attempt = sync.sync(connection, timezone.now())
        except sync.BeingRead:
            self.stdout.write(f"{connection}: a worker is reading it")
            return True
        self.stdout.write(str(attempt))
        return attempt.is_success
