"""The fast path: Records that are alike, taken by the hundred without an XML parser.

Nearly all of an export is runs of Records that differ in their dates and value only. `RUN`
matches such a run as bytes; all the rest goes to expat, which stays the judge of the file. That
is sound for any bytes, well-formed or not:

* What `RUN` matches are whole, well-formed elements: one spelling of each tag, so no attribute
  twice, and values of `TEXT`, which holds no quote, no `<`, no control character, no entity but
  the five of XML, and only whole characters of UTF-8.
* A run is looked for only where expat stands directly under the root and between two tokens, so
  not in a comment, a CDATA section, a tag or another element (see `walk`). Elements left out
  there change nothing in what expat makes of the rest.
* The collector gets of each Record what expat would have told, and in the same order. A run with
  a date or a number that it cannot read goes to expat too, which finds the one to leave out.

What `RUN` does not know, such as another order of attributes, costs time and nothing else.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from xml.parsers import expat

from connections.providers.apple_health.stores import Attributes

RECORD = b'<Record type="'

# Groups are not possessive: in Python 3.11.0 to 3.11.4 those could end in the wrong place. They
# are bounded, since each repetition is remembered; Apple's names and devices have under ten.
SEVERAL = "{0,200}"
PLAIN = "[ !#-%'-;=-~]*+"
ENTITY = "&(?:amp|lt|gt|quot|apos);"
LETTER = r"[\xc2-\xdf][\x80-\xbf]|[\xe1-\xec][\x80-\xbf]{2}"  # beyond ASCII, in UTF-8
LETTERS = f"{PLAIN}(?:(?:{LETTER}){PLAIN}){SEVERAL}"
TEXT = f"{PLAIN}(?:(?:{ENTITY}|{LETTER}){PLAIN}){SEVERAL}"
GAP = r"[ \t\n]*+"
CLOCK = "[-0-9: ]{19}"  # "2024-03-01 07:14:22", or nonsense as harmless
OFFSET = " [-+][0-9]{4}"

# Time zones are counted (see `Steps`), so a Record that names one goes to expat.
METADATA = f'<MetadataEntry key="(?!HKTimeZone"){PLAIN}" value="{PLAIN}"/>{GAP}'
BEAT = f'<InstantaneousBeatsPerMinute bpm="{PLAIN}" time="{LETTERS}"/>{GAP}'
BEATS = "<{0}>{1}(?:{2}){{0,1000}}</{0}>{1}".format("HeartRateVariabilityMetadataList", GAP, BEAT)
CLOSING = f"(?:/>|>{GAP}(?:{METADATA}|{BEATS}){SEVERAL}</Record>){GAP}"

NAMED = f' sourceName="{TEXT}"(?: sourceVersion="{TEXT}")?(?: device="{TEXT}")?'
HEAD = f'<Record type="(?P<kind>[A-Za-z]++)"{NAMED}(?: unit="{TEXT}")? creationDate="'
FIRST_END = f'(?P<offset>{OFFSET})" endDate="{CLOCK}(?P=offset)(?P<value>" value="|)'
NEXT_END = f'(?P=offset)" endDate="{CLOCK}(?P=offset)(?P=value)'
DATES = f'[-+0-9: ]{{25}}" startDate="{CLOCK}'

FIRST = f'(?P<head>{HEAD}){DATES}{FIRST_END}{PLAIN}"{CLOSING}'
NEXT = f'(?P=head){DATES}{NEXT_END}{PLAIN}"{CLOSING}'
RUN = re.compile(f"{FIRST}(?:{NEXT})*".encode("ascii"))

# What `Run.rows` gives of a Record, and where in it the instants and the value stand.
ROW = '2024-03-01 07:14:22 -0800" endDate="2024-03-01 07:15:20 -0800" value="'
START, END, VALUE = 0, ROW.rindex("2024"), len(ROW)
CLOCK_LENGTH = ROW.index(" -0800")
BEAT_TIME = re.compile(r'<InstantaneousBeatsPerMinute bpm="[^"]*" time="([^"]*)"')


class Run:
    """Records in a row that have all but their dates, value and metadata in common."""

    def __init__(self, match: re.Match[bytes]) -> None:
        self._match = match

    @property
    def kind(self) -> str:
        return self._match["kind"].decode("ascii")

    @property
    def length(self) -> int:
        return self._match.end() - self._match.start()

    @property
    def has_values(self) -> bool:
        return bool(self._match["value"])

    @property
    def offset(self) -> str:
        return self._match["offset"].decode("ascii")

    def attributes(self) -> Attributes:
        """What all of its Records have in common, in expat's own reading."""
        return _attributes(self._match["head"] + b'"/>')

    def rows(self) -> list[str]:
        """Of each Record the text from its first date up to its value, like `ROW` and a number."""
        # Byte by byte: what is wanted is plain, and nobody reads the other characters.
        text = self._match[0].decode("latin-1")
        return _row(len(self._match["head"])).findall(text)

    def beat_times(self) -> list[list[str]]:
        """Of each Record, when its heartbeats were."""
        records = self._match[0].decode("utf-8").split("<Record")[1:]
        return [BEAT_TIME.findall(record) for record in records]


def are_moments(rows: Sequence[str]) -> bool:
    """Whether each begins when it ends, as a heartbeat does."""
    starts, ends = slice(START, START + CLOCK_LENGTH), slice(END, END + CLOCK_LENGTH)
    if rows[0][starts] != rows[0][ends]:
        return False
    return [row[starts] for row in rows] == [row[ends] for row in rows]


def run_at(piece: bytes, position: int) -> Run | None:
    match = RUN.match(piece, position)
    return None if match is None else Run(match)


@lru_cache(maxsize=64)
def _attributes(tag: bytes) -> Attributes:
    found: list[Attributes] = []
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = lambda _name, attributes: found.append(attributes)
    parser.Parse(tag, True)
    return found[0]


@lru_cache(maxsize=64)
def _row(head_length: int) -> re.Pattern[str]:
    before = head_length - len("<Record") + len('2024-03-01 07:15:27 -0800" startDate="')
    return re.compile(rf'<Record.{{{before}}}(.{{{len(ROW)}}}[^"]*)', re.DOTALL)
