"""ICMP errors: what each says of a port, and how Linux hands them to whoever sent the packet that drew them.

Codes of RFC 792, RFC 1122 section 3.2.2.1 and RFC 1812 section 5.2.7.1; RFC 4443 section 3. The kernel's form: struct sock_extended_err
(include/uapi/linux/errqueue.h), followed by the address of whoever sent the error.
"""

from __future__ import annotations

from struct import Struct

from portulan.errors import ParseError
from portulan.model.record import Record
from portulan.model.scan import Reason

FROM_HERE, FROM_ICMP, FROM_ICMP6, FROM_CLOCK = 1, 2, 3, 4
"""Where an error of the queue comes from (SO_EE_ORIGIN_*)."""

_EXTENDED = Struct("=IBBBBII")
_FAMILY = Struct("=H")
_AF_INET, _AF_INET6 = 2, 10
_UNREACHABLE4, _EXCEEDED4 = 3, 11
_UNREACHABLE6, _EXCEEDED6, _PARAMETER6 = 1, 3, 4
_NEXT_HEADER = 1

_CODES4 = (
    Reason.NET_UNREACHABLE, Reason.HOST_UNREACHABLE, Reason.PROTOCOL_UNREACHABLE, Reason.PORT_UNREACHABLE,
    None,  # fragmentation needed: about the path, not about the port
    Reason.HOST_UNREACHABLE, Reason.NET_UNREACHABLE, Reason.HOST_UNREACHABLE, Reason.HOST_UNREACHABLE, Reason.NET_PROHIBITED,
    Reason.HOST_PROHIBITED, Reason.NET_UNREACHABLE, Reason.HOST_UNREACHABLE, Reason.ADMIN_PROHIBITED, Reason.ADMIN_PROHIBITED,
    Reason.ADMIN_PROHIBITED,
)  # fmt: skip
_CODES6 = (
    Reason.NO_ROUTE, Reason.ADMIN_PROHIBITED, Reason.NET_UNREACHABLE, Reason.HOST_UNREACHABLE, Reason.PORT_UNREACHABLE,
    Reason.ADMIN_PROHIBITED, Reason.ADMIN_PROHIBITED,
)  # fmt: skip


def reason_of(version: int, kind: int, code: int) -> Reason | None:
    """What an ICMP message of IP `version` says of the port that was asked; None when it says nothing of it."""
    if version == 4:
        if kind == _UNREACHABLE4:
            return _CODES4[code] if code < len(_CODES4) else Reason.HOST_UNREACHABLE
        return Reason.TIME_EXCEEDED if kind == _EXCEEDED4 else None
    if kind == _UNREACHABLE6:
        return _CODES6[code] if code < len(_CODES6) else Reason.HOST_UNREACHABLE
    if kind == _PARAMETER6 and code == _NEXT_HEADER:
        return Reason.PROTOCOL_UNREACHABLE
    return Reason.TIME_EXCEEDED if kind == _EXCEEDED6 else None


class QueuedError(Record):
    """An error from a socket's error queue."""

    number: int
    """The errno that belongs to it."""
    origin: int
    kind: int
    """ICMP type."""
    code: int
    offender: bytes
    """Packed address of who sent it; empty when the kernel does not know."""
    info: int = 0
    """The size that would have passed, where a packet was too big; of a time stamp, which moment."""
    data: int = 0
    """Of a time stamp: the number of the datagram, from 0."""

    @property
    def reason(self) -> Reason | None:
        """What it says of the port; None for errors that ICMP did not bring, and such as say nothing of the port."""
        if self.origin == FROM_ICMP:
            return reason_of(4, self.kind, self.code)
        return reason_of(6, self.kind, self.code) if self.origin == FROM_ICMP6 else None


def parse_queued_error(data: bytes) -> QueuedError:
    """The ancillary data of IP_RECVERR or IPV6_RECVERR. Raises ParseError."""
    if len(data) < _EXTENDED.size:
        raise ParseError("kernel.damaged", detail="IP_RECVERR")
    number, origin, kind, code, _, info, more = _EXTENDED.unpack_from(data)
    name = data[_EXTENDED.size :]
    family = _FAMILY.unpack_from(name)[0] if len(name) >= _FAMILY.size else 0
    offender = b""
    if family == _AF_INET and len(name) >= 8:
        offender = bytes(name[4:8])
    elif family == _AF_INET6 and len(name) >= 24:
        offender = bytes(name[8:24])
    return QueuedError(number, origin, kind, code, offender, info, more)
