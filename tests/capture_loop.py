"""Captures read by a plain loop, one record after the other: the definition of what a capture holds and where it is damaged."""

from struct import unpack_from
from typing import NamedTuple

PCAP = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
SECTION, MARK = 0x0A0D0D0A, 0x1A2B3C4D
MOST_RECORD, MOST_PACKET, MOST_INTERFACES = 16 << 20, 262_144, 65_536
SECOND = 10**9
LAST = (1 << 63) // SECOND - 1


class Packet(NamedTuple):
    """One packet as the file says it."""

    place: int
    frame: bytes
    length: int
    time_ns: int
    link: int


class Read(NamedTuple):
    """What the loop read."""

    packets: list[Packet]
    ended: str
    next: int
    skipped: list[tuple[int, int]]


def number(data, at, order, size=4, *, signed=False):
    return int.from_bytes(data[at : at + size], "little" if order == "<" else "big", signed=signed)


PROOF, SOME, DAY, LONGEST = 1 << 18, 8, 86_400, 1 << 24


def read_plainly(data, *, resync=False, proof=PROOF):
    """Every packet, how the file ends, where, and what was passed over. None: not a capture."""
    order = next((order for order in "<>" if len(data) >= 24 and number(data, 0, order) in PCAP), None)
    if order:
        return walk(Pcap(data, order), 24, resync, proof) if number(data, 4, order, 2) == 2 else None
    if len(data) < 28 or number(data, 0, "<") != SECTION:
        return None
    order = order_of(data, 0)
    if order is None or number(data, 12, order, 2) != 1 or not can_be_long(number(data, 4, order)) or number(data, 4, order) < 28:
        return None
    return walk(Pcapng(data), 0, resync, proof)


def walk(form, at, resync, proof):
    packets, skipped, state = [], [], None
    while at < len(form.data):
        ended, behind, state = form.read(at, packets, state)
        if ended:
            place = next((p for p in range(at + 1, len(form.data)) if proved(form, p, state, proof)), None) if resync else None
            if place is None:
                return Read(packets, ended, at, skipped)
            skipped.append((at, place - 1))
            behind = place
        at = behind
    return Read(packets, "complete", at, skipped)


def proved(form, begin, state, proof):
    """Whether a chain of records goes on from a place for long enough."""
    at, count, kind, second, end = begin, 0, form.kind(begin, state), None, len(form.data)
    while at - begin < proof:
        if at == end:
            return count > 0
        if count and (at > end or at + form.head > end):
            return count > SOME
        seems = form.seems(at, kind)
        if seems is None or (second is not None and abs(seems[1] - second) > DAY):
            return False
        behind, second = seems
        if not count and behind - at >= proof:
            return False
        at, count, kind = behind, count + 1, form.kind(behind, kind)
    return True


class Pcap:
    """Records of a pcap file."""

    def __init__(self, data, order):
        self.data, self.order = data, order
        self.minor, self.link = number(data, 6, order, 2), number(data, 20, order) % 65536
        self.tick, self.head = PCAP[number(data, 0, order)]
        self.most = min(max(MOST_PACKET, number(data, 16, order)), MOST_RECORD - self.head)

    def fields(self, at):
        seconds, part, captured, length = unpack_from(self.order + "IIII", self.data, at)
        return (seconds, part, length, captured) if self.minor < 3 else (seconds, part, captured, length)

    def read(self, at, packets, state):
        if at + self.head > len(self.data):
            return "truncated", None, state
        seconds, part, captured, length = self.fields(at)
        if captured > self.most:
            return "damaged", None, state
        behind = at + self.head + captured
        if behind > len(self.data):
            return "truncated", None, state
        packets.append(Packet(at, self.data[at + self.head : behind], length, seconds * SECOND + part * self.tick, self.link))
        return None, behind, state

    def kind(self, at, before):
        return None

    def seems(self, at, kind):
        if at + self.head > len(self.data):
            return None
        seconds, part, captured, length = self.fields(at)
        if not 0 < captured <= min(self.most, length) or part * self.tick >= SECOND or length >= LONGEST:
            return None
        return at + self.head + captured, seconds


