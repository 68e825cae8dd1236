"""Where packets of one IP version go on, and which senders the kernel lets in by which interface: routes and settings of a network namespace as sets.

Sources: net/ipv4/fib_frontend.c (fib_validate_source), net/ipv4/route.c (ip_route_input_slow: martians), net/ipv6/ip6_input.c (ip6_rcv_core), net/ipv4/netfilter/nft_fib_ipv4.c.
"""

from __future__ import annotations

from functools import cached_property

from portulan.guard.lanes import SOURCE, UNKNOWN
from portulan.guard.sets import ALL, EMPTY, Sets
from portulan.model.rule_words import FIB_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.guard.lanes import Value
    from portulan.model.network import Link, Network, Route
    from portulan.model.rule import Field

SIZES = {4: 1 << 32, 6: 1 << 128}
_NEVER = {
    4: ((0, 0), (0x7F000000, 0x7FFFFFFF), (0xE0000000, 0xEFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)),
    6: ((1, 1), (0xFF << 120, (1 << 128) - 1)),
}
"""Senders that the kernel refuses from outside: 0.0.0.0 (of 0.0.0.0/8 it alone, since Linux 5.3), loopback, multicast, broadcast; of IPv6 ::1 and multicast alone (tried on Linux 6.18)."""
_STRICT, _LOOSE = 1, 2


