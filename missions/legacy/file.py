"""The forerunner's files, read warily: what does not fit is flagged with its place."""

import json
import math
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from missions.availability import is_date

NAME = re.compile(r"[A-Za-z0-9_]{1,60}")
MOST_TOLD = 20
# Of dates outside them no calendar of ours, nor of a database, can be sure.
YEARS = range(1990, 2100)
LARGEST = 1_000_000  # bytes; a season of either file has less than a tenth of it


class NotLegacy(Exception):
    """A file that nothing can be imported from; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that does not add up: where it stands, what it says and what was expected."""

    file: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.text}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file; every key that is asked for is taken out, so that the rest can be told."""

    file: str
    place: str
    values: dict[str, Any]
    flags: list[Flag]
    asked: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        return f"{self.place}.{named(key)}" if self.place else named(key)

    def flag(self, key: str, text: str) -> None:
        self.flags.append(
            Flag(self.file, self.at(key) if key else self.place or "at the top", text)
        )

    def take(self, key: str) -> Any:
        self.asked.add(key)
        return self.values.get(key)

    def table(self, key: str) -> "Table":
        """The table of that name; an empty one when there is none."""
        value = self.take(key)
        if value is not None and not isinstance(value, dict):
            self.flag(key, f"{shown(value)} is no table; it is left out.")
        inner = value if isinstance(value, dict) else {}
        return Table(self.file, self.at(key), inner, self.flags)

    def entries(self, key: str) -> list[Any]:
        value = self.take(key)
        if value is not None and not isinstance(value, list):
            self.flag(key, f"{shown(value)} is no list; it is left out.")
        return value if isinstance(value, list) else []

    def text(self, key: str, *, most: int) -> str | None:
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.flag(key, f"{shown(value)} is no line of text; it is left out.")
            return None
        if len(value.strip()) > most:
            self.flag(key, f"has more than the {most} characters that are kept; the rest is cut.")
        return value.strip()[:most].strip()

    def whole(self, key: str, least: int, most: int) -> int | None:
        value = self.take(key)
        number = whole_number(value)
        if value is not None and (number is None or not least <= number <= most):
            self.flag(
                key,
                f"{shown(value)} is not a whole number from {least} to {most}; it is not stored.",
            )
            return None
        return number

    def day(self, key: str) -> date | None:
        value = self.take(key)
        day = calendar_day(value)
        if value is not None and day is None:
            self.flag(key, f"{shown(value)} is not a date such as 2025-07-05; it is left out.")
        return day

    def tell_the_rest(self, why: str = "nothing here goes by that name") -> None:
        """Flag what nobody asked for, with what it says."""
        rest = [key for key in self.values if key not in self.asked]
        if rest:
            found = ", ".join(f"{named(key)} {shown(self.take(key))}" for key in rest[:MOST_TOLD])
            more = f" and {len(rest) - MOST_TOLD} more" if len(rest) > MOST_TOLD else ""
            self.flag("", f"left out, {why}: {found}{more}.")


def named(key: str) -> str:
    return key if NAME.fullmatch(key) else json.dumps(key[:60])


def told(value: object) -> str:
    return "is not told" if value is None else f"is {shown(value)}"


def whole_number(value: object) -> int | None:
    """70 and 70.0 are whole numbers, True and 70.5 are none."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def calendar_day(value: object) -> date | None:
    """A date, or its text; a moment is none, for its day depends on the time zone."""
    if isinstance(value, str) and is_date(value):
        value = date.fromisoformat(value)
    is_day = isinstance(value, date) and not isinstance(value, datetime)
    return value if is_day and isinstance(value, date) and value.year in YEARS else None


def shown(value: object) -> str:
    """A value as a person may read it: on one line, short, nothing unprintable."""
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    text = ascii(value) if not isinstance(value, date) else value.isoformat()
    return text if len(text) <= 60 else f"{text[:57]}..."


def toml_table(name: str, text: str) -> Table:
    return _decoded(name, "TOML", lambda _: tomllib.loads(text))


def json_table(name: str, text: str) -> Table:
    return _decoded(
        name, "JSON", lambda flags: json.loads(text, object_pairs_hook=_once(name, flags))
    )


def _decoded(name: str, kind: str, decode: Callable[[list[Flag]], Any]) -> Table:
    flags: list[Flag] = []
    try:
        values = decode(flags)
    except (ValueError, RecursionError) as error:
        is_too_deep = isinstance(error, RecursionError)
        reason = "it is nested too deeply" if is_too_deep else ascii(str(error))[1:-1][:200]
        raise NotLegacy(
            f"{name} is not {kind}: {reason}. Choose the file that the forerunner wrote."
        ) from error
    if not isinstance(values, dict):
        raise NotLegacy(
            f"{name} holds {shown(values)} where a table of names and values was expected. "
            "Choose the file that the forerunner wrote."
        )
    return Table(name, "", values, flags)


def _once(name: str, flags: list[Flag]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """JSON lets a name stand twice in one object and keeps the last of them silently."""

    def keep_the_first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in pairs:
            if key in kept:
                flags.append(
                    Flag(name, named(key), "stands twice in one object; the first is read.")
                )
            kept.setdefault(key, value)
        return kept

    return keep_the_first
