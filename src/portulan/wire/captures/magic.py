"""What a file of packets begins with: pcap in its dialects (draft-ietf-opsawg-pcap), pcapng (draft-ietf-opsawg-pcapng), or either compressed."""

from __future__ import annotations

from struct import unpack_from

from portulan.errors import BadInput
from portulan.model.record import Record

HEAD = 28
"""Bytes that tell: a pcap file's header takes 24, the least section header of pcapng 28."""

GZIP = b"\x1f\x8b"
"""RFC 1952 2.3.1."""
ZSTD = b"\x28\xb5\x2f\xfd"
"""RFC 8878 3.1.1."""
ZSTD_SKIPPABLE = tuple(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60))
"""RFC 8878 3.1.2: frames that are passed over may come first."""

SECTION = 0x0A0D0D0A
ORDER_MARK = 0x1A2B3C4D
_SECTION_BYTES = b"\n\r\r\n"

LARGEST_PACKET = 262_144
"""More was captured of no packet that others write, unless the file's own header says so."""
LARGEST_RECORD = 16 << 20
"""And whatever it says, no record and no block is longer: beyond this, it is damage."""


class Pcap(Record):
    """A pcap file: one header, then records of one form."""

    order: str
    """`<` or `>`, as `struct` has it."""
    tick_ns: int
    """1000: its times are in microseconds; 1: in nanoseconds."""
    link: int
    """LINKTYPE of all packets."""
    limit: int
    """Most bytes captured of one packet."""
    header: int = 16
    """Bytes of a record before its packet: 24 in the dialect with an interface index behind the lengths."""
    captured_at: int = 8
    """Where in it the captured length stands; the length on the wire stands in the other of 8 and 12, which versions before 2.3 had the other way round."""

    first: int = 24
    """Where the first record begins."""


class Pcapng(Record):
    """A pcapng file: blocks, the first a section header, which says in which byte order the following are."""

    first: int = 0


_DIALECTS = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
"""Magic number to nanoseconds a tick and bytes of a record's header."""


def compression_of(head: bytes) -> str | None:
    """`gzip`, `zstd`, or None."""
    if head.startswith(GZIP):
        return "gzip"
    return "zstd" if head.startswith((ZSTD, *ZSTD_SKIPPABLE)) else None


def parse_head(head: bytes, name: str) -> Pcap | Pcapng:
    """What the first HEAD bytes of a file, or all of a shorter one, say it is. Raises BadInput."""
    if not head:
        raise BadInput("capture.empty", name=name)
    if head[:4] == _SECTION_BYTES:
        return _parse_section_head(head, name)
    order = next((order for order in "<>" if len(head) >= 4 and unpack_from(order + "I", head)[0] in _DIALECTS), None)
    if order is None:
        raise BadInput("capture.not-one", name=name)
    if len(head) < 24:
        raise BadInput("capture.cut-header", name=name)
    magic, major, minor, _, _, snap, link = unpack_from(order + "IHHIIII", head)
    if major != 2:
        raise BadInput("capture.version", name=name, format="pcap", version=f"{major}.{minor}")
    tick_ns, header = _DIALECTS[magic]
    limit = min(max(snap, LARGEST_PACKET), LARGEST_RECORD - header)
    return Pcap(order, tick_ns, link & 0xFFFF, limit, header, 8 if minor >= 3 else 12)


def _parse_section_head(head: bytes, name: str) -> Pcapng:
    if len(head) < HEAD:
        raise BadInput("capture.cut-header", name=name)
    order = section_order(head)
    if order is None:
        raise BadInput("capture.not-one", name=name)
    size, _, major, minor = unpack_from(order + "IIHH", head, 4)
    if major != 1:
        raise BadInput("capture.version", name=name, format="pcapng", version=f"{major}.{minor}")
    if size < HEAD or size & 3 or size > LARGEST_RECORD:
        raise BadInput("capture.not-one", name=name)
    return Pcapng()


def section_order(block: bytes | memoryview, at: int = 0) -> str | None:
    """The byte order that a section header block, of which 12 bytes are there, says the section has; None: it is none."""
    for order in "<>":
        if unpack_from(order + "I", block, at + 8)[0] == ORDER_MARK:
            return order
    return None
