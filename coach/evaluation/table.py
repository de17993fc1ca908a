"""Results as a table of plain text, one line for each scenario."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from coach.evaluation.evaluate import Result, totals
from coach.evaluation.trial import Attempt

HEAD = ("scenario", "pass", "first attempt", "second", "not met", "tokens", "USD", "s")
# These columns are numbers, and end at the same place.
NUMBERS = ("tokens", "USD", "s")
UNKNOWN = "unknown"
NOTHING = "-"


def lines(results: Sequence[Result]) -> Iterator[str]:
    """The table, and the totals below it."""
    yield from columns([HEAD, *(_row(result) for result in results)])
    yield ""
    yield from _totals(totals(results))


def _row(result: Result) -> tuple[str, ...]:
    first, *second = result.attempts
    return (
        result.scenario.id,
        "yes" if result.is_passed else "no",
        _how(first),
        _how(second[0]) if second else NOTHING,
        ", ".join(unmet.name for unmet in result.unmet) or NOTHING,
        _number(result.tokens, ",d"),
        _number(result.cost_usd, ".5f"),
        f"{result.seconds:.1f}",
    )


def _how(attempt: Attempt) -> str:
    """The ids of the rules it breaks, or why it was no decision at all."""
    if attempt.problem is None:
        return "ok"
    return " ".join(one.rule for one in attempt.violations) or attempt.problem.kind


def _totals(sums: dict[str, Any]) -> Iterator[str]:
    many = sums["scenarios"]
    yield f"passed            {sums['passed']} of {many}"
    yield f"usable at first   {sums['usable_at_first']} of {many}"
    yield f"usable in the end {sums['usable_in_the_end']} of {many}"
    if sums["unanswered"]:
        yield f"unanswered        {sums['unanswered']} of {many}"
    broken = [f"{rule} {times}" for rule, times in sums["rules_broken_at_first"].items()]
    yield f"rules broken      {', '.join(broken) or 'none'}"
    yield f"tokens            {_number(sums['tokens'], ',d')}"
    yield f"cost (USD)        {_number(sums['cost_usd'], '.5f')}"
    yield f"seconds           {sums['seconds']:.1f}"


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows below a head, each column as wide as its widest text."""
    head = rows[0]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(_padded(head, row, widths)).rstrip()


def _padded(head: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    for name, text, width in zip(head, row, widths, strict=True):
        yield text.rjust(width) if name in NUMBERS else text.ljust(width)
