"""A closed network for proofs by packets: one host with the rules, behind each of its interfaces a host that sends as anybody, and a container for published ports."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import numpy as np

from portulan.errors import CannotTell
from portulan.model.guard_proof import Road
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.system.firewall.recorder import ARRIVED, CALLED, HEARD, LEFT, SAID, SOURCE_PORT, Recorder, emptied, recording
from portulan.system.linux.links import add_route, read_interfaces
from portulan.system.linux.outlet import Outlet
from portulan.system.sandbox.link import connect
from portulan.wire.door_frames import ALL_PORTS, DoorFrames, MessageFrames
from portulan.wire.rtnetlink import Hop, Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from numpy.typing import NDArray

    from portulan.model.guard_proof import Team
    from portulan.model.network import Address
    from portulan.system.sandbox import Host, Sandbox

    Ports = NDArray[np.uint16]

INNER = "container0"
"""The interface that leads to the container."""
_INNER = {4: "198.19.255.1/30", 6: "fd00:ffff::1/64"}
_CONTAINER = {4: "198.19.255.2/30", 6: "fd00:ffff::2/64"}
HIGHEST = 255
"""The hop limit that no router has passed on."""
DOOR = 9
"""The container's only port: whatever is published comes there."""
_HALVES = {4: (("0.0.0.0", 1), ("128.0.0.0", 1)), 6: (("::", 1), ("8000::", 1))}  # noqa: S104 - a network, not an address to bind
"""Everywhere, without a default route: those of a sandbox lead nowhere."""
_TRANSPORTS = {Transport.TCP: 0, Transport.UDP: 1, Transport.SCTP: 2}
_ROUNDS = 3
_FEWER = 2048
"""Packets at once, when some of a larger portion got lost on their way."""


class Wire(Record):
    """An interface of the host with the rules, and the addresses at both its ends, as `198.18.0.1/24`."""

    link: str
    own: tuple[str, ...]
    other: tuple[str, ...]


def wires(links: Iterable[str], *, ipv6: bool = True) -> tuple[Wire, ...]:
    """Interfaces with addresses of the sandbox's own networks."""
    return tuple(
        Wire(
            link,
            (f"198.18.{number}.1/24", *([f"fd00:0:0:{number:x}::1/64"] if ipv6 else [])),
            (f"198.18.{number}.2/24", *([f"fd00:0:0:{number:x}::2/64"] if ipv6 else [])),
        )
        for number, link in enumerate(links)
    )


