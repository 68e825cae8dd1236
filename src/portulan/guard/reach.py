"""Who can get to which port: what the rules of a network namespace do with every new TCP and UDP packet, whoever sends it, by whichever way it comes.

`simulate` walks the rules once for all senders and ports; `Reach` then answers for a door, for one packet, or for all ports at once (`matrix`).
"""

from __future__ import annotations

from functools import cached_property

from portulan.guard.collector import uncollected
from portulan.guard.lanes import SCTP, TCP, UDP
from portulan.guard.mentioned import Mentioned
from portulan.guard.paths import KERNEL, MARTIAN, Paths, address_text
from portulan.guard.sets import EMPTY, Sets
from portulan.guard.walk import ACCEPT, REJECT
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Access, Group, Outcome, Packet, Place, Reached, Sources, Way
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from portulan.guard.lanes import Lane
    from portulan.guard.summary import Verdicts
    from portulan.guard.trace import Tracer
    from portulan.guard.walk import Paint
    from portulan.model.network import Network
    from portulan.model.portset import PortSet
    from portulan.model.reach import Passage
    from portulan.model.rule import Rule
    from portulan.model.ruleset import Chain, Ruleset

NUMBERS = {Transport.TCP: TCP, Transport.UDP: UDP, Transport.SCTP: SCTP}
"""Transports that can be followed; SCTP only where it is asked for, since hardly anybody uses it."""
_BEST = (Outcome.ACCEPT, Outcome.MAYBE, Outcome.REJECT, Outcome.DROP)
_NO_WAY_BACK = "no-way-back"


class Region(Record):
    """Senders that fare in the same way at one port of one lane."""

    rows: int
    outcome: Outcome
    place: int | None
    """Number of the rule that decides, in `Walker.places`."""
    lane: Lane
    doubts: tuple[int, ...] = ()


class Answer(Record):
    """What becomes of one packet."""

    outcome: Outcome
    rule: Place | None
    target: str | None = None
    """Where it ends up, if that is not where it was sent."""
    doubts: tuple[Place, ...] = ()
    """For maybe: the rules it depends on."""


class _Live(Record):
    """Senders whose packet was not stopped yet."""

    rows: int
    place: int | None
    doubts: tuple[int, ...]
    """Rules that may have stopped it."""


