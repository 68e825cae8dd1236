"""A packet taken apart for a reader: which bytes are which header, and where the addresses and the port numbers stand.

Any bytes: layers that cover them all, in order. Whatever does not fit is `cut`, `unknown` or `data`; no length is believed beyond the bytes that are there.
Sources: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 768, RFC 9293, RFC 9260 (the ports stand first in each), RFC 792; link types: https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from portulan.model.address import format_address
from portulan.model.explain import Field, Layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ETHERNET = 1
_NULL, _LOOP = 0, 108
_COOKED, _COOKED2 = 113, 276
_RAW = (12, 14, 101)
_RAW4, _RAW6 = 228, 229
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
_TAGS = (0x8100, 0x88A8, 0x9100)
_PPPOE = 0x8864
_MOST_TAGS, _MOST_EXTENSIONS = 8, 16
_PORTED = {6: ("tcp", 20), 17: ("udp", 8), 33: ("dccp", 12), 132: ("sctp", 12), 136: ("udplite", 8)}
_ICMP, _ICMP6, _FRAGMENT, _AUTHENTICATION = 1, 58, 44, 51
_EXTENSIONS = (0, 43, _FRAGMENT, _AUTHENTICATION, 60, 135, 139, 140)
"""Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6: each says what stands next in its first byte."""
_TCP_FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")


class _Reader:
    """Bytes being eaten from the front; layers as they are found."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.end = data, 0, len(data)
        self.layers: list[Layer] = []

    @property
    def left(self) -> int:
        return self.end - self.at

    def take(self, code: str, size: int, fields: tuple[Field, ...] = ()) -> None:
        """The next bytes are this layer."""
        self.layers.append(Layer(code, self.at, size, fields))
        self.at += size

    def rest(self, code: str) -> None:
        """Whatever is left is this; nothing where nothing is left."""
        if self.left > 0:
            self.take(code, self.left)

    def number(self, offset: int, size: int) -> int:
        """A big-endian number of the layer that begins now."""
        return int.from_bytes(self.data[self.at + offset : self.at + offset + size])

    def field(self, code: str, offset: int, size: int, value: str) -> Field:
        return Field(code, self.at + offset, size, value)


def dissect(data: bytes, link: int = ETHERNET) -> tuple[Layer, ...]:
    """The layers of a frame of this link type, or what can be told of them. Empty for no bytes."""
    reader = _Reader(data)
    kind = _link(reader, link)
    if kind == IPV4:
        _ipv4(reader)
    elif kind == IPV6:
        _ipv6(reader)
    elif kind == ARP:
        reader.rest("arp")
    reader.rest("unknown")
    if reader.end < len(data):
        reader.end = len(data)
        reader.rest("padding")
    return tuple(reader.layers)


def _link(reader: _Reader, link: int) -> int | None:
    """Past the link's own header; the ethertype of what stands behind it, None where that is not known."""
    beginning = _BEGINNINGS.get(link)
    return None if beginning is None else beginning(reader)


def _null(reader: _Reader) -> int | None:
    """Four bytes of an address family, in the byte order of whatever machine wrote it: the packet itself is asked."""
    if reader.left < 4:
        reader.rest("cut")
        return None
    reader.take("loopback", 4)
    return _raw(reader)


def _raw(reader: _Reader) -> int | None:
    return {4: IPV4, 6: IPV6}.get(reader.data[reader.at] >> 4) if reader.left else None


def _cooked(reader: _Reader, size: int = 16, at: int = 14) -> int | None:
    if reader.left < size:
        reader.rest("cut")
        return None
    kind = reader.number(at, 2)
    reader.take("cooked", size, (reader.field("ethertype", at, 2, f"0x{kind:04x}"),))
    return _tags(reader, kind)


def _ethernet(reader: _Reader) -> int | None:
    if reader.left < 14:
        reader.rest("cut")
        return None
    kind = reader.number(12, 2)
    fields = (
        reader.field("destination-mac", 0, 6, reader.data[0:6].hex(":")),
        reader.field("source-mac", 6, 6, reader.data[6:12].hex(":")),
        reader.field("ethertype", 12, 2, f"0x{kind:04x}"),
    )
    reader.take("ethernet", 14, fields)
    return _tags(reader, kind)


def _tags(reader: _Reader, kind: int) -> int | None:
    """Past VLAN tags (IEEE 802.1Q) and PPPoE (RFC 2516)."""
    for _ in range(_MOST_TAGS):
        if kind == _PPPOE and reader.left >= 8:
            kind = {0x21: IPV4, 0x57: IPV6}.get(reader.number(6, 2), 0)
            reader.take("pppoe", 8)
        if kind not in _TAGS:
            return kind
        if reader.left < 4:
            reader.rest("cut")
            return None
        kind = reader.number(2, 2)
        reader.take("vlan", 4, (reader.field("ethertype", 2, 2, f"0x{kind:04x}"),))
    return None


