"""Days as iCalendar (RFC 5545), in the dialect that Google, Apple and Outlook share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from icalendar import Calendar, Event

from coach.workout_files.prescribed import plain

MEDIA_TYPE = "text/calendar; charset=utf-8"
PRODUCT = "-//Lanterne Rouge//Coach//EN"
# How often a calendar is asked to look; most look when they like.
LOOK_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Item:
    """One or more whole days. The coach sets a day and no hour, so there is no time and no zone:
    it stands on the tester's own date wherever their calendar is, also when the clocks change."""

    uid: str
    first: date
    last: date
    title: str
    lines: Sequence[str]
    categories: Sequence[str]
    changed_at: datetime
    url: str
    # How often it was changed.
    sequence: int = 0


def feed(name: str, timezone_name: str, items: Iterable[Item]) -> bytes:
    """A calendar of its own, with a name and how often to look at it again."""
    calendar = _calendar()
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("x-wr-timezone", timezone_name)
    calendar.add("refresh-interval", LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    return _written(calendar, items)


def single(item: Item) -> bytes:
    """One item for a calendar there is: with a name, Outlook would make another one of it."""
    return _written(_calendar(), [item])


def _calendar() -> Calendar:
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    return calendar


def _written(calendar: Calendar, items: Iterable[Item]) -> bytes:
    for item in items:
        calendar.add_component(_event(item))
    written: bytes = calendar.to_ical()
    return written


def _event(item: Item) -> Event:
    event = Event()
    event.add("uid", item.uid)
    # When it was last changed, not when it was asked for: so the same days are the same bytes.
    event.add("dtstamp", item.changed_at)
    event.add("last-modified", item.changed_at)
    event.add("sequence", item.sequence)
    event.add("dtstart", item.first)
    # The day after the last, which is not of it any more.
    event.add("dtend", item.last + timedelta(days=1))
    event.add("summary", plain(item.title))
    event.add("description", "\n".join(plain(line) for line in item.lines))
    event.add("categories", list(item.categories))
    event.add("url", item.url)
    # A workout on a day does not mean that its rider has no time on it.
    event.add("transp", "TRANSPARENT")
    return event
