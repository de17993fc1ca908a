"""Dates, times and distances as their reader writes them, on pages, in mails and in charts.

Who reads is told once, by the middleware or by whoever renders a mail; what is written below asks
for it. Nobody told: days first, 24 hours, kilometres.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Self, TypeVar, cast

from django.contrib.humanize.templatetags.humanize import naturalday
from django.http import HttpRequest, HttpResponse
from django.utils import dateformat, timezone
from django.utils.dates import WEEKDAYS
from django.utils.functional import SimpleLazyObject

from accounts.models import User

When = TypeVar("When", bound=date | time)

METRES_IN_A_MILE = 1609.344
METRES_IN_A_FOOT = 0.3048
# By the order of day, month and year, in the letters of Django's `date`.
FULL = {"dmy": "j F Y", "mdy": "F j, Y", "ymd": "Y F j"}
WITHOUT_YEAR = {"dmy": "j F", "mdy": "F j", "ymd": "F j"}
SHORT = {"dmy": "j M", "mdy": "M j", "ymd": "M j"}
WEEKDAY = {"dmy": "l ", "mdy": "l, ", "ymd": "l "}
SHORT_WEEKDAY = {"dmy": "D ", "mdy": "D, ", "ymd": "D "}
MONTH = {"dmy": "F Y", "mdy": "F Y", "ymd": "Y F"}
CLOCK = {"24": "H:i", "12": "g:i "}
CLOCK_S = {"24": "H:i:s", "12": "g:i:s "}


@dataclass(frozen=True, slots=True)
class Reader:
    """How somebody writes what is told in figures; the values are those of `User`."""

    units: str = User.Units.METRIC
    clock: str = User.Clock.H24
    date_order: str = User.DateOrder.DAY_FIRST
    first_weekday: int = User.Weekday.MONDAY

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(user.units, user.clock, user.date_order, user.first_weekday)

    def put_on(self, user: User) -> tuple[str, ...]:
        """The reverse, unsaved; the names of what was set."""
        names = tuple(field.name for field in fields(self))
        for name in names:
            setattr(user, name, getattr(self, name))
        return names


NOBODY = Reader()
_reader: ContextVar[Reader] = ContextVar("reader", default=NOBODY)


def reader() -> Reader:
    return _reader.get()


@contextmanager
def written_for(whom: Reader) -> Iterator[None]:
    """Within it dates, times and distances are written as this reader wants them."""
    token = _reader.set(whom)
    try:
        yield
    finally:
        _reader.reset(token)


def of_the_reader(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: pages are written for whoever is signed in, who is asked for only when needed."""

    def respond(request: HttpRequest) -> HttpResponse:
        def whom() -> Reader:
            user = request.user
            return Reader.of(user) if isinstance(user, User) else NOBODY

        with written_for(cast("Reader", SimpleLazyObject(whom))):
            return get_response(request)

    return respond


# --- Dates: a date, or a moment that is told in the current time zone ----------------------------


def full_date(day: date) -> str:
    """“24 November 2026”."""
    return _written(day, FULL[reader().date_order])


def weekday_date(day: date) -> str:
    """“Tuesday 24 November”."""
    order = reader().date_order
    return _written(day, WEEKDAY[order] + WITHOUT_YEAR[order])


def full_weekday_date(day: date) -> str:
    """“Tuesday 24 November 2026”."""
    order = reader().date_order
    return _written(day, WEEKDAY[order] + FULL[order])


def day_month(day: date) -> str:
    """“24 November”."""
    return _written(day, WITHOUT_YEAR[reader().date_order])


def short_date(day: date) -> str:
    """“24 Nov”."""
    return _written(day, SHORT[reader().date_order])


def short_weekday_date(day: date) -> str:
    """“Tue 24 Nov”."""
    order = reader().date_order
    return _written(day, SHORT_WEEKDAY[order] + SHORT[order])


