"""The links that carry packets now, to tell a link that has gone from a way that never was."""

from __future__ import annotations

import sys

from portulan.errors import MachineFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.wire.rtnetlink import Interface


class Uplinks:
    """The links and addresses of this network namespace, as they are when this is made. On systems without rtnetlink, nothing is known."""

    def __init__(self) -> None:
        """Raises MachineFailed."""
        self.own_addresses: frozenset[bytes] = frozenset()
        """Packed."""
        self._up: dict[int, str] = {}
        if sys.platform == "linux":
            from portulan.system.linux.links import read_addresses
            from portulan.system.linux.netlink import ROUTE, Netlink

            with Netlink(ROUTE) as netlink:
                self.own_addresses = frozenset(each.address for each in read_addresses(netlink))
            self._up = {each.number: each.name for each in _interfaces() if _carries(each)}

    def check(self) -> None:
        """Make sure that every link is still there and up. Raises MachineFailed."""
        if self._up:
            left = {each.number for each in _interfaces() if _carries(each)}
            for number, name in self._up.items():
                if number not in left:
                    raise MachineFailed("scan.link-gone", link=name)


def _interfaces() -> list[Interface]:
    from portulan.system.linux.links import read_interfaces
    from portulan.system.linux.netlink import ROUTE, Netlink

    with Netlink(ROUTE) as netlink:
        return read_interfaces(netlink)


def _carries(link: Interface) -> bool:
    """Up and with a carrier; a loopback is never more than up."""
    return link.up and (link.operational or link.type == _LOOPBACK)


_LOOPBACK = 772
