"""Stretches of time: how wide they are, and what flows did in each but their first one, which stands with the flow itself.

Widths are nested: each is a multiple of the one before it, and stretches begin at multiples of their width since 1970. So what was counted in narrow
ones can be put together in wide ones exactly, and the width that is used in the end depends on the packets alone: the narrowest in which the
capture has few enough stretches, and its flows few enough rows.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.traffic.fold import Rows, grouped, sums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.traffic.gather import I8
    from portulan.traffic.keys import Keys

    Later = tuple[Keys, I8, I8, I8]

SECOND_NS = 1_000_000_000
_NAMED_NS = tuple(
    unit * number
    for unit, numbers in (
        (1_000_000, (1, 2, 10, 20, 100, 200)),
        (SECOND_NS, (1, 2, 10, 20, 60, 120, 600, 1200, 3600, 7200, 21_600, 43_200, 86_400, 604_800)),
    )
    for number in numbers
)
MOST_AUTO = 120
"""Stretches of a capture where nobody asked for a width."""
MOST_ASKED = 8_000
"""Where somebody did: beyond, they are doubled. Must fit into the 13 bits that keys have for them."""
MOST_ROWS = 1 << 19
"""What flows did after their first stretch: rows of a direction and a stretch."""


def next_width(width_ns: int) -> int:
    """The one after it: such as people know, then twice as wide."""
    return next((named for named in _NAMED_NS if named > width_ns and named % width_ns == 0), width_ns * 2)


NARROWEST_NS = _NAMED_NS[0]


class Spread(Record):
    """What directions of flows did in stretches of time."""

    keys: Keys
    stretch: I8
    packets: I8
    bytes: I8


def no_spread(words: int) -> Spread:
    """Nothing."""
    none = np.zeros(0, np.int64)
    return Spread((np.zeros(0, np.uint64),) * words, none, none, none)


def add_up(parts: Sequence[Spread | Later]) -> Spread:
    """One row for each direction and stretch."""
    keys = tuple(np.concatenate(words) for words in zip(*(part[0] for part in parts), strict=True))
    stretch, packets, bytes_ = (np.concatenate([part[at] for part in parts]) for at in (1, 2, 3))
    if len(stretch) < 2:
        return Spread(keys, stretch, packets, bytes_)
    order, begin = grouped((*keys, stretch.view(np.uint64)))
    head, last = order[begin], np.append(begin[1:], len(order)) - 1
    return Spread(tuple(word[head] for word in keys), stretch[head], sums(packets.take(order), last), sums(bytes_.take(order), last))


def widen(rows: Rows, spread: Spread, old_ns: int, new_ns: int) -> tuple[Rows, Spread]:
    """Both in wider stretches: what is now within the first one of a flow goes to the flow."""
    if not len(spread.stretch):
        return rows, spread
    spread = add_up([Spread(spread.keys, spread.stretch // (new_ns // old_ns), spread.packets, spread.bytes)])
    stretch = np.concatenate((rows.first_ns // new_ns, spread.stretch))
    keys = tuple(np.concatenate(pair) for pair in zip(rows.keys, spread.keys, strict=True))
    order, begin = grouped((*keys, stretch.view(np.uint64)))
    packets = np.add.reduceat(np.concatenate((rows.head_packets, spread.packets)).take(order), begin)
    bytes_ = np.add.reduceat(np.concatenate((rows.head_bytes, spread.bytes)).take(order), begin)
    head = order[begin]  # of two, the row of the flow: it stands before
    own = head < len(rows.place)
    head_packets, head_bytes = rows.head_packets.copy(), rows.head_bytes.copy()
    head_packets[head[own]], head_bytes[head[own]] = packets[own], bytes_[own]
    rows = rows._replace(head_packets=head_packets, head_bytes=head_bytes)
    kept = head[~own] - len(rows.place)
    return rows, Spread(tuple(word[kept] for word in spread.keys), spread.stretch[kept], packets[~own], bytes_[~own])
