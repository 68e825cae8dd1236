"""The rules and the network of every namespace that a chart shows, read while the kernel is searched for holders, and what they make of its endpoints."""

from __future__ import annotations

import sys

from portulan.errors import CannotTell, MachineFailed, NotPermitted, ParseError
from portulan.model.address import MAPPED, pack_address
from portulan.model.chart import Endpoint, Gap, State
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Outcome
from portulan.model.standing import Senders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from portulan.guard.bare import Bare
    from portulan.guard.unread import Readings
    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset
    from portulan.model.standing import Standing
    from portulan.model.survey import Row, Survey

    Suppose = Callable[[Ruleset | None, Network], Ruleset]
    from portulan.system.linux.namespaces import Place

SERVING = (State.LISTENING, State.BOUND)
_FOLLOWED = {Transport.TCP: Transport.TCP, Transport.UDP: Transport.UDP, Transport.UDPLITE: Transport.UDP, Transport.SCTP: Transport.SCTP}
_MOST = 256
"""Namespaces whose rules are read."""
_UNTRUSTED = ("nft.changing", "legacy.forbidden", "legacy.no-program")
"""Of `Ruleset.incomplete`: whole tables may be missing. The others are rules that stand there without being understood."""
_MULTICAST_4, _MULTICAST_6 = 0xE, 0xFF
_WIDEST = ("everyone", "maybe", "networks", "this-host", "nobody")


class Space:
    """One namespace: what was read of it."""

    def __init__(self, rules: Ruleset | None, network: Network, ports: dict[Transport, set[int]] | None) -> None:
        """`rules`: None where there are none at all. `ports`: those that will be asked for; None: any."""
        self.rules, self.network, self.ports = rules, network, ports
        self.ruled = rules is not None and any(chain.base is not None for chain in rules.chains)
        self._bare: Bare | None = None
        self._readings: dict[bool, Readings] = {}
        """Of SCTP, and of all else: hardly anybody asks for the former, so it is simulated only then."""
        self._known: dict[object, Standing] = {}

    def door(self, transport: Transport, port: int, addresses: tuple[Address, ...] | None, *, v4: bool, v6: bool) -> Standing:
        """How a door stands."""
        key = (transport, port if self.ruled else 0, addresses, v4, v6)
        if key not in self._known:
            self._known[key] = self._ask(transport, port, addresses, v4=v4, v6=v6)
        return self._known[key]

    def _ask(self, transport: Transport, port: int, addresses: tuple[Address, ...] | None, *, v4: bool, v6: bool) -> Standing:
        if not self.ruled:
            from portulan.guard.bare import Bare

            self._bare = self._bare or Bare(self.network)
            found = self._bare.door(addresses, v4=v4, v6=v6)
            if found is not None:
                return found
        return self.readings(sctp=transport is Transport.SCTP).door(transport, port, addresses, v4=v4, v6=v6)

    @property
    def ruleset(self) -> Ruleset:
        """The rules; an empty set of them where there are none."""
        if self.rules is None:
            from portulan.model.ruleset import Ruleset

            self.rules = Ruleset()
        return self.rules

    def readings(self, *, sctp: bool = False) -> Readings:
        """The rules, simulated for TCP and UDP, or for SCTP."""
        if sctp not in self._readings:
            from portulan.guard.reach import simulate
            from portulan.guard.unread import Readings
            from portulan.model.portset import PortRange, PortSet

            wanted = {Transport.SCTP: PortSet.of([PortRange(0, 65_535)])} if sctp else None
            if self.ports is not None and self.ruled:
                asked = {kind: numbers for kind, numbers in self.ports.items() if (kind is Transport.SCTP) is sctp}
                wanted = {kind: PortSet.of(PortRange(port, port) for port in numbers) for kind, numbers in asked.items()}
            self._readings[sctp] = Readings(self.ruleset, lambda ruleset: simulate(ruleset, self.network, ports=wanted))
        return self._readings[sctp]


