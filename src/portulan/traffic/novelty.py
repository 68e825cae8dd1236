"""What was met before: keys of eight bytes, remembered in bounded memory. Pure.

A key is a hash of what it stands for, so two things may be taken for one: among a million at odds of one in 30 million (birthday bound on 64 bits). The salt makes
them impossible to aim for. What has not been met again while as many others came as memory holds is forgotten, and new when it comes next.
"""

from __future__ import annotations

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

_FIRST_BITS = 12
_GOLDEN, _STIR_1, _STIR_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Of SplitMix64 (Steele, Lea and Flood, 2014), which mixes every bit into every other."""
_MASK = (1 << 64) - 1


def mix(salt: int, *parts: NDArray[np.generic] | int) -> Keys:
    """One key of several columns of integers, or of addresses (V16)."""
    state: Keys = np.array(salt & _MASK, np.uint64)
    for part in parts:
        for word in _words(part):
            state = _stir(state ^ word)
    return np.where(state == 0, np.uint64(1), state)


def _words(part: NDArray[np.generic] | int) -> tuple[Keys, ...]:
    if isinstance(part, int):
        return (np.array(part & _MASK, np.uint64),)
    if part.dtype.kind == "V":
        halves = np.ascontiguousarray(part).view(np.uint64).reshape(-1, 2)
        return halves[:, 0], halves[:, 1]
    return (part.astype(np.uint64),)


def _stir(state: Keys) -> Keys:
    state = state + np.uint64(_GOLDEN) if state.ndim else np.array((int(state) + _GOLDEN) & _MASK, np.uint64)
    if not state.ndim:
        number = int(state)
        number = ((number ^ number >> 30) * _STIR_1) & _MASK
        number = ((number ^ number >> 27) * _STIR_2) & _MASK
        return np.array(number ^ number >> 31, np.uint64)
    state = (state ^ state >> np.uint64(30)) * np.uint64(_STIR_1)
    state = (state ^ state >> np.uint64(27)) * np.uint64(_STIR_2)
    return state ^ state >> np.uint64(31)


class Met:
    """A set of keys that holds `most` at least and twice as many at most, 16 bytes each and 32 at most while it grows."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._table = _empty(_FIRST_BITS)
        self._before = _empty(_FIRST_BITS)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has(self, keys: Keys) -> NDArray[np.bool_]:
        """Which were met."""
        return _find(self._table, keys) | _find(self._before, keys)

    def first(self, keys: Keys) -> NDArray[np.bool_]:
        """Which are met for the first time, in this order; all have been met then."""
        fresh = np.zeros(len(keys), bool)
        for begin in range(0, len(keys), self.most):
            part = keys[begin : begin + self.most]
            unique, at = np.unique(part, return_index=True)
            new = ~_find(self._table, unique)
            old = new & _find(self._before, unique)
            fresh[begin + at[new & ~old]] = True
            self._insert(unique[new])
        return fresh

    def _insert(self, keys: Keys) -> None:
        if self._count + len(keys) > self.most and self._count:
            self._before, self._table, self._count = self._table, _empty(_FIRST_BITS), 0
        while (self._count + len(keys)) * 2 > len(self._table):
            kept = self._table[self._table != 0]
            self._table = _empty(len(self._table).bit_length())
            _put(self._table, kept)
        _put(self._table, keys)
        self._count += len(keys)


def _empty(bits: int) -> Keys:
    return np.zeros(1 << bits, np.uint64)


def _place(table: Keys, keys: Keys) -> Keys:
    """Where keys belong: neighbours far from each other, or they would queue up (Knuth, volume 3, 6.4)."""
    return (keys * np.uint64(_GOLDEN)) >> np.uint64(65 - len(table).bit_length())


def _find(table: Keys, keys: Keys) -> NDArray[np.bool_]:
    """Open addressing: from where a key belongs, on to the first free place."""
    mask = np.uint64(len(table) - 1)
    found = np.zeros(len(keys), bool)
    left = np.arange(len(keys))
    place = _place(table, keys)
    while len(left):
        there = table[place]
        wanted = keys[left]
        found[left[there == wanted]] = True
        on = (there != 0) & (there != wanted)
        left, place = left[on], (place[on] + np.uint64(1)) & mask
    return found


def _put(table: Keys, keys: Keys) -> None:
    """Put in keys that are not there and differ from each other."""
    mask = np.uint64(len(table) - 1)
    place = _place(table, keys)
    while len(keys):
        free = table[place] == 0
        table[place[free]] = keys[free]
        on = table[place] != keys
        keys, place = keys[on], (place[on] + np.uint64(1)) & mask
