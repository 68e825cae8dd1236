"""Which way packets to an address go: the kernel's own answer."""

from __future__ import annotations

import errno

from portulan.errors import CannotTell, MachineFailed, ParseError, failed
from portulan.model.record import Record
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.wire.rtnetlink import GET_ROUTE, build_find_way, parse_way

_NO_WAY = {
    errno.ENETUNREACH: "net-unreach", errno.EHOSTUNREACH: "host-unreach", errno.EACCES: "prohibited", errno.EINVAL: "blackhole",
    errno.ENETDOWN: "net-down", errno.ENODEV: "no-link",
}  # fmt: skip


class Way(Record):
    """How packets to one address leave this host."""

    link: int
    source: bytes
    """Packed address that they carry as theirs."""
    next_hop: bytes
    """Packed address of the neighbour they are handed to: a gateway, or the destination itself."""
    on_link: bool
    """The destination is the neighbour."""
    local: bool
    """The destination is this host's own."""
    mtu: int = 0
    """Of the route; 0: the link's."""


def find_way(destination: bytes, link: int = 0, netlink: Netlink | None = None) -> Way:
    """The way to a packed address, over one link if one is named (link-local addresses need it).

    Raises CannotTell where there is none ("scan.no-route", with a reason), MachineFailed.
    """
    from portulan.model.address import format_address

    try:
        if netlink is None:
            with Netlink(ROUTE) as own:
                answer = own.get(GET_ROUTE, build_find_way(destination, link))
        else:
            answer = netlink.get(GET_ROUTE, build_find_way(destination, link))
        found = parse_way(*answer)
    except ParseError as error:  # the kernel's own answer
        raise MachineFailed("kernel.damaged", detail=str(error)) from error
    except OSError as error:
        if error.errno in _NO_WAY:
            raise CannotTell("scan.no-route", address=format_address(destination), reason=_NO_WAY[error.errno]) from error
        raise failed("find a way to", format_address(destination), error) from error
    if found.refused:
        raise CannotTell("scan.no-route", address=format_address(destination), reason=found.refused)
    gateway = found.gateway
    return Way(
        link=found.link,
        source=found.source,
        next_hop=gateway or destination,
        on_link=not gateway and not found.local,
        local=found.local,
        mtu=found.mtu,
    )
