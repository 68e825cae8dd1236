"""Whether a network namespace has any rules at all: told by two questions, before what reads them is even loaded."""

from __future__ import annotations

from contextlib import nullcontext
from errno import EPROTONOSUPPORT

from portulan.errors import NotPermitted, failed
from portulan.system.linux.namespaces import inside
from portulan.system.linux.netlink import Netlink
from portulan.system.linux.procfs import read_file
from portulan.wire.nf_tables import GET_TABLE, build_query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.system.linux.namespaces import Place

NETFILTER = 12
"""The netlink protocol."""
_LEGACY = ("/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names")


def has_rules(place: Place | None = None) -> bool:
    """Whether there is a table of nftables or of iptables-legacy in a namespace, this thread's own unless told.

    Raises NotPermitted without CAP_NET_ADMIN, MachineFailed.
    """
    try:
        with inside(place) if place is not None else nullcontext():
            return _has_tables() or any(read_file(names).strip() for names in _LEGACY)
    except PermissionError as error:
        raise NotPermitted("nft.forbidden", needs="CAP_NET_ADMIN") from error
    except OSError as error:
        raise failed("read", "the rules of a network namespace", error) from error


def _has_tables() -> bool:
    """Whether nftables has a table; a kernel without it has none."""
    try:
        netlink = Netlink(NETFILTER)
    except OSError as error:
        if error.errno != EPROTONOSUPPORT:
            raise
        return False
    with netlink:
        return next(iter(netlink.dump(GET_TABLE, build_query())), None) is not None