class Doors:
    """Answers for one IP version, port by port, by the algebra of sets alone."""

    def __init__(self, paths: Paths) -> None:
        """Of walked paths."""
        self.paths = paths
        self.rows, self.ports = paths.rows, paths.matcher.ports
        self.layers = paths.walker.layers
        self.places, self.minor = paths.walker.places, paths.walker.minor
        self._by_port: list[dict[int, list[int]] | None] = [None] * len(self.layers)

    def regions(self, lane: Lane, port: int, rows: int | None = None) -> list[Region]:
        """What becomes of the packets of all senders (or of these) to one port of a lane that the kernel lets in by it."""
        rows = lane.senders if rows is None else self.rows.both(rows, lane.senders)
        found = self._follow(lane, port, [_Live(rows, None, ())] if rows else [], 0)
        if self.paths.ruleset.incomplete:  # what could not be read may accept, drop or send on anything
            return [region._replace(outcome=Outcome.MAYBE) for region in found]
        return found

    def _follow(self, lane: Lane, port: int, alive: list[_Live], layer: int) -> list[Region]:
        done: list[Region] = []
        elsewhere: list[tuple[int, list[Region]]] = []
        children = [child for child in lane.children if self.ports.holds(child.active, port)]
        for at in range(layer, len(self.layers) + 1):
            for child in children:
                if child.born == at:
                    alive = self._leave(child, port, alive, done, elsewhere)
            if not alive:
                break
            if at < len(self.layers) and self.layers[at].lanes & lane.bit:
                alive = self._ask(at, port, lane, alive, done)
        done += [Region(live.rows, Outcome.MAYBE if live.doubts else Outcome.ACCEPT, live.place, lane, live.doubts) for live in alive]
        for place, regions in elsewhere:
            done = self._perhaps(done, regions, place)
        return done

    def _leave(
        self, child: Lane, port: int, alive: list[_Live], done: list[Region], elsewhere: list[tuple[int, list[Region]]]
    ) -> list[_Live]:
        """Packets that a rule moved to another lane go on there; those that it only may have moved go on in both."""
        going = [_Live(both, live.place, live.doubts) for live in alive if (both := self.rows.both(live.rows, child.senders))]
        if not going:
            return alive
        there = self._follow(child, port, going, child.born)
        if not child.sure:
            elsewhere.append((child.place if child.place is not None else 0, there))
            return alive
        done += there
        return [_Live(rest, live.place, live.doubts) for live in alive if (rest := self.rows.minus(live.rows, child.senders))]

    def _perhaps(self, here: list[Region], there: list[Region], place: int) -> list[Region]:
        """What becomes of packets that go one way or the other: known only where both end alike."""
        found: list[Region] = []
        for region in here:
            rest = region.rows
            for other in there:
                both = self.rows.both(rest, other.rows)
                if not both:
                    continue
                rest = self.rows.minus(rest, both)
                alike = region.outcome is other.outcome or {region.outcome, other.outcome} == {Outcome.DROP, Outcome.REJECT}
                doubts = tuple(dict.fromkeys((*region.doubts, *other.doubts, place)))
                found.append(region._replace(rows=both) if alike else region._replace(rows=both, outcome=Outcome.MAYBE, doubts=doubts))
            if rest:
                found.append(region._replace(rows=rest))
        return found

    def _paints(self, at: int, port: int, lane: Lane) -> list[Paint]:
        """The boxes of a layer that a port of a lane lies in, first match first."""
        paints, bit = self.layers[at].paints, lane.bit
        return [paints[number] for number in self._holding(at, port) if paints[number].lanes & bit]

    def _holding(self, at: int, port: int) -> list[int]:
        """The numbers of a layer's boxes that a port lies in."""
        paints = self.layers[at].paints
        index = self._by_port[at]
        if index is None:
            index = self._by_port[at] = {}
            for number, paint in enumerate(paints):
                index.setdefault(paint.port, []).append(number)
        holds = self.ports.holds
        return sorted(number for each, numbers in index.items() if holds(each, port) for number in numbers)

    def _ask(self, at: int, port: int, lane: Lane, alive: list[_Live], done: list[Region]) -> list[_Live]:
        """One base chain's decisions for the packets that are still on their way."""
        rows = self.rows
        left = rows.union([live.rows for live in alive])
        decided: list[tuple[int, int, int]] = []
        possible: list[tuple[int, int, int]] = []
        for paint in self._paints(at, port, lane):
            here = rows.both(left, paint.row)
            if not here:
                continue
            if paint.sure:
                decided.append((here, paint.code, paint.place))
                left = rows.minus(left, here)
                if not left:
                    break
            else:
                possible.append((here, paint.code, paint.place))
        going: list[_Live] = []
        for live in alive:
            for where, code, place in decided:
                here = rows.both(live.rows, where)
                for both, doubts in self._split(here, code, possible):
                    self._decide(
                        _Live(both, live.place, live.doubts), code, place, doubts, lane, going, done, reply=self.layers[at].moment.reply
                    )
        return going

    def _split(self, here: int, code: int, possible: list[tuple[int, int, int]]) -> Iterable[tuple[int, tuple[int, ...]]]:
        """A decided part by the rules that may decide otherwise before."""
        parts: list[tuple[int, tuple[int, ...]]] = [(here, ())] if here else []
        for where, other, place in possible:
            if (other == ACCEPT) == (code == ACCEPT):
                continue
            parts = [
                (piece, more)
                for part, doubts in parts
                for piece, more in ((self.rows.both(part, where), (*doubts, place)), (self.rows.minus(part, where), doubts))
                if piece
            ]
        return parts

    def _decide(
        self, live: _Live, code: int, place: int, doubts: tuple[int, ...], lane: Lane, going: list[_Live], done: list[Region],
        *, reply: bool,
    ) -> None:  # fmt: skip
        if code == ACCEPT:
            # Who lets the packet in is more than who lets the answer out.
            named = live.place if live.place is not None and (reply or self.minor[place]) else place
            going.append(_Live(live.rows, named, (*live.doubts, *doubts)))
        elif doubts:
            going.append(_Live(live.rows, doubts[0], (*live.doubts, *doubts)))
        else:
            done.append(Region(live.rows, Outcome.REJECT if code == REJECT else Outcome.DROP, place, lane, ()))


