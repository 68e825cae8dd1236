"""sock_diag dumps of one network namespace: asked here, parsed by `wire`."""

from __future__ import annotations

from errno import EINVAL, ENOENT, EOPNOTSUPP, EPROTONOSUPPORT
from typing import NamedTuple

from portulan.model.port import Transport
from portulan.system.linux.netlink import SOCK_DIAG, Netlink
from portulan.wire.connections import count_connections
from portulan.wire.netlink import DONE, ERROR, iterate_messages
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
    from collections.abc import Callable, Collection

    from portulan.model.survey import Row, Selection

_NOT_IN_THIS_KERNEL = (ENOENT, EINVAL, EOPNOTSUPP, EPROTONOSUPPORT)
_ALL_TCP = states(*range(ESTABLISHED, BOUND_INACTIVE + 1))
_ALL_UDP = states(ESTABLISHED, CLOSE)
_PROTOCOLS = ((MPTCP, Transport.TCP), (TCP, Transport.TCP), (UDP, Transport.UDP), (UDPLITE, Transport.UDPLITE))


class Dump(NamedTuple):
    """The unparsed answers of one dump."""

    netns: int
    protocol: int
    buffers: list[bytes]
    without_subflows: bool = False
    """Whether to leave out TCP sockets that only carry an MPTCP socket's traffic: that one is listed too, and is the one a process holds."""

    def parse(self) -> list[Row]:
        """The sockets. Raises ParseError."""
        row = row_parser(self.netns, self.protocol)
        if self.without_subflows:
            return [one for one in self._rows(row) if not one.mptcp]
        return self._rows(row)

    def _rows(self, row: Callable[[bytes, int, int], Row]) -> list[Row]:
        return [
            row(data, start, end)
            for data in self.buffers
            for kind, _, start, end in iterate_messages(data)
            if kind not in (DONE, ERROR)
        ]  # fmt: skip


def read_dumps(netns: int, selection: Selection) -> tuple[list[Dump], bool]:
    """What the selection asks for in this thread's namespace (its inode is only passed on), and whether the kernel knows sock_diag for TCP.

    Raises OSError.
    """
    port = _single_port(selection)
    dumps: list[Dump] = []
    known = True
    with Netlink(SOCK_DIAG) as netlink:
        for protocol, transport in _PROTOCOLS:
            if transport not in selection.transports:
                continue
            if selection.every_state:
                wanted = _ALL_TCP if transport is Transport.TCP else _ALL_UDP
            else:
                wanted = states(LISTEN if transport is Transport.TCP else CLOSE)
            for family in (AF_INET, AF_INET6):
                try:
                    buffers = netlink.collect(SOCK_DIAG_BY_FAMILY, build_request(family, protocol, wanted, port=port))
                except OSError as error:
                    if error.errno not in _NOT_IN_THIS_KERNEL:
                        raise
                    known = known and protocol != TCP
                else:
                    dumps.append(Dump(netns, protocol, buffers, protocol == TCP and any(dump.protocol == MPTCP for dump in dumps)))
    return dumps, known


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
