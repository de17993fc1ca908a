from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from connections import sync
from connections.models import Connection


class Command(BaseCommand):
    help = "Read every connection now, or one tester's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", type=int, metavar="ID")

    def handle(self, *_: Any, **options: Any) -> None:
        connections = Connection.objects.select_related("user")
        if options["user"] is not None:
            connections = connections.filter(user_id=options["user"])
        attempts = [sync.sync(connection, timezone.now()) for connection in connections]
        for attempt in attempts:
            self.stdout.write(str(attempt))
        if not all(attempt.is_success for attempt in attempts):
            raise CommandError("Not every connection could be read.")
