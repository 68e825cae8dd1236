"""All senders x all ports in few lines: ports that fare alike for everybody are one line."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from portulan.guard.lanes import SCTP, TCP, UDP
from portulan.guard.matrix import Matrix
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Group, Outcome, Packet, Sources
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from portulan.guard.lanes import Lane
    from portulan.guard.paths import Paths

    Ints: TypeAlias = NDArray[np.intp]
    Bits: TypeAlias = NDArray[np.uint8]
    Key: TypeAlias = tuple[bytes, bytes]
    """Classes of senders that are accepted, and that perhaps are, as packed bits."""
    Spans: TypeAlias = dict[Transport, list[tuple[int, int]]]

_WORDS = {TCP: Transport.TCP, UDP: Transport.UDP, SCTP: Transport.SCTP}
_NUMBERS = {word: number for number, word in _WORDS.items()}
_NOBODY = 0
"""Number of the key of ports at which nobody is accepted."""


class Line(Record):
    """Ports that fare alike."""

    links: tuple[str, ...]
    keys: tuple[int, int]
    """Numbers of the keys in IPv4 and IPv6."""
    ports: Spans


class Verdicts:
    """The verdicts of one IP version, port by port, of every way in."""

    def __init__(self, paths: Paths) -> None:
        """Of walked paths."""
        self.paths = paths
        self.matrix = Matrix(paths)
        self.keys: list[Key] = [(b"", b"")]
        self._numbers: dict[Key, int] = {}
        roots: dict[tuple[tuple[str, ...], int], list[Lane]] = {}
        for lane in paths.lanes:
            if lane.parent is None and not lane.entry.local:
                roots.setdefault((tuple(link.name for link in lane.entry.links), lane.transport), []).append(lane)
        self._roots = roots
        for lanes in roots.values():
            for lane in lanes:
                self.matrix.plane(lane)

    @cached_property
    def _ways(self) -> dict[tuple[str, int], tuple[Ints, Ints]]:
        """(link, transport) -> (first port of each piece, number of its key); ports that were not asked about have _NOBODY's."""
        ways: dict[tuple[str, int], tuple[Ints, Ints]] = {}
        known: dict[object, tuple[Ints, Ints]] = {}
        for (links, transport), lanes in self._roots.items():
            alike = tuple(self._alike(lane) for lane in lanes)
            if alike not in known:
                known[alike] = self._pieces(lanes)
            for link in links:
                ways[link, transport] = known[alike]
        return ways

    @property
    def ways(self) -> tuple[tuple[str, int], ...]:
        """Every (link, transport)."""
        return tuple(self._ways)

    def pieces(self, link: str, transport: int) -> tuple[Ints, Ints]:
        """All ports of a way in: where each piece begins, and the number of its key."""
        nothing = np.zeros(1, np.intp), np.full(1, _NOBODY, np.intp)
        return self._ways.get((link, transport), nothing)

    def roots(self, link: str, transport: int) -> list[Lane]:
        """The lanes of a way in: one for each class of own addresses."""
        return next((lanes for (links, number), lanes in self._roots.items() if number == transport and link in links), [])

    def _alike(self, lane: Lane) -> object:
        """Equal for lanes that no layer tells apart."""
        if lane.children:
            return lane.number
        first_matches = tuple(tuple(map(id, self.matrix.decided(at, then))) for at, then in self.matrix.sequence(lane))
        return lane.senders, lane.active, first_matches

    def _pieces(self, lanes: list[Lane]) -> tuple[Ints, Ints]:
        """The verdicts of all destinations together: a sender may choose."""
        matrix = self.matrix
        admitted = np.zeros(matrix.rows.count, bool)
        admitted[matrix.rows.members(lanes[0].senders)] = True
        mask = np.packbits(admitted)
        accepted: Bits | None = None
        perhaps: dict[int, Bits] = {}
        for plane in map(matrix.plane, lanes):
            mine = plane.plain.turned[: matrix.ports.count] & mask
            mine[plane.special] = np.packbits(plane.can_accept & ~plane.can_drop, axis=0).T & mask
            maybe = np.packbits(plane.can_accept & plane.can_drop, axis=0).T & mask
            for at, bits in zip(plane.special.tolist(), maybe, strict=True):
                if bits.any():
                    perhaps[at] = perhaps[at] | bits if at in perhaps else bits
            accepted = mine if accepted is None else accepted | mine
        assert accepted is not None
        asked = np.zeros(matrix.ports.count, bool)
        asked[matrix.ports.members(lanes[0].active)] = True
        number = np.full(matrix.ports.count, _NOBODY)
        for at in np.flatnonzero(asked).tolist():
            more = perhaps[at] & ~accepted[at] if at in perhaps else None
            number[at] = self._number((accepted[at].tobytes(), more.tobytes() if more is not None and more.any() else b""))
        return np.array(matrix.ports.edges[:-1], np.intp), number[matrix.ports.of]

    def _number(self, key: Key) -> int:
        found = self._numbers.get(key)
        if found is None:
            if not any(key[0]) and not key[1]:
                found = _NOBODY
            else:
                found = len(self.keys)
                self.keys.append(key)
            self._numbers[key] = found
        return found

    def sources(self, bits: bytes) -> tuple[tuple[int, int], ...]:
        """The senders of packed bits."""
        if not bits:
            return ()
        chosen = np.unpackbits(np.frombuffer(bits, np.uint8), count=self.matrix.rows.count).astype(bool)
        edges = self.matrix.rows.edges_of(chosen)
        return tuple((first, end - 1) for first, end in zip(edges[::2], edges[1::2], strict=True))