def month_year(day: date) -> str:
    """“November 2026”."""
    return _written(day, MONTH[reader().date_order])


def near_day(day: date) -> str:
    """“today”, “tomorrow”, “yesterday”; any other “Tuesday 24 November”."""
    order = reader().date_order
    return str(naturalday(_here(day), WEEKDAY[order] + WITHOUT_YEAR[order]))


def span(first: date, last: date) -> str:
    """“3 to 5 July 2026”: what both days have alike is said once."""
    order = reader().date_order
    if first == last:
        return full_date(first)
    if first.year != last.year:
        return f"{full_date(first)} to {full_date(last)}"
    if order == "dmy":
        begins = "j" if first.month == last.month else "j F"
        return f"{_written(first, begins)} to {full_date(last)}"
    ends = "j" if first.month == last.month else "F j"
    year = "" if order == "ymd" else ", Y"
    begins = FULL[order].removesuffix(", Y")
    return f"{_written(first, begins)} to {_written(last, ends + year)}"


def weekdays() -> list[int]:
    """The days of the week by Python's numbers, in the order the reader counts them."""
    return [(reader().first_weekday + day) % 7 for day in range(7)]


def week() -> str:
    """“Monday to Sunday”."""
    days = weekdays()
    return f"{WEEKDAYS[days[0]]} to {WEEKDAYS[days[-1]]}"


# --- Times: of a day, or of a moment that is told in the current time zone -----------------------


def clock(moment: datetime | time) -> str:
    """“06:05”, or “6:05 am”."""
    return _of_the_clock(moment, CLOCK)


def clock_s(moment: datetime | time) -> str:
    """“06:05:09”, for what is looked at closely."""
    return _of_the_clock(moment, CLOCK_S)


def moment(at: datetime) -> str:
    """“24 November 2026, 06:05”."""
    return f"{full_date(at)}, {clock(at)}"


def zoned_moment(at: datetime) -> str:
    """“24 November 2026, 06:05 CET”, where the zone may not be the reader's."""
    return f"{moment(at)} {zone(at)}"


def zone(at: datetime) -> str:
    """“CET”."""
    return _written(at, "e")


def day_moment(at: datetime) -> str:
    """“24 November, 06:05”."""
    return f"{day_month(at)}, {clock(at)}"


def short_moment(at: datetime) -> str:
    """“24 Nov, 06:05”."""
    return f"{short_date(at)}, {clock(at)}"


def weekday_moment(at: datetime) -> str:
    """“Tuesday 24 November, 06:05”."""
    return f"{weekday_date(at)}, {clock(at)}"


def _of_the_clock(value: datetime | time, letters: dict[str, str]) -> str:
    reads = reader().clock
    half = ("am" if _here(value).hour < 12 else "pm") if reads == User.Clock.H12 else ""
    return _written(value, letters[reads]) + half


def _here(value: When) -> When:
    """A moment in the current time zone; anything else is of no zone."""
    if isinstance(value, datetime) and timezone.is_aware(value):
        return cast("When", timezone.localtime(value))
    return value


def _written(value: date | datetime | time, letters: str) -> str:
    value = _here(value)
    if isinstance(value, time):
        return dateformat.time_format(value, letters)
    return dateformat.format(value, letters)


# --- Lengths -------------------------------------------------------------------------------------


def distance(metres: float) -> str:
    """“42.3 km”, or “26.3 mi”; a tenth is told below a hundred."""
    is_miles = reader().units == User.Units.IMPERIAL
    long = metres / (METRES_IN_A_MILE if is_miles else 1000)
    return f"{long:,.{0 if long >= 99.95 else 1}f} {'mi' if is_miles else 'km'}"


def climb(metres: float) -> str:
    """“1,250 m”, or “4,101 ft”."""
    if reader().units == User.Units.IMPERIAL:
        return f"{metres / METRES_IN_A_FOOT:,.0f} ft"
    return f"{metres:,.0f} m"
