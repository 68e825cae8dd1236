"""From answers to states: what a block's pairs are, when no more will be asked. Pure.

Who answered is told by distance: the hops a packet has taken follow from the time to live it arrives with, as hosts begin with 64, 128 or 255. A reset from
nearer than the host's own resets and open ports was sent by a box on the way: the port is filtered. Where all refusals come from nearer than the open ports,
either a box refuses in the host's place or the open ports are forwarded to another machine: that cannot be told from here.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.scan import REASONS, STATES, Doubt, Reason, State, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.scan.block import Block
    from portulan.scan.space import Space

_STATE = {state: number for number, state in enumerate(STATES)}
_REASON = {reason: number for number, reason in enumerate(REASONS)}
_BEGINNINGS = (64, 128, 255)
_MANY_OPEN = 100
_UNKNOWN = 255


class States(Record):
    """The end of a block."""

    state: NDArray[np.uint8]
    reason: NDArray[np.uint8]
    doubts: set[Doubt]


def final_states(space: Space, block: Block, *, datagrams: bool, limited: bool, undecided: bool) -> States:
    """The state of each row. `undecided`: silent ones may be closed as well as filtered; `limited`: because the target limits its refusals."""
    table = np.zeros(5, np.uint8)
    silent = State.OPEN_FILTERED if datagrams else State.CLOSED_FILTERED if undecided else State.FILTERED
    for verdict, each in (
        (Verdict.NONE, silent), (Verdict.UNREACHABLE, State.FILTERED), (Verdict.CLOSED, State.CLOSED), (Verdict.PROXIED, State.UNFILTERED),
        (Verdict.OPEN, State.OPEN),
    ):  # fmt: skip
        table[verdict] = _STATE[each]
    state: NDArray[np.uint8] = table[block.verdict]
    reason = block.reason.copy()
    nobody = block.verdict == Verdict.NONE
    reason[nobody] = _REASON[Reason.RATE_LIMITED if limited and (undecided or datagrams) else Reason.NONE]
    doubts: set[Doubt] = set()
    if not datagrams:
        _find_forged(space, block, state, reason, doubts)
    for why, doubt in ((Reason.SYN_PROXY, Doubt.SYN_PROXY), (Reason.TARPIT, Doubt.TARPIT)):
        if (reason[block.verdict == Verdict.PROXIED] == _REASON[why]).any():
            doubts.add(doubt)
    opened = int((block.verdict == Verdict.OPEN).sum())
    if opened > _MANY_OPEN and 2 * opened > block.size and space.hosts * 4 < block.size:
        doubts.add(Doubt.EVERYTHING_OPEN)
    if datagrams and nobody.any():
        doubts.add(Doubt.SILENT_SERVICES)
    return States(state, reason, doubts)


def hops(ttl: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How many routers packets with this time to live have passed; 255: unknown (0)."""
    table = np.full(256, _UNKNOWN, np.uint8)
    for beginning in reversed(_BEGINNINGS):
        table[1 : beginning + 1] = beginning - np.arange(1, beginning + 1)
    return table[ttl]


def _find_forged(space: Space, block: Block, state: NDArray[np.uint8], reason: NDArray[np.uint8], doubts: set[Doubt]) -> None:
    """Mark the resets that a box on the way sent."""
    closed = np.flatnonzero(block.verdict == Verdict.CLOSED)
    if not len(closed):
        return
    distance = hops(block.ttl)
    told = np.flatnonzero((block.verdict >= Verdict.CLOSED) & (distance != _UNKNOWN))
    if not len(told) or distance[told].min() == distance[told].max():
        return  # as nearly always: one distance, nothing to tell apart
    hosts, place = np.unique(space.split(block.pairs[told])[0], return_inverse=True)
    count = len(hosts)
    refuses = block.verdict[told] == Verdict.CLOSED
    farthest_open, farthest_closed, nearest_closed = np.full(count, -1), np.full(count, -1), np.full(count, 999)
    far = distance[told].astype(np.int64)
    np.maximum.at(farthest_open, place[~refuses], far[~refuses])
    np.maximum.at(farthest_closed, place[refuses], far[refuses])
    np.minimum.at(nearest_closed, place[refuses], far[refuses])
    # The host itself refuses some port from its own distance, so what refuses from nearer is somebody else.
    own = (farthest_closed >= farthest_open) & (nearest_closed < farthest_closed)
    forged = told[refuses & own[place] & (far < farthest_closed[place])]
    state[forged], reason[forged] = _STATE[State.FILTERED], _REASON[Reason.FORGED_RESET]
    if len(forged) or ((farthest_closed >= 0) & (farthest_open > farthest_closed)).any():
        doubts.add(Doubt.FORGED_RESETS)
