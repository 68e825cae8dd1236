"""New packets that do not end at this host: those that it sends out, and those that it passes on from one interface to another.

As `guard.paths`, turned around: there own addresses are told apart and senders are sets; here it is the receivers, of whom one stands for all whom no rule and no route
tells apart. The same receivers are taken for several sets of rules, so that what they do can be compared.
"""

from __future__ import annotations

from portulan.guard.lanes import Entry, Lane, Moment
from portulan.guard.mentioned import Mentioned
from portulan.guard.paths import KERNEL, UNREAD, Paths
from portulan.guard.reach import NUMBERS, Doors
from portulan.guard.router import Router
from portulan.guard.routes import merge
from portulan.model.port import Transport
from portulan.model.reach import Outcome
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from portulan.guard.reach import Region
    from portulan.model.network import Link, Network
    from portulan.model.ruleset import Ruleset

    Spans: TypeAlias = tuple[tuple[int, int], ...]

MOST_CLASSES = 96
"""Classes of receivers of one IP version; those beyond are left out, and that is told."""
MOST_ASKED = 400_000
"""Questions to one set of rules: ways x pieces of ports."""
_NEVER = {
    4: ((0, 0x00FFFFFF), (0x7F000000, 0x7FFFFFFF), (0xE0000000, 0xFFFFFFFF)),
    6: ((0, 0xFFFFFFFF), (0xFFFF << 32, (0xFFFF << 32) | 0xFFFFFFFF), (0xFE80 << 112, (0xFEC0 << 112) - 1), (0xFF << 120, (1 << 128) - 1)),
}
"""To whom nothing is sent that is one host elsewhere: this network, loopback, groups, what is reserved; addresses of one link only."""


class Receivers(Record):
    """Addresses beyond interfaces, which neither rules nor routes tell apart."""

    version: int
    links: tuple[str, ...]
    """The interfaces that lead to them. The first one leads to `example`."""
    spans: Spans
    others: Spans
    """All further addresses beyond these interfaces."""
    example: int


class Way(Record):
    """In by some interfaces (none: sent by this host itself) and out to some receivers."""

    number: int
    """Among the others."""
    comes: tuple[str, ...]
    to: Receivers


class Beyond:
    """Which ways there are, for several sets of rules alike."""

    def __init__(self, rulesets: Sequence[Ruleset], network: Network) -> None:
        """Of these rules, in one network."""
        self.network = network
        self.left_out = False
        """Whether there are more receivers than are told apart."""
        self._mentioned = [Mentioned(each) for each in rulesets]
        # A device's own chains are asked for each device; then every one is a class of its own.
        self._by_device = any(chain.base is not None and chain.base.devices != () for each in rulesets for chain in each.chains)

    def ways(self, *, out: bool, through: bool) -> tuple[Way, ...]:
        """All of both IP versions: from this host (`out`), and by every other interface that forwards (`through`)."""
        found: list[Way] = []
        for version in (4, 6):
            router = Router(version, self.network)
            receivers = self._receivers(version, router)
            groups = list(self._alike(version, router)) if through else []
            for to in receivers:
                if out:
                    found.append(Way(len(found), (), to))
                for names in groups:
                    others = tuple(name for name in names if name not in to.links) or tuple(name for name in names if name != to.links[0])
                    if others:
                        found.append(Way(len(found), others, to))
        return tuple(found)

    def _seen(self, link: Link) -> object:
        return link.name if self._by_device else str([each.tells_apart(link) for each in self._mentioned])

    def _alike(self, version: int, router: Router) -> Iterator[tuple[str, ...]]:
        """The interfaces that forward, those together that no rule tells apart."""
        groups: dict[object, list[str]] = {}
        for link in self.network.links:
            forwards = link.forwards4 if version == 4 else link.forwards6
            if link.up and link.kind != "loopback" and link.master is None and forwards:
                groups.setdefault((self._seen(link), router.senders(link), router.filtered(link)), []).append(link.name)
        return map(tuple, groups.values())

    def _receivers(self, version: int, router: Router) -> list[Receivers]:
        rows = router.rows
        never = rows.either(rows.spans(_NEVER[version]), router.mine)
        beyond: dict[str, list[int]] = {}
        for route, where in router.parts:
            if route.kind == "unicast" and route.links and route.links[0] in router.links:
                beyond.setdefault(route.links[0], []).append(rows.minus(where, never))
        by_class: dict[object, list[tuple[str, int]]] = {}
        asked = list(dict.fromkeys(spans for each in self._mentioned for spans in each.receivers(rows)))
        for name, sets in beyond.items():
            for key, where in self._split(router, rows.union(sets), asked):
                by_class.setdefault((self._seen(router.links[name]), key), []).append((name, where))
        whole: dict[str, Spans] = {name: tuple(rows.pairs(rows.union(sets))) for name, sets in beyond.items()}
        found = []
        for parts in by_class.values():
            links = tuple(name for name, _ in parts)
            mine = rows.union([where for _, where in parts])
            others = rows.minus(rows.spans(span for name in links for span in whole[name]), mine)
            first, last = rows.pairs(parts[0][1])[0]
            example = first + 1 if last > first and not first & 0xFF else first
            found.append(Receivers(version, links, merge(rows.pairs(mine)), merge(rows.pairs(others)), example))
        self.left_out |= len(found) > MOST_CLASSES
        return found[:MOST_CLASSES]

    @staticmethod
    def _split(router: Router, where: int, asked: Iterable[int]) -> Iterator[tuple[tuple[int, ...], int]]:
        """(which of the sets they are in, the addresses) of all parts."""
        rows = router.rows
        parts: list[tuple[tuple[int, ...], int]] = [((), where)] if where else []
        for spans in asked:
            cut: list[tuple[tuple[int, ...], int]] = []
            for key, part in parts:
                inside = rows.both(part, spans)
                cut += [((*key, spans), inside)] if inside else []
                cut += [(key, rest)] if (rest := rows.minus(part, inside)) else []
            parts = cut
            if len(parts) > 2 * MOST_CLASSES:
                break
        yield from parts


