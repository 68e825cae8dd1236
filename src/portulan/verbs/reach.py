"""Who can get to which port, by which rule, on which way; and one packet's way, step by step."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from portulan.errors import BadInput, CannotTell, PortulanError
from portulan.model.address import parse_address
from portulan.model.chart import Endpoint
from portulan.model.doors import Asked, Door, MatrixAnswer, MatrixRow, ReachAnswer
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome, Packet, Way
from portulan.model.survey import Selection
from portulan.system.source import open_source
from portulan.verbs.chart import check_places, look
from portulan.verbs.guarding import SERVING, Guard, as_address, parse
from portulan.verbs.ports import resolve_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from portulan.model.network import Network
    from portulan.model.reach import Access, Passage, Place
    from portulan.model.ruleset import Ruleset
    from portulan.model.standing import Standing
    from portulan.model.survey import Survey
    from portulan.system.source import SocketSource
    from portulan.verbs.guarding import Suppose

_SERVERS = (Transport.TCP, Transport.UDP)
EVERYONE, THIS_HOST = "everyone", "this-host"
_LOOPBACK = 772
_LINK_LOCAL_6 = 0xFE80 >> 6
_LOOPBACK_4 = 127
_MOST_PLACES = 64
_EXAMPLES = (Address(4, 0xCB007109), Address(6, 0x20010DB8 << 96 | 9))
"""203.0.113.9 and 2001:db8::9 (RFC 5737, RFC 3849)."""


def reach(
    ports: Iterable[str | int] = (), *, namespaces: Iterable[str] = (), source: str = "auto", policy: str | None = None
) -> ReachAnswer:
    """Each port on which somebody listens, and each that rules send elsewhere (a container's published port), with who can get to it.

    `ports` as words (`80`, `443/tcp`, `8000-8010`, `ssh`), `namespaces` by name or inode (`this` is our own); each empty: all. Every set is read, however large.
    `policy`: a file; what is told of this namespace is what would be true if it were applied.
    Raises BadInput for a word that means nothing and for a mistake in the policy, CannotTell where the kernel cannot be asked, MachineFailed where it failed.
    """
    suppose = _suppose(policy)
    wanted = [resolve_ports(str(word)) for word in ports]
    places = list(namespaces)
    machine = open_source(source)
    taken_at = datetime.now(UTC)
    chosen = PortSet.of(part for numbers, _ in wanted for part in numbers.ranges) if wanted else None
    guard = Guard(every_port=True, whole_sets=True, suppose=suppose)
    items, survey = look(machine, Selection(ports=chosen), guard=guard)
    check_places(places, survey)
    serving = (item for item in items if item.state in SERVING and (not places or _is_in(places, item)))
    doors = [_door(guard, group) for group in _groups(serving)]
    doors += _unheld(guard, survey, doors, chosen)
    doors = [
        door for door in doors if not wanted or any(door.port in numbers and door.transport in transports for numbers, transports in wanted)
    ]
    if places:
        doors = [door for door in doors if _is_in(places, door)]
    inner = PortSet.of(PortRange(port, port) for door in doors if door.published and (port := door.led_to[1]))
    if inner.ranges:
        others, _ = look(machine, Selection(ports=inner), guard=guard)
        doors = [_behind(guard, door, others) for door in doors]
    order: dict[int | None, int] = {space.inode: at for at, space in enumerate(survey.namespaces)}
    doors.sort(key=lambda door: (order.get(door.netns, 0), door.port, door.transport))
    return ReachAnswer(machine.host_name(), taken_at, tuple(doors), survey.gaps + tuple(guard.gaps), survey.namespaces, survey.source)


def _suppose(policy: str | None) -> Suppose | None:
    if policy is None:
        return None
    from portulan.verbs.guard_supposed import suppose

    return suppose(policy)


def _is_in(places: Iterable[str], one: Endpoint | Door) -> bool:
    """Whether it is in one of these namespaces. Asked before the rules are: of thousands of doors elsewhere that takes long."""
    return not {one.netns_name or "this", str(one.netns), f"net:[{one.netns}]"}.isdisjoint(places)


def _groups(items: Iterable[Endpoint]) -> Iterator[list[Endpoint]]:
    """Endpoints of one port with the same holders are one door."""
    groups: dict[object, list[Endpoint]] = {}
    for item in items:
        holders = tuple(sorted({owner.pid for owner in item.owners})) if item.owners else (item.ownership, item.uid, item.unit)
        groups.setdefault((item.netns, item.port, item.transport, holders), []).append(item)
    yield from groups.values()


def _door(guard: Guard, items: list[Endpoint]) -> Door:
    first = items[0]
    standing = guard.together(items)
    addresses = tuple(dict.fromkeys(item.address for item in items))
    published = None if standing is None else published_to(standing)
    shut = None if published is None or not _is_led_in(standing) else _shut_here(guard, first.netns, first.transport, first.port)
    return Door(
        first.transport,
        first.port,
        addresses,
        first.service,
        first.netns,
        first.netns_name,
        holder_of(items),
        standing,
        published,
        shut_here=shut,
    )


def holder_of(items: Iterable[Endpoint]) -> str | None:
    """Who holds it, in a word: a container, a program with its unit, what the kernel does with it."""
    for item in items:
        if item.held_by_kernel:
            return item.held_by_kernel
        for owner in item.owners or ():
            if owner.container:
                return owner.container
            return f"{owner.name} {owner.unit}" if owner.unit and owner.unit.endswith((".service", ".socket")) else owner.name
        if item.container or item.unit:
            return item.container or item.unit
    return None


def published_to(standing: Standing) -> str | None:
    """Where rules send what comes from outside, if elsewhere."""
    return next(
        (grant.target for grant in standing.grants if grant.target is not None and grant.path is Way.FORWARD and grant.links != ("lo",)),
        None,
    )


def _is_led_in(standing: Standing | None) -> bool:
    """Whether anybody from outside gets to where the rules send them."""
    return standing is not None and any(
        grant.path is Way.FORWARD and grant.links != ("lo",) and grant.verdict in (Outcome.ACCEPT, Outcome.MAYBE)
        for grant in standing.grants
    )


def _shut_here(guard: Guard, netns: int | None, transport: Transport, port: int) -> Place | None:
    """The rule that would shut the port to everyone if its packets came to this host itself; None where none would."""
    from portulan.guard.published import without_translation
    from portulan.guard.reach import simulate

    space = guard.spaces.get(netns)
    if space is None:
        return None
    ports = {transport: PortSet.of([PortRange(port, port)])}
    reached = simulate(without_translation(space.ruleset), space.network, ports=ports).door(transport, port)
    outside = [access for access in reached.accesses if access.links != ("lo",)]
    if any(access.outcome in (Outcome.ACCEPT, Outcome.MAYBE) for access in outside):
        return None
    return next((access.rule for access in outside if access.rule is not None and access.rule.family != "kernel"), None)


def _unheld(guard: Guard, survey: Survey, doors: list[Door], chosen: PortSet | None) -> list[Door]:
    """Doors of ports on which nobody listens, but which rules send elsewhere."""
    from portulan.guard.published import translated_ports
    from portulan.system.registry_file import open_table

    names: dict[int | None, str | None] = {
        space.inode: None if space.own else space.name or f"net:[{space.inode}]" for space in survey.namespaces
    }
    held = {(door.netns, door.transport, door.port) for door in doors}
    found = []
    for netns, space in guard.spaces.items():
        for port in translated_ports(space.ruleset) if space is not None and space.ruled else ():
            for transport in _SERVERS:
                if (netns, transport, port) in held or (chosen is not None and port not in chosen):
                    continue
                assert space is not None
                standing = space.door(transport, port, None, v4=True, v6=True)
                target = published_to(standing)
                if target is not None:
                    service = open_table().usual(port, transport)
                    shut = _shut_here(guard, netns, transport, port) if _is_led_in(standing) else None
                    found.append(Door(transport, port, (), service, netns, names.get(netns), None, standing, target, shut_here=shut))
    return found


def _behind(guard: Guard, door: Door, items: Iterable[Endpoint]) -> Door:
    """A published door with who listens behind it, where that namespace was seen."""
    if door.published is None:
        return door
    address, port = door.led_to
    if "-" in address:
        return door  # any of several
    there = parse(address)
    for netns, space in guard.spaces.items():
        if space is None or netns == door.netns or not _has(space.network, there):
            continue
        inside = [
            item
            for item in items
            if item.netns == netns and item.port == port and item.transport is door.transport and item.state in SERVING
        ]
        held = [item for item in inside if parse(item.address).number == 0 or parse(item.address) == there]
        return door._replace(behind=holder_of(held))
    return door


def _has(network: Network, address: Address) -> bool:
    return any(one == address for link in network.links for one, _ in link.addresses)


def matrix(*, namespace: str | None = None, most: int | None = None, policy: str | None = None) -> MatrixAnswer:
    """All senders x all ports of TCP and UDP from outside (of SCTP too, where a rule speaks of it), in few lines: ports that fare alike for everybody are one. `most`: so many lines at most.

    `policy`: a file, as if it were applied. Raises BadInput, NotPermitted and CannotTell where the rules cannot be read, MachineFailed.
    """
    from portulan.guard.reach import simulate, transports_of
    from portulan.guard.senders import brief

    suppose = _suppose(policy)
    taken_at = datetime.now(UTC)
    ruleset, network, _ = _read(namespace, suppose)
    groups, more = simulate(ruleset, network, ports=transports_of(ruleset)).matrix(most)
    rows = tuple(
        MatrixRow(
            " ".join(f"{_spans_text(spans)}/{transport.value}" for transport, spans in group.ports), group.links, brief(group.accepted, network),
            brief(group.perhaps, network),
        )
        for group in groups
    )  # fmt: skip
    return MatrixAnswer(open_source("auto").host_name(), taken_at, rows, more)


def _spans_text(spans: Iterable[tuple[int, int]]) -> str:
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def passage(
    port: str | int, sender: str, *, via: str | None = None, to: str | None = None, namespace: str | None = None, policy: str | None = None
) -> Asked:
    """One packet's way to a port, rule by rule. `sender`: an address, `everyone` (one for all), `this-host`, or the name of an interface (somebody behind it).

    `via`: the interface it comes in by, as a rule the one that leads back to the sender. `to`: the address it is sent to, as a rule that interface's.
    `policy`: a file, as if it were applied. Raises BadInput, NotPermitted and CannotTell where the rules cannot be read or the packet cannot come, MachineFailed.
    """
    from portulan.guard.trace import trace

    numbers, transports = resolve_ports(str(port))
    followed = [transport for transport in transports if transport in (*_SERVERS, Transport.SCTP)]
    if len(numbers) != 1:
        raise BadInput("reach.one")
    if not followed:
        raise BadInput("reach.transport", text=str(port))
    number, transport = next(iter(numbers)), followed[0]
    suppose = _suppose(policy)
    taken_at = datetime.now(UTC)
    ruleset, network, netns = _read(namespace, suppose)
    packet = _packet(ruleset, network, transport, number, sender, via, to)
    way = trace(ruleset, network, packet)
    from portulan.system.registry_file import open_table

    machine = open_source("auto")
    return Asked(
        machine.host_name(),
        taken_at,
        way,
        open_table().usual(number, transport),
        netns,
        _beyond(way),
        listener=_listens(machine, way, netns),
    )


def _listens(machine: SocketSource, way: Passage, netns: int | None) -> bool | None:
    """Whether somebody takes what was let in to this host; None where it does not come to that."""
    if way.way not in (Way.INPUT, Way.LOCAL) or way.outcome in (Outcome.DROP, Outcome.REJECT):
        return None
    address, port = way.destination or way.packet.destination, way.port or way.packet.port
    items, _ = look(machine, Selection(ports=PortSet.of([PortRange(port, port)])))
    return any(
        item.transport is way.packet.transport and item.state in SERVING and _takes(item, address)
        for item in items
        if (item.netns_name is None if netns is None else item.netns == netns)
    )


def _takes(item: Endpoint, address: Address) -> bool:
    """Whether what is sent to an address comes to an endpoint."""
    bound = parse(item.address)
    if bound.number:
        return bound == address
    return bound.version == address.version or (bound.version == 6 and any(socket.v6_only is False for socket in item.sockets))


def _read(namespace: str | None, suppose: Suppose | None) -> tuple[Ruleset, Network, int | None]:
    """The rules, or what is supposed of them, and the network of one namespace, our own unless told."""
    if not sys.platform.startswith("linux"):
        raise CannotTell("reach.no-linux")
    from portulan.system.firewall.read import read_ruleset
    from portulan.system.linux.namespaces import list_places
    from portulan.system.linux.network import read_network

    place = None
    if namespace not in (None, "this"):
        if suppose is not None:
            raise BadInput("reach.policy-elsewhere", text=str(namespace))
        places, _ = list_places()
        place = next((each for each in places if namespace in (each.name, str(each.inode), f"net:[{each.inode}]")), None)
        if place is None:
            known = ", ".join(["this", *(each.name or f"net:[{each.inode}]" for each in places[1:])])
            raise BadInput("netns.unknown", text=str(namespace), known=known)
    ruleset, network = read_ruleset(place), read_network(place)
    return ruleset if suppose is None else suppose(ruleset, network), network, None if place is None else place.inode


def _packet(ruleset: Ruleset, network: Network, transport: Transport, port: int, sender: str, via: str | None, to: str | None) -> Packet:
    """The packet that was meant."""
    from portulan.guard.routes import link_towards

    if via is not None and network.link(via) is None:
        raise BadInput("reach.link", text=via, known=", ".join(link.name for link in network.links))
    target = None if to is None else _address(to)
    if sender == EVERYONE:
        return _anybody(ruleset, network, transport, port, via, target)
    if sender in (THIS_HOST, "localhost"):
        own = target or Address(4, 0x7F000001)
        loopback = own.version == 4 and own.number >> 24 == _LOOPBACK_4
        if not loopback and not _has(network, own):
            raise BadInput("reach.not-own", text=str(to))
        return Packet(transport, own, own, port, None, "lo")
    if (link := network.link(sender)) is not None:
        source, via = _neighbour(network, link.name, target), via or link.name
    else:
        source = _address(sender)
    if target is not None and target.version != source.version:
        raise BadInput("reach.versions", sender=sender, to=str(to))
    link_name = via or link_towards(network, source)
    if link_name is None:
        raise CannotTell("reach.no-way", sender=sender)
    return Packet(transport, source, target or _own(network, source, link_name), port, None, link_name)


def _address(text: str) -> Address:
    try:
        return as_address(parse_address(text))
    except BadInput:
        raise BadInput("reach.sender", text=text) from None


def _own(network: Network, source: Address, link_name: str) -> Address:
    """Where somebody who comes by a link would send to: an address of that link, of the sender's own kind; else any of this host's."""
    if link_name == "lo":
        return source
    near = source.version == 6 and source.number >> 118 == _LINK_LOCAL_6
    links = sorted(network.links, key=lambda link: (link.name != link_name, link.type == _LOOPBACK))
    for link in links:
        for address, _ in link.addresses:
            if address.version == source.version and (address.version == 4 or near == (address.number >> 118 == _LINK_LOCAL_6)):
                return address
    raise CannotTell("reach.no-address", version=source.version)


def _neighbour(network: Network, name: str, target: Address | None) -> Address:
    """Somebody in the network of a link."""
    link = network.link(name)
    assert link is not None
    for address, prefix in link.addresses:
        if target is None or address.version == target.version:
            size = (32 if address.version == 4 else 128) - prefix
            first = address.number >> size << size
            for number in range(first + 1, first + (1 << size)):
                if number != address.number:
                    return Address(address.version, number)
    raise CannotTell("reach.no-address", version=4 if target is None else target.version)


def _anybody(ruleset: Ruleset, network: Network, transport: Transport, port: int, via: str | None, target: Address | None) -> Packet:
    """One packet for all: of the largest group of senders that fare alike."""
    from portulan.guard.reach import simulate

    reached = simulate(ruleset, network, ports={transport: PortSet.of([PortRange(port, port)])}).door(
        transport, port, None if target is None else [target]
    )
    best, most = None, (-1, -1)
    for access in reached.accesses:
        size = _number(access.sources.v4), _number(access.sources.v6)
        if access.links != ("lo",) and access.witness is not None and (via is None or via in access.links) and size > most:
            best, most = access.witness._replace(source=_usual(access), link=via or access.witness.link), size
    if best is None:
        raise CannotTell("reach.nobody-comes")
    return best


def _usual(access: Access) -> Address:
    """An example address of the documentation that is in the group, if one is; else its own example."""
    assert access.witness is not None
    for example in _EXAMPLES:
        spans = access.sources.v4 if example.version == 4 else access.sources.v6
        if example.version == access.witness.source.version and any(first <= example.number <= last for first, last in spans):
            return example
    return access.witness.source


def _number(spans: Iterable[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in spans)


def _beyond(way: Passage) -> Passage | None:
    """The same packet in the namespace that a published port leads to, where that may be read."""
    if way.way is not Way.FORWARD or way.destination is None or way.port is None or way.outcome in (Outcome.DROP, Outcome.REJECT):
        return None
    from portulan.guard.trace import trace
    from portulan.system.firewall.read import read_ruleset
    from portulan.system.linux.namespaces import list_places
    from portulan.system.linux.network import read_network

    places, _ = list_places()
    for place in places[1:_MOST_PLACES]:
        try:
            network = read_network(place)
            link = next((link for link in network.links if any(one == way.destination for one, _ in link.addresses)), None)
            if link is not None:
                packet = way.packet._replace(destination=way.destination, port=way.port, link=link.name)
                return trace(read_ruleset(place), network, packet)
        except PortulanError:
            continue
    return None
