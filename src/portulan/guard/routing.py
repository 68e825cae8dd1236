"""Where the kernel sends a packet, whom it does not take packets from, and what `fib` answers: from the links and routes as values.

After net/ipv4/route.c (ip_route_input_slow), net/ipv4/fib_frontend.c (fib_validate_source, inet_addr_type), net/ipv6/ip6_input.c (ip6_rcv_core),
net/ipv6/ip6_output.c (ip6_forward), net/ipv4/netfilter/nft_fib_ipv4.c and net/ipv6/netfilter/nft_fib_ipv6.c of Linux 6.18.
"""

from __future__ import annotations

from portulan.guard.routes import by_rank, span_of
from portulan.model.network import Link, Network, Route
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FIB_TYPES = {"unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6, "unreachable": 7, "prohibit": 8}
_OWN = ("local", "anycast")
_LOCAL_TABLE = ("local", "broadcast", "anycast", "multicast")
"""Kinds of routes of the kernel's table `local`."""


class Decision(Record):
    """What routing does with a packet."""

    kind: str
    """input, forward, martian, no-route."""
    link: str | None = None
    """Of forward: where it goes out."""
    why: str = ""
    """Of martian: what about the sender or the destination."""


def is_multicast(version: int, address: int) -> bool:
    """224.0.0.0/4, ff00::/8."""
    return address >> 28 == 0xE if version == 4 else address >> 120 == 0xFF


def is_loopback(version: int, address: int) -> bool:
    """127.0.0.0/8, ::1."""
    return address >> 24 == 127 if version == 4 else address == 1


def is_link_local(version: int, address: int) -> bool:
    """fe80::/10; of IPv4 it is nothing special to the kernel."""
    return version == 6 and address >> 118 == 0x3FA


class Routing:
    """The routes of a network, sorted for looking up."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._routes = {version: [(*span_of(route), route) for route in by_rank(network, version)] for version in (4, 6)}
        self._links = {link.name: link for link in network.links}
        self.own = {
            version: {address.number: link for link in network.links for address, _ in link.addresses if address.version == version}
            for version in (4, 6)
        }

    def link(self, name: str | None) -> Link:
        """A link; one that the network does not have is taken for an ordinary one."""
        found = self._links.get(name or "")
        return found if found is not None else Link(0, name or "")

    def find(self, version: int, address: int, link: str | None = None) -> Route | None:
        """The route for an address, with `link` only by that one."""
        for first, last, route in self._routes[version]:
            if first <= address <= last and (link is None or not route.links or link in route.links):
                return route
        return None

    def edges(self, version: int) -> Iterator[tuple[int, int]]:
        """The spans of all routes: addresses that lie in the same ones fare alike."""
        for first, last, _ in self._routes[version]:
            yield first, last

    def is_own(self, version: int, address: int) -> bool:
        """Whether packets for an address are for this host."""
        route = self.find(version, address)
        return route is not None and route.kind in _OWN

    def before_prerouting(self, version: int, source: int, destination: int) -> Decision | None:
        """Whom IPv6 turns away before any rule of prerouting, when they come from outside (ip6_rcv_core)."""
        if version == 4:
            return None
        if is_multicast(6, source):
            return Decision("martian", why="source")
        return Decision("martian", why="loopback") if 1 in (source, destination) else None

    def incoming(self, version: int, source: int, destination: int, name: str) -> list[Decision]:  # noqa: PLR0911 - the kernel's own order
        """What becomes of a packet from outside; several where several ways share the load."""
        link = self.link(name)
        refused = _refuse4(link, source, destination) if version == 4 else None
        if refused is not None:
            return [refused]
        if version == 4 and (destination == 0xFFFFFFFF or (source == 0 == destination)):
            return [Decision("input")]
        if is_multicast(version, destination):
            return [Decision("input"), Decision("no-route")]  # to its members only, which are not known here
        route = self.find(version, destination)
        forwards = link.forwards4 if version == 4 else link.forwards6
        if route is not None and route.kind in _LOCAL_TABLE:
            if version == 4 and route.kind == "local" and (refused := self._validate(link, source, None)) is not None:
                return [refused]
            return [Decision("input")]
        if route is None or not forwards or route.kind != "unicast":
            return [Decision("no-route", why="" if route is None or not forwards else route.kind)]
        return [self._onward(version, link, source, out) for out in route.links or ("",)]

    def _onward(self, version: int, link: Link, source: int, out: str) -> Decision:
        if version == 4:
            return self._validate(link, source, out) or Decision("forward", out)
        if source == 0 or is_multicast(6, source) or is_loopback(6, source):
            return Decision("martian", why="source")
        if is_link_local(6, source) and out != link.name:
            return Decision("martian", why="link-local")
        return Decision("forward", out)

    def _validate(self, link: Link, source: int, out: str | None) -> Decision | None:
        """fib_validate_source: None where the sender is believed."""
        back = self.find(4, source)
        if not link.reverse_filter and out != link.name:
            # Without a reverse filter only the machine's own addresses are looked for, unless it goes back by the same link.
            local = source in self.own[4] or (back is not None and back.kind == "local" and self._custom_local())
            other = back is not None and back.kind in ("broadcast", "multicast") and self._custom_local()
            return Decision("martian", why="own") if (local and not link.accept_local) or (other and not link.accept_local) else None
        if back is None or back.kind in ("blackhole", "unreachable", "prohibit", "throw"):
            return Decision("martian", why="reverse-path") if link.reverse_filter else None
        if back.kind == "local" and not link.accept_local:
            return Decision("martian", why="own")
        if back.kind not in ("unicast", "local"):
            return Decision("martian", why="source")
        if link.name in back.links or link.reverse_filter != 1:
            return None
        return Decision("martian", why="reverse-path") if link.addresses or link.reverse_filter == 1 else None

    def _custom_local(self) -> bool:
        """Local routes beside those of the links' own addresses (fib_has_custom_local_routes)."""
        return any(
            route.kind == "local" and route.version == 4 and not is_loopback(4, route.first) and route.first not in self.own[4]
            for route in self.network.routes
        )

    def outgoing(self, version: int, destination: int) -> list[Decision]:
        """Where a packet of this host itself goes: `input` is by lo to itself."""
        route = self.find(version, destination)
        if is_loopback(version, destination) or (route is not None and route.kind in _OWN):
            return [Decision("input", "lo")]
        if route is None or route.kind not in ("unicast", "broadcast", "multicast"):
            return [Decision("no-route", why="" if route is None else route.kind)]
        return [Decision("forward", out) for out in route.links or ("",)]

    # --- what `fib` tells ---

    def fib_type(self, version: int, address: int, link: str | None) -> int:  # noqa: PLR0911 - same
        """`fib … type`, with `link` only as seen from that one."""
        if version == 4:
            if not address or address == 0xFFFFFFFF:
                return FIB_TYPES["broadcast"]
            if is_multicast(4, address):
                return FIB_TYPES["multicast"]
            route = self.find(4, address)
            if route is None or route.kind not in _LOCAL_TABLE or (link is not None and link not in route.links):
                return FIB_TYPES["unicast"]
            return FIB_TYPES[route.kind]
        route = self.find(6, address)
        if link is not None and address in self.own[6] and self.own[6][address].name == link:
            return FIB_TYPES["local"]
        if route is None:
            return FIB_TYPES["unreachable"]
        if route.kind in ("local", "broadcast"):
            return FIB_TYPES["local" if link is None else "unicast"]
        return FIB_TYPES.get(route.kind, 1)

    def fib_link(self, version: int, address: int, link: str | None) -> str | None:
        """`fib … oif`: by which link a packet for an address would leave, with `link` only if by that one."""
        route = self.find(version, address, link if version == 6 else None)
        if route is None or route.kind not in (("unicast", "broadcast") if version == 4 else ("unicast",)) or not route.links:
            return None
        if link is None:
            return route.links[0]
        return link if link in route.links else None


def _refuse4(link: Link, source: int, destination: int) -> Decision | None:  # noqa: PLR0911 - same
    """Addresses that IPv4 takes from nobody (ip_route_input_slow)."""
    if is_multicast(4, destination):
        return None
    if is_multicast(4, source) or source == 0xFFFFFFFF:
        return Decision("martian", why="source")
    if destination == 0xFFFFFFFF or source == 0 == destination:
        return None
    if not source:  # of 0.0.0.0/8 this one alone, since Linux 5.3
        return Decision("martian", why="source")
    if not destination:
        return Decision("martian", why="destination")
    if is_loopback(4, destination):
        return None if link.route_localnet else Decision("martian", why="loopback")
    if is_loopback(4, source) and not link.route_localnet:
        return Decision("martian", why="loopback")
    return None
