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
    total: NDArray[np.int64] = _moved(seconds, np.asarray(offset_s, np.int64)) * SECOND + part.view(np.int64)
    return total


def _moved(seconds: Ticks, offset_s: NDArray[np.int64]) -> NDArray[np.int64]:
    """Seconds with what is to be added, within what has room: neither need have room itself."""
    back = offset_s < 0
    size = np.where(back, 0 - offset_s, offset_s).view(np.uint64)  # 0 - -2^63 is 2^63 as an unsigned number
    most = np.uint64(MOST_SECONDS)
    forth = np.minimum(seconds, most) + np.minimum(size, most)
    before = back & (seconds < size)
    moved = np.minimum(np.where(before, size - seconds, np.where(back, seconds - size, forth)), most).view(np.int64)
    signed: NDArray[np.int64] = np.where(before, -moved, moved)
    return signed


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