class Onward(Paths):
    """The paths of one IP version along these ways."""

    def __init__(self, ruleset: Ruleset, network: Network, version: int, ways: Iterable[Way], transports: Iterable[Transport]) -> None:
        """Every port of these transports."""
        self._ways = [way for way in ways if way.to.version == version]
        self.by_way: dict[tuple[int, int], Lane] = {}
        """(number of the way, number of the transport) -> its lane."""
        super().__init__(
            ruleset, network, version, Mentioned(ruleset), {NUMBERS[each]: ((0, 65_535),) for each in transports}, answers=False
        )

    def _walk(self) -> None:
        out: list[Lane] = []
        through: list[Lane] = []
        active = {transport: self.matcher.ports.spans(spans) for transport, spans in self.ports.items()}
        for way in self._ways:
            for transport in self.ports:
                lane = self._lane(way, transport, active[transport])
                if lane is not None:
                    self.lanes.append(lane)
                    self.by_way[way.number, transport] = lane
                    (through if way.comes else out).append(lane)
        if self.ruleset.incomplete or self.ruleset.opaque or self._strange:
            self.walker.doubt(UNREAD, self.lanes, Moment("prerouting"))
        self._from_outside(through)
        self._from_host(out)

    def _lane(self, way: Way, transport: int, active: int) -> Lane | None:
        links = self.router.links
        if way.comes:
            entry = Entry(tuple(links[name] for name in way.comes), (way.to.example,))
            return Lane(len(self.lanes), entry, transport, self.router.senders(entry.links[0]), active)
        out = links[way.to.links[0]]
        own = [number for number, link in self.router.own if link is out] or [
            number for number, _ in self.router.own if number not in (0x7F000001, 1)
        ]
        if not own:
            return None
        lane = Lane(len(self.lanes), Entry((out,), (way.to.example,), local=True), transport, self.rows.span(own[0], own[0]), active)
        lane.source, lane.oif = own[0], out.name
        return lane

    def _from_host(self, lanes: list[Lane]) -> None:
        """Sent by this host: through output, and out; what rules turn to this host itself is followed no further."""
        going = []
        for lane in self._hook("output", lanes):
            here = isinstance(lane.destination, int) and self._here(lane.destination)
            if not here and (not lane.changed or self._onward(lane)):
                going.append(lane)
        self._leave(going)


class _Doors(Doors):
    """Asked about the same ports on many ways."""

    def __init__(self, paths: Paths) -> None:
        super().__init__(paths)
        self._held: dict[tuple[int, int], list[int]] = {}

    def _holding(self, at: int, port: int) -> list[int]:
        found = self._held.get((at, port))
        if found is None:
            found = self._held[at, port] = super()._holding(at, port)
        return found


class Flow(Record):
    """What becomes of packets on one way to some ports: senders who get through, who perhaps do, and whom rules refuse. From the others the kernel itself sends nothing on."""

    sure: Spans
    perhaps: Spans
    shut: Spans


class Onwards:
    """What one set of rules does with all new packets along these ways."""

    def __init__(self, ruleset: Ruleset, network: Network, ways: Sequence[Way], transports: Iterable[Transport]) -> None:
        """Simulated at once."""
        chosen = tuple(transports)
        self._paths = {version: Onward(ruleset, network, version, ways, chosen) for version in (4, 6)}
        self._doors = {version: _Doors(paths) for version, paths in self._paths.items()}

    def cuts(self) -> set[int]:
        """Ports at which something may change."""
        return {edge for paths in self._paths.values() for edges in paths.matcher.ports.edges for edge in edges}

    def flow(self, way: Way, transport: Transport, port: int) -> Flow:
        """What becomes of packets to a port."""
        doors = self._doors[way.to.version]
        lane = self._paths[way.to.version].by_way.get((way.number, NUMBERS[transport]))
        found: Mapping[Outcome, list[int]] = {outcome: [] for outcome in Outcome}
        regions: list[Region] = doors.regions(lane, port) if lane is not None else []
        for region in regions:
            if region.place is None or doors.places[region.place][0].family != KERNEL or region.outcome in (Outcome.ACCEPT, Outcome.MAYBE):
                found[region.outcome].append(region.rows)
        sure, perhaps = (tuple(doors.rows.pairs(doors.rows.union(found[each]))) for each in (Outcome.ACCEPT, Outcome.MAYBE))
        shut = tuple(doors.rows.pairs(doors.rows.union([*found[Outcome.DROP], *found[Outcome.REJECT]])))
        return Flow(sure, perhaps, shut)
