"""struct tcp_info (include/uapi/linux/tcp.h): what the kernel measured of a connection."""

from __future__ import annotations

from struct import Struct

from portulan.errors import ParseError
from portulan.model.record import Record

SIZE = 104
"""Bytes to ask for: up to `total_retrans`, which all kernels since 2.6 have."""
_WORD = Struct("=I")
_PATH_MTU, _ROUND_TRIP, _RESENT = 60, 68, 100


class TcpInfo(Record):
    """Of a connection that was just made."""

    rtt_us: int
    """The smoothed round trip; right after the handshake, that of the SYN itself."""
    resent: int
    """Segments that were sent again."""
    path_mtu: int


def parse_tcp_info(data: bytes) -> TcpInfo:
    """Raises ParseError."""
    if len(data) < SIZE:
        raise ParseError("kernel.damaged", detail="TCP_INFO")
    mtu, rtt_us, resent = (_WORD.unpack_from(data, at)[0] for at in (_PATH_MTU, _ROUND_TRIP, _RESENT))
    return TcpInfo(rtt_us, resent, mtu)
