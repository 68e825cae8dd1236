"""Sockets that keep a port: bound to all addresses, and perhaps serving one.

`seize` binds without SO_REUSEADDR, which the kernel grants to one only, whoever else tries at that moment and whatever options they set; the option
is set when the socket is bound, so that a server with the same option can bind over it (the kernel compares options when the later one comes).
"""

from __future__ import annotations

import errno
import socket

from portulan.errors import BadInput, NotPermitted, failed
from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS = {Transport.TCP: socket.SOCK_STREAM, Transport.UDP: socket.SOCK_DGRAM}
LEASED = tuple(_KINDS)
"""Transports whose ports can be leased."""
_BACKLOG = 4096
"""The kernel lowers it to net.core.somaxconn."""


class Seat:
    """The sockets that keep one port, one a transport."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.held: dict[Transport, socket.socket] = {}
        """Bound to all addresses, not listening."""
        self.served: dict[Transport, socket.socket] = {}
        """Serving one address. The held one stays beside: whoever looks for `localhost` on IPv6 shall not find a stranger there."""

    def close(self) -> None:
        """Give the port back."""
        for sockets in (self.served, self.held):
            for one in sockets.values():
                one.close()
            sockets.clear()


def seize(port: int, transports: Sequence[Transport], *, beside_closing: bool = False) -> Seat | None:
    """Hold a port bound on all addresses, IPv4 and IPv6, without listening; None when it is in use on any.

    With `beside_closing` SO_REUSEADDR is set before: connections that are still closing (TIME_WAIT) are no hindrance then, but others that set it are
    none either: the caller must make sure that there are none. Raises NotPermitted, MachineFailed.
    """
    seat = Seat(port)
    try:
        for transport in transports:
            one = _bind_anywhere(port, transport, shared=beside_closing and transport is Transport.TCP)
            if one is None:
                seat.close()
                return None
            seat.held[transport] = one
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except BaseException:
        seat.close()
        raise
    return seat


def _bind_anywhere(port: int, transport: Transport, *, shared: bool) -> socket.socket | None:
    try:
        one = socket.socket(socket.AF_INET6, _KINDS[transport])
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        address = "::"
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.ENOPROTOOPT):
            raise failed("open", "a socket", error) from error
        one, address = socket.socket(socket.AF_INET, _KINDS[transport]), ""
    return _bind(one, (address, port), transport, shared=shared)


def _bind(
    one: socket.socket, address: tuple[str, int] | tuple[str, int, int, int], transport: Transport, *, shared: bool
) -> socket.socket | None:
    """The socket, bound; None, and it is closed, when the port is in use."""
    try:
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(address)
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            return None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise NotPermitted("lease.refused", port=f"{address[1]}/{transport.value}", reason=error.strerror) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise BadInput("lease.address-not-here", text=address[0]) from error
        raise failed("bind", f"{address[1]}/{transport.value}", error) from error
    return one


def serve(seat: Seat, transport: Transport, address: str) -> bool:
    """Open the serving socket of a transport at one address: TCP listens, UDP is bound without sharing. False when somebody else was quicker there.

    Raises BadInput for an address that is none or not this machine's, NotPermitted, MachineFailed.
    """
    family, target = resolve(address, seat.port, transport)
    one = socket.socket(family, _KINDS[transport])
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if transport is Transport.UDP:
        seat.held.pop(transport).close()  # shared, all datagrams would go to whoever comes last
    if _bind(one, target, transport, shared=transport is Transport.TCP) is None:
        return False
    try:
        if transport is Transport.TCP:
            one.listen(_BACKLOG)
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:  # a stranger listens here, who bound over the held socket
            return False
        raise failed("listen", f"{seat.port}/{transport.value}", error) from error
    seat.served[transport] = one
    return True


def resolve(address: str, port: int, transport: Transport) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    """Family and socket address of a numeric address, IPv6 with its scope (`fe80::1%eth0`). Raises BadInput."""
    try:
        [(family, _, _, _, target), *_] = socket.getaddrinfo(address, port, type=_KINDS[transport], flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        raise BadInput("lease.address", text=address) from None
    assert not isinstance(target[0], int)
    return family, target
