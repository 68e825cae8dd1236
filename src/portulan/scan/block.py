"""A block of a scan: some hundred thousand address-port pairs that are asked together until they are decided, as columns. Pure.

A row is a place in the block. Only one block is in memory, so a scan of any size needs no more of it.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.scan import Verdict
from portulan.scan.asking import select
from portulan.scan.estimate import Tally
from portulan.scan.standing import Answered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.model.scan import Answers
    from portulan.scan.order import Permutation

    Rows = NDArray[np.int64]

_ENOUGH = 200
MOST_ROWS = 1 << 19


class Taken(Record):
    """What a batch of answers changed."""

    fresh: Rows
    """Rows that had no answer before; each once."""
    current: NDArray[np.bool_]
    """Which of them answered the question of this round."""
    trips_s: NDArray[np.float64]
    """Round trips of those."""
    duplicates: int
    late: int


class Block:
    """Rows `begin` … `begin + size - 1` of a shard's order."""

    def __init__(self, order: Permutation, begin: int, size: int, shard: tuple[int, int] = (0, 1)) -> None:
        """Of the places shard[0], shard[0] + shard[1], … of the order."""
        self._order, self.begin, self.size, self._shard = order, begin, size, shard
        self.pairs = order.forward(np.arange(begin, begin + size) * shard[1] + shard[0])
        self.verdict = np.zeros(size, np.uint8)
        self.reason = np.zeros(size, np.uint8)
        self.ttl = np.zeros(size, np.uint8)
        self.tag = np.zeros(size, np.uint8)
        self.rtt_s = np.full(size, np.nan, np.float32)
        self.by = np.zeros(size, np.uint16)
        self.sent_at = np.zeros(size, np.float64)
        self.slice = np.zeros(size, np.int32)
        self._tallies: dict[tuple[int, ...], Tally] = {}
        self._last = np.zeros(size, np.int32)
        """In `take`: the place of a row's last answer among those that came together."""
        self._told: NDArray[np.uint8] | np.uint8 = np.uint8(Verdict.NONE)

    def rows(self, pairs: NDArray[np.int64]) -> Rows:
        """The rows of pairs; -1 for those of other blocks and shards."""
        places = self._order.inverse(pairs)
        number, of = self._shard
        if of > 1:
            mine = places % of == number
            places = np.where(mine, places // of, -1)
        rows = places - self.begin
        rows[(rows < 0) | (rows >= self.size)] = -1
        return rows

    def silent(self) -> Rows:
        """Rows without any answer yet."""
        return np.flatnonzero(self.verdict == Verdict.NONE)

    def sent(self, rows: Rows, number: int, began: float, ended: float) -> None:
        """These rows were asked, in slice `number` of the round."""
        self.sent_at[rows] = np.linspace(began, ended, len(rows))
        self.slice[rows] = number

    def take(self, rows: Rows, answers: Answers, tag: int) -> Taken:
        """Note answers (their rows known, none -1) to the questions of rounds, of which the current one is `tag`."""
        self._tallies.clear()
        places = np.arange(len(rows), dtype=np.int32)
        self._last[rows] = places
        repeated = bool((self._last[rows] != places).any())
        if repeated:
            # A SYN-ACK outranks a reset, whichever came first: of several for one row the highest is written last.
            order = np.argsort(answers.verdict, kind="stable")
            rows, answers = rows[order], select(answers, order)
        verdict, tags, at = answers.verdict, answers.tag, answers.at
        before = self.verdict[rows]
        known = before != Verdict.NONE
        duplicates = int((known & (self.tag[rows] == tags)).sum())
        fresh = rows[~known]
        fresh, first = np.unique(fresh, return_index=True) if repeated else (fresh, places[: len(fresh)])
        current = tags[~known][first] == tag
        trips = at[~known][first][current] - self.sent_at[fresh[current]]
        self.rtt_s[fresh[current]] = np.maximum(trips, 0)
        self.tag[rows[~known]] = tags[~known]
        better = verdict > before
        chosen = rows[better]
        self.verdict[chosen] = verdict[better]
        for column, values in ((self.reason, answers.reason), (self.ttl, answers.ttl), (self.by, answers.by)):
            column[chosen] = values[better]
        return Taken(fresh, current, trips, duplicates, int((tags != tag).sum()))

    def changes(self, *, every: bool = False) -> Answered:
        """Rows that have answered, or answered better, since this was asked last; or every one that ever has."""
        row = np.flatnonzero(self.verdict if every else self.verdict != self._told)
        self._told = self.verdict.copy()
        return Answered(row, self.verdict[row], self.reason[row], self.ttl[row], self.tag[row], self.rtt_s[row], self.by[row])

    def restore(self, answered: Answered) -> None:
        """Take back what a block of the same rows has answered elsewhere."""
        self._tallies.clear()
        row = answered.row
        self.verdict[row], self.reason[row], self.ttl[row], self.tag[row] = answered.verdict, answered.reason, answered.ttl, answered.tag
        self.rtt_s[row], self.by[row] = answered.rtt_s, answered.by
        self._told = self.verdict.copy()

    def tally(self, *verdicts: int, since: int = 0) -> Tally:
        """How many rows have one of these verdicts, and how many questions from round `since` on it took."""
        key = (*verdicts, since)
        if key not in self._tallies:
            wanted = np.zeros(Verdict.OPEN + 1, bool)
            wanted[list(verdicts)] = True
            rows = wanted[self.verdict]
            tags = self.tag[rows & (self.tag >= since)]
            self._tallies[key] = Tally(int(np.count_nonzero(rows)), int(tags.sum(dtype=np.int64)) + len(tags) * (1 - since), len(tags))
        return self._tallies[key]

    def first_two(self) -> tuple[int, int]:
        """How many rows answered when asked first, and when asked for the second time: open ones where they are enough, else closed ones."""
        for verdict in (Verdict.OPEN, Verdict.CLOSED):
            tags = self.tag[self.verdict == verdict]
            if len(tags) >= _ENOUGH:
                break
        return int((tags == 0).sum()), int((tags == 1).sum())
