"""Columns of a scan as few bytes: for a journal, and for the way from a worker. Pure.

Nearly all pairs of a scan are alike, so states pack well; round trips do not, and are kept only where there are some.
"""

from __future__ import annotations

from zlib import compress, decompress

import numpy as np

from portulan.model.record import Record
from portulan.scan.standing import Answered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from portulan.model.scan import Decided

_LEVEL = 1


class Packed(Record):
    """Columns that lie one behind the other, and the round trips of those that have one."""

    size: int
    columns: bytes
    times: bytes


def pack_decided(decided: Decided) -> Packed:
    """All but which pairs they are."""
    return _pack((decided.state, decided.reason, decided.ttl, decided.by), decided.rtt_s)


def unpack_decided(packed: Packed, pair: NDArray[np.int64]) -> Decided:
    """The columns again, of these pairs. Raises ValueError for bytes that are none."""
    from portulan.model.scan import Decided

    state, reason, ttl, by, rtt_s = _unpack(packed, ("u1", "u1", "u1", "<u2"))
    if len(pair) != packed.size:
        raise ValueError(packed.size)
    return Decided(pair, state, reason, ttl, rtt_s, by)


def pack_answered(answered: Answered) -> Packed:
    """Rows with what they answered."""
    row = answered.row.astype(np.uint32)
    return _pack((row, answered.verdict, answered.reason, answered.ttl, answered.tag, answered.by), answered.rtt_s)


def unpack_answered(packed: Packed) -> Answered:
    """The same again. Raises ValueError for bytes that are none."""
    row, verdict, reason, ttl, tag, by, rtt_s = _unpack(packed, ("<u4", "u1", "u1", "u1", "u1", "<u2"))
    return Answered(row.astype(np.int64), verdict, reason, ttl, tag, rtt_s, by)


def _pack(columns: tuple[NDArray[np.generic], ...], rtt_s: NDArray[np.float32]) -> Packed:
    timed = ~np.isnan(rtt_s)
    parts = [column.astype(column.dtype.newbyteorder("<")).tobytes() for column in columns]
    parts.append(np.packbits(timed).tobytes())
    return Packed(len(rtt_s), compress(b"".join(parts), _LEVEL), rtt_s[timed].astype("<f4").tobytes())


def _unpack(packed: Packed, kinds: tuple[str, ...]) -> list[Any]:
    try:
        data, found, at = decompress(packed.columns), [], 0
    except Exception as error:
        raise ValueError(str(error)) from error
    for kind in kinds:
        column = np.frombuffer(data, kind, packed.size, at)
        found.append(column)
        at += column.nbytes
    timed = np.unpackbits(np.frombuffer(data, np.uint8, -1, at), count=packed.size).astype(bool)
    rtt_s = np.full(packed.size, np.nan, np.float32)
    rtt_s[timed] = np.frombuffer(packed.times, "<f4")
    return [*found, rtt_s]
