"""Messages about the kernel's table of connections (Linux include/uapi/linux/netfilter/nfnetlink_conntrack.h; numbers in network order).

A connection has two tuples, one for each direction; what stands in the first packet is the original one.
"""

from __future__ import annotations

from struct import pack

from portulan.model.record import Record
from portulan.wire.netlink import NESTED, build_attribute, parse_attributes

_SUBSYSTEM = 1 << 8
NEW, GET, DELETE = _SUBSYSTEM | 0, _SUBSYSTEM | 1, _SUBSYSTEM | 2
_HEADER = 4
"""struct nfgenmsg: family, version, resource."""
_ORIGINAL, _REPLY, _STATUS, _PROTOCOL_INFO, _TIMEOUT, _ID = 1, 2, 3, 4, 7, 12
_TUPLE_IP, _TUPLE_PROTOCOL = 1, 2
_IP_KINDS = {4: (1, 2), 16: (3, 4)}
_NUMBER, _SOURCE_PORT, _TARGET_PORT = 1, 2, 3
_TCP_INFO, _TCP_STATE, _TCP_FLAGS = 1, 1, (4, 5)
SEEN_REPLY, ASSURED, CONFIRMED, TARGET_CHANGED = 2, 4, 8, 32
"""Bits of the status (enum ip_conntrack_status)."""
TCP_ESTABLISHED = 3
"""enum tcp_conntrack."""
_LIBERAL = 8
"""IP_CT_TCP_FLAG_BE_LIBERAL: windows are not checked, since those of a connection that runs already are not known."""
TCP, UDP = 6, 17
_FAMILIES = {4: 2, 16: 10}


class Tuple(Record):
    """One direction: packed addresses of 4 or 16 bytes, ports 0 where the protocol has none."""

    protocol: int
    source: bytes
    source_port: int
    target: bytes
    target_port: int

    @property
    def turned(self) -> Tuple:
        """The other direction, where no address is changed on the way."""
        return Tuple(self.protocol, self.target, self.target_port, self.source, self.source_port)


class Tracked(Record):
    """An entry."""

    original: Tuple
    reply: Tuple
    status: int
    number: int
    """Its id: with the tuple it names one entry, not a later one of the same tuple."""
    tcp_state: int | None = None

    @property
    def established(self) -> bool:
        """Whether both sides have spoken; of TCP, whether the handshake is done and nobody has begun to end it."""
        return bool(self.status & SEEN_REPLY) and (self.tcp_state is None or self.tcp_state == TCP_ESTABLISHED)


def build_dump(size: int) -> bytes:
    """The payload of a question for all entries whose addresses have so many bytes."""
    return bytes((_FAMILIES[size], 0, 0, 0))


def build_query(tuple_: Tuple, number: int | None = None) -> bytes:
    """The payload of a question for one entry, or of its deletion (`number`: only if it is still that one). Either direction names it."""
    more = b"" if number is None else build_attribute(_ID, pack(">I", number))
    return _header(tuple_) + _tuple(_ORIGINAL, tuple_) + more


def build_entry(original: Tuple, timeout_s: int) -> bytes:
    """The payload that makes an entry of a connection which runs already: both sides have spoken, no window is known."""
    status = pack(">I", SEEN_REPLY | ASSURED | CONFIRMED)
    parts = [
        _tuple(_ORIGINAL, original),
        _tuple(_REPLY, original.turned),
        build_attribute(_STATUS, status),
        build_attribute(_TIMEOUT, pack(">I", timeout_s)),
    ]
    if original.protocol == TCP:
        flags = bytes((_LIBERAL, _LIBERAL))
        facts = build_attribute(_TCP_STATE, bytes((TCP_ESTABLISHED,))) + b"".join(build_attribute(kind, flags) for kind in _TCP_FLAGS)
        parts.append(build_attribute(_PROTOCOL_INFO | NESTED, build_attribute(_TCP_INFO | NESTED, facts)))
    return _header(original) + b"".join(parts)


def parse_entry(data: bytes, start: int, end: int) -> Tracked:
    """One entry. Raises ParseError."""
    facts = parse_attributes(data, start + _HEADER, end)
    info = _nested(_nested(facts.get(_PROTOCOL_INFO, b"")).get(_TCP_INFO, b""))
    state = info.get(_TCP_STATE)
    return Tracked(
        original=_parse_tuple(facts.get(_ORIGINAL, b"")),
        reply=_parse_tuple(facts.get(_REPLY, b"")),
        status=int.from_bytes(facts.get(_STATUS, b"")),
        number=int.from_bytes(facts.get(_ID, b"")),
        tcp_state=state[0] if state else None,
    )


def _header(tuple_: Tuple) -> bytes:
    return bytes((_FAMILIES[len(tuple_.source)], 0, 0, 0))


def _tuple(kind: int, tuple_: Tuple) -> bytes:
    source, target = _IP_KINDS[len(tuple_.source)]
    addresses = build_attribute(source, tuple_.source) + build_attribute(target, tuple_.target)
    ports = build_attribute(_SOURCE_PORT, pack(">H", tuple_.source_port)) + build_attribute(_TARGET_PORT, pack(">H", tuple_.target_port))
    protocol = build_attribute(_NUMBER, bytes((tuple_.protocol,))) + ports
    return build_attribute(
        kind | NESTED, build_attribute(_TUPLE_IP | NESTED, addresses) + build_attribute(_TUPLE_PROTOCOL | NESTED, protocol)
    )


def _nested(value: bytes) -> dict[int, bytes]:
    return parse_attributes(value, 0, len(value))


def _parse_tuple(value: bytes) -> Tuple:
    parts = _nested(value)
    addresses, protocol = _nested(parts.get(_TUPLE_IP, b"")), _nested(parts.get(_TUPLE_PROTOCOL, b""))
    number = protocol.get(_NUMBER, b"\0")
    return Tuple(
        protocol=number[0] if number else 0,
        source=addresses.get(1, addresses.get(3, b"")),
        source_port=int.from_bytes(protocol.get(_SOURCE_PORT, b"")),
        target=addresses.get(2, addresses.get(4, b"")),
        target_port=int.from_bytes(protocol.get(_TARGET_PORT, b"")),
    )
