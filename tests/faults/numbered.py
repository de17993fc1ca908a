"""Counts the numbered faults: a pytest plugin that says at the end which ones were survived."""

import re
from collections import defaultdict

import pytest

TOLD = "fault"
# Before anything imports it: its assertions are to tell what they saw.
pytest.register_assert_rewrite("tests.faults.machine")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "fault(number): the test of a numbered fault; see docs/faults.md"
    )


def pytest_itemcollected(item: pytest.Item) -> None:
    """Travels with the reports, also from one process of the run to the other."""
    for mark in item.iter_markers(TOLD):
        item.user_properties.append((TOLD, mark.args[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    came: dict[str, set[str]] = defaultdict(set)
    reasons: dict[str, str] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, number in getattr(report, "user_properties", []):
                if name == TOLD:
                    came[number].add(outcome)
                    if outcome == "skipped":
                        reasons[number] = _reason(report)
    if not came:
        return
    skipped = [number for number in came if came[number] == {"skipped"}]
    run = [number for number in came if number not in skipped]
    lost = [number for number in run if came[number] & {"failed", "error"}]
    write = terminalreporter.write_line
    write(f"faults survived: {len(run) - len(lost)} of {len(run)}", bold=True, red=bool(lost))
    if lost:
        write(f"  not survived: {', '.join(sorted(lost, key=_in_order))}")
    for number in sorted(skipped, key=_in_order):
        write(f"  not run: {number}, {reasons[number]}")


def _reason(report: pytest.TestReport) -> str:
    told = report.longrepr
    return told[2].removeprefix("Skipped: ") if isinstance(told, tuple) else str(told)


def _in_order(number: str) -> tuple[str, int]:
    """F2 before F10, and the extras, which have a name, after them."""
    told = re.fullmatch(r"F(\d+)", number)
    return ("", int(told[1])) if told else (number, 0)
