"""Interfaces, addresses and routes of the network namespace that a netlink socket belongs to: read them, make them, change them."""

from __future__ import annotations

import errno

from portulan.errors import CannotTell, failed
from portulan.system.linux.netlink import Netlink
from portulan.wire.netlink import CREATE, EXCLUSIVE, REPLACE
from portulan.wire.rtnetlink import (
    AF_INET,
    AF_INET6,
    DELETE_LINK,
    DELETE_ROUTE,
    GET_ADDRESS,
    GET_LINK,
    GET_ROUTE,
    NEW_ADDRESS,
    NEW_LINK,
    NEW_ROUTE,
    Interface,
    InterfaceAddress,
    Route,
    build_address,
    build_bridge,
    build_generic_xdp,
    build_get,
    build_get_link,
    build_master,
    build_route,
    build_up,
    build_veth,
    build_vxlan,
    parse_address,
    parse_link,
    parse_route,
)

_UNKNOWN_KIND = (errno.EOPNOTSUPP, errno.EAFNOSUPPORT)


def read_interfaces(netlink: Netlink) -> list[Interface]:
    """Every interface. Raises MachineFailed."""
    try:
        return [parse_link(*answer) for answer in netlink.dump(GET_LINK, build_get())]
    except OSError as error:
        raise failed("list", "interfaces", error) from error


def read_interface(netlink: Netlink, index: int) -> Interface:
    """One interface. Raises MachineFailed, also when there is none with this index."""
    try:
        return parse_link(*netlink.get(GET_LINK, build_get_link(index)))
    except OSError as error:
        raise failed("read", f"interface {index}", error) from error


def read_addresses(netlink: Netlink) -> list[InterfaceAddress]:
    """Every address of every interface. Raises MachineFailed."""
    try:
        return [parse_address(*answer) for answer in netlink.dump(GET_ADDRESS, build_get())]
    except OSError as error:
        raise failed("list", "addresses", error) from error


def read_routes(netlink: Netlink) -> list[Route]:
    """Every route of both families in every table; cached ones are left out by the kernel. Raises MachineFailed."""
    try:
        return [parse_route(*answer) for family in (AF_INET, AF_INET6) for answer in netlink.dump(GET_ROUTE, build_get(family))]
    except OSError as error:
        raise failed("list", "routes", error) from error


def _change(netlink: Netlink, kind: int, payload: bytes, flags: int, *, operation: str, subject: str) -> None:
    try:
        netlink.request(kind, payload, flags)
    except OSError as error:
        if error.errno in _UNKNOWN_KIND:
            raise CannotTell("link.kernel-lacks", operation=operation, subject=subject) from error
        raise failed(operation, subject, error) from error


def add_veth(netlink: Netlink, name: str, peer: str, peer_namespace: int | None = None, mtu: int = 1500) -> None:
    """Make a pair of interfaces, the peer in the namespace behind a descriptor. Raises CannotTell (kernel lacks veth), MachineFailed."""
    _change(netlink, NEW_LINK, build_veth(name, peer, peer_namespace, mtu), CREATE | EXCLUSIVE, operation="create", subject=f"veth {name}")


def add_bridge(netlink: Netlink, name: str) -> None:
    """Make a bridge. Raises CannotTell (kernel lacks bridges), MachineFailed."""
    _change(netlink, NEW_LINK, build_bridge(name), CREATE | EXCLUSIVE, operation="create", subject=f"bridge {name}")


def add_vxlan(netlink: Netlink, name: str, identifier: int, port: int) -> None:
    """Make a VXLAN interface; once up, the kernel holds UDP `port`. Raises CannotTell (kernel lacks VXLAN), MachineFailed."""
    _change(netlink, NEW_LINK, build_vxlan(name, identifier, port), CREATE | EXCLUSIVE, operation="create", subject=f"vxlan {name}")


def delete_link(netlink: Netlink, index: int) -> None:
    """Remove an interface; of a veth pair both. Raises MachineFailed."""
    _change(netlink, DELETE_LINK, build_get_link(index), 0, operation="delete", subject=f"interface {index}")


def set_up(netlink: Netlink, index: int, *, up: bool = True) -> None:
    """Switch an interface on or off. Raises MachineFailed."""
    _change(netlink, NEW_LINK, build_up(index, up=up), 0, operation="switch", subject=f"interface {index}")


def set_master(netlink: Netlink, index: int, master: int) -> None:
    """Put an interface into a bridge; 0 takes it out. Raises MachineFailed."""
    _change(netlink, NEW_LINK, build_master(index, master), 0, operation="enslave", subject=f"interface {index}")


def set_generic_xdp(netlink: Netlink, index: int, program: int | None) -> None:
    """Put a loaded XDP program (its descriptor) before an interface, or take it off. Raises CannotTell, MachineFailed."""
    _change(netlink, NEW_LINK, build_generic_xdp(index, program), 0, operation="filter", subject=f"interface {index}")


def add_address(netlink: Netlink, index: int, address: bytes, prefix: int) -> None:
    """Give an interface an address, usable at once. Raises MachineFailed."""
    _change(
        netlink,
        NEW_ADDRESS,
        build_address(index, address, prefix),
        CREATE | REPLACE,
        operation="add",
        subject=f"address on interface {index}",
    )


def add_route(netlink: Netlink, route: Route) -> None:
    """Add a route, or replace the one to the same destination. Raises MachineFailed."""
    _change(netlink, NEW_ROUTE, build_route(route), CREATE | REPLACE, operation="add", subject="route")


def delete_route(netlink: Netlink, route: Route) -> None:
    """Remove a route. Raises MachineFailed."""
    _change(netlink, DELETE_ROUTE, build_route(route), 0, operation="delete", subject="route")
