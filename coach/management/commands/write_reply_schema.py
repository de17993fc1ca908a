from typing import Any

from django.core.management.base import BaseCommand

from coach import replies


class Command(BaseCommand):
    help = "Write the JSON Schemas that the model is sent, from the types in coach/replies.py."

    def handle(self, *_: Any, **__: Any) -> None:
        for name in replies.NAMES:
            file = replies.schema_file(name)
            file.write_text(replies.schema_text(name), encoding="utf-8")
            self.stdout.write(str(file))
