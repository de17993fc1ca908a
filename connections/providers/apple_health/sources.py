"""Who wrote a sample, and whom to believe when several did."""

import re
from collections.abc import Iterable
from enum import IntEnum

from connections.providers.apple_health.errors import Skip

MAX_SOURCES = 1000
MAX_NAME_LENGTH = 200

NO_SOURCE = "no source name"
TOO_MANY_SOURCES = f"a source beyond the first {MAX_SOURCES:,}"

APPLE_HARDWARE = re.compile(r"hardware:(Watch|iPhone|iPad|iPod)[^:]*, software:([0-9.]+)")
WATCH_NAME = re.compile(r"\bwatch\b", re.IGNORECASE)
PHONE_NAME = re.compile(r"iphone|ipad|ipod", re.IGNORECASE)


class Kind(IntEnum):
    """In order of trust. The tester's own order is in Health, but not in its export."""

    WATCH = 0
    APP = 1
    PHONE = 2


def kind_of(name: str, version: str, device: str) -> Kind:
    """Apple's devices sign with their system version, apps with their own on the same device."""
    hardware = APPLE_HARDWARE.search(device)
    if hardware and hardware[2] == version:
        return Kind.WATCH if hardware[1] == "Watch" else Kind.PHONE
    if WATCH_NAME.search(name):
        return Kind.WATCH
    return Kind.PHONE if PHONE_NAME.search(name) else Kind.APP


class Sources:
    """Numbers the sources by name alone: `device` holds a memory address that changes."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.kinds: list[Kind] = []
        self._numbers: dict[str, int] = {}

    def number_of(self, attributes: dict[str, str]) -> int:
        try:
            return self._numbers[attributes["sourceName"]]
        except KeyError:
            return self._number_of_other(attributes)

    def kind_of(self, name: str) -> Kind:
        return self.kinds[self._numbers[name]]

    def named(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted({self.names[number] for number in numbers}))

    def _number_of_other(self, attributes: dict[str, str]) -> int:
        """Of a source that is new, or whose name is too long to be kept whole."""
        name = attributes.get("sourceName", "")[:MAX_NAME_LENGTH]
        number = self._numbers.get(name)
        return self._add(name, attributes) if number is None else number

    def _add(self, name: str, attributes: dict[str, str]) -> int:
        if not name.strip():
            raise Skip(NO_SOURCE)
        if len(self.names) >= MAX_SOURCES:
            raise Skip(TOO_MANY_SOURCES)
        version = attributes.get("sourceVersion", "")
        self.kinds.append(kind_of(name, version, attributes.get("device", "")))
        self.names.append(name)
        return self._numbers.setdefault(name, len(self.names) - 1)
