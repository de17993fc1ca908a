"""When a tester has time: minutes for each weekday, and the dates without any. Pure."""

from collections.abc import Sequence
from datetime import date

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A ride shorter than this is not worth changing for; longer than this is no amateur's day.
SHORTEST_DAY, LONGEST_DAY = 20, 720
MOST_BLACKOUTS = 120


def problems_in_week(minutes: object) -> list[str]:
    """What is wrong with the minutes of a week, Monday first; an empty list when nothing is."""
    if not isinstance(minutes, list) or len(minutes) != len(WEEKDAYS):
        return ["Give seven numbers of minutes, from Monday to Sunday; 0 for a day without time."]
    problems = [
        f"The minutes on {day} must be 0, or from {SHORTEST_DAY} to {LONGEST_DAY}."
        for day, one in zip(WEEKDAYS, minutes, strict=True)
        if type(one) is not int or (one != 0 and not SHORTEST_DAY <= one <= LONGEST_DAY)
    ]
    if not problems and not any(minutes):
        problems.append("Leave at least one day of the week with time to ride.")
    return problems


def problems_in_blackouts(dates: object) -> list[str]:
    """What is wrong with a list of dates such as "2026-08-15"."""
    if not isinstance(dates, list) or len(dates) > MOST_BLACKOUTS:
        return [f"Give a list of at most {MOST_BLACKOUTS} dates, such as 2026-08-15."]
    wrong = [one for one in dates if not is_date(one)]
    if wrong:
        return [f"“{str(wrong[0])[:40]}” is not a date. Write it as year-month-day: 2026-08-15."]
    return ["A date stands in the list twice."] if len(set(dates)) < len(dates) else []


def is_date(text: object) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def minutes_on(day: date, week: Sequence[int], blackouts: Sequence[str]) -> int:
    """The most minutes a tester has on a date; 0 on a blackout date."""
    return 0 if day.isoformat() in blackouts else week[day.weekday()]
