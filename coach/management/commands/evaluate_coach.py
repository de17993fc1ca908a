import json
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from coach.evaluation import scenarios, table
from coach.evaluation.evaluate import Result, evaluate, totals

STDOUT = Path("-")
MOST_WORKERS = 16


def few(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_WORKERS:
        raise ArgumentTypeError(f"a number from 1 to {MOST_WORKERS}")
    return int(text)


class Command(BaseCommand):
    help = (
        "Put the scenarios of a file to a model, with the prompts and checks of a run, and print "
        "how it did. Nothing is stored."
    )
    # It needs no database.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scenarios", required=True, type=Path, metavar="FILE")
        parser.add_argument("--model", metavar="NAME", help="instead of those in the settings")
        parser.add_argument("--only", nargs="+", default=[], metavar="ID")
        parser.add_argument(
            "--json", type=Path, metavar="FILE", help="results as JSON; - for the standard output"
        )
        parser.add_argument("--least", type=int, metavar="N", help="fail if fewer pass")
        parser.add_argument(
            "--workers", type=few, default=1, metavar="N", help="ask N scenarios at once"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            chosen = scenarios.read(options["scenarios"], options["only"])
        except scenarios.BadFile as problem:
            raise CommandError(str(problem)) from None
        if (options["least"] or 0) > len(chosen):
            raise CommandError(f"--least {options['least']}: there are {len(chosen)} scenarios.")
        results = list(evaluate(chosen, options["model"], workers=options["workers"]))
        self._tell(results, options["json"])
        self._judge(results, options["least"])

    def _tell(self, results: list[Result], file: Path | None) -> None:
        if file is None:
            self.stdout.write("\n".join(table.lines(results)))
            return
        told = {"scenarios": [one.as_json() for one in results], "totals": totals(results)}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        if file == STDOUT:
            self.stdout.write(text)
            return
        self.stdout.write("\n".join(table.lines(results)))
        try:
            file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"{file} cannot be written ({type(error).__name__}). Give --json another file."
            ) from None

    def _judge(self, results: list[Result], least: int | None) -> None:
        if not any(result.is_answered for result in results):
            raise CommandError(
                "The model answered no question. Look at OPENAI_BASE_URL, OPENAI_API_KEY and the "
                "name of the model."
            )
        passed = sum(result.is_passed for result in results)
        if least is not None and passed < least:
            raise CommandError(f"{passed} of {len(results)} pass; at least {least} should.")
