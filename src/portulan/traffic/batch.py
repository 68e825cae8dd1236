"""What every source of packets hands on, whether a file, a pipe or the wire: many packets at once, as columns over one piece of memory."""

from __future__ import annotations

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLACK = 128
"""Bytes of memory that may be read past the last packet (and are then not used), so that columns can be gathered without a look at each end."""


class Batch(Record):
    """Packets in the order in which they were captured. All columns have the same length; `start + captured <= len(buffer) - SLACK` for each."""

    buffer: NDArray[np.uint8]
    """The memory they lie in, a multiple of 8 bytes long and aligned to 8; valid until the next batch is asked for."""
    start: NDArray[np.int64]
    """Where each frame begins in it."""
    captured: NDArray[np.int64]
    """How many bytes of it are there."""
    length: NDArray[np.int64]
    """How many bytes it had on the wire."""
    time_ns: NDArray[np.int64]
    """When, since 1970. 0 where the capture does not say (simple packet blocks)."""
    link: NDArray[np.int64] | int
    """LINKTYPE of each, or of all (https://www.tcpdump.org/linktypes.html)."""
    place: NDArray[np.int64]
    """Where its record begins in its file, uncompressed: ascending and unique within the file, whatever reads it, in pieces of whatever size."""
    interface: NDArray[np.int64] | None = None
    """Live: the kernel's index of the interface that each came by. None: of a file."""
