"""Times of pcapng: ticks of an interface's clock since 1970, which may be tenths of any power, or halves (draft-ietf-opsawg-pcapng 4.2, if_tsresol)."""

from __future__ import annotations

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ticks = NDArray[np.uint64]

SECOND = 10**9
MOST_SECONDS = (1 << 63) // SECOND - 1
"""Beyond these, either way, a time has no room in 64 bits of nanoseconds: it is put there."""
MOST_OFFSET = 1 << 40
"""if_tsoffset beyond this, either way, puts any time beyond what has room."""


def rate_of(resolution: int) -> int:
    """if_tsresol as ticks a second; 0 where that is not said in 64 bits."""
    power, exponent = 2 if resolution & 0x80 else 10, resolution & 0x7F
    rate: int = power**exponent
    return rate if rate < 1 << 64 else 0


def nanoseconds(ticks: Ticks, rate: int, offset_s: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Since 1970, down to whole nanoseconds, of ticks of one rate; 0 for a rate of 0."""
    if not rate or not len(ticks):
        return np.zeros(len(ticks), np.int64)
    simple = isinstance(offset_s, int) and offset_s == 0
    if simple and SECOND % rate == 0 and int(ticks.max()) < MOST_SECONDS * rate:
        return (ticks * np.uint64(SECOND // rate)).view(np.int64)
    seconds = ticks // np.uint64(rate)
    part = _part(ticks - seconds * np.uint64(rate), rate)
    whole = np.minimum(seconds, np.uint64(MOST_OFFSET)).view(np.int64) + offset_s
    total: NDArray[np.int64] = np.clip(whole, -MOST_SECONDS, MOST_SECONDS) * SECOND + part.view(np.int64)
    return total


def _part(ticks: Ticks, rate: int) -> Ticks:
    """Less than a second of ticks, as nanoseconds."""
    if SECOND % rate == 0:
        return ticks * np.uint64(SECOND // rate)
    if rate % SECOND == 0:
        return ticks // np.uint64(rate // SECOND)
    bits = np.uint64(rate.bit_length() - 1)  # what is left are powers of two
    if rate <= 1 << 34:
        return ticks * np.uint64(SECOND) >> bits
    high = (ticks >> np.uint64(32)) * np.uint64(SECOND)
    low = (ticks & np.uint64(0xFFFFFFFF)) * np.uint64(SECOND)
    return high + (low >> np.uint64(32)) >> bits - np.uint64(32)
