"""A network namespace's links, addresses, routes and the settings that decide what is let in, as one `Network`: three netlink dumps of each family and four small files."""

from __future__ import annotations

from contextlib import nullcontext

from portulan.errors import MachineFailed, NotPermitted, ParseError, failed
from portulan.model.network import Address, Link, Network, Route
from portulan.system.linux.links import read_addresses, read_interfaces, read_routes
from portulan.system.linux.namespaces import inside
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.system.linux.procfs import read_file
from portulan.wire.routing_rules import DEFAULT, GET_RULE, LOCAL, MAIN, OWN, parse_rule
from portulan.wire.rtnetlink import build_get

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.system.linux.namespaces import Place
    from portulan.wire.routing_rules import RoutingRule
    from portulan.wire.rtnetlink import Interface, InterfaceAddress
    from portulan.wire.rtnetlink import Route as KernelRoute

_KINDS = {
    1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable", 8: "prohibit",
    9: "unreachable",  # throw: nothing in this table; no other is asked unless there are rules of routing
}  # fmt: skip
_THROW = 9
_LOOPBACK = 772
# Places in the arrays of settings: IPV4_DEVCONF_* less one (include/uapi/linux/ip.h), DEVCONF_* (include/uapi/linux/ipv6.h).
_FORWARDING, _REVERSE_FILTER, _ACCEPT_LOCAL, _ROUTE_LOCALNET = 0, 7, 22, 25
_FORCE_FORWARDING6 = 59
_IP, _IP6 = 2, 10


def read_network(place: Place | None = None) -> Network:
    """What a network namespace, this thread's own unless told, knows of itself. Raises NotPermitted where it may not be entered, MachineFailed."""
    try:
        with inside(place) if place is not None else nullcontext():
            return _read(None if place is None else place.inode)
    except PermissionError as error:
        raise NotPermitted("network.forbidden", needs="CAP_SYS_ADMIN") from error
    except ParseError as error:  # the kernel's own answer
        raise MachineFailed("kernel.damaged", detail=str(error)) from error
    except OSError as error:
        raise failed("read", "the addresses and routes of a network namespace", error) from error


def _read(inode: int | None) -> Network:
    with Netlink(ROUTE) as netlink:
        interfaces = read_interfaces(netlink)
        addresses = read_addresses(netlink)
        found = read_routes(netlink)
        rules = {rule for answer in netlink.dump(GET_RULE, build_get()) if (rule := parse_rule(*answer)).family in (_IP, _IP6)}
    names = {each.number: each.name for each in interfaces}
    routes = [each for each in found if each.table in (LOCAL, MAIN, DEFAULT)]
    return Network(
        inode=inode,
        links=_links(interfaces, addresses, names),
        routes=tuple(_route(each, names) for each in routes if not (each.dead or each.special)),
        policy_routing=_chooses(rules) or any(each.special or each.kind == _THROW for each in routes),
    )


def _chooses(rules: set[RoutingRule]) -> bool:
    """Whether there are routing rules beside the kernel's own, or one of those is missing. A kernel without them (or without IPv6) lists none of the family."""
    families = {rule.family for rule in rules}
    return rules != {rule for rule in OWN if rule.family in families}


def _links(interfaces: Sequence[Interface], addresses: Iterable[InterfaceAddress], names: dict[int, str]) -> tuple[Link, ...]:
    of_link: dict[int, list[tuple[Address, int]]] = {}
    for one in addresses:
        number = Address(4 if len(one.address) == 4 else 6, int.from_bytes(one.address))
        of_link.setdefault(one.interface, []).append((number, one.prefix))
    reverse_filter, accept_local, route_localnet = (
        _setting(f"ipv4/conf/all/{name}") for name in ("rp_filter", "accept_local", "route_localnet")
    )
    forwards6 = bool(
        _setting("ipv6/conf/all/forwarding")
    )  # of IPv6 a link's own does not count, but force_forwarding does (net/ipv6/ip6_output.c)
    links = []
    for each in interfaces:
        own6 = each.settings6
        own = each.settings4 if len(each.settings4) > _ROUTE_LOCALNET else (0,) * (_ROUTE_LOCALNET + 1)
        links.append(
            Link(
                number=each.number, name=each.name, kind=each.kind or ("loopback" if each.type == _LOOPBACK else ""), up=each.up, type=each.type,
                group=each.group, master=names.get(each.master) if each.master else None, addresses=tuple(of_link.get(each.number, ())),
                reverse_filter=max(reverse_filter, own[_REVERSE_FILTER]), accept_local=bool(accept_local or own[_ACCEPT_LOCAL]),
                route_localnet=bool(route_localnet or own[_ROUTE_LOCALNET]), forwards4=bool(own[_FORWARDING]), forwards6=forwards6 or bool(own6[_FORCE_FORWARDING6:] and own6[_FORCE_FORWARDING6]),
            )
        )  # fmt: skip
    return tuple(links)


def _route(each: KernelRoute, names: dict[int, str]) -> Route:
    return Route(
        version=4 if len(each.destination) == 4 else 6,
        first=int.from_bytes(each.destination),
        prefix=each.prefix,
        kind=_KINDS.get(each.kind, str(each.kind)),
        links=tuple(dict.fromkeys(names.get(hop.interface or 0, f"#{hop.interface}") for hop in each.hops)),
        metric=each.metric,
        table=each.table,
    )


def _setting(name: str) -> int:
    """A number below /proc/sys/net, which shows the namespace of the thread that opens it; 0 where there is no such setting."""
    text = read_file("/proc/sys/net/" + name, 64).strip()
    return int(text) if text.isdigit() else 0
