"""The XML as bytes: what happens to it before expat may see it.

The document type never reaches a parser. That disarms every entity attack, and it is also
the only way to read iOS 16.0 exports, whose document type is broken.
"""

import re
from collections.abc import Iterable, Iterator

from connections.providers.apple_health.errors import AS_APPLE_MADE_IT, UNLIKE_APPLE, NotAnExport

MAX_PROLOG_BYTES = 256 * 1024
MAX_TAG_BYTES = 1024 * 1024

# Not allowed in XML 1.0, yet written by apps into their notes, and by Apple into the file.
CONTROL_CHARACTERS = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D})

ROOT = re.compile(rb"<HealthData(?=[\s/>])")
DECLARED_ENCODING = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)""")
READABLE_ENCODINGS = {b"utf-8", b"utf8", b"us-ascii", b"ascii"}

STATISTICS_TAG = re.compile(rb"<WorkoutStatistics\s[^<]*")
START_DATE_NAME = re.compile(rb"(?<=\s)startDate(?=\s*=)")
END_DATE_NAME = re.compile(rb"\sendDate\s*=")


def root_onwards(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes from `<HealthData` on; what comes before is looked at, and dropped."""
    following = iter(chunks)
    head = b""
    root = None
    while root is None:
        chunk = next(following, b"")
        head += chunk
        root = ROOT.search(head, 0, MAX_PROLOG_BYTES)
        if root is None and (not chunk or len(head) >= MAX_PROLOG_BYTES):
            raise NotAnExport(UNLIKE_APPLE)
    refuse_prolog(head[: root.start()])
    yield head[root.start() :]
    yield from following


def refuse_prolog(prolog: bytes) -> None:
    if b"<!ENTITY" in prolog:
        raise NotAnExport(
            "The file defines XML entities, which Apple never does and which can be used to "
            f"attack a reader. {AS_APPLE_MADE_IT}"
        )
    declared = DECLARED_ENCODING.search(prolog)
    if declared and declared[1].lower() not in READABLE_ENCODINGS:
        raise NotAnExport(
            f"The file says that it is written in {declared[1].decode('ascii')}, and Apple writes "
            f"UTF-8. {AS_APPLE_MADE_IT}"
        )


def whole_tags(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut in front of a `<`, so that no tag spans two pieces.

    A `<` cannot stand inside a tag, so a piece that ends before one ends with a whole tag.
    """
    rest = b""
    for chunk in chunks:
        joined = rest + chunk
        cut = max(0, joined.rfind(b"<"))
        rest = joined[cut:]
        if len(rest) > MAX_TAG_BYTES:
            raise NotAnExport(UNLIKE_APPLE)
        if cut:
            yield joined[:cut]
    yield rest


def repaired(tags: bytes) -> bytes:
    """Without the characters that XML does not allow, and with each attribute once.

    iOS 16 betas wrote both dates of a WorkoutStatistics as startDate; the second is the end.
    """
    clean = tags.translate(None, CONTROL_CHARACTERS)
    if b"<WorkoutStatistics" not in clean:
        return clean
    return STATISTICS_TAG.sub(_with_single_date, clean)


def _with_single_date(match: re.Match[bytes]) -> bytes:
    tag = match[0]
    around = START_DATE_NAME.split(tag, maxsplit=2)
    if len(around) != 3 or END_DATE_NAME.search(tag):
        return tag
    return around[0] + b"startDate" + around[1] + b"endDate" + around[2]
