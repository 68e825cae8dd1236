"""The error queue of a socket (ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR): ICMP errors with the address they are about and who sent them. Linux."""

from __future__ import annotations

from errno import EACCES, EHOSTDOWN, EHOSTUNREACH, EINVAL, ENETDOWN, ENETUNREACH, ENODEV, ENOPROTOOPT, EPROTO
from struct import Struct

from portulan.errors import ParseError
from portulan.model.record import Record
from portulan.model.scan import Reason
from portulan.wire.icmp_errors import QueuedError, parse_queued_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket

SOL_SOCKET, SOL_IP, SOL_IPV6 = 1, 0, 41
IP_TTL, IP_RECVERR, IP_RECVTTL = 2, 11, 12
IPV6_RECVERR, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 25, 51, 52
SO_TIMESTAMPNS, SO_MEMINFO = 35, 55
MSG_ERRQUEUE = 0x2000
_ROOM = 512
_TIME = Struct("=qq")
_NUMBER = Struct("=i")
_U32 = Struct("=I")

_REASONS = {
    ENETUNREACH: Reason.NO_ROUTE, EHOSTUNREACH: Reason.HOST_UNREACHABLE, EHOSTDOWN: Reason.HOST_DOWN, EACCES: Reason.NO_ROUTE,
    ENOPROTOOPT: Reason.PROTOCOL_UNREACHABLE, EPROTO: Reason.PROTOCOL_UNREACHABLE, EINVAL: Reason.NO_ROUTE, ENETDOWN: Reason.NO_ROUTE,
    ENODEV: Reason.NO_ROUTE,
}  # fmt: skip


def reason_of_errno(code: int) -> Reason | None:
    """Why the kernel of this host would not send a packet at all; None for what says nothing of the address (EPERM may be a full table of connections)."""
    return _REASONS.get(code)


class Complaint(Record):
    """One entry of the queue."""

    error: QueuedError
    address: str
    """The address and port that the packet went to which drew the error."""
    port: int
    payload: bytes
    """What the error quotes of that packet's payload."""
    ttl: int
    """Of the error's own packet; 0: not asked for."""
    at: float
    """When it came, by the kernel's stamp, seconds since the epoch; 0: not asked for."""


def listen_for_errors(one: socket, version: int, *, stamps: bool = False) -> None:
    """Have the kernel keep the ICMP errors that this socket's packets draw, with time and hop limit if `stamps`. Raises OSError."""
    if version == 4:
        one.setsockopt(SOL_IP, IP_RECVERR, 1)
    else:
        one.setsockopt(SOL_IPV6, IPV6_RECVERR, 1)
    if stamps:
        one.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if version == 4:
            one.setsockopt(SOL_IP, IP_RECVTTL, 1)
        else:
            one.setsockopt(SOL_IPV6, IPV6_RECVHOPLIMIT, 1)


def queued_bytes(one: socket) -> int:
    """How much memory of the socket its queues hold, of what SO_RCVBUF allows; 0 says that both are empty (sock_diag's SK_MEMINFO_RMEM_ALLOC)."""
    return int(_U32.unpack(one.getsockopt(SOL_SOCKET, SO_MEMINFO, 4))[0])


def read_complaint(one: socket) -> Complaint | None:
    """Take the oldest error from the queue, passing over what cannot be read; None when the queue is empty. Raises OSError."""
    while True:
        try:
            payload, ancillary, _, name = one.recvmsg(_ROOM, _ROOM, MSG_ERRQUEUE)
        except BlockingIOError:
            return None
        for level, kind, data in ancillary:
            if name and ((level == SOL_IP and kind == IP_RECVERR) or (level == SOL_IPV6 and kind == IPV6_RECVERR)):
                try:
                    found = parse_queued_error(data)
                except ParseError:
                    continue
                at, ttl = read_stamps(ancillary)
                return Complaint(found, name[0], name[1], payload, ttl, at)


def read_stamps(ancillary: list[tuple[int, int, bytes]]) -> tuple[float, int]:
    """(arrival in seconds since the epoch, TTL) of a packet's ancillary data; 0 for what is not there."""
    at, ttl = 0.0, 0
    for level, kind, data in ancillary:
        if level == SOL_SOCKET:
            if kind == SO_TIMESTAMPNS and len(data) >= _TIME.size:
                seconds, nanoseconds = _TIME.unpack_from(data)
                at = seconds + nanoseconds * 1e-9
        elif len(data) >= _NUMBER.size and ((level == SOL_IP and kind == IP_TTL) or (level == SOL_IPV6 and kind == IPV6_HOPLIMIT)):
            ttl = _NUMBER.unpack_from(data)[0]
    return at, ttl
