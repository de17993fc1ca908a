"""What the stand-in says of its own draft: the answers it rests on, and what it had to assume."""

from collections.abc import Iterator
from datetime import date
from typing import Any

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STYLES = {
    "gc": "for the classification",
    "breakaway": "for the breakaways",
    "steady": "steadily to the finish",
}


def told(survey: dict[str, Any], stages: list[dict[str, Any]], *, is_careful: bool) -> str:
    return " ".join(_sentences(survey, stages, is_careful=is_careful))


def _sentences(
    survey: dict[str, Any], stages: list[dict[str, Any]], *, is_careful: bool
) -> Iterator[str]:
    yield (
        f"You ride {_counted(len(stages), 'day')} from {_date(survey['event_start'])}, "
        f"{STYLES[survey['event_style']]}, and prepare on "
        f"{survey['weekly_hours_min']:g} to {survey['weekly_hours_max']:g} hours a week."
    )
    longest = max(survey["weekday_minutes"])
    yield (
        f"Your longest ride goes on {WEEKDAYS[survey['weekday_minutes'].index(longest)]}, "
        f"when you have {longest} minutes."
    )
    if survey.get("blackout_dates"):
        yield f"You keep {_counted(len(survey['blackout_dates']), 'day')} free of riding."
    if is_careful:
        yield "You named restrictions, so the limits are stricter than usual."
    yield (
        "You do not know your FTP: the first weeks go by feel and heart rate, with no fitness to "
        "aim at until it is tested."
        if survey["ftp_w"] is None
        else f"Your FTP of {survey['ftp_w']} W sets the fitness to aim at."
    )
    yield (
        "The route was not given, so the stage types are assumed from the kind of event: set them "
        "to what the roadbook says."
    )


def _date(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
