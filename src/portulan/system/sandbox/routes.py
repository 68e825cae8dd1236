"""Shortest paths through a sandbox: who must know which gateway to reach which network. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

Address = IPv4Address | IPv6Address
AddressOnLink = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Wire:
    """A link between two hosts, as routing sees it: their names and the addresses of each end."""

    first: str
    second: str
    first_addresses: tuple[AddressOnLink, ...]
    second_addresses: tuple[AddressOnLink, ...]

    @property
    def networks(self) -> frozenset[Network]:
        """The networks that both ends are in."""
        return frozenset(each.network for each in self.first_addresses) & frozenset(each.network for each in self.second_addresses)

    def neighbours(self) -> Iterator[tuple[str, str, tuple[AddressOnLink, ...]]]:
        """(from, to, addresses of `to`), both ways."""
        yield self.first, self.second, self.second_addresses
        yield self.second, self.first, self.first_addresses


def shortest_routes(wires: Sequence[Wire], routers: Collection[str]) -> dict[str, dict[Network, tuple[Address, ...]]]:
    """For each host: every network it is not on -> the gateways on shortest paths to it, in the order of the wires."""
    routes: dict[str, dict[Network, tuple[Address, ...]]] = {}
    for network in sorted({network for wire in wires for network in wire.networks}, key=str):
        distance = _distances(network, wires, routers)
        hops: dict[str, list[Address]] = {}
        for wire in wires:
            for near, far, addresses in wire.neighbours():
                if far in routers and far in distance and distance.get(near, 0) == distance[far] + 1:
                    hops.setdefault(near, []).extend(_gateways(wire, addresses, network.version))
        for name, gateways in hops.items():
            if gateways:
                routes.setdefault(name, {})[network] = tuple(gateways)
    return routes


def _gateways(wire: Wire, addresses: tuple[AddressOnLink, ...], version: int) -> list[Address]:
    """Pick the far end's first address that the near end can speak to directly."""
    return [each.ip for each in addresses if each.version == version and each.network in wire.networks][:1]


def _distances(network: Network, wires: Sequence[Wire], routers: Collection[str]) -> dict[str, int]:
    """Count the steps from each host to the network, over links that speak its IP version; only routers are passed through."""
    usable = [wire for wire in wires if any(each.version == network.version for each in wire.networks)]
    distance = {name: 0 for wire in wires if network in wire.networks for name in (wire.first, wire.second)}
    edge = list(distance)
    while edge:
        fresh: list[str] = []
        for wire in usable:
            for near, far, _ in wire.neighbours():
                if far in edge and far in routers and near not in distance:
                    distance[near] = distance[far] + 1
                    fresh.append(near)
        edge = fresh
    return distance
