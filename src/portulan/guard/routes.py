"""Look-ups in a namespace's own routes: whose an address is, where a packet goes on, and which senders a strict rp_filter lets in by a link.

As the kernel does without rules of routing (`Network.policy_routing` is false): of IPv4 the longest prefix of all tables, and among equals the table local before
main before default (net/ipv4/fib_trie.c keeps local and main in one trie); of IPv6 the table local alone first (net/ipv6/fib6_rules.c). Then the lowest metric.
"""

from __future__ import annotations

from portulan.model.network import Network, Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from portulan.model.network import Address

BITS = {4: 32, 6: 128}
REFUSING = ("blackhole", "unreachable", "prohibit")


def span_of(route: Route) -> tuple[int, int]:
    """The first and the last address that the route is for."""
    size = 1 << BITS[route.version] - route.prefix
    first = route.first & -size
    return first, first + size - 1


def rank(route: Route) -> tuple[int, int, int]:
    """Of several routes for one address the one of the least rank serves."""
    if route.version == 6:
        return -route.table, -route.prefix, route.metric
    return -route.prefix, -route.table, route.metric


def by_rank(network: Network, version: int) -> tuple[Route, ...]:
    """The routes of one version, what serves first before the others."""
    return tuple(sorted((route for route in network.routes if route.version == version), key=rank))


def route_of(network: Network, address: Address) -> Route | None:
    """The route that serves packets for an address; None where there is none. The one of a link that is down is not in `Network.routes`."""
    best = None
    for route in network.routes:
        if route.version == address.version:
            shift = BITS[route.version] - route.prefix
            if address.number >> shift == route.first >> shift and (best is None or rank(route) < rank(best)):
                best = route
    return best


def pieces(network: Network, version: int) -> Iterator[tuple[int, int, Route | None]]:
    """All addresses of a version in order, cut into spans (first, last, route) that one route serves each; neighbours may have the same one."""
    routes = by_rank(network, version)
    spans = [span_of(route) for route in routes]
    cuts = sorted({0, *(first for first, _ in spans), *(last + 1 for _, last in spans)} - {1 << BITS[version]})
    opening: dict[int, list[int]] = {}
    closing: dict[int, list[int]] = {}
    for at, (first, last) in enumerate(spans):
        opening.setdefault(first, []).append(at)
        closing.setdefault(last + 1, []).append(at)
    active: set[int] = set()
    for first, after in zip(cuts, [*cuts[1:], 1 << BITS[version]], strict=True):
        active.difference_update(closing.get(first, ()))
        active.update(opening.get(first, ()))
        yield first, after - 1, routes[min(active)] if active else None


def own(network: Network, version: int) -> tuple[tuple[int, int], ...]:
    """The addresses that are this host's own, as spans: packets for them go to its input chains (routes of kind local, and of kind anycast)."""
    return merge(
        (first, last) for first, last, route in pieces(network, version) if route is not None and route.kind in ("local", "anycast")
    )


def routed_by(network: Network, version: int, link: str) -> tuple[tuple[int, int], ...]:
    """The addresses, as spans, to which packets would leave by this link, among others: a strict rp_filter (IPv4) lets only these senders in by it."""
    return merge(
        (first, last)
        for first, last, route in pieces(network, version)
        if route is not None and route.kind == "unicast" and link in route.links
    )


def routed(network: Network, version: int) -> tuple[tuple[int, int], ...]:
    """The addresses, as spans, to which packets would leave by any link: a loose rp_filter lets only these senders in."""
    return merge(
        (first, last) for first, last, route in pieces(network, version) if route is not None and route.kind == "unicast" and route.links
    )


def link_towards(network: Network, address: Address) -> str | None:
    """The link by which an address's packets would come, if they came the way that ours go there; `lo` for this host's own; None without such a way."""
    route = route_of(network, address)
    if route is None or route.kind in REFUSING:
        return None
    return "lo" if route.kind in ("local", "anycast") else next(iter(route.links), None)


def merge(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans sorted, those that touch or overlap as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)