def _ipv4(reader: _Reader) -> None:
    size = (reader.data[reader.at] & 15) * 4 if reader.left else 0
    if reader.left < 20 or reader.left < size:
        reader.rest("cut")
        return
    if size < 20 or reader.data[reader.at] >> 4 != 4:
        return
    total, protocol, offset = reader.number(2, 2), reader.number(9, 1), reader.number(6, 2) & 0x1FFF
    if total >= size:  # 0 where the network card was to split it (segmentation offload)
        reader.end = min(reader.end, reader.at + total)
    fields = (
        reader.field("protocol", 9, 1, str(protocol)),
        reader.field("source-address", 12, 4, format_address(reader.data[reader.at + 12 : reader.at + 16])),
        reader.field("destination-address", 16, 4, format_address(reader.data[reader.at + 16 : reader.at + 20])),
    )
    reader.take("ipv4", size, fields)
    _transport(reader, protocol, first=not offset)


def _ipv6(reader: _Reader) -> None:
    if reader.left < 40:
        reader.rest("cut")
        return
    if reader.data[reader.at] >> 4 != 6:
        return
    length, protocol = reader.number(4, 2), reader.number(6, 1)
    if length:
        reader.end = min(reader.end, reader.at + 40 + length)
    fields = (
        reader.field("protocol", 6, 1, str(protocol)),
        reader.field("source-address", 8, 16, format_address(reader.data[reader.at + 8 : reader.at + 24])),
        reader.field("destination-address", 24, 16, format_address(reader.data[reader.at + 24 : reader.at + 40])),
    )
    reader.take("ipv6", 40, fields)
    first = True
    for _ in range(_MOST_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            break
        if reader.left < 2:
            reader.rest("cut")
            return
        # An authentication header counts in four bytes, less two (RFC 4302, section 2.2); a fragment header is as long as it is.
        length = reader.number(1, 1)
        size = 8 if protocol == _FRAGMENT else 4 * (length + 2) if protocol == _AUTHENTICATION else 8 + 8 * length
        if reader.left < size:
            reader.rest("cut")
            return
        if protocol == _FRAGMENT:
            first = first and not reader.number(2, 2) >> 3
        protocol = reader.number(0, 1)
        reader.take("extension", size, (reader.field("protocol", 0, 1, str(protocol)),))
    _transport(reader, protocol, first=first)


def _transport(reader: _Reader, protocol: int, *, first: bool) -> None:
    """What an IP packet carries."""
    if not first:
        reader.rest("fragment")
    elif protocol in _PORTED:
        _ported(reader, *_PORTED[protocol])
    elif protocol in (_ICMP, _ICMP6):
        _icmp(reader, "icmp" if protocol == _ICMP else "icmpv6")


def _ported(reader: _Reader, code: str, size: int) -> None:
    """A header that begins with the two ports."""
    if code == "tcp" and reader.left >= size:
        size = max(size, (reader.data[reader.at + 12] >> 4) * 4)
    if reader.left < 4:
        reader.rest("cut")
        return
    fields = [
        reader.field("source-port", 0, 2, str(reader.number(0, 2))),
        reader.field("destination-port", 2, 2, str(reader.number(2, 2))),
    ]
    if code == "tcp" and reader.left >= 14:
        flags = reader.data[reader.at + 13]
        fields.append(reader.field("flags", 13, 1, " ".join(name for bit, name in enumerate(_TCP_FLAGS) if flags >> bit & 1) or "-"))
    reader.take(code, min(size, reader.left), tuple(fields))
    reader.rest("data")


def _icmp(reader: _Reader, code: str) -> None:
    if reader.left < 8:
        reader.rest("cut")
        return
    kind = reader.number(0, 1)
    fields = [reader.field("type", 0, 1, str(kind))]
    if kind in ((8, 0) if code == "icmp" else (128, 129)):
        fields.append(reader.field("identifier", 4, 2, str(reader.number(4, 2))))
        fields.append(reader.field("sequence", 6, 2, str(reader.number(6, 2))))
    reader.take(code, 8, tuple(fields))
    reader.rest("data")


_BEGINNINGS: dict[int, Callable[[_Reader], int | None]] = {
    ETHERNET: _ethernet, _NULL: _null, _LOOP: _null, _COOKED: _cooked, _COOKED2: lambda reader: _cooked(reader, 20, 0),
    **dict.fromkeys(_RAW, _raw), _RAW4: lambda _: IPV4, _RAW6: lambda _: IPV6,
}  # fmt: skip
"""What each link type begins with."""
