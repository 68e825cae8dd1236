"""The ways to what is scanned: which addresses leave by which interface, to which neighbour, under which source address.

The kernel is asked, once for every part of the targets that its routing table treats alike.
"""

from __future__ import annotations

import numpy as np

from portulan.errors import CannotTell
from portulan.model.record import Record
from portulan.model.scan import Reason
from portulan.scan.links import link_number
from portulan.scan.order import Permutation
from portulan.scan.ranges import join, without
from portulan.scan.space import Space
from portulan.system.linux.links import read_interfaces, read_routes
from portulan.system.linux.neighbours import ask_neighbours
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.system.linux.route import find_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from portulan.scan.job import Job
    from portulan.wire.rtnetlink import Interface

    Range = tuple[int, int]

_ETHERNET = 1
MOST_NEIGHBOURS = 1 << 17
"""Addresses on one link that are asked for their hardware address: two for each of a /16."""
_FIRST_WAIT_S, _TRIES = 0.4, 3


class Lane(Record):
    """Addresses that share a way."""

    link: int
    name: str
    """Of the interface."""
    source: bytes
    """Packed."""
    ranges: tuple[Range, ...]
    macs: NDArray[np.uint8] | None
    """Hardware addresses: one row for all (a gateway), or one for each address in order; rows of no bytes on a link without. None: this host itself."""


class Barred(Record):
    """Addresses that cannot be asked."""

    first: int
    last: int
    reason: Reason


class Ways(Record):
    """All of one family."""

    lanes: tuple[Lane, ...]
    refused: tuple[Barred, ...]

    @property
    def ranges(self) -> tuple[Range, ...]:
        """What can be asked, sorted and joined."""
        return join(part for lane in self.lanes for part in lane.ranges)


def cut(ranges: Iterable[Range], prefixes: Iterable[tuple[int, int]], bits: int) -> list[Range]:
    """The ranges, cut wherever a prefix (number, length) of `bits`-bit addresses begins or ends: each piece lies inside or outside of every prefix."""
    edges = set()
    for number, length in prefixes:
        size = 1 << (bits - length)
        edges |= {number, number + size}
    marks = sorted(edges)
    pieces = []
    for first, last in ranges:
        inner = [edge for edge in marks if first < edge <= last]
        starts = [first, *inner]
        pieces += list(zip(starts, [edge - 1 for edge in inner] + [last], strict=True))
    return pieces


def ways_of(job: Job) -> Ways:
    """The ways to all addresses of a job, those of link-local ones over the interface they were asked with. Raises as `find_ways`, CannotTell for no such interface."""
    linked = tuple((first, last) for first, last, _ in job.links)
    plain = without(job.ranges, linked)
    found = [find_ways(job.version, plain)] if plain else []
    found += [find_ways(job.version, [(first, last)], link=link_number(name)) for first, last, name in job.links]
    return Ways(tuple(lane for ways in found for lane in ways.lanes), tuple(each for ways in found for each in ways.refused))


def find_ways(version: int, ranges: Sequence[Range], *, link: int = 0) -> Ways:
    """The ways to all addresses of the ranges; over one link only if it is named. Neighbours are asked for their hardware addresses.

    Raises CannotTell ("scan.too-many-neighbours"), NotPermitted, MachineFailed.
    """
    size = 4 if version == 4 else 16
    found: dict[tuple[int, bytes, bytes, bool], list[Range]] = {}
    refused: list[Barred] = []
    with Netlink(ROUTE) as netlink:
        interfaces = {each.number: each for each in read_interfaces(netlink)}
        prefixes = [(int.from_bytes(each.destination), each.prefix) for each in read_routes(netlink) if len(each.destination) == size]
        for first, last in cut(ranges, prefixes, 8 * size):
            try:
                way = find_way(first.to_bytes(size), link, netlink)
            except CannotTell:
                refused.append(Barred(first, last, Reason.NO_ROUTE))
                continue
            key = way.link, way.source, b"" if way.on_link or way.local else way.next_hop, way.local
            found.setdefault(key, []).append((first, last))
    lanes = []
    for (number, source, gateway, local), parts in found.items():
        interface = interfaces[number]
        if local:
            lanes.append(Lane(number, interface.name, source, tuple(parts), None))
        elif interface.type != _ETHERNET:
            lanes.append(Lane(number, interface.name, source, tuple(parts), np.zeros((1, 0), np.uint8)))
        else:
            lane, silent = _ask(version, interface, source, gateway, parts)
            lanes += lane
            refused += silent
    return Ways(tuple(lanes), tuple(refused))


def _ask(version: int, interface: Interface, source: bytes, gateway: bytes, parts: list[Range]) -> tuple[list[Lane], list[Barred]]:
    """Hardware addresses of the gateway, or of every neighbour; who does not answer is down."""
    if gateway:
        rows = np.frombuffer(gateway, np.uint8).reshape(1, -1)
        macs, known = ask_neighbours(interface.number, interface.hardware_address, source, rows, _FIRST_WAIT_S, tries=_TRIES)
        if not known[0]:
            return [], [Barred(first, last, Reason.HOST_UNREACHABLE) for first, last in parts]
        return [Lane(interface.number, interface.name, source, tuple(parts), macs)], []
    space = Space(version, sorted(parts), (0,))
    if space.hosts > MOST_NEIGHBOURS:
        raise CannotTell("scan.too-many-neighbours", count=space.hosts, most=MOST_NEIGHBOURS, link=interface.name)
    places = Permutation(space.hosts, (1, 2)).forward(np.arange(space.hosts))
    macs, known = np.zeros((space.hosts, 6), np.uint8), np.zeros(space.hosts, bool)
    macs[places], known[places] = ask_neighbours(
        interface.number, interface.hardware_address, source, space.packed(places), _FIRST_WAIT_S, tries=_TRIES
    )
    up, down = runs_of(space, known), runs_of(space, ~known)
    lanes = [Lane(interface.number, interface.name, source, tuple(up), macs[known])] if up else []
    return lanes, [Barred(first, last, Reason.HOST_DOWN) for first, last in down]


def runs_of(space: Space, which: NDArray[np.bool_]) -> list[Range]:
    """Ranges of the addresses that are marked."""
    runs: list[Range] = []
    place = 0
    for first, last in space.ranges:
        count = last - first + 1
        marked = which[place : place + count]
        place += count
        edges = np.flatnonzero(np.diff(np.concatenate(([False], marked, [False])).astype(np.int8)))
        runs += [(first + begin, first + end - 1) for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]
    return runs
