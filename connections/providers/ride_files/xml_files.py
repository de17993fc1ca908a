"""TCX and GPX: one walk with expat, which may define nothing and stays small."""

from collections.abc import Iterator
from xml.parsers import expat

from connections.providers.ride_files.errors import CUT_OFF, DAMAGED, KINDS, NotARideFile
from connections.providers.ride_files.gpx import Gpx
from connections.providers.ride_files.recording import Point, Told
from connections.providers.ride_files.tcx import Tcx

# Small pieces make expat 2.5 quadratic on long tokens, so it is not fed in smaller steps.
PIECE_BYTES = 256 * 1024
MOST_TAG_BYTES = 256 * 1024
MOST_ATTRIBUTES = 64
MOST_DEPTH = 32
MOST_NAMES = 10_000
MOST_TEXT = 1_000
KINDS_OF_XML: dict[str, type[Gpx | Tcx]] = {"TrainingCenterDatabase": Tcx, "gpx": Gpx}

DEFINES = (
    "It begins with a document type, which no ride needs and which can be used to attack a reader. "
    "Export the ride again from your device or app, and send that."
)
UNLIKE = (
    "It is built in a way that no ride file is. Export the ride again from your device or app, and "
    "send that."
)
OTHER_XML = f"It is XML, but neither TCX nor GPX. {KINDS}"


class _Walk:
    """Names without their prefix: every app has its own for the same extension."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.texts: list[str] = []
        self.contents: Gpx | Tcx | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if self.contents is None:
            kind = KINDS_OF_XML.get(name)
            if kind is None:
                raise NotARideFile(OTHER_XML)
            self.contents = kind()
        if len(self.names) >= MOST_DEPTH or len(attributes) > MOST_ATTRIBUTES:
            raise NotARideFile(UNLIKE)
        self.names.append(name)
        self.texts.append("")
        self.contents.start(name, attributes)

    def text(self, data: str) -> None:
        if self.texts and len(self.texts[-1]) < MOST_TEXT:
            self.texts[-1] += data[:MOST_TEXT]

    def end(self, _tag: str) -> None:
        name, text = self.names.pop(), self.texts.pop().strip()
        parent = self.names[-1] if self.names else ""
        if self.contents is not None:
            self.contents.end(parent, name, text)

    def refuse_doctype(self, *_: object) -> None:
        raise NotARideFile(DEFINES)


def recordings_in_xml(content: bytes) -> Iterator[tuple[Told, list[Point]]]:
    """Each activity or track with its points; raises NotARideFile."""
    walk = _Walk()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = walk.start
    parser.EndElementHandler = walk.end
    parser.CharacterDataHandler = walk.text
    parser.StartDoctypeDeclHandler = walk.refuse_doctype
    _feed(parser, content)
    if walk.contents is None:
        raise NotARideFile(OTHER_XML)
    return walk.contents.recordings()


def _feed(parser: expat.XMLParserType, content: bytes) -> None:
    try:
        for at in range(0, len(content), PIECE_BYTES):
            piece = content[at : at + PIECE_BYTES]
            parser.Parse(piece, False)
            unfinished_bytes = at + len(piece) - parser.CurrentByteIndex
            if unfinished_bytes > MOST_TAG_BYTES or len(parser.intern) > MOST_NAMES:
                raise NotARideFile(UNLIKE)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise NotARideFile(DAMAGED) from error
    try:
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise NotARideFile(CUT_OFF) from error
