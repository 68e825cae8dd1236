"""Where an engine stands, as a few numbers, and what its block has answered: enough for another engine, in another process, to go on from there. Pure."""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.scan import Basis, Doubt
from portulan.scan.merge import WEAKNESS
from portulan.scan.order import mix
from portulan.scan.stopping import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from portulan.scan.order import Key
    from portulan.scan.pace import Pace, RoundTrip

    Rows = NDArray[np.int64]

_MASK_64 = (1 << 64) - 1
_STEP = 0x9FB2_1C65_1E98_DF25


class Standing(Record):
    """All but the rows of the block."""

    begin: int
    """The first place of the block in the shard's order."""
    round: int
    next: int
    """The first row of this round's order that must be asked in it; -1: none. What was asked too short a time ago for its answer to be here counts as not asked."""
    spent_s: float
    patience_s: float
    held_since: int | None
    asked_first: bool
    controls: tuple[tuple[int, int], ...]
    """(asked, answered) of open and of closed controls of this block."""
    before: tuple[tuple[int, int], ...]
    """(asked, answered) of open and of closed ones in the blocks before, as far as they count."""
    total: tuple[tuple[int, int, int], ...]
    """(answering, asked, answered) of open and of closed ones in all finished blocks."""
    counts: dict[str, int]
    undecided: int
    doubts: tuple[Doubt, ...]
    stop: Stop | None
    """All finished blocks as one."""
    rate: float
    limited: bool
    slowed: int
    trip: tuple[float, float, float, float, int]


class Answered(Record):
    """Rows of a block that have answered: columns of one length."""

    row: Rows
    verdict: NDArray[np.uint8]
    reason: NDArray[np.uint8]
    ttl: NDArray[np.uint8]
    tag: NDArray[np.uint8]
    rtt_s: NDArray[np.float32]
    by: NDArray[np.uint16]


def in_order(rows: Rows, key: Key, begin: int, number: int) -> Rows:
    """Rows of the block at `begin` in the order in which round `number` asks them. Any two stand in the same order whatever others there are."""
    if not number:
        return rows
    mixed = mix(rows.astype(np.uint64), (key[0] ^ begin, (key[1] + number * _STEP) & _MASK_64))
    return rows[np.argsort(mixed)]


def as_one(stops: Sequence[Stop]) -> Stop | None:
    """Several ends of blocks as one, that leads to the same certainty."""
    if not stops:
        return None
    times = [stop.undecided_s for stop in stops if stop.undecided_s is not None]
    basis: Basis = max((stop.basis for stop in stops), key=WEAKNESS.index)
    return Stop(basis, sum(stop.missed for stop in stops), undecided_s=sum(times) if times else None)


def recall_pace(standing: Standing, pace: Pace, trip: RoundTrip) -> None:
    """Give the pace and the round trip of a new engine what the old one had learnt."""
    trip.smooth_s, trip.spread_s, trip.tail_s, trip.least_s, trip.count = standing.trip
    pace.rate = min(pace.most, standing.rate)
    pace.limited, pace.slowed = standing.limited, standing.slowed
    if standing.held_since is not None:
        pace.hold(standing.rate)
