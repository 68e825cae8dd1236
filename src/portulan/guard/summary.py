"""All senders x all ports in few lines: ports that fare alike for everybody are one line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from portulan.guard.lanes import TCP
from portulan.guard.matrix import Matrix
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Group, Packet, Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from portulan.guard.lanes import Lane
    from portulan.guard.matrix import Plane
    from portulan.guard.paths import Paths

    Key: TypeAlias = tuple[bytes, bytes]
    """Classes of senders that are accepted, and that perhaps are, as packed bits."""
    Pieces: TypeAlias = list[tuple[int, int, Key]]
    """(first port, last port, key), sorted, all ports that were asked about."""

_CELLS = 4_000_000
_NOBODY: Key = (b"", b"")


class Verdicts:
    """The verdicts of one IP version, port by port, of every way in."""

    def __init__(self, paths: Paths) -> None:
        """Of walked paths."""
        self.paths = paths
        self.matrix = Matrix(paths)
        self.ways: dict[tuple[tuple[str, ...], int], dict[Key, list[int]]] = {}
        """(links, transport) -> key -> the classes of ports that have it."""
        self._pieces: dict[tuple[tuple[str, ...], int], Pieces] = {}
        roots: dict[tuple[tuple[str, ...], int], list[Lane]] = {}
        for lane in paths.lanes:
            if lane.parent is None and not lane.entry.local:
                roots.setdefault((tuple(link.name for link in lane.entry.links), lane.transport), []).append(lane)
        known: dict[object, dict[Key, list[int]]] = {}
        for way, lanes in roots.items():
            alike = tuple(self._alike(lane) for lane in lanes)
            if alike not in known:
                known[alike] = self._keys(lanes)
            self.ways[way] = known[alike]

    def _alike(self, lane: Lane) -> object:
        """Equal for lanes that no layer tells apart."""
        if lane.children:
            return lane.number
        first_matches = tuple(tuple(map(id, self.matrix.decided(at, then))) for at, then in self.matrix.sequence(lane))
        return lane.senders, lane.active, first_matches

    def _keys(self, lanes: list[Lane]) -> dict[Key, list[int]]:
        planes = [self.matrix.plane(lane) for lane in lanes]
        admitted = np.zeros(self.matrix.rows.count, bool)
        admitted[self.matrix.rows.members(lanes[0].senders)] = True
        found: dict[Key, list[int]] = {}
        for first, accepted, perhaps in _columns(planes, self.matrix.rows.count, np.packbits(admitted)):
            for at in range(min(len(accepted), self.matrix.ports.count - first)):
                found.setdefault((accepted[at].tobytes(), perhaps[at].tobytes()), []).append(first + at)
        return found

    def pieces(self, link: str, transport: int) -> Pieces:
        """All ports of a way in, in order, each with its key."""
        way = next((way for way in self.ways if way[1] == transport and link in way[0]), None)
        if way is None:
            return [(0, 65_535, _NOBODY)]
        if way in self._pieces:
            return self._pieces[way]
        keys = self.ways[way]
        of: list[Key] = [_NOBODY] * self.matrix.ports.count
        for key, classes in keys.items():
            for each in classes:
                of[each] = key
        active = self.paths.matcher.ports.spans(self.paths.ports.get(transport, ()))
        asked = set(self.matrix.ports.members(active).tolist())
        found = [(first, last, of[kind] if kind in asked else _NOBODY) for (first, last), kind in self.matrix.ports.spans()]
        self._pieces[way] = found
        return found

    def sources(self, bits: bytes) -> tuple[tuple[int, int], ...]:
        """The senders of packed bits."""
        if not bits:
            return ()
        chosen = np.unpackbits(np.frombuffer(bits, np.uint8), count=self.matrix.rows.count).astype(bool)
        edges = self.matrix.rows.edges_of(chosen)
        return tuple((first, end - 1) for first, end in zip(edges[::2], edges[1::2], strict=True))


def _columns(planes: list[Plane], rows: int, admitted: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]]:
    """(first class of ports, accepted, perhaps): for each class of ports the senders as packed bits, some classes at a time. A sender may choose the destination."""
    width = planes[0].plain.shape[1]
    step = max(1, _CELLS // max(1, rows) // 8)
    for at in range(0, width, step):
        accepted: NDArray[np.uint8] | None = None
        perhaps: NDArray[np.uint8] | None = None
        for plane in planes:
            bits = np.packbits(np.unpackbits(plane.plain[:, at : at + step], axis=1), axis=0).T & admitted
            maybe = np.zeros_like(bits)
            low, high = np.searchsorted(plane.special, (at * 8, (at + step) * 8))
            if high > low:
                where = plane.special[low:high] - at * 8
                can, cannot = plane.can_accept[:, low:high], plane.can_drop[:, low:high]
                bits[where] = np.packbits(can & ~cannot, axis=0).T & admitted
                maybe[where] = np.packbits(can & cannot, axis=0).T & admitted
            accepted = bits if accepted is None else accepted | bits
            perhaps = maybe if perhaps is None else perhaps | maybe
        assert accepted is not None
        assert perhaps is not None
        yield at * 8, np.ascontiguousarray(accepted), np.ascontiguousarray(perhaps & ~accepted)


def groups(verdicts: Mapping[int, Verdicts], most: int | None = None) -> tuple[tuple[Group, ...], int]:
    """(lines, how many more there are): first those that fewest ports share, last the line of most ports. Only what is shown is put into spans."""
    lines: dict[tuple[tuple[str, ...], Key, Key], dict[Transport, list[tuple[int, int]]]] = {}
    for link, transport in dict.fromkeys((link, way[1]) for each in verdicts.values() for way in each.ways for link in way[0]):
        word = Transport.TCP if transport == TCP else Transport.UDP
        four, six = (verdicts[version].pieces(link, transport) if version in verdicts else [(0, 65_535, _NOBODY)] for version in (4, 6))
        for first, last, left, right in _side_by_side(four, six):
            spans = lines.setdefault(((link,), left, right), {}).setdefault(word, [])
            if spans and spans[-1][1] == first - 1:
                spans[-1] = spans[-1][0], last
            else:
                spans.append((first, last))
    joined: dict[object, tuple[tuple[str, ...], Key, Key, dict[Transport, list[tuple[int, int]]]]] = {}
    for (links, left, right), ports in lines.items():
        if left != _NOBODY or right != _NOBODY:
            same = left, right, tuple((word, tuple(spans)) for word, spans in ports.items())
            joined[same] = ((*joined[same][0], *links) if same in joined else links), left, right, ports
    ranked = sorted(joined.values(), key=lambda line: sum(last - first + 1 for spans in line[3].values() for first, last in spans))
    shown = ranked if most is None or len(ranked) <= most else [*ranked[: most - 1], ranked[-1]]
    return tuple(_group(verdicts, *line) for line in shown), len(ranked) - len(shown)


def _side_by_side(left: Pieces, right: Pieces) -> Iterator[tuple[int, int, Key, Key]]:
    """Two partitions of all ports as one."""
    cuts = sorted({first for first, _, _ in left} | {first for first, _, _ in right} | {65_536})
    a = b = 0
    for first, end in pairwise(cuts):
        while left[a][1] < first:
            a += 1
        while right[b][1] < first:
            b += 1
        yield first, end - 1, left[a][2], right[b][2]


def _group(
    verdicts: Mapping[int, Verdicts], links: tuple[str, ...], left: Key, right: Key, ports: dict[Transport, list[tuple[int, int]]]
) -> Group:
    keys = {4: left, 6: right}
    spans = {
        (version, at): verdicts[version].sources(keys[version][at]) if version in verdicts else () for version in (4, 6) for at in (0, 1)
    }
    accepted, perhaps = (Sources(spans[4, at], spans[6, at]) for at in (0, 1))
    chosen = accepted or perhaps
    witness = None
    if chosen:
        version = 4 if chosen.v4 else 6
        first, last = (chosen.v4 or chosen.v6)[0]
        transport, (span, *_) = next(iter(ports.items()))
        own = next((lane.entry.addresses[0] for lane in verdicts[version].paths.lanes if lane.entry.links[0].name == links[0]), 0)
        sender = first + 1 if first & 0xFF == 0 and last > first else first
        witness = Packet(transport, Address(version, sender), Address(version, own), span[0], None, links[0])
    return Group(tuple((word, tuple(each)) for word, each in ports.items()), links, accepted, perhaps, witness)
