"""How many ports of a block may still be missed. Pure."""

from __future__ import annotations

import numpy as np

from portulan.scan.estimate import missed_at_most, missed_by_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.scan.block import Block
    from portulan.scan.estimate import Tally
    from portulan.scan.space import Space

_MOST_HOSTS = 4_096
"""Addresses told apart when loss is judged; with more of them in a block each has too few ports to say anything."""


def missed_of(space: Space, block: Block, verdicts: tuple[int, ...], tally: Tally, loss: float, times: int, came: int) -> float:
    """The expected number of silent rows that have one of these verdicts in truth, address by address where there are not too many.

    Never fewer than those that `came` only in the last round: a round that still brings something shows that the loss is not what it seems.
    """
    if space.hosts == 1 or space.hosts > _MOST_HOSTS or not tally.answering:
        return max(float(came), missed_at_most(tally.answering, loss, times))
    rows = np.flatnonzero(np.isin(block.verdict, verdicts))
    hosts, _ = space.split(block.pairs[rows])
    answering = np.bincount(hosts, minlength=space.hosts)
    asked = np.bincount(hosts, block.tag[rows] + 1.0, space.hosts).astype(np.int64)
    return max(float(came), missed_by_host(answering, asked, tally, loss, times))
