"""From an uploaded file, zip or bare XML, to the bytes of the one XML that holds the data.

Nothing is written to disk and no name inside an archive is trusted: zip and XML names are
localized by the phone, so the export is recognised by how its content begins.
"""

import errno
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connections.providers.apple_health.errors import AS_APPLE_MADE_IT, NotAnExport

# Small pieces make expat 2.5 quadratic on long tokens, so nothing reads in smaller steps.
CHUNK_BYTES = 256 * 1024
PACKED_BYTES = 64 * 1024
HEAD_BYTES = 4096

MAX_XML_BYTES = 8_000_000_000
MAX_RATIO = 200  # real exports deflate about 30:1
RATIO_APPLIES_FROM_BYTES = 10_000_000
MAX_ENTRIES = 20_000
MAX_DIRECTORY_BYTES = 8_000_000

ZIP_MAGIC = b"PK\x03\x04"
EMPTY_ZIP_MAGIC = b"PK\x05\x06"
ZIP_END_SEARCH_BYTES = 22 + 65535 + 76  # end record, longest comment, zip64 records before it
ENCRYPTED_FLAG = 0x1

# Atomic and possessive, so that a head full of comments cannot make the match exponential.
EXPORT_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?>(?:<\?.*?\?>|<!--.*?-->)\s*+)*+<(?:!DOCTYPE\s+)?HealthData\b",
    re.DOTALL,
)
UTF16_HEADS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")

# What zipfile and zlib raise on damaged or lying archives.
ZIP_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
    struct.error,
)

DAMAGED = (
    "The zip is damaged: what is inside does not match its own table of contents. Please export "
    "again on the iPhone and upload the new file."
)


@dataclass(frozen=True, slots=True)
class ExportXml:
    total_bytes: int
    chunks: Iterator[bytes]


@contextmanager
def open_export(path: Path) -> Iterator[ExportXml]:
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(HEAD_BYTES)
        file.seek(0)
        refuse_other_files(head)
        if is_zip(head):
            refuse_long_directory(file, size)
            with ExitStack() as opened:
                with damage_named():
                    archive = opened.enter_context(zipfile.ZipFile(file))
                    export = open_member(file, archive, size)
                yield export
        else:
            refuse_too_long(size)
            yield ExportXml(size, iter(lambda: file.read(CHUNK_BYTES), b""))


def refuse_other_files(head: bytes) -> None:
    """Raises NotAnExport for a file that begins neither as a zip nor as the export's own XML."""
    if not is_zip(head) and not EXPORT_HEAD.match(head):
        raise NotAnExport(refusal(head))


def is_zip(head: bytes) -> bool:
    return head.startswith((ZIP_MAGIC, EMPTY_ZIP_MAGIC))


@contextmanager
def damage_named() -> Iterator[None]:
    try:
        yield
    except ZIP_DAMAGE as error:
        raise NotAnExport(DAMAGED) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a seek to nowhere; anything else is our disk
            raise
        raise NotAnExport(DAMAGED) from error


def refuse_too_long(xml_bytes: int) -> None:
    if xml_bytes > MAX_XML_BYTES:
        raise NotAnExport(
            f"The export holds {xml_bytes / 1e9:.0f} GB of data and at most "
            f"{MAX_XML_BYTES / 1e9:.0f} GB can be read. {AS_APPLE_MADE_IT}"
        )


def refuse_long_directory(file: BinaryIO, size: int) -> None:
    """zipfile builds an object for every entry at once, so look at the end record before it."""
    file.seek(max(0, size - ZIP_END_SEARCH_BYTES))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(EMPTY_ZIP_MAGIC)
    if at < 0 or len(tail) - at < 22:
        raise NotAnExport(
            "The zip stops before its end, so the upload or the copy was probably cut off. "
            "Please upload it again, or export it again on the iPhone."
        )
    entries, directory_bytes = struct.unpack_from("<HL", tail, at + 10)
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        entries, directory_bytes = struct.unpack_from("<QQ", tail, at - 76 + 32)
    if entries > MAX_ENTRIES or directory_bytes > MAX_DIRECTORY_BYTES:
        refuse_entries()


