"""How much is lost on the way, and how many open ports may have been missed because of it. Pure.

The count that must not be used is that of the ports still silent: the last of them are silent *because* they were unlucky, and asking them again and again
proves nothing about the loss that others met. So the expected number of missed ports is bounded by those that do answer: (answering + 9) * p**k, where p is an
upper bound of the loss of one question (both ways) and k how often each silent port was asked. The 9 stands for what three sigma would hide behind none.
"""

from __future__ import annotations

from math import ceil, inf, log, sqrt

import numpy as np

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

_SIGMAS = 3.0
_HIDDEN = 9
_ENOUGH = 30
"""With fewer questions than that a class says nothing of its loss."""
_FAR_OUT = 4.0
_FEW = 20


def upper_bound(lost: int, asked: int) -> float:
    """Wilson's upper bound of a share, at three sigma; 1 where nothing was asked."""
    if not asked:
        return 1.0
    share, square = lost / asked, _SIGMAS * _SIGMAS
    spread = _SIGMAS * sqrt(share * (1 - share) / asked + square / (4 * asked * asked))
    return min(1.0, (share + square / (2 * asked) + spread) / (1 + square / asked))


class Tally(Record):
    """Questions that had an answer in the end, of one class (open or closed ports), and how many of them it took."""

    answering: int = 0
    """Ports."""
    asked: int = 0
    """Questions they were asked until they answered, and as controls."""
    answered: int = 0

    @property
    def lost(self) -> int:
        """Questions without an answer; never below 0, though an answer may come for a question that was counted as lost."""
        return max(0, self.asked - self.answered)

    @property
    def upper(self) -> float:
        """An upper bound of the loss of one question."""
        return upper_bound(self.lost, self.asked)

    @property
    def known(self) -> bool:
        """Whether it says anything."""
        return self.asked >= _ENOUGH

    def __add__(self, other: Tally) -> Tally:  # type: ignore[override] # two tallies joined, not two tuples
        return Tally(self.answering + other.answering, self.asked + other.asked, self.answered + other.answered)


def missed_at_most(answering: int, loss: float, times: int) -> float:
    """The expected number of ports that would answer and were silent all `times`, at most."""
    return float((answering + _HIDDEN) * loss**times)


def missed_by_host(answering: Counts, asked: Counts, pooled: Tally, loss: float, times: int) -> float:
    """The same for many addresses, of which some may lose more than the others.

    `answering` ports and `asked` questions of each address. One whose loss lies far above what all together have is judged by itself.
    """
    lost = np.maximum(asked - answering, 0)
    expected = asked * loss
    worse = (answering >= _FEW) & (lost > expected + _FAR_OUT * np.sqrt(expected) + _FAR_OUT)
    total = missed_at_most(pooled.answering - int(answering[worse].sum()), loss, times)
    for ports, questions in zip(answering[worse].tolist(), asked[worse].tolist(), strict=True):
        total += missed_at_most(ports, upper_bound(questions - ports, questions), times)
    return total


def rounds_needed(answering: int, loss: float, goal: float) -> float:
    """How often each port must be asked until fewer than `goal` are missed."""
    if loss <= 0:
        return 1.0
    if loss >= 1:
        return inf
    return float(max(1, ceil(log(goal / (answering + _HIDDEN)) / log(loss))))