class Reach:
    """Everything that the rules decide about new packets to this network namespace's ports."""

    def __init__(self, ruleset: Ruleset, network: Network, paths: dict[int, Paths]) -> None:
        """By version: 4, 6."""
        self.ruleset, self.network = ruleset, network
        self.paths = paths
        self.doors = {version: Doors(each) for version, each in paths.items()}
        self._verdicts: dict[int, Verdicts] | None = None
        self._named: dict[tuple[int, int], Place] = {}

    # --- one packet ---

    def query(self, packet: Packet) -> Answer:
        """What becomes of one packet to an own address, and which rule decides; whichever port its sender picks. After `matrix` in a tenth of a millisecond.

        Raises BadInput for an interface or an address that the network does not have.
        """
        version = packet.destination.version
        doors, number = self.doors[version], NUMBERS.get(packet.transport)
        for lane in doors.paths.lanes:
            if lane.parent is not None or lane.transport != number or packet.destination.number not in lane.entry.addresses:
                continue
            if any(link.name == packet.link for link in lane.entry.links):
                break
        else:
            from portulan.errors import BadInput

            raise BadInput("reach.no-way-in", link=packet.link, address=address_text(packet.destination.number, version))
        if not doors.rows.holds(lane.senders, packet.source.number):
            return Answer(Outcome.DROP, place_of(MARTIAN, None, ""))
        if self._verdicts is not None:
            outcome, place, _, end = self._verdicts[version].matrix.look(lane, packet.source.number, packet.port)
        else:
            row = doors.rows.span(packet.source.number, packet.source.number)
            (region,) = doors.regions(lane, packet.port, row)
            outcome, place, end = region.outcome, region.place, region.lane
        if outcome is Outcome.MAYBE:  # for all senders together; this one alone can be followed further
            passage = self._tracer.trace(packet)
            return Answer(passage.outcome, passage.rule, end.target, _doubted(passage))
        return Answer(outcome, self._place(doors, version, place), end.target)

    # --- one door ---

    def door(
        self, transport: Transport, port: int, addresses: Sequence[Address] | None = None, *, v4: bool = True, v6: bool = True
    ) -> Reached:
        """Who can get to a port. `addresses`: the own addresses it is open at; None: all of them, of the versions asked for."""
        found: list[Access] = []
        for version, doors in self.doors.items():
            if not (v4 if version == 4 else v6):
                continue
            wanted = None if addresses is None else {address.number for address in addresses if address.version == version}
            if wanted is None or wanted:
                found += self._version(doors, version, transport, port, wanted)
        accesses = _merged(found)
        return Reached(transport, port, accesses, self._wide(accesses))

    @uncollected
    def prepare(self) -> dict[int, Verdicts]:
        """All verdicts reckoned, by IP version: what `matrix` needs, and what makes `query` quick."""
        from portulan.guard.summary import Verdicts

        if self._verdicts is None:
            self._verdicts = {version: Verdicts(paths) for version, paths in self.paths.items() if paths.lanes}
        return self._verdicts

    @uncollected
    def matrix(self, most: int | None = None) -> tuple[tuple[Group, ...], int]:
        """(groups, how many more there are): all senders x all ports from outside in few lines; at most so many of them."""
        from portulan.guard.summary import groups

        return groups(self.prepare(), most)

    def _version(self, doors: Doors, version: int, transport: Transport, port: int, wanted: set[int] | None) -> list[Access]:
        number = NUMBERS.get(transport)
        by_links: dict[tuple[str, ...], list[tuple[Lane, list[Region]]]] = {}
        for lane in doors.paths.lanes:
            if lane.parent is None and lane.transport == number and (wanted is None or wanted.intersection(lane.entry.addresses)):
                links = tuple(link.name for link in lane.entry.links)
                by_links.setdefault(links, []).append((lane, doors.regions(lane, port)))
        found: list[Access] = []
        for links, lanes in by_links.items():
            for region, root in self._best(doors, lanes):
                found += self._accesses(doors, version, transport, port, links, region, root, wanted)
        return found

    def _best(self, doors: Doors, lanes: list[tuple[Lane, list[Region]]]) -> list[tuple[Region, Lane]]:
        """For every sender the best that it gets by one of the destinations: it may choose."""
        if len(lanes) == 1:
            return [(region, lanes[0][0]) for region in lanes[0][1]]
        rows, taken = doors.rows, EMPTY
        found: list[tuple[Region, Lane]] = []
        for outcome in _BEST:
            for root, regions in lanes:
                for region in regions:
                    if region.outcome is outcome and (rest := rows.minus(region.rows, taken)):
                        found.append((region._replace(rows=rest), root))
                        taken = rows.either(taken, rest)
        return found

    def _accesses(
        self,
        doors: Doors,
        version: int,
        transport: Transport,
        port: int,
        links: tuple[str, ...],
        region: Region,
        root: Lane,
        wanted: set[int] | None,
    ) -> list[Access]:
        rows, lane = doors.rows, region.lane
        local = root.entry.local
        parts: list[tuple[int, Outcome, Place | None]] = []
        rule = self._place(doors, version, region.place)
        if not local and transport is Transport.TCP and self.network.routes and region.outcome in (Outcome.ACCEPT, Outcome.MAYBE):
            routed = doors.paths.router.routed
            parts.append((rows.both(region.rows, routed), region.outcome, rule))
            parts.append((rows.minus(region.rows, routed), Outcome.DROP, Place(KERNEL, "", _NO_WAY_BACK, None, "")))
        else:
            parts.append((region.rows, region.outcome, rule))
        way = Way.LOCAL if local and lane.target is None else Way.FORWARD if lane.target is not None else Way.INPUT
        address = next((number for number in root.entry.addresses if wanted is None or number in wanted), root.entry.addresses[0])
        found = []
        for where, outcome, place in parts:
            if where:
                witness = self._witness(doors, version, transport, port, links[0], where, address)
                doubts = self._doubts(doors, version, region, witness) if outcome is Outcome.MAYBE else ()
                found.append(Access(outcome, _sources(rows.pairs(where), version), links, place, way, witness, lane.target, doubts))
        return found

    def _doubts(self, doors: Doors, version: int, region: Region, witness: Packet) -> tuple[Place, ...]:
        """The rules that a maybe rests on: those that decide nothing beforehand for its witness, else those that may decide."""
        doubted = _doubted(self._tracer.trace(witness))
        places = (self._place(doors, version, number) for number in dict.fromkeys(region.doubts))
        return doubted or tuple(place for place in places if place is not None)

    @cached_property
    def _tracer(self) -> Tracer:
        from portulan.guard.trace import Tracer

        return Tracer(self.ruleset, self.network)

    def _witness(self, doors: Doors, version: int, transport: Transport, port: int, link: str, where: int, address: int) -> Packet:
        routed = doors.rows.both(where, doors.paths.router.behind(link)) or where
        first, last = doors.rows.pairs(routed)[0]
        sender = first + 1 if first & 0xFF == 0 and last > first else first
        return Packet(transport, Address(version, sender), Address(version, address), port, None, link)

    def _place(self, doors: Doors, version: int, number: int | None) -> Place | None:
        if number is None:
            return None
        key = version, number
        found = self._named.get(key)
        if found is None:
            found = self._named[key] = place_of(*doors.places[number])
        return found

    def _wide(self, accesses: tuple[Access, ...]) -> str:
        """In one word."""
        outside = [access for access in accesses if access.links != ("lo",)]
        if any(access.outcome is Outcome.ACCEPT and self._everyone(access.sources) for access in _joined(outside, Outcome.ACCEPT)):
            return "everyone"
        for outcome, word in ((Outcome.ACCEPT, "networks"), (Outcome.MAYBE, "maybe")):
            if any(access.outcome is outcome for access in outside):
                return word
        if any(access.outcome in (Outcome.ACCEPT, Outcome.MAYBE) for access in accesses):
            return "this-host"
        return "nobody"

    def _everyone(self, sources: Sources) -> bool:
        """Whether all senders of a version that the kernel lets in by any link are among them."""
        for version, spans in ((4, sources.v4), (6, sources.v6)):
            doors = self.doors.get(version)
            if doors is None or not spans:
                continue
            rows = doors.rows
            admitted = rows.union([lane.senders for lane in doors.paths.lanes if lane.parent is None and not lane.entry.local])
            router = doors.paths.router
            if not any(route.prefix == 0 and route.kind == "unicast" for route, _ in router.parts):
                continue
            if admitted and not rows.minus(rows.both(admitted, router.routed), rows.spans(spans)):
                return True
        return False


