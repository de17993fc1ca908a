"""Exports changed at random, as no iPhone would write them: well-formed, damaged or nonsense."""

import random
import re
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

RECORD_LINE = re.compile(rb" <Record [^\n]*\n")
ATTRIBUTE = re.compile(rb' [A-Za-z]+="[^"\n]*"')
VALUE = re.compile(rb'"[^"\n]*"')
DATE = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}")

BYTES = [*b"\x00\x0b\x1f\t\n\r <>&\"'/=;]-!?0A", 0x80, 0xC2, 0xE2, 0xED, 0xEF, 0xFF]
STEPS = (
    b'<Record type="HKQuantityTypeIdentifierStepCount" sourceName="Mutant" unit="count" '
    b'creationDate="2022-03-02 12:00:00 -0800" startDate="2022-03-02 12:00:00 -0800" '
    b'endDate="2022-03-02 12:05:00 -0800" value="7"/>'
)
SNIPPETS = [
    *(b"<!-- a comment -->", b"<!-- ", b" -->", b"<!-- " + STEPS + b" -->", b"<!---->", b"--"),
    *(b"<![CDATA[", b"]]>", b"<![CDATA[ " + STEPS + b" ]]>", b"]]", b"<?app data?>", b"<?", b"?>"),
    *(
        b"<?app " + STEPS + b"?>",
        b"&amp;",
        b"&#65;",
        b"&#0;",
        b"&lol;",
        b"&",
        b"words",
        b"\xc2\xa0",
    ),
    *(b"<Correlation>", b"</Correlation>", b"<Correlation>" + STEPS + b"</Correlation>", b"<a/>"),
    *(b"<Record>", b"</Record>", b"<Record/>", b"</HealthData>", b"<HealthData>", b"<!DOCTYPE a>"),
    *(STEPS, STEPS * 3, STEPS + b"\n " + STEPS + b"\r\n", b"  <MetadataEntry/>", b"\xef\xbf\xbe"),
    b'  <MetadataEntry key="HKTimeZone" value="Europe/Paris"/>\n',
    b'  <MetadataEntry key="HKTime&#90;one" value="Europe/Rome"/>\n',
    b'<ExportDate value="2022-03-02 00:00:00 -0800"/>',
    b'<WorkoutStatistics startDate="1" startDate="2"/>',
]
OFFSETS = [b"-0700", b"+0545", b"-0900"]
VALUES = [
    *(
        b"",
        b"nan",
        b"inf",
        b"-inf",
        b"1e400",
        b"-1",
        b"1_0",
        b" 12 ",
        b"1\n2",
        b"\t7",
        b"0x1F",
        b"1,5",
    ),
    *(b"7\x0b", b"7\x0b1", b"&#49;", b"&lt;", b"a&b", b"a<b", b"a>b", b"\xef\xbc\x91", b"\xc3\xa9"),
    *("’ ".encode(), b"\xe2\x80", b"\xed\xa0\x80", b"HKTimeZone", b"kcal", b"count", b"x" * 300),
    *(b"2022-03-02 25:00:00 -0800", b"2022-03-01 12:00:60 -0800", b"1969-01-01 00:00:00 +0000"),
    *(b"2022-03-13 02:30:00 -0800", b"2022-03-13 02:30:00 -0700", b"2022-03-01 12:00:00 +9900"),
    *(b"2022-03-01 12:00:00 -0800 ", b"2022-03-01  1:00:00 -0800", b"2022:03:01-12-00-00 +0000"),
]


def mutant(export: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4))):
        export = chance.choice(MUTATIONS)(export, chance)
    return export


def changed_byte(export: bytes, chance: random.Random) -> bytes:
    at, byte = chance.randrange(len(export)), bytes([chance.choice(BYTES)])
    return export[:at] + byte + export[at + chance.choice((0, 1, 1)) :]


def lost_bytes(export: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(export))
    return export[:at] + export[at + chance.choice((1, 1, 2, 5, 40, 400)) :]


def cut_off(export: bytes, chance: random.Random) -> bytes:
    return export[: chance.randrange(len(export))]


def inserted_anywhere(export: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(export))
    return export[:at] + chance.choice(SNIPPETS) + export[at:]


def inserted_between_tags(export: bytes, chance: random.Random) -> bytes:
    lines = export.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), chance.choice(SNIPPETS))
    return b"".join(lines)


def lines_moved(export: bytes, chance: random.Random) -> bytes:
    lines = export.splitlines(keepends=True)
    some = _some(lines, chance)
    taken = lines[some]
    if chance.random() < 0.7:
        del lines[some]
    at = chance.randrange(len(lines) + 1)
    return b"".join([*lines[:at], *taken * chance.choice((0, 1, 1, 3)), *lines[at:]])


