"""Whether a server could bind a port now, tried as a server would: bound on all addresses, IPv6 and IPv4, and listening."""

from __future__ import annotations

import errno
import socket
import sys

from portulan.errors import NotPermitted, failed
from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.model.survey import Row, Selection

_KINDS = {Transport.TCP: socket.SOCK_STREAM, Transport.UDP: socket.SOCK_DGRAM}
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENOPROTOOPT)
"""This machine runs without IPv6."""


def can_serve(port: int, transports: Sequence[Transport]) -> bool:
    """Whether all of them can be bound on `::` (IPv4 included) and on 0.0.0.0, without any option that shares, and for TCP listen.

    Nothing is kept. Raises NotPermitted for a port that may not be bound at all, MachineFailed.
    """
    return all(_try(family, port, transport) for transport in transports for family in (socket.AF_INET6, socket.AF_INET))


def _try(family: socket.AddressFamily, port: int, transport: Transport) -> bool:
    try:
        with socket.socket(family, _KINDS[transport]) as one:
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))  # noqa: S104 - closed again at once
            if transport is Transport.TCP:
                one.listen(1)
    except OSError as error:
        if family == socket.AF_INET6 and error.errno in _NO_SUCH_FAMILY:
            return True
        if error.errno == errno.EADDRINUSE:
            return False
        if error.errno in (errno.EACCES, errno.EPERM):
            raise NotPermitted("free.refused", port=f"{port}/{transport.value}", reason=error.strerror) from error
        raise failed("bind", f"{port}/{transport.value}", error) from error
    return True


def rows_here(selection: Selection) -> tuple[Row, ...] | None:
    """The sockets of our own network namespace as the kernel lists them, without their holders; None where it cannot be asked like that."""
    if not sys.platform.startswith("linux"):
        return None
    from portulan.system.linux.dumps import parse_dumps, read_dumps

    try:
        dumps, known = read_dumps(None, selection)
    except OSError as error:
        raise failed("sock_diag", "this network namespace", error) from error
    return tuple(parse_dumps(dumps, selection.ports)) if known else None