class Guard:
    """All namespaces. One look at the machine."""

    def __init__(self, *, every_port: bool = False, whole_sets: bool = False, suppose: Suppose | None = None) -> None:
        """`every_port`: any port will be asked for, not only where somebody listens. `whole_sets`: large sets are read too.

        `suppose` gives the rules to go by in our own namespace, from those that there are (None: they may not be read).
        """
        self.every_port, self.whole_sets, self.suppose = every_port, whole_sets, suppose
        self.spaces: dict[int | None, Space | None] = {}
        self.gaps: list[Gap] = []

    def read(self, survey: Survey) -> None:
        """Read what is new in a part of a survey, as long as the ways into its namespaces are open."""
        ports: dict[int | None, dict[Transport, set[int]]] = {}
        if self.every_port:  # there may be rules for ports on which nobody listens
            ports = {space.inode: {} for space in survey.namespaces if space.own}
        for row in (*survey.coming, *survey.rows):
            if row.state in SERVING:
                self._note_port(ports, row)
        for netns, numbers in ports.items():
            if netns in self.spaces:
                space = self.spaces[netns]
                if space is not None and space.ports is not None:
                    for kind, more in numbers.items():
                        space.ports.setdefault(kind, set()).update(more)
            elif len(self.spaces) < _MOST:
                self.spaces[netns] = self._space(survey, netns, numbers)

    @staticmethod
    def _note_port(ports: dict[int | None, dict[Transport, set[int]]], row: Row) -> None:
        kind = _FOLLOWED.get(row.transport)
        if kind is not None:
            ports.setdefault(row.netns, {}).setdefault(kind, set()).add(row.port)

    def _space(self, survey: Survey, netns: int | None, ports: dict[Transport, set[int]]) -> Space | None:
        if not sys.platform.startswith("linux") or survey.source == "psutil":
            self._note_gap(Gap("reach.linux-only"))
            return None
        from portulan.system.linux.namespaces import Place
        from portulan.system.linux.network import read_network

        own = next((space.own for space in survey.namespaces if space.inode == netns), True)
        name = "" if own else next((space.name or f"net:[{netns}]" for space in survey.namespaces if space.inode == netns), "")
        place = None if own else Place(netns, survey.ways.get(netns, ""), name)
        try:
            ruleset = self._rules(place) if self.suppose is None or place is not None else self._supposed()
            network = read_network(place)._replace(inode=netns)
        except NotPermitted as error:
            self._note_gap(Gap("reach.forbidden", {"needs": str(error.facts["needs"])}))
            return None
        except (CannotTell, ParseError, MachineFailed) as error:
            gap = Gap("reach.unreadable", {"name": name, "why": error.code})
            self._note_gap(gap._replace(facts={**{key: str(fact) for key, fact in error.facts.items()}, **gap.facts}))
            return None
        for code, text in () if ruleset is None else ruleset.incomplete:
            self._note_gap(Gap("reach.incomplete", {"why": code, "text": text}))
        if ruleset is not None and any(code in _UNTRUSTED for code, _ in ruleset.incomplete):
            return None
        if self.suppose is not None and place is None:
            ruleset = self.suppose(ruleset, network)
        return Space(ruleset, network, None if self.every_port else ports)

    def _supposed(self) -> Ruleset | None:
        """The rules that there are, as far as they may be read: what is supposed is true without them too, as far as it goes."""
        try:
            return self._rules(None)
        except NotPermitted as error:
            self._note_gap(Gap("reach.supposed-alone", {"needs": str(error.facts["needs"])}))
            return None

    def _rules(self, place: Place | None) -> Ruleset | None:
        from portulan.system.firewall.present import has_rules

        if not has_rules(place):
            return None
        from portulan.system.firewall.read import read_ruleset

        if self.whole_sets:
            return read_ruleset(place)
        from portulan.guard.unread import may_stay_unread

        return read_ruleset(place, leave=may_stay_unread)

    def _note_gap(self, gap: Gap) -> None:
        if gap not in self.gaps:
            self.gaps.append(gap)

    def stand(self, items: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
        """The endpoints, each that serves with how it stands."""
        return tuple(item._replace(reach=self.standing(item)) if item.state in SERVING else item for item in items)

    def together(self, items: Sequence[Endpoint]) -> Standing | None:
        """How a door stands that several endpoints of one port and namespace make; None where it cannot be told."""
        space, kind = self.spaces.get(items[0].netns), _FOLLOWED.get(items[0].transport)
        standings = [self.standing(item) for item in items]
        if (
            len(items) == 1
            or space is None
            or kind is None
            or None in standings
            or any(socket.device for item in items for socket in item.sockets)
        ):
            return standings[0]
        addresses = [parse(item.address) for item in items]
        wild = {address.version for address in addresses if not address.number}
        if any(
            parse(item.address).version == 6 and item.address == "::" and any(socket.v6_only is False for socket in item.sockets)
            for item in items
        ):
            wild = {4, 6}
        if not wild:
            return space.door(kind, items[0].port, tuple(sorted(set(addresses))), v4=True, v6=True)
        if any(address.number and address.version not in wild for address in addresses):
            return max(
                (one for one in standings if one is not None), key=lambda one: -_WIDEST.index(one.wide) if one.wide in _WIDEST else -9
            )
        return space.door(kind, items[0].port, None, v4=4 in wild, v6=6 in wild)

    def standing(self, item: Endpoint) -> Standing | None:
        """How the door of one endpoint stands; None where it cannot be told."""
        space = self.spaces.get(item.netns)
        kind = _FOLLOWED.get(item.transport)
        if space is None or kind is None:
            return None
        address = parse(item.address)
        six_too = any(socket.v6_only is False for socket in item.sockets)
        if not address.number:
            found = space.door(kind, item.port, None, v4=address.version == 4 or six_too, v6=address.version == 6)
        elif is_multicast(address):
            if not space.ruled:
                return space.door(kind, item.port, None, v4=address.version == 4, v6=address.version == 6)
            self._note_gap(Gap("reach.group"))
            return None
        else:
            found = space.door(kind, item.port, (address,), v4=True, v6=True)
        devices = {socket.device for socket in item.sockets}
        return found if None in devices or not devices else only_by(found, devices)


def parse(text: str) -> Address:
    """A bound address, an IPv4-mapped one as the IPv4 address that it stands for."""
    return as_address(pack_address(text))


def as_address(packed: bytes) -> Address:
    """A packed address, an IPv4-mapped one as the IPv4 address that it stands for."""
    if len(packed) == 16 and packed[:12] == MAPPED:
        packed = packed[12:]
    return Address(4 if len(packed) == 4 else 6, int.from_bytes(packed))


def is_multicast(address: Address) -> bool:
    """Whether it is no host's own, but a group's."""
    return address.number >> 28 == _MULTICAST_4 if address.version == 4 else address.number >> 120 == _MULTICAST_6


def only_by(standing: Standing, devices: Iterable[str | None]) -> Standing:
    """Of a socket that is bound to interfaces: only who comes by these."""
    wanted = {device for device in devices if device is not None}
    grants = tuple(
        grant._replace(links=tuple(sorted(wanted.intersection(grant.links))))
        for grant in standing.grants
        if wanted.intersection(grant.links)
    )
    outside = {link for grant in grants for link in grant.links} - {"lo"}

    def kept(senders: Iterable[Senders], verdict: Outcome) -> tuple[Senders, ...]:
        left = []
        for each in senders:
            by = outside.intersection(each.links) if each.links else outside
            if each.kind != "this-host" and by:
                left.append(each._replace(links=tuple(sorted(by))))
        here = any(grant.links == ("lo",) and grant.verdict == verdict for grant in grants)
        return tuple(left) or ((Senders("this-host"),) if here else ())

    sure, perhaps = kept(standing.sure, Outcome.ACCEPT), kept(standing.perhaps, Outcome.MAYBE)
    inside = [each.kind == "this-host" for each in (*sure, *perhaps)]
    return standing._replace(
        grants=grants, sure=sure, perhaps=perhaps, wide="nobody" if not inside else "this-host" if all(inside) else standing.wide
    )