class Bench:
    """One sandbox, one set of rules."""

    def __init__(self, sandbox: Sandbox, wired: Sequence[Wire], nft: str) -> None:
        """Lay the links. `nft` is the program. Raises CannotTell, MachineFailed."""
        self._nft = nft
        self.host = sandbox.router("guarded")
        self.versions = (4, 6) if self.host.has_ipv6 else (4,)
        self._peers: dict[str, Host] = {}
        inner = Wire(INNER, tuple(_INNER[each] for each in self.versions), tuple(_CONTAINER[each] for each in self.versions))
        for number, wire in enumerate((*wired, inner)):
            peer = sandbox.host("container" if wire is inner else f"sender{number}")
            addresses = tuple(map(ip_interface, wire.own)), tuple(map(ip_interface, wire.other))
            sandbox.links.append(connect((self.host, peer), (wire.link, "eth0"), addresses, 1500))
            self._peers[wire.link] = peer
        self._addresses = {wire.link: _by_version(wire.own) for wire in (*wired, inner)}
        self._others = {wire.link: _by_version(wire.other) for wire in (*wired, inner)}
        self._roads_out()
        interfaces = {each.name: each for each in read_interfaces(self.host.netlink)}
        self._macs = {link: np.frombuffer(interfaces[link].hardware_address, np.uint8).reshape(1, 6) for link in self._peers}
        self._indexes = {
            link: next(each.number for each in read_interfaces(peer.netlink) if each.name == "eth0") for link, peer in self._peers.items()
        }
        self._frames: dict[tuple[Transport, int], DoorFrames] = {}
        self.load(recording((*self._peers, "lo")))
        self.recorder = Recorder(self.host)
        self._filling: tuple[tuple[str, str, str], ...] = ()
        self.forget: Callable[[], None] | None = None
        """Makes rules forget what they have counted where that is not in sets: called before each round."""

    def _roads_out(self) -> None:
        """The whole world is behind the first interface."""
        link = next(iter(self._others))
        for version, gateway in self._others[link].items():
            for start, prefix in _HALVES[version]:
                self._route(start, prefix, gateway)

    def _route(self, start: str, prefix: int, gateway: IPv4Address | IPv6Address) -> None:
        add_route(self.host.netlink, Route(ip_address(start).packed, prefix, (Hop(gateway.packed),)))

    def _routes_to(self, teams: Iterable[Team]) -> None:
        """Each target behind the interface that its team goes out by."""
        for each in teams:
            self._route(str(_address(each.target)), 32 if each.version == 4 else 128, self._others[each.link][each.version])

    def close(self) -> None:
        """Let go of the kernel's socket; the sandbox ends itself."""
        self.recorder.close()

    def own(self, link: str, version: int) -> int | None:
        """The host's address at an interface, else any of its addresses; None where it has none of this IP version."""
        found = self._addresses.get(link, {}).get(version)
        if found is None:
            found = next((each[version] for each in self._addresses.values() if version in each), None)
        return None if found is None else int(found)

    def beyond(self, link: str, version: int) -> int | None:
        """The address of the host behind an interface."""
        found = self._others[link].get(version)
        return None if found is None else int(found)

    @property
    def taken(self) -> frozenset[int]:
        """Every address that a host here has."""
        return frozenset(int(address) for each in (*self._addresses.values(), *self._others.values()) for address in each.values())

    def load(self, text: str) -> None:
        """Rules in nft's words. Raises CannotTell with what nft says."""
        done = self.host.run([self._nft, "-f", "-"], text=text)
        if done.returncode:
            raise CannotTell("proof.refused", reason=done.stderr.strip().partition("\n")[0])

    def fill_sets(self, sets: Iterable[tuple[str, str, str]]) -> None:
        """Name the sets that packets fill (rates for each sender): they are emptied before each round."""
        self._filling = tuple(sets)

    def publish(self, transports: Iterable[Transport]) -> None:
        """From now on each port of the host is a published one: what comes for it is sent on to the container's only port."""
        named = [each.value for each in transports]
        for version in self.versions:
            address = self._others[INNER][version]
            family, target = ("ip", str(address)) if version == 4 else ("ip6", f"[{address}]")
            self.load(
                f"table {family} portulan_published {{ chain in {{ type nat hook prerouting priority -100; policy accept; "
                + "".join(f"fib daddr type local meta l4proto {each} dnat to {target}:{DOOR}; " for each in named)
                + "}; }"
            )

    def through(self, asks: Sequence[tuple[Team, dict[Transport, Ports]]]) -> NDArray[np.uint32]:
        """Send what is asked, of teams that go one way by one interface, and tell the numbers of the packets that came through.

        Raises CannotTell where packets get lost before the rules, again and again.
        """
        portion = ALL_PORTS
        for _ in range(_ROUNDS):
            self.load(emptied(self._filling))
            if self.forget is not None:
                self.forget()
            if self._send(asks, portion):
                return self.recorder.numbers()
            portion = _FEWER
        raise CannotTell("proof.lost")

    def heard(self, asks: Sequence[tuple[Team, Sequence[tuple[int, int]]]]) -> frozenset[int]:
        """Send ICMP messages, (type, hop limit) for each team of one interface and IP version, and tell the numbers of those that came through (`message_number`).

        Raises CannotTell where they get lost before the rules, again and again.
        """
        team = asks[0][0]
        size = 4 if team.version == 4 else 16
        frames = MessageFrames(team.version, sum(len(kinds) for _, kinds in asks))
        for each, kinds in asks:
            source, target = each.sender.number.to_bytes(size), each.target.number.to_bytes(size)
            for kind, hop_limit in kinds:
                frames.add(source, target, kind, hop_limit, message_number(each, kind, hop_limit))
        out = team.road is Road.OUTPUT
        if out:
            self._routes_to(each for each, _ in asks)
        for _ in range(_ROUNDS):
            self.load(emptied(self._filling))
            with (self.host if out else self._peers[team.link]).enter():
                outlet = Outlet(frames.rows, frames.length, version=team.version, link=team.link, raw=out, bound=out)
            try:
                if out:
                    targets = b"".join(each.target.number.to_bytes(size) for each, _ in asks)
                    outlet.name_addresses(np.frombuffer(targets, np.uint8).reshape(-1, size))
                    outlet.send(frames.count, np.repeat(np.arange(len(asks)), [len(kinds) for _, kinds in asks]))
                else:
                    outlet.name_links(self._indexes[team.link], self._macs[team.link])
                    outlet.send(frames.count)
            finally:
                outlet.close()
            if self.recorder.wait(frames.count, SAID if out else CALLED):
                return frozenset(self.recorder.numbers(HEARD).tolist())
        raise CannotTell("proof.lost")

    def _send(self, asks: Sequence[tuple[Team, dict[Transport, Ports]]], portion: int) -> bool:
        """Whether all arrived."""
        whole = True
        for transport in _TRANSPORTS:
            rows: list[tuple[Team, Ports]] = []
            free = portion
            for team, wanted in asks:
                ports = wanted.get(transport, np.zeros(0, np.uint16))
                while len(ports):
                    rows.append((team, ports[:free]))
                    ports, free = ports[free:], free - min(free, len(ports))
                    if not free:
                        whole = self._burst(transport, rows) and whole
                        rows, free = [], portion
            if rows:
                whole = self._burst(transport, rows) and whole
        return whole

    def _burst(self, transport: Transport, rows: list[tuple[Team, Ports]]) -> bool:
        """One portion of one transport."""
        team = rows[0][0]
        key = transport, team.version
        if key not in self._frames:
            self._frames[key] = DoorFrames(*key)
        frames, at, size = self._frames[key], 0, 4 if team.version == 4 else 16
        for each, ports in rows:
            first = first_number(each, transport)
            at = frames.fill(at, each.sender.number.to_bytes(size), each.target.number.to_bytes(size), SOURCE_PORT, ports, first)
        if team.road is Road.OUTPUT:
            self._routes_to(each for each, _ in rows)
        raw = team.road in (Road.LOCAL, Road.OUTPUT)
        place = self.host if raw else self._peers[team.link]
        with place.enter():
            outlet = Outlet(frames.rows, frames.length, version=team.version, link=team.link, raw=raw, bound=team.road is Road.OUTPUT)
        try:
            if raw:
                targets = b"".join(each.target.number.to_bytes(size) for each, _ in rows)
                outlet.name_addresses(np.frombuffer(targets, np.uint8).reshape(-1, size))
                outlet.send(at, np.repeat(np.arange(len(rows)), [len(ports) for _, ports in rows]))
            else:
                outlet.name_links(self._indexes[team.link], self._macs[team.link])
                outlet.send(at)
        finally:
            outlet.close()
        return self.recorder.wait(at, LEFT if team.road is Road.OUTPUT else ARRIVED)


