"""Walks through the XML with expat, after `xml_bytes` has made it safe and well-formed."""

from collections.abc import Iterable
from xml.parsers import expat

from connections.providers.apple_health.collector import Collector, OpenElement
from connections.providers.apple_health.errors import NotAnExport
from connections.providers.apple_health.stores import Attributes
from connections.providers.apple_health.xml_bytes import MAX_TAG_BYTES, UNLIKE_APPLE

MAX_DEPTH = 16
MAX_ATTRIBUTES = 64
MAX_NAMES_LENGTH = 100_000  # of all names together, which expat keeps; Apple's have about 4000

CUT_OFF = (
    "The export stops before its end: the iPhone, the copy or the upload was cut off. Please "
    "export again on the iPhone, wait until it has finished, and upload the new file."
)


class Steps:
    """Only elements directly under the root count: the Records in a Correlation repeat others."""

    def __init__(self, collector: Collector) -> None:
        self._time_zone = collector.time_zone
        self._elements = {
            "Record": collector.record,
            "Workout": collector.workout,
            "ActivitySummary": collector.activity_summary,
            "ExportDate": collector.export_date,
        }
        self._depth = 0
        self._open: OpenElement | None = None

    def start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH or len(attributes) > MAX_ATTRIBUTES:
            raise NotAnExport(UNLIKE_APPLE)
        if self._depth == 2:
            element = self._elements.get(name)
            if element is not None:
                self._open = element(attributes)
        elif name == "MetadataEntry" and attributes.get("key") == "HKTimeZone":
            self._time_zone(attributes.get("value", ""))
        elif self._open is not None:
            self._open.child(self._depth, name, attributes)

    def end(self, _name: str) -> None:
        self._depth -= 1
        if self._depth == 1 and self._open is not None:
            self._open.close()
            self._open = None


def walk(pieces: Iterable[bytes], collector: Collector) -> None:
    """`pieces` begin at the root, and each ends with a whole tag."""
    steps = Steps(collector)
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = steps.start
    parser.EndElementHandler = steps.end
    feed(parser, pieces)
    try:
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise NotAnExport(CUT_OFF) from error


def feed(parser: expat.XMLParserType, pieces: Iterable[bytes]) -> None:
    fed_bytes = 0
    for piece in pieces:
        try:
            parser.Parse(piece, False)
        except expat.ExpatError as error:
            raise NotAnExport(damage_at(error.lineno)) from error
        fed_bytes += len(piece)
        # A comment may contain any number of `<`, so it can outgrow the limit on a tag.
        unfinished_bytes = fed_bytes - parser.CurrentByteIndex
        names_length = sum(map(len, parser.intern))
        if unfinished_bytes > MAX_TAG_BYTES or names_length > MAX_NAMES_LENGTH:
            raise NotAnExport(UNLIKE_APPLE)


def damage_at(line: int) -> str:
    return (
        f"The export is damaged near line {line} after its heading, and what follows cannot be "
        "trusted. Please export again on the iPhone and upload the new file."
    )
