"""Dice for choices and orders, from a key: numpy's own take longer to load than many a scan takes in all."""

from __future__ import annotations

import numpy as np

from portulan.scan.order import mix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.scan.order import Key

    Numbers = NDArray[np.int64]


class Dice:
    """The same key throws the same."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._thrown = 0

    def permutation(self, numbers: Numbers) -> Numbers:
        """The numbers in another order."""
        count = len(numbers)
        keys = mix(np.arange(self._thrown, self._thrown + count, dtype=np.uint64), self._key)
        self._thrown += count
        return numbers[np.argsort(keys)]

    def choice(self, numbers: Numbers, count: int) -> Numbers:
        """So many of the numbers, no place twice."""
        if 4 * count >= len(numbers):
            return self.permutation(numbers)[:count]
        # Few of many: draw places until enough of them are different.
        places = np.zeros(0, np.int64)
        while len(places) < count:
            drawn = mix(np.arange(self._thrown, self._thrown + 2 * count, dtype=np.uint64), self._key) % np.uint64(len(numbers))
            self._thrown += 2 * count
            places = np.unique(np.concatenate((places, drawn.astype(np.int64))))
        return numbers[self.permutation(places)[:count]]
