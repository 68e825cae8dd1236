"""A batch of packets -> those that carry ports, as columns: one set for IPv4, one for IPv6. Two lanes, one answer.

Plain IPv4 and IPv6 over Ethernet, with or without a VLAN tag, TCP or UDP, take the fast lane: some aligned gathers and masks. Whatever does not
fit a mask exactly (more tags, options, fragments, tunnels, lengths that contradict, packets that were cut) goes through the slow lane, layer by layer.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.traffic.gather import distinct, u8_at, u16_at
from portulan.traffic.keys import CODE_AT, codes_of
from portulan.traffic.layers import CODES_OF_REASONS, Frames, Kind, Reason, walk
from portulan.traffic.links import BEGINNINGS, ETHERNET
from portulan.traffic.networks import STEPS, VXLAN_PORT, quoted
from portulan.wire.captures.gather import words_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.traffic.batch import Batch
    from portulan.traffic.gather import I8, Bytes
    from portulan.traffic.keys import Keys

    U2 = NDArray[np.uint16]

SYN, RST, ACK = 2, 4, 16
_U = np.uint64


class Ported(Record):
    """Packets with ports, in the order in which they were captured; all of IPv4, or all of IPv6."""

    row: I8
    """Which of the batch; ascending."""
    keys: Keys
    """`keys.py`."""
    marks: U2
    """TCP: the flags, and above them what they open or reset (`Way.flags`, `Way.opened`)."""
    payload: I8
    """Bytes after the transport's header, by the lengths that the headers state, as far as the frame had them."""
    payload_at: I8
    """Where they begin in the buffer."""


class Quoted(Record):
    """Packets that ICMP errors quote."""

    row: I8
    """The error's."""
    keys: Keys
    says: I8
    """As `Flows.refused`."""


class Decoded(Record):
    """What became of a batch: every packet is in one of `four`, `six`, or counted in `aside`."""

    four: Ported
    six: Ported
    refused: tuple[Quoted, Quoted]
    aside: dict[str, tuple[int, int]]
    """By code (`model.traffic.Aside`): packets, bytes on the wire."""


def _marks() -> U2:
    """Of each TCP flags byte."""
    flags = np.arange(256, dtype=np.uint16)
    syn, ack, reset = flags & SYN > 0, flags & ACK > 0, flags & RST > 0
    opened = (syn & ~ack) * 1 | (syn & ack) * 2 | reset * 4
    return flags | (opened << 8).astype(np.uint16)


_MARKS = _marks()
_LOW8, _LOW16, _LOW32, _LOW48 = _U(0xFF), _U(0xFFFF), _U(0xFFFFFFFF), _U((1 << 48) - 1)
_8, _16, _32, _48, _56 = _U(8), _U(16), _U(32), _U(48), _U(56)
_TAG = _U(0x0081)
_ETHER4, _ETHER6 = _U(0x450008), _U(0x60DD86)
"""Ethertype and the first byte of IP: version 4 with a header of 20 bytes, version 6 with the upper half of its class 0."""
_BLOCK = 1 << 14
"""Packets whose columns fit into the processor's nearest caches."""
_FRAGMENTED = _U(0xFF3F << 32)
"""The offset of a fragment, and that more follow."""


def decode(batch: Batch, *, inner: bool = False) -> Decoded:
    """See above. With `inner`, packets in GRE, VXLAN, IP in IP are told instead of those that carry them."""
    start, captured, length = batch.start, batch.captured, np.maximum(batch.length, batch.captured)
    if isinstance(batch.link, np.ndarray):
        fast = batch.link == ETHERNET
        fast = None if fast.all() else fast
    elif batch.link == ETHERNET:
        fast = None
    else:
        fast = np.zeros(len(start), bool)
    four, six, rest = _fast_lane(batch.buffer, start, captured, length, fast, inner=inner)
    if not len(rest):
        return Decoded(four, six, (_no_refusals(2), _no_refusals(5)), {})
    link = batch.link[rest] if isinstance(batch.link, np.ndarray) else np.full(len(rest), batch.link, np.int64)
    at = start[rest]
    frames = Frames(batch.buffer, at.copy(), at + captured[rest], at + length[rest], _beginnings(link), inner=inner)
    walk(frames, STEPS)
    slow4, slow6 = (_told(frames, version, rest) for version in (4, 6))
    refused = _refusals(frames, rest)
    frames.aside(np.flatnonzero(frames.kind == Kind.ICMP), Reason.ICMP)
    return Decoded(_together(four, slow4), _together(six, slow6), refused, _aside(frames, length[rest]))


