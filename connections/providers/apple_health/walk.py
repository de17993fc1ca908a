"""Walks through the XML with expat, after `xml_bytes` has made it safe and well-formed.

Runs of Records that are alike need no parser (see `runs`), and are left out of what expat sees.
"""

from collections.abc import Iterable
from xml.parsers import expat

from connections.providers.apple_health.collector import Collector, OpenElement
from connections.providers.apple_health.errors import UNLIKE_APPLE, NotAnExport
from connections.providers.apple_health.runs import RECORD, Run, run_at
from connections.providers.apple_health.stores import Attributes
from connections.providers.apple_health.xml_bytes import MAX_TAG_BYTES, repaired

MAX_DEPTH = 16
MAX_ATTRIBUTES = 64
# Each costs a call, and Apple's take 300 bytes on average; so many may be small all the same.
LEAST_BYTES_OF_ELEMENT, SMALL_ELEMENTS = 32, 100_000
MAX_NAMES_LENGTH = 100_000  # of all names together, which expat keeps; Apple's have about 4000

CUT_OFF = (
    "The export stops before its end: the iPhone, the copy or the upload was cut off. Please "
    "export again on the iPhone, wait until it has finished, and upload the new file."
)


class UnknownLine(Exception):
    """The export is damaged, and expat cannot tell where: it has not seen all lines up to there."""


class Steps:
    """Only elements directly under the root count: the Records in a Correlation repeat others."""

    def __init__(self, collector: Collector) -> None:
        self.depth = 0
        self.count = 0
        self._time_zone = collector.time_zone
        self._record = collector.record
        self._elements = {
            "Workout": collector.workout,
            "ActivitySummary": collector.activity_summary,
            "ExportDate": collector.export_date,
        }
        self._open: OpenElement | None = None

    def start(self, name: str, attributes: Attributes) -> None:
        self.depth = depth = self.depth + 1
        self.count += 1
        if depth > MAX_DEPTH or len(attributes) > MAX_ATTRIBUTES:
            raise NotAnExport(UNLIKE_APPLE)
        if depth == 2:
            if name == "Record":
                self._open = self._record(attributes)
            elif name in self._elements:
                self._open = self._elements[name](attributes)
        elif name == "MetadataEntry" and attributes.get("key") == "HKTimeZone":
            self._time_zone(attributes.get("value", ""))
        elif self._open is not None:
            self._open.child(depth, name, attributes)

    def end(self, _name: str) -> None:
        self.depth = depth = self.depth - 1
        if depth == 1 and self._open is not None:
            self._open.close()
            self._open = None

    def start_cdata(self) -> None:
        """One deeper, so that what looks like an element in it is not taken for one."""
        self.depth += 1

    def end_cdata(self) -> None:
        self.depth -= 1


class Walk:
    """One way through an export, piece by piece; each begins with a `<` and ends before one."""

    def __init__(self, collector: Collector, *, takes_runs: bool) -> None:
        self._collector = collector
        self._takes_runs = takes_runs
        self._steps = Steps(collector)
        self._parser = expat.ParserCreate("UTF-8")
        if hasattr(self._parser, "SetReparseDeferralEnabled"):  # from expat 2.6 on
            self._parser.SetReparseDeferralEnabled(False)  # pieces are large, and tokens limited
        self._parser.StartElementHandler = self._steps.start
        self._parser.EndElementHandler = self._steps.end
        self._parser.StartCdataSectionHandler = self._steps.start_cdata
        self._parser.EndCdataSectionHandler = self._steps.end_cdata
        self._fed_bytes = 0

    def take(self, piece: bytes) -> None:
        position = 0
        while position < len(piece):
            run = self._run_at(piece, position)
            end = self._next_record(piece, position) if run is None else position + run.length
            if run is None or not self._collector.take(run):
                self._feed(piece[position:end])
            position = end
        self._refuse_excess()

    def finish(self) -> None:
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise NotAnExport(CUT_OFF) from error

    def _run_at(self, piece: bytes, position: int) -> Run | None:
        if not self._takes_runs or self._steps.depth != 1 or self._unfinished_bytes():
            return None
        return run_at(piece, position)

    def _next_record(self, piece: bytes, position: int) -> int:
        # Expat begins a token again with each feed, so a long one is not fed in small bits.
        if not self._takes_runs or self._unfinished_bytes():
            return len(piece)
        found = piece.find(RECORD, position + 1)
        return len(piece) if found < 0 else found

    def _feed(self, raw: bytes) -> None:
        part = repaired(raw)
        try:
            self._parser.Parse(part, False)
        except expat.ExpatError as error:
            if self._takes_runs:
                raise UnknownLine from error
            raise NotAnExport(damage_at(error.lineno)) from error
        self._fed_bytes += len(part)

    def _unfinished_bytes(self) -> int:
        return self._fed_bytes - max(0, self._parser.CurrentByteIndex)  # -1 before the first

    def _refuse_excess(self) -> None:
        # A comment may contain any number of `<`, so it can outgrow the limit on a tag.
        names_length = sum(map(len, self._parser.intern))
        small = self._steps.count - SMALL_ELEMENTS
        if (
            self._unfinished_bytes() > MAX_TAG_BYTES
            or names_length > MAX_NAMES_LENGTH
            or small * LEAST_BYTES_OF_ELEMENT > self._fed_bytes
            or self._collector.is_overfull()
        ):
            raise NotAnExport(UNLIKE_APPLE)


def walk(pieces: Iterable[bytes], collector: Collector, *, takes_runs: bool = True) -> None:
    """`pieces` begin at the root, and each ends with a whole tag."""
    steps = Walk(collector, takes_runs=takes_runs)
    for piece in pieces:
        steps.take(piece)
    steps.finish()


def damage_at(line: int) -> str:
    return (
        f"The export is damaged near line {line} after its heading, and what follows cannot be "
        "trusted. Please export again on the iPhone and upload the new file."
    )
