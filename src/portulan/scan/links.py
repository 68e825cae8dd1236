"""Interfaces of link-local addresses."""

from __future__ import annotations

from portulan.errors import BadInput, CannotTell
from portulan.system.linux.links import read_interfaces
from portulan.system.linux.netlink import ROUTE, Netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def link_number(name: str) -> int:
    """The kernel's index of an interface. Raises BadInput when there is none of that name, MachineFailed."""
    with Netlink(ROUTE) as netlink:
        for each in read_interfaces(netlink):
            if each.name == name or str(each.number) == name:
                return each.number
    raise BadInput("scan.no-link", link=name)


def scope_of(links: Sequence[tuple[int, int, str]]) -> int:
    """The one interface of (first, last, interface); 0 without any. Raises CannotTell for several: sockets of one pool share theirs."""
    names = {name for _, _, name in links}
    if len(names) > 1:
        raise CannotTell("scan.several-links", links=", ".join(sorted(names)))
    return link_number(names.pop()) if names else 0
