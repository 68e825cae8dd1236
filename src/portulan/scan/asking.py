"""The words between the engine of a scan and whoever drives it: what to send, when to wait, what happened so far. Pure."""

from __future__ import annotations

from portulan.model.record import Record
from portulan.model.scan import Answers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]


class Ask(Record):
    """Send these now."""

    pairs: NDArray[np.int64]
    tag: int
    rows: Rows
    control: bool = False


class Rest(Record):
    """Nothing to send before `until`, but for answers that come."""

    until: float


class Counts:
    """What happened so far, for progress and the report."""

    def __init__(self) -> None:
        self.sent = self.answers = self.duplicates = self.late = self.rounds = 0
        self.done = self.found = 0
        """Pairs of finished blocks, and open ones among all."""


def select(answers: Answers, which: NDArray[np.bool_] | NDArray[np.intp]) -> Answers:
    """Some of them, or all in another order."""
    pair, tag, verdict, reason, ttl, at, by = answers
    return Answers(pair[which], tag[which], verdict[which], reason[which], ttl[which], at[which], by[which])