def simulate(ruleset: Ruleset, network: Network, *, ports: Mapping[Transport, PortSet] | None = None, answers: bool = True) -> Reach:
    """What the rules of a network namespace do with every new packet to its ports. `ports`: only these; None: all of TCP and UDP, and no SCTP.

    `answers`: a TCP port counts as reached only if the rules let its answers out as well; without, the request alone is judged.

    Pure: the rules and the network as they were read.
    """
    mentioned = Mentioned(ruleset)
    numbers = (
        None
        if ports is None
        else {NUMBERS[each]: tuple((part.first, part.last) for part in wanted.ranges) for each, wanted in ports.items() if each in NUMBERS}
    )
    return Reach(ruleset, network, {version: Paths(ruleset, network, version, mentioned, numbers, answers=answers) for version in (4, 6)})


def transports_of(*rulesets: Ruleset) -> dict[Transport, PortSet]:
    """What to simulate: every port of TCP and UDP, and of SCTP where a rule speaks of it."""
    from portulan.model.portset import PortRange, PortSet

    whole = PortSet.of([PortRange(0, 65_535)])
    sctp = any(group == "sctp" for each in rulesets for group, _ in Mentioned(each).read)
    return dict.fromkeys((Transport.TCP, Transport.UDP, Transport.SCTP) if sctp else (Transport.TCP, Transport.UDP), whole)


