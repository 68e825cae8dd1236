"""Bytes as the kernel would send them, put together by hand: the tests' own idea of the formats, sharing no code with `portulan.wire`."""

from __future__ import annotations

import sys
from socket import inet_pton

HOST = sys.byteorder
AF_INET, AF_INET6 = 2, 10
DIAG_ANSWER, NLMSG_ERROR, NLMSG_DONE = 20, 2, 3
MEMINFO, V6_ONLY, CGROUP = 7, 11, 21


def number(value: int, size: int, order: str = HOST) -> bytes:
    """An unsigned integer of `size` bytes."""
    return value.to_bytes(size, order)  # type: ignore[arg-type]


def packed(text: str) -> bytes:
    """An address as the kernel packs it."""
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def padded(data: bytes) -> bytes:
    """Filled up to a multiple of four."""
    return data + bytes(-len(data) % 4)


# --- netlink ---


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    return padded(number(4 + len(value), 2) + number(kind, 2) + value)


def message(payload: bytes, kind: int = DIAG_ANSWER, flags: int = 2, sequence: int = 7, port: int = 4242) -> bytes:
    """One netlink message with its padding."""
    head = number(16 + len(payload), 4) + number(kind, 2) + number(flags, 2) + number(sequence, 4) + number(port, 4)
    return padded(head + payload)


def done(error: int = 0) -> bytes:
    """The end of a dump."""
    return message(number(-error & 0xFFFFFFFF, 4), NLMSG_DONE)


def error_message(error: int, about: bytes = bytes(16)) -> bytes:
    """A refusal (or, with 0, an acknowledgement) and the header of what it is about."""
    return message(number(-error & 0xFFFFFFFF, 4) + about, NLMSG_ERROR)


# --- sock_diag ---


def diag(
    family: int = AF_INET,
    state: int = 10,
    port: int = 80,
    peer_port: int = 0,
    source: bytes = b"",
    destination: bytes = b"",
    device: int = 0,
    cookie: int = 1,
    expires: int = 0,
    rqueue: int = 0,
    wqueue: int = 128,
    uid: int = 0,
    inode: int = 4711,
    *,
    timer: int = 0,
    retransmits: int = 0,
    attributes: bytes = b"",
) -> bytes:
    """The payload of one sock_diag answer: struct inet_diag_msg (72 bytes) and attributes."""
    size = 4 if family == AF_INET else 16
    head = bytes([family, state, timer, retransmits]) + number(port, 2, "big") + number(peer_port, 2, "big")
    addresses = (source or bytes(size)).ljust(16, b"\0") + (destination or bytes(size)).ljust(16, b"\0")
    tail = number(device, 4) + number(cookie, 8) + b"".join(number(value, 4) for value in (expires, rqueue, wqueue, uid, inode))
    return head + addresses + tail + attributes


def memory_info(drops: int, words: int = 9) -> bytes:
    """INET_DIAG_SKMEMINFO: nine numbers, the last of them the drops."""
    return attribute(MEMINFO, b"".join(number(each, 4) for each in (0, 131072, 0, 16384, 0, 0, 0, 0, drops)[:words]))


def v6_only(flag: int) -> bytes:
    """INET_DIAG_SKV6ONLY."""
    return attribute(V6_ONLY, bytes([flag]))


def cgroup(group: int) -> bytes:
    """INET_DIAG_CGROUP_ID."""
    return attribute(CGROUP, number(group, 8))


# --- links, as rtnetlink and generic netlink tell of them ---


def link(index: int, name: str, kind: str = "", data: bytes = b"", before: bytes = b"") -> bytes:
    """The payload of one RTM_NEWLINK; `before` are attributes that come first."""
    head = bytes([0, 0]) + number(1, 2) + number(index, 4) + bytes(8)
    inside = attribute(1, kind.encode() + b"\0") + (attribute(2, data) if data else b"")
    return head + before + attribute(3, name.encode() + b"\0") + (attribute(18, inside) if kind else b"")


# --- BTF ---

INT, POINTER, ARRAY, STRUCT, UNION, ENUM, FORWARD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNCTION, PROTOTYPE, VARIABLE, SECTION, FLOAT, DECLARATION_TAG, TYPE_TAG, ENUM64 = range(12, 20)


class Btf:
    """A description of types, grown one by one; each method returns the id of the new type."""

    def __init__(self) -> None:
        self.text = b"\0"
        self.types: list[bytes] = []

    def name(self, text: str) -> int:
        """The offset of a name among the strings."""
        if not text:
            return 0
        self.text += text.encode() + b"\0"
        return len(self.text) - len(text) - 1

    def add(self, kind: int, name: str = "", third: int = 0, *, count: int = 0, flag: int = 0, more: bytes = b"") -> int:
        """Any type: the record of twelve bytes and what follows it. `third` is a size or another type's id."""
        self.types.append(
            number(self.name(name), 4, "little") + number(flag << 31 | kind << 24 | count, 4, "little") + number(third, 4, "little") + more
        )
        return len(self.types)

    def integer(self, name: str = "int", size: int = 4) -> int:
        return self.add(INT, name, size, more=number(size * 8, 4, "little"))

    def composite(
        self, name: str, members: list[tuple[str, int, int]], *, kind: int = STRUCT, bit_fields: bool = False, size: int = 64
    ) -> int:
        """A struct or union of (name, type id, offset in bits); with `bit_fields` the offset holds the width in its upper eight bits."""
        more = b"".join(number(value, 4, "little") for name_, type_, bits in members for value in (self.name(name_), type_, bits))
        return self.add(kind, name, size, count=len(members), flag=int(bit_fields), more=more)

    def one_of_each(self) -> None:
        """Every kind of type that there is, so that a reader must step over all of them."""
        base = self.integer("unsigned int")
        self.add(POINTER, "", base)
        self.add(ARRAY, more=b"".join(number(each, 4, "little") for each in (base, base, 16)))
        self.add(ENUM, "colour", 4, count=2, more=bytes(16))
        self.add(FORWARD, "later")
        for kind in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG):
            self.add(kind, "alias", base)
        self.add(PROTOTYPE, "", base, count=3, more=bytes(24))
        self.add(VARIABLE, "variable", base, more=bytes(4))
        self.add(SECTION, ".data", 64, count=2, more=bytes(24))
        self.add(FLOAT, "double", 8)
        self.add(DECLARATION_TAG, "tag", base, more=number(0xFFFFFFFF, 4, "little"))
        self.add(ENUM64, "wide", 8, count=2, more=bytes(24))

    def blob(self, *, header: int = 24, gap: bytes = b"") -> bytes:
        """The whole; `header` may be longer than it is today, and there may be a gap between types and strings."""
        types = b"".join(self.types)
        sizes = (header, 0, len(types), len(types) + len(gap), len(self.text))
        head = b"\x9f\xeb\x01\x00" + b"".join(number(each, 4, "little") for each in sizes)
        return head.ljust(header, b"\0") + types + gap + self.text


# --- /proc ---


def stat_line(name: bytes, parent: int = 1, start_ticks: int = 5000, flags: int = 0x400000, pid: int = 77) -> bytes:
    """/proc/PID/stat."""
    fields = [b"S", parent, 77, 77, 0, -1, flags, *range(1, 12), 0, start_ticks, 10000, 200, *[0] * 28]
    return b"%d (%s) " % (pid, name) + b" ".join(each if isinstance(each, bytes) else b"%d" % each for each in fields) + b"\n"


DOCKER_ID = "0123456789abcdef" * 4