def groups(verdicts: Mapping[int, Verdicts], most: int | None = None) -> tuple[tuple[Group, ...], int]:
    """(lines, how many more there are): first those that fewest ports share, last the line of most ports. Only what is shown is put into spans."""
    lines: dict[tuple[str, int, int], Spans] = {}
    known: dict[tuple[int, int], dict[tuple[int, int], list[tuple[int, int]]]] = {}
    for link, transport in dict.fromkeys(way for each in verdicts.values() for way in each.ways):
        word = _WORDS[transport]
        four, six = (
            verdicts[version].pieces(link, transport) if version in verdicts else (np.zeros(1, np.intp), np.zeros(1, np.intp))
            for version in (4, 6)
        )
        alike = id(four[1]), id(six[1])
        if alike not in known:
            known[alike] = _side_by_side(four, six)
        for (left, right), spans in known[alike].items():
            lines.setdefault((link, left, right), {})[word] = spans
    joined: dict[object, Line] = {}
    for (link, left, right), ports in lines.items():
        if left == right == _NOBODY:
            continue
        same = left, right, tuple((word, tuple(spans)) for word, spans in ports.items())
        found = joined.get(same)
        joined[same] = Line((link,), (left, right), ports) if found is None else found._replace(links=(*found.links, link))
    ranked = sorted(joined.values(), key=lambda line: sum(last - first + 1 for spans in line.ports.values() for first, last in spans))
    shown = ranked if most is None or len(ranked) <= most else [*ranked[: most - 1], ranked[-1]]
    return tuple(_group(verdicts, line) for line in shown), len(ranked) - len(shown)


def _side_by_side(left: tuple[Ints, Ints], right: tuple[Ints, Ints]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Two partitions of all ports as one: (key of the first, key of the second) -> spans of ports."""
    cuts = np.union1d(left[0], right[0])
    keys = np.stack([side[1][np.searchsorted(side[0], cuts, "right") - 1] for side in (left, right)])
    keep = np.ones(len(cuts), bool)
    keep[1:] = (keys[:, 1:] != keys[:, :-1]).any(0)
    first, keys = cuts[keep], keys[:, keep]
    last = np.append(first[1:], 65_536) - 1
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a, b, low, high in zip(*keys.tolist(), first.tolist(), last.tolist(), strict=True):
        found.setdefault((a, b), []).append((low, high))
    return found


def _witness(verdicts: Verdicts, version: int, line: Line, senders: Sequence[tuple[int, int]], wanted: Outcome) -> Packet:
    """A packet from the largest span of these senders, to an own address at which it fares so."""
    first, last = max(senders, key=lambda span: span[1] - span[0])
    sender = first + 1 if first & 0xFF == 0 and last > first else first
    transport, ((port, _), *_) = next(iter(line.ports.items()))
    lanes = verdicts.roots(line.links[0], _NUMBERS[transport])
    lane = next((lane for lane in lanes if verdicts.matrix.look(lane, sender, port)[0] is wanted), lanes[0])
    return Packet(transport, Address(version, sender), Address(version, lane.entry.addresses[0]), port, None, line.links[0])


def _group(verdicts: Mapping[int, Verdicts], line: Line) -> Group:
    keys = {version: verdicts[version].keys[number] for version, number in zip((4, 6), line.keys, strict=True) if version in verdicts}
    spans = {(version, at): verdicts[version].sources(keys[version][at]) if version in keys else () for version in (4, 6) for at in (0, 1)}
    accepted, perhaps = (Sources(spans[4, at], spans[6, at]) for at in (0, 1))
    chosen = accepted or perhaps
    witness = None
    if chosen:
        version = 4 if chosen.v4 else 6
        witness = _witness(verdicts[version], version, line, chosen.v4 or chosen.v6, Outcome.ACCEPT if accepted else Outcome.MAYBE)
    return Group(tuple((word, tuple(each)) for word, each in line.ports.items()), line.links, accepted, perhaps, witness)
