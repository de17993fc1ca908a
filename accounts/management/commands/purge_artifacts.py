from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import artifacts


class Command(BaseCommand):
    help = "Delete stored files that are kept no longer, and their rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would go")

    def handle(self, *_: Any, **options: Any) -> None:
        now = timezone.now()
        if options["dry_run"]:
            self.stdout.write(f"{artifacts.expired(now).count()} files would be deleted.")
        else:
            self.stdout.write(f"{artifacts.purge(now)} files deleted.")