def place_of(chain: Chain, rule: Rule | None, hook: str | None = None) -> Place:
    """A rule or a policy, in words that nft itself uses, and the hook at which it is asked, where that is known."""
    from portulan.wire.nft_authors import author_of
    from portulan.wire.nft_text import rule_text

    if chain.family == KERNEL:
        return Place(KERNEL, "", chain.name, None, "")
    hook = hook if hook or chain.base is None else chain.base.hook
    author = "iptables-legacy" if chain.table.startswith("legacy:") else author_of(chain.table, chain.name)
    if rule is None:
        policy = chain.base.policy.value if chain.base is not None else "accept"
        return Place(chain.family, chain.table, chain.name, None, f"policy {policy}", hook, author, policy=True)
    return Place(chain.family, chain.table, chain.name, rule.handle, rule.quoted or rule_text(rule, chain.family), hook, author)


def _doubted(passage: Passage) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(step.place for step in passage.doubts if step.place is not None))


def _sources(pairs: list[tuple[int, int]], version: int) -> Sources:
    return Sources(v4=tuple(pairs)) if version == 4 else Sources(v6=tuple(pairs))


def _merged(accesses: list[Access]) -> tuple[Access, ...]:
    """Fewer of them: those that differ in the interface only, then those that differ in the senders only."""
    by_senders: dict[object, Access] = {}
    for access in accesses:
        key = access.outcome, access.sources, access.rule, access.way, access.target, access.doubts, access.links == ("lo",)
        known = by_senders.get(key)
        by_senders[key] = access if known is None else known._replace(links=(*known.links, *access.links))
    by_links: dict[object, Access] = {}
    for access in by_senders.values():
        same = access.outcome, access.rule, access.way, access.target, access.doubts, access.links
        known = by_links.get(same)
        by_links[same] = access if known is None else known._replace(sources=_together(known.sources, access.sources))
    order = {outcome: at for at, outcome in enumerate(_BEST)}
    return tuple(sorted(by_links.values(), key=lambda access: (access.links == ("lo",), order[access.outcome])))


def _together(left: Sources, right: Sources) -> Sources:
    return Sources(_union(left.v4, right.v4), _union(left.v6, right.v6))


def _union(left: tuple[tuple[int, int], ...], right: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    if not (left and right):
        return left or right
    sets = Sets(1 << 128)
    return tuple(sets.pairs(sets.spans((*left, *right))))


def _joined(accesses: list[Access], outcome: Outcome) -> list[Access]:
    """All senders with this outcome as one access."""
    found = [access for access in accesses if access.outcome is outcome]
    if not found:
        return []
    sources = found[0].sources
    for access in found[1:]:
        sources = _together(sources, access.sources)
    return [found[0]._replace(sources=sources)]
