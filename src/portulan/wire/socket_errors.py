"""What Linux hands to a socket besides data: ICMP errors from the error queue, and when packets left and arrived.

struct sock_extended_err (include/uapi/linux/errqueue.h) with the sender's address behind it; struct scm_timestamping and struct timespec, both with
64-bit fields on the machines we run on.
"""

from __future__ import annotations

from struct import Struct

from portulan.errors import ParseError
from portulan.model.record import Record

ORIGIN_LOCAL, ORIGIN_ICMP, ORIGIN_ICMP6, ORIGIN_TIMESTAMPING = 1, 2, 3, 4
_ERROR = Struct("=IBBBBII")
_STAMP = Struct("=qq")
_FAMILY = Struct("=H")
_INET, _INET6 = 2, 10
_SECOND_NS = 1_000_000_000


class ExtendedError(Record):
    """One entry of an error queue."""

    number: int
    """errno."""
    origin: int
    """One of ORIGIN_*."""
    type: int
    """ICMP type."""
    code: int
    """ICMP code."""
    info: int
    """The MTU, where the packet was too big; which moment, for a time stamp."""
    data: int
    """Of a time stamp: the number of the datagram, from 0."""
    offender: bytes | None
    """Who sent the ICMP message: 4 or 16 bytes."""


def parse_extended_error(data: bytes) -> ExtendedError:
    """A control message IP_RECVERR or IPV6_RECVERR. Raises ParseError."""
    if len(data) < _ERROR.size:
        raise ParseError("socket-error.damaged", size=len(data))
    number, origin, kind, code, _, info, extra = _ERROR.unpack_from(data)
    rest = data[_ERROR.size :]
    family = _FAMILY.unpack_from(rest)[0] if len(rest) >= 2 else 0
    offender = None
    if family == _INET and len(rest) >= 8:
        offender = rest[4:8]
    elif family == _INET6 and len(rest) >= 24:
        offender = rest[8:24]
    return ExtendedError(number, origin, kind, code, info, extra, offender)


def parse_stamp(data: bytes) -> int | None:
    """A control message SCM_TIMESTAMPNS or SCM_TIMESTAMPING: nanoseconds since the epoch by the kernel's clock; None where it has none.

    Of SCM_TIMESTAMPING's three, the first: the software's. Raises ParseError.
    """
    if len(data) < _STAMP.size:
        raise ParseError("socket-error.damaged", size=len(data))
    seconds, nanoseconds = _STAMP.unpack_from(data)
    return seconds * _SECOND_NS + nanoseconds or None
