"""A machine's interfaces, addresses and routes as links of a sandbox: whatever a rule can ask of them is as it is on the machine, but nothing leads out."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from portulan.model.record import Record
from portulan.system.firewall.bench import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv6Address

    from portulan.model.network import Address, Link, Network
    from portulan.system.sandbox import Host

MOST_LINKS = 64
_LOOPBACK = 772
_LINK_LOCAL = ip_network("fe80::/10")
_PLAIN = {4: ("198.19.{}.1/24", "198.19.{}.2/24"), 6: ("fd00:1:0:{:x}::1/64", "fd00:1:0:{:x}::2/64")}


class Likeness(Record):
    """See the head of this file."""

    wired: tuple[Wire, ...]
    bare: bool
    """Whether some interface has no address of its own and got one here."""
    more: bool
    """Whether there are more interfaces than were copied."""


def liken(network: Network, *, ipv6: bool) -> Likeness:
    """The wires of a network: those with a default route first, for there the whole world is."""
    uplinks = {link for route in network.routes if not route.prefix and route.kind == "unicast" for link in route.links}
    links = [link for link in network.links if link.up and link.type != _LOOPBACK and link.master is None]
    links.sort(key=lambda link: (link.name not in uplinks, link.number))
    wired, bare = [], False
    for number, link in enumerate(links[:MOST_LINKS]):
        own, other = [], []
        for version in (4, 6) if ipv6 else (4,):
            pairs = list(_pairs(link, version))
            bare = bare or (version == 4 and not pairs)
            for mine, theirs in pairs or [(_PLAIN[version][0].format(number), _PLAIN[version][1].format(number))]:
                own.append(mine)
                other.append(theirs)
        wired.append(Wire(link.name, tuple(own), tuple(other)))
    return Likeness(tuple(wired), bare, len(links) > MOST_LINKS)


def _pairs(link: Link, version: int) -> Iterator[tuple[str, str]]:
    """Each address of an interface, and one for its neighbour."""
    taken = {address.number for address, _ in link.addresses if address.version == version}
    for address, prefix in link.addresses:
        mine = _ip(address)
        if address.version != version or mine in _LINK_LOCAL:
            continue
        network = ip_network(f"{mine}/{prefix}", strict=False)
        first = int(network.network_address)
        free = next((number for number in range(first + 1, first + min(network.num_addresses, 64)) if number not in taken), None)
        if free is not None and network.num_addresses > 2:
            taken.add(free)
            yield f"{mine}/{prefix}", f"{ip_address(free.to_bytes(4 if version == 4 else 16))}/{prefix}"


def _ip(address: Address) -> IPv4Address | IPv6Address:
    return ip_address(address.number.to_bytes(4 if address.version == 4 else 16))


def settle(network: Network, host: Host) -> None:
    """Give a host the settings by which the machine lets senders in. Raises MachineFailed."""
    for link in network.links:
        for name, value in (
            ("rp_filter", link.reverse_filter),
            ("accept_local", link.accept_local),
            ("route_localnet", link.route_localnet),
        ):
            if value and host_has(host, link.name):
                host.set(f"net/ipv4/conf/{link.name}/{name}", int(value))


def host_has(host: Host, link: str) -> bool:
    """Whether a host has an interface of this name."""
    from portulan.system.linux.links import read_interfaces

    return any(each.name == link for each in read_interfaces(host.netlink))
