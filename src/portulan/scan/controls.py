"""Controls: ports known to answer, asked again, so that loss stays measurable where almost everything is silent. Pure."""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.scan.estimate import Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from portulan.scan.dice import Dice

    Rows = NDArray[np.int64]

_MOST_OF_A_CLASS = 256


class _Batch(Record):
    """One batch: its rows in order of their numbers, their verdicts, and which have left and answered."""

    rows: Rows
    verdicts: NDArray[np.uint8]
    asked: NDArray[np.bool_]
    answered: NDArray[np.bool_]


class Controls:
    """The controls of one block. Each batch has a tag of its own, as no port may be asked twice from one source port."""

    def __init__(self, first_tag: int, tags: int) -> None:
        self._tags = iter(range(first_tag, first_tag + tags))
        self._batches: dict[int, _Batch] = {}
        self._tallies: dict[tuple[int, int], Tally] = {}
        self._sent_at: dict[int, float] = {}
        self.carried: dict[int, Tally] = {}
        """By verdict: of batches that another process has asked."""

    def draw(self, classes: Sequence[tuple[int, Rows]], dice: Dice) -> tuple[Rows, int] | None:
        """Some rows of each class (verdict, rows that have it), shuffled, and the tag to ask them by; None when the tags are used up or there are no rows.

        Classes are mixed, so that both meet the same path at the same time.
        """
        parts = [(verdict, dice.choice(rows, min(len(rows), _MOST_OF_A_CLASS))) for verdict, rows in classes if len(rows)]
        tag = next(self._tags, None) if parts else None
        if tag is None:
            return None
        rows = np.concatenate([chosen for _, chosen in parts])
        verdicts = np.concatenate([np.full(len(chosen), verdict, np.uint8) for verdict, chosen in parts])
        order = np.argsort(rows)
        rows, verdicts = rows[order], verdicts[order]
        self._batches[tag] = _Batch(rows, verdicts, np.zeros(len(rows), bool), np.zeros(len(rows), bool))
        return dice.permutation(rows), tag

    def sent(self, tag: int, rows: Rows, at: float) -> None:
        """These rows of a batch have left."""
        self._sent_at[tag] = at
        batch = self._batches[tag]
        batch.asked[np.searchsorted(batch.rows, rows)] = True
        self._forget(tag)

    def take(self, rows: Rows, tags: NDArray[np.uint8]) -> int:
        """Note answers to controls; returns how many were counted already."""
        repeated = 0
        for tag in np.unique(tags).tolist():
            batch = self._batches.get(tag)
            if batch is None:
                continue
            mine = np.unique(rows[tags == tag])
            place = np.minimum(np.searchsorted(batch.rows, mine), len(batch.rows) - 1)
            place = place[(batch.rows[place] == mine) & batch.asked[place]]
            repeated += int((tags == tag).sum()) - int((~batch.answered[place]).sum())
            batch.answered[place] = True
            self._forget(tag)
        return repeated

    def tally(self, verdict: int, tags: Iterable[int] | None = None) -> Tally:
        """Questions to ports of one verdict and their answers, of these batches, or of all and the carried ones."""
        total = self.carried.get(verdict, Tally()) if tags is None else Tally()
        for tag in self._batches if tags is None else tags:
            total += self._tallies.get((tag, verdict)) or self._count(tag, verdict)
        return total

    def settled(self, verdict: int, sent_before: float) -> Tally:
        """The same of the carried ones and of batches that left before then: whose answers are still on their way are not lost."""
        tags = [tag for tag, at in self._sent_at.items() if at < sent_before]
        return self.carried.get(verdict, Tally()) + self.tally(verdict, tags)

    def _count(self, tag: int, verdict: int) -> Tally:
        batch = self._batches[tag]
        mine = (batch.verdicts == verdict) & batch.asked
        self._tallies[tag, verdict] = found = Tally(0, int(mine.sum()), int((mine & batch.answered).sum()))
        return found

    def _forget(self, tag: int) -> None:
        for key in [key for key in self._tallies if key[0] == tag]:
            del self._tallies[key]
