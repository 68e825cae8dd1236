"""How packets come to a network namespace and where they go on: its links with their addresses, its routes, and the settings that decide what is let in.

Addresses are integers of their family, 4 (32 bits) or 6 (128 bits): an `Address` says which.
"""

from __future__ import annotations

from portulan.model.record import Record


class Address(Record):
    """One IP address: its version (4 or 6) and its number."""

    version: int
    number: int


class Link(Record):
    """A network interface of the namespace."""

    number: int
    """The kernel's index."""
    name: str
    kind: str = ""
    """What made it (`veth`, `bridge`, `vxlan`, …); empty for hardware; `loopback` for lo."""
    up: bool = True
    type: int = 1
    """ARPHRD number: 1 ethernet, 772 loopback."""
    group: int = 0
    master: str | None = None
    """The bridge or bond it belongs to: what comes in by it is seen as coming in by that one."""
    addresses: tuple[tuple[Address, int], ...] = ()
    """(address, prefix length), the kernel's order."""
    reverse_filter: int = 0
    """net.ipv4.conf rp_filter as it works here, the greater of `all` and its own: 0 off, 1 strict (a sender must be routed back by this link), 2 loose."""
    accept_local: bool = False
    """IPv4: packets from the machine's own addresses are let in from outside."""
    route_localnet: bool = False
    """IPv4: 127.0.0.0/8 is an address like any other."""
    forwards4: bool = False
    forwards6: bool = False


class Route(Record):
    """What happens to packets for the addresses of one version that begin with the first `prefix` bits of `first`.

    The longest prefix counts, then the table (local, main, default), then the lowest metric; of IPv6 the table comes first (`guard.routes` looks up).
    """

    version: int
    first: int
    prefix: int
    kind: str = "unicast"
    """unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit."""
    links: tuple[str, ...] = ()
    """Where they go out; several share the load."""
    metric: int = 0
    table: int = 254
    """255 local, 254 main, 253 default."""


class Network(Record):
    """What a network namespace knows of itself, beside its firewall."""

    inode: int | None = None
    links: tuple[Link, ...] = ()
    routes: tuple[Route, ...] = ()
    """Of the tables local, main and default."""
    policy_routing: bool = False
    """There are routing rules beside the kernel's own three: which table serves a packet may depend on its mark or sender."""

    def link(self, name: str) -> Link | None:
        """The link of this name."""
        return next((link for link in self.links if link.name == name), None)
