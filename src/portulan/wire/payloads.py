"""Many payloads at once, as columns over one piece of memory: the bytes at one place of each are read together.

What lies beyond a payload reads as zeros. Places may be any number, so that a length from the network can be followed without a look at it first.
"""

from __future__ import annotations

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    I8 = NDArray[np.int64]
    U8 = NDArray[np.uint64]
    Yes = NDArray[np.bool_]

_KEPT = np.array([((1 << (8 * count)) - 1) << (64 - 8 * count) for count in range(9)], np.uint64)
"""By how many of eight bytes are there: those, with the first one highest."""
_SHARED = (0, 8)
"""Words that most tests ask for: those of some payloads are taken from those of all."""
_ONE, _EIGHT, _LAST_BIT = np.uint64(1), np.int64(8), np.int64(63)


class Payloads:
    """Some payloads. `length` bytes of each are there; it had `whole` by its headers, which is more where the capture cut it short."""

    def __init__(self, buffer: NDArray[np.uint8], start: I8, length: I8, whole: I8 | None = None) -> None:
        """`buffer` as in a Batch: a multiple of 8 bytes long, with slack behind the last payload."""
        self.buffer = buffer
        self.start = start
        self.length = length
        self.whole = length if whole is None else whole
        self._words = buffer.view("<u8")
        self._read: dict[int, U8] = {}

    def __len__(self) -> int:
        return len(self.start)

    def rows(self, which: NDArray[np.intp] | Yes) -> Payloads:
        """Some of them."""
        length = self.length[which]
        part = Payloads(self.buffer, self.start[which], length, length if self.whole is self.length else self.whole[which])
        part._read = {at: word[which] for at, word in self._read.items() if at in _SHARED}
        return part

    def behind(self, count: int) -> Payloads:
        """What follows the first `count` bytes of each."""
        return Payloads(self.buffer, self.start + count, np.maximum(self.length - count, 0), np.maximum(self.whole - count, 0))

    def eight(self, at: int | I8 = 0) -> U8:
        """The eight bytes at a place, the first one highest."""
        if not isinstance(at, int):
            return self._gather(at)
        if at not in self._read:
            self._read[at] = self._gather(at)
        return self._read[at]

    def _gather(self, at: int | I8) -> U8:
        there = self.length - at
        place = np.minimum(self.start + at, max(len(self.buffer) - 16, 0))
        word, shift = place >> 3, ((place & 7) << 3).astype(np.uint64)
        # A shift by 64 is undefined, so the bits of the next word move in two steps.
        low = self._words[word] >> shift | self._words[word + 1] << _ONE << (_LAST_BIT - shift.astype(np.int64)).astype(np.uint64)
        found: U8 = low.byteswap() & _KEPT[np.minimum(np.maximum(there, 0), _EIGHT)]
        return found

    def number(self, at: int | I8, size: int) -> I8:
        """The unsigned number of `size` bytes (at most 4) at a place, the first byte highest."""
        inside = at & 7 if isinstance(at, int) else 0
        if isinstance(at, int) and inside + size <= 8:  # a part of a word that others ask for too
            return (self.eight(at - inside) >> np.uint64(64 - 8 * (inside + size)) & np.uint64((1 << 8 * size) - 1)).astype(np.int64)
        return (self.eight(at) >> np.uint64(64 - 8 * size)).astype(np.int64)

    def little(self, at: int | I8, size: int) -> I8:
        """The same with the first byte lowest."""
        return (self.eight(at).byteswap() & np.uint64((1 << 8 * size) - 1)).astype(np.int64)

    def byte(self, at: int | I8) -> I8:
        """One byte."""
        return self.number(at, 1)

    def text(self, width: int, at: int = 0) -> NDArray[np.uint8]:
        """The `width` bytes at a place as a matrix, a row each; `width` is a multiple of 8."""
        columns = [self.eight(at + place).byteswap() for place in range(0, width, 8)]
        return np.stack(columns, axis=1).view(np.uint8)

    def bytes_of(self, row: int, most: int) -> bytes:
        """The first bytes of one."""
        first = int(self.start[row])
        return self.buffer[first : first + min(int(self.length[row]), most)].tobytes()


def narrowed(payloads: Payloads, may: Yes, exact: Callable[[Payloads], Yes]) -> Yes:
    """The exact test, asked only of those that may pass it."""
    rows = np.flatnonzero(may)
    found = np.zeros(len(payloads), bool)
    if len(rows):
        found[rows] = exact(payloads.rows(rows))
    return found


def begins(word: U8, what: bytes) -> Yes:
    """Which words of eight bytes begin with these (at most eight)."""
    found: Yes = word >> np.uint64(64 - 8 * len(what)) == np.uint64(int.from_bytes(what))
    return found


def starts(text: NDArray[np.uint8], what: bytes, at: int = 0) -> Yes:
    """Which rows of a matrix hold these bytes at a column."""
    found: Yes = (text[:, at : at + len(what)] == np.frombuffer(what, np.uint8)).all(axis=1)
    return found


def holds(text: NDArray[np.uint8], what: bytes) -> Yes:
    """Which rows of a matrix hold these bytes anywhere; letters of any case where `what` is in lower case."""
    lower = text | np.uint8(0x20)
    places = np.ones((len(text), text.shape[1] - len(what) + 1), bool)
    for at, byte in enumerate(what):
        column = (lower if chr(byte).isalpha() else text)[:, at : at + places.shape[1]]
        np.logical_and(places, column == byte, out=places)
    found: Yes = np.logical_or.reduce(places, axis=1)
    return found
