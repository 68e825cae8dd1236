"""The order of a scan: a keyed pseudo-random permutation of 0 … n-1 in O(1) memory, both ways.

A Feistel network over the numbers 0 … a*b-1 with a*b just above n, each half taken modulo its own base, and cycle-walking for the few numbers past n
(Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). Any part of the order is arithmetic: a shard is every m-th place, a pause is a number.
"""

from __future__ import annotations

import numpy as np

from portulan.errors import BadInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Key = tuple[int, int]

LARGEST = 1 << 62
_ROUNDS = 4
_MASK_64 = (1 << 64) - 1
_HALF = np.uint64(32)
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(0xD6E8_FEB8_6659_FD93)
_STEP = 0xA076_1D64_78BD_642F


def mix(numbers: NDArray[np.uint64], key: Key) -> NDArray[np.uint64]:
    """A keyed hash of 64-bit numbers: two rounds of xor-shift and multiply. Not a MAC: it tells strays and blind forgers from answers."""
    x = (numbers ^ np.uint64(key[0])) * _FIRST_FACTOR
    x = (x ^ (x >> _HALF) ^ np.uint64(key[1])) * _SECOND_FACTOR
    x = (x ^ (x >> _HALF)) * _SECOND_FACTOR
    mixed: NDArray[np.uint64] = x ^ (x >> _HALF)
    return mixed


class Permutation:
    """A bijection of 0 … size-1, chosen by the key."""

    def __init__(self, size: int, key: Key) -> None:
        """Raises BadInput for a size outside 0 to 2**62."""
        if not 0 <= size <= LARGEST:
            raise BadInput("scan.too-many", count=size)
        self.size = size
        self._left = max(1, int(np.ceil(np.sqrt(size))))
        self._right = max(1, -(-size // self._left))
        self._keys = [(key[0] + _STEP * turn & _MASK_64, (key[1] ^ _STEP * turn) & _MASK_64) for turn in range(1, _ROUNDS + 1)]

    def forward(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """What stands at these places of the order."""
        return self._walk(places, self._encipher)

    def inverse(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """At which places of the order these numbers stand."""
        return self._walk(numbers, self._decipher)

    def _walk(self, numbers: NDArray[np.int64], step: Step) -> NDArray[np.int64]:
        x = step(numbers.astype(np.uint64))
        outside = np.flatnonzero(x >= np.uint64(self.size))
        while outside.size:
            x[outside] = step(x[outside])
            outside = outside[x[outside] >= np.uint64(self.size)]
        return x.astype(np.int64)

    def _encipher(self, x: NDArray[np.uint64]) -> NDArray[np.uint64]:
        bases = np.uint64(self._left), np.uint64(self._right)
        halves = _halves(x, bases[0])
        for turn, key in enumerate(self._keys):
            side = turn & 1
            moved = halves[side] + _below(bases[side], halves[1 - side], key)
            halves[side] = np.minimum(moved, moved - bases[side])  # what is below 0 wraps round to a large number
        return halves[1] * bases[0] + halves[0]

    def _decipher(self, x: NDArray[np.uint64]) -> NDArray[np.uint64]:
        bases = np.uint64(self._left), np.uint64(self._right)
        halves = _halves(x, bases[0])
        for turn in reversed(range(_ROUNDS)):
            side = turn & 1
            moved = halves[side] - _below(bases[side], halves[1 - side], self._keys[turn])
            halves[side] = np.minimum(moved, moved + bases[side])
        return halves[1] * bases[0] + halves[0]


def _halves(x: NDArray[np.uint64], base: np.uint64) -> list[NDArray[np.uint64]]:
    """Remainder and quotient: a division takes as long as all the rest of a turn."""
    quotient = x // base
    return [x - quotient * base, quotient]


def _below(base: np.uint64, half: NDArray[np.uint64], key: Key) -> NDArray[np.uint64]:
    """A number below the base for each half, by its 32 upper bits taken as a fraction (Lemire, "Fast Random Integer Generation in an Interval", 2019)."""
    return (mix(half, key) >> _HALF) * base >> _HALF


if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[NDArray[np.uint64]], NDArray[np.uint64]]