def _address(address: Address) -> IPv4Address | IPv6Address:
    return ip_address(address.number.to_bytes(4 if address.version == 4 else 16))


def _by_version(addresses: Iterable[str]) -> dict[int, IPv4Address | IPv6Address]:
    found: dict[int, IPv4Address | IPv6Address] = {}
    for each in map(ip_interface, addresses):
        found.setdefault(each.version, each.ip)
    return found


def first_number(team: Team, transport: Transport) -> int:
    """The number of a team's packet to port 0: 14 bits of the team, two of the transport, then 16 of the port."""
    return team.number << 18 | _TRANSPORTS[transport] << 16


def message_number(team: Team, kind: int, hop_limit: int) -> int:
    """The number of a team's ICMP message: eight bits of its type, one for the highest hop limit, 23 of the team.

    The upper half is an echo's identifier, so that a reply of one team never answers the request of another one, the other way round.
    """
    return kind << 24 | (hop_limit == HIGHEST) << 23 | team.number


def bits(numbers: NDArray[np.uint32], team: Team, transport: Transport) -> NDArray[np.bool_]:
    """Of the sorted numbers that came through: for each port, whether this team's packet did."""
    first = first_number(team, transport)
    start, end = np.searchsorted(numbers, np.array([first, first + ALL_PORTS], np.uint64))
    found = np.zeros(ALL_PORTS, bool)
    found[numbers[start:end] - np.uint32(first)] = True
    return found
