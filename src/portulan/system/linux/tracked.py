"""The kernel's table of connections, entry by entry: which there are, those that run already entered, those that are to end deleted."""

from __future__ import annotations

from errno import EEXIST, ENOENT, EOPNOTSUPP, EPERM, EPROTONOSUPPORT

from portulan.errors import CannotTell, NotPermitted, failed
from portulan.model.address import MAPPED
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.survey import Selection
from portulan.system.linux.dumps import parse_dumps, read_dumps
from portulan.system.linux.netlink import SOCK_DIAG, Netlink
from portulan.wire.ctnetlink import DELETE, GET, NEW, TCP, UDP, Tracked, Tuple, build_dump, build_entry, build_query, parse_entry
from portulan.wire.netlink import CREATE, EXCLUSIVE
from portulan.wire.sock_diag import build_destroy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from portulan.model.survey import Row

NETFILTER, SOCK_DESTROY = 12, 21
_TIMEOUTS_S = {TCP: 432_000, UDP: 120}
"""As long as the kernel keeps what it has seen itself (Documentation/networking/nf_conntrack-sysctl.rst)."""
_ALIVE = (State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSE_WAIT, State.LAST_ACK, State.CLOSING, State.CONNECTED)
_PROTOCOLS = {Transport.TCP: TCP, Transport.UDP: UDP}


def read_tracked() -> list[Tracked]:
    """All entries of this thread's namespace. Raises NotPermitted, CannotTell where this kernel does not list them, MachineFailed."""
    found = []
    with _opened() as netlink:
        for size in (4, 16):
            try:
                found += [parse_entry(*answer) for answer in netlink.dump(GET, build_dump(size))]
            except OSError as error:
                raise _translated(error) from error
    return found


def find_tracked(tuple_: Tuple) -> Tracked | None:
    """The entry of one connection, in whichever direction it is asked; None where there is none. Raises as `read_tracked`."""
    with _opened() as netlink:
        try:
            return parse_entry(*netlink.get(GET, build_query(tuple_)))
        except OSError as error:
            if error.errno == ENOENT:
                return None
            raise _translated(error) from error


def enter_running(connections: Iterable[Tuple]) -> int:
    """Enter those that the table does not have; returns how many. Raises as `read_tracked`."""
    count = 0
    with _opened() as netlink:
        for each in connections:
            try:
                netlink.request(NEW, build_entry(each, _TIMEOUTS_S[each.protocol]), CREATE | EXCLUSIVE)
            except OSError as error:
                if error.errno != EEXIST:
                    raise _translated(error) from error
            else:
                count += 1
    return count


def forget(entries: Iterable[Tracked]) -> int:
    """Delete entries; one that has gone, or is another one by now, is no matter. Returns how many. Raises as `read_tracked`."""
    count = 0
    with _opened() as netlink:
        for each in entries:
            try:
                netlink.request(DELETE, build_query(each.original, each.number))
            except OSError as error:
                if error.errno != ENOENT:
                    raise _translated(error) from error
            else:
                count += 1
    return count


# Sockets


def own_connections() -> list[tuple[Tuple, Row]]:
    """The connections that sockets of this thread's namespace have, as packets from here have them, IPv4 in IPv6 sockets as IPv4. Raises MachineFailed."""
    selection = Selection(transports=(Transport.TCP, Transport.UDP), every_state=True)
    try:
        dumps, _ = read_dumps(None, selection)
    except OSError as error:
        raise failed("sock_diag", "this network namespace", error) from error
    return list(_with_tuples(parse_dumps(dumps, None)))


def _with_tuples(rows: Iterable[Row]) -> Iterator[tuple[Tuple, Row]]:
    for row in rows:
        if row.state in _ALIVE and row.peer_port and row.transport in _PROTOCOLS:
            yield Tuple(_PROTOCOLS[row.transport], plain(row.source), row.port, plain(row.destination), row.peer_port), row


def plain(address: bytes) -> bytes:
    """An IPv4 address that stands in an IPv6 one, as IPv4; others as they are."""
    return address[12:] if len(address) == 16 and address[:12] == MAPPED else address


def destroy(rows: Iterable[Row]) -> int:
    """End sockets as if they had been reset (SOCK_DESTROY of include/uapi/linux/sock_diag.h); returns how many. Raises NotPermitted, CannotTell, MachineFailed."""
    count = 0
    with Netlink(SOCK_DIAG) as netlink:
        for row in rows:
            try:
                netlink.request(SOCK_DESTROY, build_destroy(row))
            except OSError as error:
                if error.errno == EOPNOTSUPP:
                    raise CannotTell("guard.cannot-end-sockets") from error
                if error.errno != ENOENT:
                    raise _translated(error) from error
            else:
                count += 1
    return count


def _opened() -> Netlink:
    try:
        return Netlink(NETFILTER)
    except OSError as error:
        raise _translated(error) from error


def _translated(error: OSError) -> Exception:
    if error.errno == EPERM:
        return NotPermitted("nft.forbidden", needs="CAP_NET_ADMIN")
    if error.errno in (EPROTONOSUPPORT, EOPNOTSUPP, 22):
        return CannotTell("guard.no-ctnetlink", reason=error.strerror or "")
    return failed("ask", "the table of connections", error)