def lines_wrapped(export: bytes, chance: random.Random) -> bytes:
    lines = export.splitlines(keepends=True)
    some = _some(lines, chance)
    before, after = chance.choice(
        [
            (b"<!--", b"-->"),
            (b"<![CDATA[", b"]]>"),
            (b"<?app ", b"?>"),
            (b"<Correlation>", b"</Correlation>\n"),
            (b"<Correlation>\n ", b" </Correlation>"),
            (b"<a><b>", b"</b></a>"),
            (b"<a>", b"</b>"),
            (b"<Workout>", b"</Workout>"),
        ]
    )
    lines[some] = [before, *lines[some], after]
    return b"".join(lines)


def _some(lines: list[bytes], chance: random.Random) -> slice:
    first = chance.randrange(len(lines))
    return slice(first, first + chance.choice((1, 1, 2, 3, 50)))


def shuffled_attributes(export: bytes, chance: random.Random) -> bytes:
    def shuffled(tag: bytes) -> bytes:
        found = ATTRIBUTE.findall(tag)
        chance.shuffle(found)
        names = iter(found)
        return ATTRIBUTE.sub(lambda _: next(names), tag)

    return _in_some_records(export, chance, shuffled)


def other_spelling(export: bytes, chance: random.Random) -> bytes:
    """Mostly the same to an XML parser."""
    before, after = chance.choice(
        [
            (b'" ', b'"\n  '),
            (b'" ', b'"  '),
            (b'" ', b'"'),
            (b'="', b' = "'),
            (b'="', b"='"),
            (b'"', b"'"),
            (b"/>", b" />"),
            (b"/>", b"></Record>"),
            (b"/>", b">\n <!-- --> </Record>"),
            (b"/>", b"> words </Record>"),
            (b"/>", b">"),
            (b">", b"/>"),
            (b"\n", b"\r\n"),
            (b"\n", b""),
            (b" value=", b" device="),
            (b" unit=", b" value="),
            (b" value=", b' value="1" value='),
            (b"<Record", b"<record"),
            (b"-0800", b"+0100"),
        ]
    )
    times = chance.choice((1, -1))
    return _in_some_records(export, chance, lambda tag: tag.replace(before, after, times))


def other_value(export: bytes, chance: random.Random) -> bytes:
    return _in_some_records(export, chance, lambda tag: _one_replaced(VALUE, tag, chance))


def other_date(export: bytes, chance: random.Random) -> bytes:
    others = [date[:-5] + offset for date in DATE.findall(export)[:40] for offset in OFFSETS]
    known: list[bytes] = DATE.findall(export) + others

    def changed(tag: bytes) -> bytes:
        dates = list(DATE.finditer(tag))
        if not dates:
            return tag
        date = chance.choice(dates)
        return tag[: date.start()] + chance.choice(known) + tag[date.end() :]

    return _in_some_records(export, chance, changed)


def no_attribute(export: bytes, chance: random.Random) -> bytes:
    name = chance.choice([b"sourceName", b"unit", b"value", b"creationDate", b"startDate", b"type"])
    pattern = re.compile(b" " + name + rb'="[^"\n]*"')
    return _in_some_records(export, chance, lambda tag: pattern.sub(b"", tag))


def other_encoding(export: bytes, chance: random.Random) -> bytes:
    encoding = chance.choice(["utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8-sig", "utf-7"])
    encoded = export.decode("utf-8", "replace").encode(encoding, "replace")
    return encoded.replace(b"UTF-8", encoding.encode()) if chance.random() < 0.5 else encoded


def _one_replaced(pattern: re.Pattern[bytes], tag: bytes, chance: random.Random) -> bytes:
    found = list(pattern.finditer(tag))
    if not found:
        return tag
    one = chance.choice(found)
    return tag[: one.start()] + b'"' + chance.choice(VALUES) + b'"' + tag[one.end() :]


def _in_some_records(
    export: bytes, chance: random.Random, change: Callable[[bytes], bytes]
) -> bytes:
    share = chance.choice((0.0, 0.01, 0.3, 1.0))
    picked = chance.randrange(max(1, export.count(b" <Record ")))
    parts = []
    last = 0
    for number, line in enumerate(RECORD_LINE.finditer(export)):
        if number == picked or chance.random() < share:
            parts += [export[last : line.start()], change(line[0])]
            last = line.end()
    return b"".join([*parts, export[last:]])


MUTATIONS: list[Mutation] = [
    changed_byte,
    lost_bytes,
    cut_off,
    inserted_anywhere,
    inserted_between_tags,
    lines_moved,
    lines_wrapped,
    shuffled_attributes,
    other_spelling,
    other_value,
    other_date,
    no_attribute,
    other_encoding,
]
