from typing import Any

from django.core.management.base import BaseCommand

from coach import replies


class Command(BaseCommand):
    help = "Write the JSON Schema that the model is sent, from the types in coach/replies.py."

    def handle(self, *_: Any, **__: Any) -> None:
        replies.SCHEMA_FILE.write_text(replies.schema_text(), encoding="utf-8")
        self.stdout.write(str(replies.SCHEMA_FILE))
