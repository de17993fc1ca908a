import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from coach.evaluation import replay, table
from coach.evaluation.replay import Replay
from coach.models import MissionRun

HEAD = ("", "field", "stored", "now")
NO_VALUE = "none"


class Command(BaseCommand):
    help = (
        "Ask for the decision of a run again, from the situation that it was decided on, with "
        "another model or prompt, and print the difference. Nothing is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=UUID, metavar="ID")
        parser.add_argument("--model", metavar="NAME", help="instead of the one in the settings")
        parser.add_argument(
            "--prompt", type=Path, metavar="FILE", help="instead of the system text in prompts/"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        run = MissionRun.objects.select_related("mission__owner").filter(pk=options["run"]).first()
        if run is None:
            raise CommandError("There is no such run. Its ID is in the address of its page.")
        try:
            again = replay.replay(run, model=options["model"], prompt_file=options["prompt"])
        except replay.NotReplayable as problem:
            raise CommandError(str(problem)) from None
        if options["json"]:
            self.stdout.write(json.dumps(again.as_json(), ensure_ascii=False, indent=1))
        else:
            self.stdout.write("\n".join(lines(again)))
        if not again.attempts[-1].is_usable:
            raise CommandError("The model gave no decision that could be used.")


def lines(again: Replay) -> Iterator[str]:
    """How both were asked, the fields side by side, the texts in one, and what our checks say."""
    told = again.as_json()
    for name in ("stored", "now"):
        how = told[name]
        yield f"{name:7}{how['model'] or 'unknown'}, {how['prompt_version'] or 'unknown'}"
    yield ""
    short = [field for field in again.fields if field.name not in replay.TEXTS]
    if short:
        marks = [("*" if field.is_changed else "", field) for field in short]
        rows = [(mark, one.name, _shown(one.stored), _shown(one.now)) for mark, one in marks]
        yield from table.columns([HEAD, *rows])
    for field in again.fields:
        if field.name in replay.TEXTS and (field.stored or field.now):
            yield f"\n{field.name}:\n{replay.in_words(field.stored, field.now)}"
    yield ""
    yield from _checked(again)


def _checked(again: Replay) -> Iterator[str]:
    for number, attempt in enumerate(again.attempts, 1):
        if attempt.problem is not None:
            yield f"attempt {number}: {attempt.problem.kind}\n{attempt.problem}"
        else:
            yield f"attempt {number}: breaks no rule"
        yield from (f"marked: {flag}" for flag in attempt.flags)


def _shown(value: Any) -> str:
    if value is None or value == []:
        return NO_VALUE
    if isinstance(value, dict):
        return " ".join(f"{name} {minutes}" for name, minutes in value.items() if minutes) or "0"
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)
