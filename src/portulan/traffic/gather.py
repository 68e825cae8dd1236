"""Numbers out of packets, many packets at a time."""

from __future__ import annotations

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    I8 = NDArray[np.int64]
    U8 = NDArray[np.uint64]


def u8_at(buffer: Bytes, position: I8) -> I8:
    """One byte each."""
    return buffer.take(position).astype(np.int64)


def u16_at(buffer: Bytes, position: I8) -> I8:
    """Two bytes each, in network order."""
    return u8_at(buffer, position) << 8 | buffer.take(position + 1)


def u32_at(buffer: Bytes, position: I8) -> I8:
    """Four bytes each, in network order."""
    return u16_at(buffer, position) << 16 | u16_at(buffer, position + 2)


def distinct(numbers: I8) -> I8:
    """The different ones, ascending. Numpy's own `unique` loads masked arrays first, which takes as long as a small capture does."""
    ordered = np.sort(numbers)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
