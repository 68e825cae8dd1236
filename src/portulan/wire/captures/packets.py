"""What readers of both formats give."""

from __future__ import annotations

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.int64]


class Packets(Record):
    """Packets in a buffer, as columns of one length, in the order of their records."""

    start: Column
    captured: Column
    length: Column
    time_ns: Column
    link: Column | int
    place: Column
    """Where the record begins in the buffer."""


class Taken(Record):
    """Records read from a buffer."""

    packets: Packets
    end: int
    """Where the next record begins, or would."""
    sound: bool
    """False: what begins there can not be a record."""
