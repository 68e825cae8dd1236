"""Directions -> flows (RFC 5103): the initiator is who sent the earliest packet by time, then place; of two at one time and place, the lesser address and port."""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.traffic.flows import Flows, Way
from portulan.traffic.fold import Rows, grouped
from portulan.traffic.keys import addresses_of, both_ways, ends_of, ports_of, transports_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from portulan.traffic.gather import I8


class Pairs(Record):
    """Which rows are a flow."""

    forward: I8
    reverse: I8
    """-1: nothing went that way."""


def paired(rows: Rows) -> Pairs:
    """One for each flow, in no order. Rows of quoted packets alone are none."""
    seen = np.flatnonzero(rows.packets > 0)
    if not len(seen):
        return Pairs(seen, seen)
    keys = tuple(word[seen] for word in rows.keys)
    order, begin = grouped(both_ways(keys))
    one = seen[order[begin]]
    other = seen[order[np.append(begin[1:], len(order)) - 1]]  # of at most two
    earlier = rows.first_ns[other] < rows.first_ns[one]
    tie = rows.first_ns[other] == rows.first_ns[one]
    earlier |= tie & (rows.place[other] < rows.place[one])
    tie &= (rows.place[other] == rows.place[one]) & (one != other)
    if tie.any():
        earlier[tie] = _lesser(rows, other[tie], one[tie])
    forward, reverse = np.where(earlier, other, one), np.where(earlier, one, other)
    return Pairs(forward, np.where(forward == reverse, -1, reverse))


def _lesser(rows: Rows, these: I8, those: I8) -> NDArray[np.bool_]:
    """Whether the source of the first is the lesser one, by address, then port."""
    ends = [(addresses_of(ends_of(part)[0]), ports_of(part)[0]) for part in (_keys(rows, these), _keys(rows, those))]
    found = [
        (mine.tobytes(), mine_port) < (theirs.tobytes(), theirs_port)
        for mine, mine_port, theirs, theirs_port in zip(ends[0][0], ends[0][1].tolist(), ends[1][0], ends[1][1].tolist(), strict=True)
    ]
    return np.array(found, bool)


def _keys(rows: Rows, index: I8) -> tuple[NDArray[np.uint64], ...]:
    return tuple(word[index] for word in rows.keys)


def way(rows: Rows, index: I8) -> Way:
    """The columns of one direction; -1: zeros."""
    there = index >= 0
    none = not there.all()

    def column(values: Any) -> Any:
        taken = values[index]
        if none:
            taken[~there] = 0
        return taken

    marks = column(rows.marks)
    return Way(
        packets=column(rows.packets), bytes=column(rows.bytes), first_ns=column(rows.first_ns), last_ns=column(rows.last_ns), payload=column(rows.payload),
        flags=marks.astype(np.uint8), opened=(marks >> 8).astype(np.uint8), protocol=column(rows.protocol),
    )  # fmt: skip


def flows_of(tables: Sequence[Rows], pairs: Sequence[Pairs]) -> tuple[Flows, I8]:
    """All flows, sorted; and of each where it was: number in the pairs of the first table, then of the second, ….

    Equal times and places are of different captures, or of none: addresses and ports decide.
    """
    when, place = (
        np.concatenate([getattr(rows, name)[pair.forward] for rows, pair in zip(tables, pairs, strict=True)])
        for name in ("first_ns", "place")
    )
    order = np.lexsort((place, when))
    parts: list[tuple[I8, Flows]] = []
    begin = 0
    for rows, pair in zip(tables, pairs, strict=True):
        mine = np.flatnonzero((order >= begin) & (order < begin + len(pair.forward)))
        own = order[mine] - begin
        parts.append((mine, _flows(rows, Pairs(pair.forward[own], pair.reverse[own]))))
        begin += len(pair.forward)
    flows = _merged(parts, len(order))
    settled = _settled(flows)
    if settled is None:
        return flows, order
    return picked(flows, settled), order[settled]


def _settled(flows: Flows) -> I8 | None:
    """The order in which runs of one time and place are sorted by addresses, ports and transport; None: as it is."""
    when, where = flows.forward.first_ns, flows.place
    same = (when[1:] == when[:-1]) & (where[1:] == where[:-1])
    if not same.any():
        return None
    order = np.arange(len(when))
    at = np.flatnonzero(same)
    begins = at[np.append(True, np.diff(at) > 1)].tolist()
    ends = at[np.append(np.diff(at) > 1, True)].tolist()
    for begin, last in zip(begins, ends, strict=True):
        run = list(range(begin, last + 2))
        run.sort(
            key=lambda flow: (
                flows.source[flow].tobytes(), flows.destination[flow].tobytes(), int(flows.source_port[flow]), int(flows.destination_port[flow]),
                int(flows.transport[flow]),
            )
        )  # fmt: skip
        order[begin : last + 2] = run
    return order


def _flows(rows: Rows, pairs: Pairs) -> Flows:
    keys = _keys(rows, pairs.forward)
    here, there = ends_of(keys)
    source_port, destination_port = ports_of(keys)
    return Flows(
        source=addresses_of(here), destination=addresses_of(there), transport=transports_of(keys),
        source_port=source_port, destination_port=destination_port, place=rows.place[pairs.forward],
        forward=way(rows, pairs.forward), reverse=way(rows, pairs.reverse), refused=(rows.marks[pairs.forward] >> 16).astype(np.uint8),
    )  # fmt: skip


def _merged(parts: Sequence[tuple[I8, Flows]], count: int) -> Flows:
    """One table of so many flows, of parts with the places that theirs have in it."""
    filled = [part for part in parts if len(part[0])] or parts[:1]
    if len(filled) == 1:
        return filled[0][1]

    def column(name: str, way: str | None) -> Any:
        columns = [(where, getattr(flows if way is None else getattr(flows, way), name)) for where, flows in filled]
        whole = np.empty(count, columns[0][1].dtype)
        for where, values in columns:
            whole[where] = values
        return whole

    ways = (Way(*(column(name, way) for name in Way._fields)) for way in ("forward", "reverse"))
    columns = {name: column(name, None) for name in Flows._fields if name not in {"forward", "reverse"}}
    return Flows(forward=next(ways), reverse=next(ways), **columns)


def picked(flows: Flows, index: I8 | NDArray[np.bool_]) -> Flows:
    """Some of them, in this order."""

    def some(way: Way) -> Way:
        columns: list[Any] = [column[index] for column in way]
        return Way(*columns)

    columns: dict[str, Any] = {name: getattr(flows, name)[index] for name in Flows._fields if name not in {"forward", "reverse"}}
    return Flows(forward=some(flows.forward), reverse=some(flows.reverse), **columns)
