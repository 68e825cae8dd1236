"""When packets left and arrived, as Linux tells it beside the data: struct timespec (SCM_TIMESTAMPNS) and struct scm_timestamping, with 64-bit fields."""

from __future__ import annotations

from struct import Struct

from portulan.errors import ParseError

_STAMP = Struct("=qq")
_SECOND_NS = 1_000_000_000


def parse_stamp(data: bytes) -> int | None:
    """Nanoseconds since the epoch by the kernel's clock; None where it has none. Of SCM_TIMESTAMPING's three, the first: the software's. Raises ParseError."""
    if len(data) < _STAMP.size:
        raise ParseError("kernel.damaged", detail="SCM_TIMESTAMPING")
    seconds, nanoseconds = _STAMP.unpack_from(data)
    return seconds * _SECOND_NS + nanoseconds or None