def can_be_long(size):
    return 12 <= size <= MOST_RECORD and size % 4 == 0


def order_of(data, at):
    for order in "<>":
        if number(data, at + 8, order) == MARK:
            return order
    return None


class Pcapng:
    """Blocks of a pcapng file. The state: byte order and interfaces."""

    head = 12

    def __init__(self, data):
        self.data = data

    def read(self, at, packets, state):  # noqa: PLR0911 - each end is one of the definition
        data = self.data
        order, interfaces = state or ("<", [])
        if at + 8 > len(data):
            return "truncated", None, state
        if number(data, at, "<") == SECTION:
            if at + 12 > len(data):
                return "truncated", None, state
            if order_of(data, at) is None:
                return "damaged", None, state
            order = order_of(data, at)
        state = order, interfaces
        size = number(data, at + 4, order)
        if not can_be_long(size):
            return "damaged", None, state
        if at + size > len(data):
            return "truncated", None, state
        block = data[at : at + size]
        if number(block, size - 4, order) != size or not content(block, order, at, packets, interfaces):
            return "damaged", None, state
        return None, at + size, state

    def kind(self, at, before):
        if before and not isinstance(before, str):
            before = before[0]
        if at + 12 <= len(self.data) and number(self.data, at, "<") == SECTION:
            return order_of(self.data, at) or before
        return before

    def seems(self, at, order):
        data = self.data
        if at + 12 > len(data):
            return None
        if number(data, at, "<") == SECTION and order_of(data, at) != order:
            return None
        size = number(data, at + 4, order)
        if not can_be_long(size):
            return None
        if at + size > len(data):
            return at + size, 0
        block = data[at : at + size]
        return (at + size, 0) if number(block, size - 4, order) == size and content(block, order, at, [], []) else None


def content(block, order, place, packets, interfaces):
    """Take in a block; False: it can not be."""
    kind, size = number(block, 0, order), len(block)
    if kind == SECTION:
        interfaces.clear()
        return size >= 28 and number(block, 12, order, 2) == 1
    if kind == 1:
        if size < 20:
            return False
        if len(interfaces) < MOST_INTERFACES:
            interfaces.append(interface(block, order))
    elif kind in (2, 6):
        captured = number(block, 20, order)
        if size < 32 or captured > size - 32:
            return False
        which = number(block, 8, order, 2 if kind == 2 else 4)
        link, _, rate, offset = interfaces[which] if which < len(interfaces) else (-1, 0, 0, 0)
        ticks = number(block, 12, order) << 32 | number(block, 16, order)
        packets.append(Packet(place, block[28 : 28 + captured], number(block, 24, order), since_1970(ticks, rate, offset), link))
    elif kind == 3:
        if size < 16:
            return False
        link, snap = interfaces[0][:2] if interfaces else (-1, 0)
        length = number(block, 8, order)
        packets.append(Packet(place, block[12 : 12 + min(length, size - 16, snap or length)], length, 0, link))
    return True


def interface(block, order):
    """Link type, snap length, ticks a second, seconds to add."""
    resolution, offset, at, end = 6, 0, 16, len(block) - 4
    while at + 4 <= end:
        code, size = number(block, at, order, 2), number(block, at + 2, order, 2)
        if code == 0 or at + 4 + size > end:
            break
        value = block[at + 4 : at + 4 + size]
        if code == 9 and size == 1:
            resolution = value[0]
        if code == 14 and size == 8:
            offset = number(value, 0, order, 8, signed=True)
        at += 4 + (size + 3) // 4 * 4
    rate = (2 if resolution & 128 else 10) ** (resolution & 127)
    return number(block, 8, order, 2), number(block, 12, order), rate if rate < 1 << 64 else 0, offset


def since_1970(ticks, rate, offset):
    if not rate:
        return 0
    whole = max(-LAST, min(ticks // rate + offset, LAST))
    return whole * SECOND + ticks % rate * SECOND // rate
