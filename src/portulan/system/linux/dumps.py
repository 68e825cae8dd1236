"""sock_diag dumps of one network namespace: asked here, parsed by `wire`."""

from __future__ import annotations

from errno import EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT

from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.system.linux.netlink import SOCK_DIAG, Netlink
from portulan.system.linux.procfs import read_whole
from portulan.wire.connections import count_connections
from portulan.wire.netlink import DONE, ERROR, iterate_messages
from portulan.wire.procfs import parse_protocol_counts
from portulan.wire.sock_diag import (
    AF_INET,
    AF_INET6,
    BOUND_INACTIVE,
    CLOSE,
    ESTABLISHED,
    LISTEN,
    MPTCP,
    SOCK_DIAG_BY_FAMILY,
    TCP,
    UDP,
    UDPLITE,
    build_request,
    row_parser,
    states,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from portulan.model.portset import PortSet
    from portulan.model.survey import Row, Selection

_OURS = 62
"""The bit of numbers that stand for the cookie of a socket that has none of its own: the kernel counts up from 1 and, for some, down from 2**64."""
_BULK_BYTES = 16 << 20
"""From here on (130,000 sockets) importing numpy costs less than it saves."""
_NOT_IN_THIS_KERNEL = (ENOENT, EINVAL, EOPNOTSUPP, EPROTONOSUPPORT)
_ALL_TCP = states(*range(ESTABLISHED, BOUND_INACTIVE + 1))
_ALL_UDP = states(ESTABLISHED, CLOSE)


class Dump(Record):
    """The unparsed answers of one dump."""

    netns: int | None
    protocol: int
    buffers: list[bytes]

    def parse(self, ports: PortSet | None) -> list[Row]:
        """The sockets on these local ports (None: all). Raises ParseError."""
        row = row_parser(self.netns, self.protocol)
        if ports is not None and sum(map(len, self.buffers)) > _BULK_BYTES:
            from portulan.wire.sock_diag_bulk import find_ports

            return [row(data, start, end) for data in self.buffers for start, end in find_ports(data, ports)]
        rows = [
            row(data, start, end)
            for data in self.buffers
            for kind, _, start, end in iterate_messages(data)
            if kind not in (DONE, ERROR)
        ]  # fmt: skip
        return rows if ports is None else [one for one in rows if one.port in ports]


def parse_dumps(dumps: Iterable[Dump], ports: PortSet | None) -> list[Row]:
    """All sockets on these local ports (None: any), without the TCP sockets that only carry an MPTCP socket's traffic: that one is listed too, and is the one a process holds.

    They share its inode or, before they are accepted, its addresses. Raises ParseError.
    """
    rows = [row for dump in dumps for row in dump.parse(ports)]
    carried = [row for row in rows if row.mptcp]
    if not carried:
        return rows
    inodes = {row.inode for row in carried if row.inode}
    ends = {(row.netns, row.port, row.peer_port, row.source, row.destination) for row in carried}
    shared = _shared_cookies(carried)
    return [
        row if row.cookie not in shared or not row.mptcp or row.state is State.LISTENING else _with_own_cookie(row)
        for row in rows
        if row.mptcp
        or row.transport is not Transport.TCP
        or (row.inode not in inodes and (row.netns, row.port, row.peer_port, row.source, row.destination) not in ends)
    ]


def _shared_cookies(carried: Iterable[Row]) -> set[int]:
    """Those that several sockets have: an MPTCP socket is accepted with a copy of its listener's cookie, if that has one by then (seen on Linux 6.18)."""
    once: set[int] = set()
    shared: set[int] = set()
    for row in carried:
        (shared if row.cookie in once else once).add(row.cookie)
    return shared


def has_cookie(row: Row) -> bool:
    """Whether a socket's cookie is one that the kernel knows it by."""
    return row.cookie >> _OURS != 1


def _with_own_cookie(row: Row) -> Row:
    """By its inode, or by its ports where it has none because nobody has accepted it yet."""
    return row._replace(cookie=1 << _OURS | (row.inode or 1 << 40 | row.port << 16 | row.peer_port))


def read_dumps(netns: int | None, selection: Selection) -> tuple[list[Dump], bool]:
    """What the selection asks for in this thread's namespace (its inode is only passed on), and whether the kernel knows sock_diag for TCP.

    Raises OSError.
    """
    asked = _Asked(netns, selection)
    dumps: list[Dump] = []
    with Netlink(SOCK_DIAG) as netlink:
        in_use = parse_protocol_counts(read_whole("/proc/thread-self/net/protocols"))
        tcp = asked.dump(netlink, TCP) if Transport.TCP in selection.transports else []
        known = Transport.TCP not in selection.transports or bool(tcp)
        dumps += tcp
        # Walking MPTCP's table costs 2 ms even where it is empty, so the kernel's own count is asked first.
        if tcp and (in_use.get("MPTCP", 1) or in_use.get("MPTCPv6", 1)):
            dumps += asked.dump(netlink, MPTCP)
        if Transport.UDP in selection.transports:
            dumps += asked.dump(netlink, UDP)
        if Transport.UDPLITE in selection.transports and (in_use.get("UDP-Lite", 1) or in_use.get("UDPLITEv6", 1)):
            dumps += asked.dump(netlink, UDPLITE)
    return dumps, known


class _Asked:
    """What a selection asks of one namespace, protocol by protocol."""

    def __init__(self, netns: int | None, selection: Selection) -> None:
        self.netns = netns
        self.port = _single_port(selection)
        self.every_state = selection.every_state

    def dump(self, netlink: Netlink, protocol: int) -> list[Dump]:
        """Both families of a protocol; none where this kernel does not have it. Raises OSError."""
        tcp = protocol in (TCP, MPTCP)
        if self.every_state:
            wanted = _ALL_TCP if tcp else _ALL_UDP
        else:
            wanted = states(LISTEN if tcp else CLOSE)
        dumps = []
        for family in (AF_INET, AF_INET6):
            try:
                buffers = netlink.collect(SOCK_DIAG_BY_FAMILY, build_request(family, protocol, wanted, port=self.port))
            except OSError as error:
                if error.errno not in _NOT_IN_THIS_KERNEL:
                    raise
            else:
                dumps.append(Dump(self.netns, protocol, buffers))
        return dumps


def read_connections(ports: Collection[int]) -> dict[tuple[int, bytes], int]:
    """(port, packed local address) -> established TCP connections in this thread's namespace, for the wanted ports. Raises OSError, ParseError."""
    counts: dict[tuple[int, bytes], int] = {}
    port = next(iter(ports)) if len(ports) == 1 else 0
    with Netlink(SOCK_DIAG) as netlink:
        for family in (AF_INET, AF_INET6):
            request = build_request(family, TCP, states(ESTABLISHED), extensions=0, port=port)
            counts |= count_connections(netlink.collect(SOCK_DIAG_BY_FAMILY, request), family, ports)
    return counts


def _single_port(selection: Selection) -> int:
    """The port that the kernel itself can filter by, or 0."""
    if selection.ports is None or len(selection.ports.ranges) != 1:
        return 0
    only = selection.ports.ranges[0]
    return only.first if only.first == only.last else 0