def _fast_lane(
    buffer: Bytes, start: I8, captured: I8, length: I8, ethernet: NDArray[np.bool_] | None, *, inner: bool
) -> tuple[Ported, Ported, I8]:
    """(plain IPv4, plain IPv6, all other rows)."""
    if ethernet is not None and not ethernet.any():
        return _nothing(2), _nothing(5), np.arange(len(start))
    found, rests, sixes = [], [], []
    for begin in range(0, max(len(start), 1), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        words, block = _untagged(buffer, start[part], captured[part], length[part])
        kind = words[0] >> _32 & _U(0xFFFFFF)
        plain = kind == _ETHER4
        if ethernet is not None:
            plain &= ethernet[part]
        four, rest = _fast_four(words, *block, plain, inner=inner)
        may = kind[rest] & _U(0xF0FFFF) == _ETHER6
        likely = rest[may if ethernet is None else may & ethernet[part][rest]]
        sixes.append((likely + begin, *(column[likely] for column in block)))
        found.append(four._replace(row=four.row + begin))
        rests.append(rest + begin)
    four, rest = _joined(found), np.concatenate(rests)
    row, begins, there, lengths = (np.concatenate(column) for column in zip(*sixes, strict=True))
    if not len(row):
        return four, _nothing(5), rest
    six, fit = _fast_six(buffer, begins, there, lengths, row, inner=inner)
    if not fit:
        return four, six, rest
    left = np.ones(len(start), bool)
    left[four.row] = False
    left[six.row] = False
    return four, six, np.flatnonzero(left)


def _untagged(buffer: Bytes, start: I8, captured: I8, length: I8) -> tuple[list[NDArray[np.uint64]], tuple[I8, I8, I8]]:
    """Columns of 8 bytes from byte 8 of each frame on, and the frames: those with one VLAN tag (IEEE 802.1Q) as if they began 4 bytes later."""
    words = words_at(buffer, start + 8, 5)
    rows = np.flatnonzero(words[0] >> _32 & _LOW16 == _TAG)
    if len(rows):
        shift = np.zeros(len(start), np.int64)
        shift[rows] = 4
        start, captured, length = start + shift, captured - shift, length - shift
        for column, behind in zip(words, words_at(buffer, start[rows] + 8, 5), strict=True):
            column[rows] = behind
    return words, (start, captured, length)


def _fast_four(
    words: list[NDArray[np.uint64]], start: I8, captured: I8, length: I8, plain: NDArray[np.bool_], *, inner: bool
) -> tuple[Ported, I8]:
    """(plain IPv4, all other rows)."""
    # ....|type|45|.  len id frag ttl proto  sum|src |dst.  .dst|port|port|..  ......|off|flags
    _, w1, w2, w3, w4 = words
    protocol = w1 >> _56
    total = ((w1 & _LOW8) << _8 | w1 >> _8 & _LOW8).view(np.int64)
    tcp, udp = protocol == _U(6), protocol == _U(17)
    offset = (w4 >> _U(52) & _U(15)).view(np.int64) << 2
    header = np.where(tcp, offset, 8)
    payload = total - 20 - header
    stated = (w3 >> _48).astype("<u2").byteswap().astype(np.int64)
    plain &= (w1 & _FRAGMENTED) == _U(0)
    plain &= (payload >= 0) & (captured >= 34 + header) & (total + 14 <= length)
    plain &= tcp & (offset >= 20) | udp & (stated == total - 20)
    if inner:
        plain &= ~udp | (w3 >> _32 & _LOW16 != _U(VXLAN_PORT >> 8 | (VXLAN_PORT & 255) << 8))
    marks = _MARKS.take(np.where(tcp, w4 >> _56, _U(0)).view(np.int64))
    keys = w2 >> _16, w3 & _LOW48 | codes_of(protocol) << CODE_AT
    four = Ported(np.flatnonzero(plain), keys, marks, payload, start + 34 + header)
    if len(four.row) < len(start):
        four = _chosen(four._replace(row=np.arange(len(start))), four.row)
    return four, np.flatnonzero(~plain)


def _fast_six(buffer: Bytes, start: I8, captured: I8, length: I8, row: I8, *, inner: bool) -> tuple[Ported, bool]:
    """Plain IPv6 among these frames, which are those rows; whether there is any."""
    # From byte 14 on: version, class, label, length, protocol, hops; addresses; ports and what follows; the last one has TCP's flags.
    w0, a, b, c, d, w5, w6 = words_at(buffer, start + 14, 7)
    protocol = w0 >> _48 & _LOW8
    total = ((w0 >> _32 & _LOW8) << _8 | w0 >> _U(40) & _LOW8).view(np.int64)
    tcp, udp = protocol == _U(6), protocol == _U(17)
    offset = (w6 >> _U(36) & _U(15)).view(np.int64) << 2
    header = np.where(tcp, offset, 8)
    payload = total - header
    stated = (w5 >> _32 & _LOW16).astype("<u2").byteswap().astype(np.int64)
    plain = (payload >= 0) & (captured >= 54 + header) & (total + 54 <= length)
    plain &= tcp & (offset >= 20) | udp & (stated == total)
    if inner:
        plain &= ~udp | (w5 >> _16 & _LOW16 != _U(VXLAN_PORT >> 8 | (VXLAN_PORT & 255) << 8))
    marks = _MARKS.take(np.where(tcp, w6 >> _U(40) & _LOW8, _U(0)).view(np.int64))
    last = (w5 & _LOW32) << _16 | codes_of(protocol) << CODE_AT
    six = Ported(row, (a, b, c, d, last), marks, payload, start + 54 + header)
    if plain.all():
        return six, True
    return _chosen(six, np.flatnonzero(plain)), bool(plain.any())


def _beginnings(link: I8) -> I8:
    """What stands first in frames of these link types."""
    kind = np.full(len(link), Kind.ASIDE | Reason.UNKNOWN_LINK, np.int64)
    for number in distinct(link).tolist():
        if number in BEGINNINGS:
            kind[link == number] = BEGINNINGS[number]
    return kind


def _keys(frames: Frames, rows: I8, version: int) -> Keys:
    """Of packets that stand at their ports."""
    network, (ports,) = frames.network[rows], words_at(frames.buffer, frames.at[rows], 1)
    last = (ports & _LOW32) << _16 | codes_of(frames.protocol[rows].view(np.uint64)) << CODE_AT
    if version == 4:
        addresses, more = words_at(frames.buffer, network + 12, 2)
        del more
        return addresses & _LOW48, addresses >> _48 | last
    source = words_at(frames.buffer, network + 8, 2)
    destination = words_at(frames.buffer, frames.destination[rows], 2)
    return (*source, *destination, last)


def _told(frames: Frames, version: int, row: I8) -> Ported:
    """Of the slow lane: what is known of packets at their ports. Headers that were cut, or state nonsense, have no payload."""
    rows = np.flatnonzero((frames.kind == Kind.PORTS) & (frames.version == version))
    if not len(rows):
        return _nothing(2 if version == 4 else 5)
    buffer, at, end, stated, protocol = frames.buffer, frames.at[rows], frames.end[rows], frames.stated[rows], frames.protocol[rows]
    tcp = protocol == 6
    flags = np.where(tcp & (at + 14 <= end), u8_at(buffer, at + 13), 0)
    header = np.select([tcp, protocol == 33, protocol == 132], [u8_at(buffer, at + 12) >> 4 << 2, u8_at(buffer, at + 4) << 2, 12], 8)
    least = np.select([tcp, protocol == 33, protocol == 132], [20, 12, 12], 8)
    sound = (header >= least) & (at + least <= end)
    udp = u16_at(buffer, at + 4)
    # RFC 768; 0 is a jumbogram's (RFC 2675 4), or that of a datagram to be cut up.
    told = np.where((protocol == 17) & (udp >= 8), np.minimum(at + udp, stated), stated)
    payload = np.where(sound, np.maximum(told - at - header, 0), 0)
    return Ported(row[rows], _keys(frames, rows, version), _MARKS.take(flags), payload, np.minimum(at + header, end))


def _refusals(frames: Frames, row: I8) -> tuple[Quoted, Quoted]:
    """What ICMP errors quote, IPv4 and IPv6."""
    rows, quotes, says = quoted(frames)
    if not len(rows):
        return _no_refusals(2), _no_refusals(5)
    walk(quotes, STEPS)
    found = []
    for version in (4, 6):
        told = np.flatnonzero((quotes.kind == Kind.PORTS) & (quotes.version == version))
        found.append(Quoted(row[rows[told]], _keys(quotes, told, version), says[told]))
    return found[0], found[1]


def _aside(frames: Frames, length: I8) -> dict[str, tuple[int, int]]:
    """Packets and bytes by reason."""
    gone = frames.kind >= Kind.ASIDE
    reasons = frames.kind[gone] - Kind.ASIDE
    packets = np.bincount(reasons, minlength=len(CODES_OF_REASONS)).tolist()
    found = {}
    for reason, count in enumerate(packets):
        if count:
            found[CODES_OF_REASONS[reason]] = count, int(length[gone][reasons == reason].sum())
    return found


def _joined(parts: list[Ported]) -> Ported:
    """One after the other."""
    if len(parts) == 1:
        return parts[0]
    row, keys, *columns = zip(*parts, strict=True)
    return Ported(np.concatenate(row), tuple(map(np.concatenate, zip(*keys, strict=True))), *map(np.concatenate, columns))


def _together(fast: Ported, slow: Ported) -> Ported:
    """Both lanes, in the order of capture."""
    if not len(slow.row):
        return fast
    if not len(fast.row):
        return slow
    row = np.concatenate((fast.row, slow.row))
    order = np.argsort(row, kind="stable")
    keys = tuple(np.concatenate(pair)[order] for pair in zip(fast.keys, slow.keys, strict=True))
    return Ported(
        row[order],
        keys,
        np.concatenate((fast.marks, slow.marks))[order],
        np.concatenate((fast.payload, slow.payload))[order],
        np.concatenate((fast.payload_at, slow.payload_at))[order],
    )


def _chosen(ported: Ported, index: I8) -> Ported:
    row, keys, marks, payload, payload_at = ported
    return Ported(row[index], tuple(word[index] for word in keys), marks[index], payload[index], payload_at[index])


def _nothing(words: int) -> Ported:
    none = np.zeros(0, np.int64)
    return Ported(none, (np.zeros(0, np.uint64),) * words, np.zeros(0, np.uint16), none, none)


def _no_refusals(words: int) -> Quoted:
    none = np.zeros(0, np.int64)
    return Quoted(none, (np.zeros(0, np.uint64),) * words, none)