class Router:
    """Routes of one version."""

    def __init__(self, version: int, network: Network) -> None:
        """Of a network as it is now."""
        self.version = version
        self.network = network
        self.links = {link.name: link for link in network.links}
        self.rows = Sets(SIZES[version])

    @cached_property
    def own(self) -> list[tuple[int, Link]]:
        """The namespace's own addresses on links that are up, with their links, in order."""
        return [
            (address.number, link)
            for link in self.network.links
            if link.up
            for address, _ in link.addresses
            if address.version == self.version
        ]

    @cached_property
    def mine(self) -> int:
        """The set of them."""
        return self.rows.spans((number, number) for number, _ in self.own)

    @cached_property
    def _routes(self) -> list[Route]:
        found = [route for route in self.network.routes if route.version == self.version]
        return sorted(found, key=lambda route: (route.kind not in ("local", "broadcast", "anycast"), -route.prefix, route.metric))

    @cached_property
    def parts(self) -> list[tuple[Route, int]]:
        """Each route that is ever taken, with the addresses it is taken for."""
        return self._split(self._routes)

    def _parts_by(self, link: str) -> list[tuple[Route, int]]:
        """The same with the routes by one link alone: IPv6 looks them up so where an interface is given."""
        return self._split([route for route in self._routes if not route.links or link in route.links])

    def _split(self, routes: list[Route]) -> list[tuple[Route, int]]:
        bits = 32 if self.version == 4 else 128
        left, found = ALL, []
        for route in routes:
            mine = self.rows.spans([(route.first, route.first + (1 << (bits - route.prefix)) - 1)])
            if taken := self.rows.both(mine, left):
                found.append((route, taken))
                left = self.rows.minus(left, taken)
        return found

    def route(self, address: int) -> Route | None:
        """The route of one address; None where there is none."""
        return next((route for route, where in self.parts if self.rows.holds(where, address)), None)

    @cached_property
    def routed(self) -> int:
        """All addresses that packets can be sent to."""
        return self.rows.union([where for route, where in self.parts if route.kind in ("unicast", "local")])

    def route_of_all(self, first: int, last: int) -> Route | None:
        """The one route of all these addresses; None where they have none, or several."""
        span = self.rows.span(first, last)
        return next((route for route, where in self.parts if not self.rows.minus(span, where)), None)

    @cached_property
    def unusual(self) -> int:
        """Senders that packets are never sent back to one by one: broadcast addresses. Not believed where a packet would go out as it came in."""
        return self.rows.union([where for route, where in self.parts if route.kind in ("broadcast", "multicast", "anycast")])

    def behind(self, link: str) -> int:
        """The addresses that packets go to by this link."""
        return self.rows.union([where for route, where in self.parts if route.kind == "unicast" and link in route.links])

    def senders(self, link: Link) -> int:
        """From which addresses packets are let in by a link."""
        refused = self.rows.spans(span for span in _NEVER[self.version] if not (link.route_localnet and span[0] == 0x7F000000))
        if self.version == 4 and not link.accept_local:
            refused = self.rows.either(refused, self.mine)
        found = self.rows.outside(refused)
        return found if self.network.policy_routing else self.rows.minus(found, self.filtered(link))

    def filtered(self, link: Link) -> int:
        """Senders that the link's rp_filter turns away, if routes are those of the usual tables."""
        if self.version == 4 and link.reverse_filter == _STRICT:
            return self.rows.outside(self.behind(link.name))
        if self.version == 4 and link.reverse_filter == _LOOSE:
            return self.rows.outside(self.rows.union([where for route, where in self.parts if route.kind == "unicast"]))
        return EMPTY

    def fib(self, field: Field, address: Value, iif: str, *, looped: bool = False) -> Iterator[tuple[Value, int]]:
        """What `fib` tells of an address or of every sender: (value, senders). `looped`: a packet that came by lo."""
        if "oif" in field.flags:
            yield UNKNOWN, ALL
        elif address is SOURCE:
            yield from self._fib_of_senders(field, iif, looped=looped)
        elif not isinstance(address, int) or not self.network.links:
            yield UNKNOWN, ALL
        else:
            route = self.route(address)
            if field.name == "type":
                mine = bool(iif) and "iif" in field.flags and self.rows.holds(self._own_of(iif), address)
                yield FIB_TYPES["local"] if mine and self.version == 6 else FIB_TYPES.get(self._type(field, route, iif), UNKNOWN), ALL
            else:
                yield self._device(field, route, iif, looped=looped), ALL

    def _fib_of_senders(self, field: Field, iif: str, *, looped: bool) -> Iterator[tuple[Value, int]]:
        if not self.network.links or (self.network.policy_routing and field.name != "type"):
            yield UNKNOWN, ALL
            return
        where: dict[Value, list[int]] = {}
        left = ALL
        if self.version == 6 and field.name == "type" and "iif" in field.flags and iif:
            where[FIB_TYPES["local"]] = [self._own_of(iif)]
            left = self.rows.outside(self._own_of(iif))
        for route, mine in self._parts_by(iif) if self.version == 6 and "iif" in field.flags and field.name != "type" else self.parts:
            value = (
                FIB_TYPES.get(self._type(field, route, iif), UNKNOWN)
                if field.name == "type"
                else self._device(field, route, iif, looped=looped)
            )
            where.setdefault(value, []).append(self.rows.both(mine, left))
            left = self.rows.minus(left, mine)
        value = FIB_TYPES[self._type(field, None, iif)] if field.name == "type" else self._device(field, None, iif, looped=looped)
        where.setdefault(value, []).append(left)
        for value, sets in where.items():
            found = self.rows.union(sets)
            if found != EMPTY:
                yield value, found

    def _own_of(self, link: str) -> int:
        return self.rows.spans((number, number) for number, owner in self.own if owner.name == link)

    def _type(self, field: Field, route: Route | None, iif: str) -> str:
        """With an interface given only what is local to that one counts as such (nft_fib4_eval_type, nft_fib6_eval_type)."""
        given = iif if "iif" in field.flags else ""
        if route is None:
            return "unicast" if self.version == 4 else "unreachable"
        if self.version == 6:
            return ("unicast" if given else "local") if route.kind in ("local", "broadcast") else route.kind
        special = route.kind in ("local", "broadcast", "anycast", "multicast") and (not given or given in route.links)
        return route.kind if special else "unicast"

    def _device(self, field: Field, route: Route | None, iif: str, *, looped: bool) -> Value:
        """`fib saddr . iif oif`: the interface back, if it is this one; 1 or 0 where only that is asked."""
        if self.network.policy_routing:
            return UNKNOWN
        going = ("unicast", "broadcast") if self.version == 4 else ("unicast",)
        links = route.links if route is not None and route.kind in going else ()
        if looped:
            links = ("lo",)  # what comes in by lo is taken to belong there
        if "iif" in field.flags:
            links = (iif,) if iif in links else ()
        if field.exists:
            return int(bool(links))
        return links[0] if len(links) == 1 else UNKNOWN if links else ""