def refuse_entries() -> None:
    raise NotAnExport(
        f"The zip lists more than {MAX_ENTRIES:,} files, which no Apple Health export does. "
        f"{AS_APPLE_MADE_IT}"
    )


def open_member(file: BinaryIO, archive: zipfile.ZipFile, archive_bytes: int) -> ExportXml:
    member = find_export(archive)
    refuse_too_long(member.file_size)
    packed_bytes = max(1, min(member.compress_size, archive_bytes))
    if member.file_size > max(RATIO_APPLIES_FROM_BYTES, MAX_RATIO * packed_bytes):
        raise NotAnExport(
            f"The zip unpacks to more than {MAX_RATIO} times its size, which no Apple Health "
            f"export does. {AS_APPLE_MADE_IT}"
        )
    return ExportXml(member.file_size, inflated(file, member))


def find_export(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if member.file_size]
    if len(members) > MAX_ENTRIES:
        refuse_entries()
    heads = [(member, head_of(archive, member)) for member in members]
    found = [member for member, head in heads if EXPORT_HEAD.match(head)]
    if len(found) > 1:
        raise NotAnExport(
            "The zip contains more than one Apple Health export, and it is not clear which one "
            "is meant. Please upload one export at a time, as the iPhone made it."
        )
    if not found:
        raise NotAnExport(zip_refusal([head for _, head in heads]))
    return found[0]


def head_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.flag_bits & ENCRYPTED_FLAG:
        raise NotAnExport(
            "The zip is protected with a password, so it cannot be read. Please upload it "
            "without one."
        )
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return b""
    with archive.open(member) as file:
        return file.read(HEAD_BYTES)


def inflated(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member in chunks of one size, if it is what the table of contents says.

    zipfile reads the same, but copies whatever it has not unpacked yet with each chunk, which
    takes half as long as the unpacking.
    """
    missing_bytes, crc = member.file_size, 0
    with damage_named():
        for chunk in unpacked(file, member):
            missing_bytes -= len(chunk)
            crc = zlib.crc32(chunk, crc)
            if missing_bytes < 0:
                raise EOFError
            yield chunk
        if missing_bytes or crc != member.CRC:
            raise EOFError


def unpacked(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    if member.compress_type == zipfile.ZIP_STORED:
        yield from packed_bytes(file, member, CHUNK_BYTES)
        return
    packed = packed_bytes(file, member, PACKED_BYTES)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    room = CHUNK_BYTES
    while not unpacker.eof:
        waiting = unpacker.unconsumed_tail or next(packed, b"")
        part = unpacker.decompress(waiting, room)
        if not part and not waiting:
            break
        parts.append(part)
        room -= len(part)
        if not room:
            yield b"".join(parts)
            parts, room = [], CHUNK_BYTES
    yield b"".join(parts)


def packed_bytes(file: BinaryIO, member: zipfile.ZipInfo, step: int) -> Iterator[bytes]:
    """What lies in the zip behind the member's own heading, which `head_of` has looked at."""
    file.seek(member.header_offset + 26)
    name_bytes, extra_bytes = struct.unpack("<HH", file.read(4))
    file.seek(name_bytes + extra_bytes, os.SEEK_CUR)
    left = member.compress_size
    while left and (packed := file.read(min(left, step))):
        left -= len(packed)
        yield packed


def zip_refusal(heads: list[bytes]) -> str:
    if any(head.startswith(ZIP_MAGIC) for head in heads):
        return (
            "The zip contains another zip instead of an Apple Health export. Please upload the "
            "inner file."
        )
    if b"" in heads:
        return f"The zip is packed in a way that cannot be read here. {AS_APPLE_MADE_IT}"
    return f"There is no Apple Health export in this zip. {AS_APPLE_MADE_IT}"


def refusal(head: bytes) -> str:
    if not head:
        return "The file is empty. Please export again on the iPhone and upload the new file."
    if head.startswith(UTF16_HEADS):
        return (
            "The file was saved again in another text encoding (UTF-16), and Apple writes UTF-8. "
            + AS_APPLE_MADE_IT
        )
    if b"<ClinicalDocument" in head:
        return (
            "This is the clinical copy (export_cda.xml) that lies beside the data. "
            + AS_APPLE_MADE_IT
        )
    return f"This file is not an Apple Health export. {AS_APPLE_MADE_IT}"
