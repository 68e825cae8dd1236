"""Many rows -> one row for each direction of each flow.

Every operation is associative and does not mind the order of its rows, so that windows, pieces
and workers may be put together in any way.

Rows with the same key are found by sorting a hash with the row's number below it, in one number of 8 bytes; neighbours with equal hashes must
have equal keys, else those rows are sorted by the keys themselves: the answer never hangs on the hash.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.traffic.keys import KEY_BITS, STRETCH_AT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from portulan.traffic.gather import I8, U8
    from portulan.traffic.keys import Keys

    Later = tuple[Keys, I8, I8, I8]

_U = np.uint64
_MIX = tuple(
    map(
        _U,
        (
            0x9E3779B97F4A7C15,
            0xC2B2AE3D27D4EB4F,
            0x165667B19E3779F9,
            0xD6E8FEB86659FD93,
            0xA0761D6478BD642F,
            0xE7037ED1A0B428DB,
            0x8EBC6AF09C88C6E3,
        ),
    )
)
HASH_BITS = _U(0xFFFFFFFFFFFFFFFF)
"""Tests weaken the hash with this."""
_BELOW = _U(26)
"""Bits of a hash by which `grouped` does not sort where there are fewer rows than 2 ** 26."""
LATEST = np.iinfo(np.int64).max
REFUSED_AT = 16
"""In `Rows.marks`: flags, above them what they open, above those what ICMP said (`Way.flags`, `Way.opened`, `Flows.refused`)."""


class Rows(Record):
    """Directions of flows, as columns."""

    keys: Keys
    packets: I8
    bytes: I8
    payload: I8
    first_ns: I8
    last_ns: I8
    place: I8
    """Of the earliest packet by (time, place)."""
    marks: NDArray[np.uint32]
    said_ns: I8
    """Time and place of the earliest packet with payload; LATEST: none."""
    said_place: I8
    protocol: NDArray[np.uint8]
    """What that payload is."""
    head_packets: I8
    """Of those packets, the ones in the stretch of time of the earliest packet (`stretches.py`)."""
    head_bytes: I8


def no_rows(words: int) -> Rows:
    """An empty table."""
    none = np.zeros(0, np.int64)
    keys = (np.zeros(0, np.uint64),) * words
    return Rows(keys, none, none, none, none, none, none, np.zeros(0, np.uint32), none, none, np.zeros(0, np.uint8), none, none)


def mixed(keys: Sequence[U8]) -> U8:
    """A hash of each key, by itself alone."""
    found = keys[0] * _MIX[0]
    found ^= found >> _U(32)
    for word, factor in zip(keys[1:], _MIX[1:], strict=False):
        found ^= word
        found *= factor
        found ^= found >> _U(32)
    found *= _MIX[-1]
    return found


def grouped(keys: Sequence[U8]) -> tuple[I8, I8]:
    """(order, where each group begins in it): rows with equal keys side by side, earlier rows first. There must be at least one row."""
    count = len(keys[0])
    bits = _U(count.bit_length())
    low = (_U(1) << bits) - _U(1)
    hashed = mixed(keys)
    hashed &= HASH_BITS & ~low
    hashed |= np.arange(count, dtype=np.uint64)
    hashed.sort()
    order = (hashed & low).view(np.int64)
    hashed >>= bits
    same = hashed[1:] == hashed[:-1]
    differ = _differ(keys, order)
    clash = same & differ
    if clash.any():
        _part(keys, order, same, clash)
        differ = _differ(keys, order)
    return order, np.append(0, np.flatnonzero(differ) + 1)


def _part(keys: Sequence[U8], order: I8, same: NDArray[np.bool_], clash: NDArray[np.bool_]) -> None:
    """Sort by the keys themselves where keys of one hash differ: those runs alone, in place."""
    run = np.append(0, np.cumsum(~same))
    mixed_up = np.zeros(int(run[-1]) + 1, bool)
    mixed_up[run[1:][clash]] = True
    at = np.flatnonzero(mixed_up[run])
    rows = order[at]
    order[at] = rows[np.lexsort((*(word.take(rows) for word in keys), run[at]))]


def found(keys: Sequence[U8], wanted: Sequence[U8]) -> I8:
    """Of each wanted key which of the others it is, -1: none of them; these must all be different. Neither may be empty.

    Keys come out of a fold in the order of their hashes: then they need not be sorted again.
    """
    hashed, wanted_hash = mixed(keys) >> _BELOW, mixed(wanted) >> _BELOW
    if bool((hashed[1:] >= hashed[:-1]).all()):
        at = np.minimum(np.searchsorted(hashed, wanted_hash), len(hashed) - 1)
        equal = np.ones(len(at), bool)
        for word, mine in zip(keys, wanted, strict=True):
            equal &= word.take(at) == mine
        if not (~equal & (hashed.take(at) == wanted_hash)).any():  # else it may be the next one of that hash
            return np.where(equal, at, -1)
    order, begin = grouped([np.concatenate(pair) for pair in zip(keys, wanted, strict=True)])
    head = np.repeat(order[begin], np.diff(begin, append=len(order)))  # the known one stands before
    answer = np.empty(len(order), np.int64)
    answer[order] = np.where(head < len(hashed), head, -1)
    return answer[len(hashed) :]


def _differ(keys: Sequence[U8], order: I8) -> NDArray[np.bool_]:
    """Whether each key in this order is another than the one before it."""
    differ = np.zeros(len(order) - 1, bool)
    for word in keys:
        sorted_word = word.take(order)
        differ |= sorted_word[1:] != sorted_word[:-1]
    return differ


def fold_packets(keys: Keys, bytes_: I8, payload: I8, time_ns: I8, place: I8, marks: NDArray[np.uint16]) -> tuple[Rows, I8]:
    """Packets in the order of their places -> (rows, the earliest packet with payload of each row, -1: none). `protocol` is left 0."""
    order, begin = grouped(keys)
    size = np.diff(begin, append=len(order))
    head, last_row = order[begin], begin + size - 1
    time_in_order = bool((time_ns[1:] >= time_ns[:-1]).all())
    if time_in_order:
        first, last = head, order[last_row]
        first_ns, last_ns = time_ns[first], time_ns[last]
    else:
        sorted_ns = time_ns.take(order)
        first_ns, last_ns = np.minimum.reduceat(sorted_ns, begin), np.maximum.reduceat(sorted_ns, begin)
        first = order[_first_where(sorted_ns == np.repeat(first_ns, size), begin)]
    sorted_payload = payload.take(order)
    says = sorted_payload > 0
    if time_in_order:
        told = _first_where(says, begin)
    else:
        when = np.where(says, sorted_ns, LATEST)
        told = _first_where(says & (when == np.repeat(np.minimum.reduceat(when, begin), size)), begin)
    speaker = np.where(told < LATEST, order[np.minimum(told, len(order) - 1)], -1)
    spoke = speaker >= 0
    total = sums(bytes_.take(order), last_row)
    rows = Rows(
        keys=tuple(word.take(head) for word in keys),
        packets=size,
        bytes=total,
        payload=sums(sorted_payload, last_row),
        first_ns=first_ns,
        last_ns=last_ns,
        place=place[first],
        marks=np.bitwise_or.reduceat(marks.take(order), begin).astype(np.uint32),
        said_ns=np.where(spoke, time_ns[speaker], LATEST),
        said_place=np.where(spoke, place[speaker], LATEST),
        protocol=np.zeros(len(begin), np.uint8),
        head_packets=size,
        head_bytes=total,
    )
    return rows, speaker


def sums(values: I8, last: I8) -> I8:
    """Of groups that follow one another, by where each ends: exact, since numbers that run over come back. Twice as fast as `reduceat`."""
    total = values.cumsum().take(last)
    total[1:] -= total[:-1].copy()
    return total


def _first_where(wanted: NDArray[np.bool_], begin: I8) -> I8:
    """Of each group, where the first wanted one stands in the sorted rows; LATEST: none."""
    at = np.flatnonzero(wanted)
    index = np.searchsorted(at, begin)
    found = np.append(at, LATEST)[index]
    return np.where(found < np.append(begin[1:], len(wanted)), found, LATEST)


def fold_rows(parts: list[Rows], stretch_ns: int) -> tuple[Rows, Later | None]:
    """Rows -> one of each key, and what falls into other stretches of time than that of its first packet: (keys, stretch, packets, bytes).

    The list is emptied, so that columns which nobody else holds are given back as they are done with: at the cap, tables are large.
    """
    if len(parts) == 1 and len(parts[0].place) < 2:
        return parts.pop(), None
    stack = {name: [getattr(part, name) for part in parts] for name in Rows._fields}
    parts.clear()

    def column(name: str) -> Any:
        """All rows of one column, sorted."""
        held = stack.pop(name)
        return (held[0] if len(held) == 1 else np.concatenate(held)).take(order)

    words = [words[0] if len(words) == 1 else np.concatenate(words) for words in zip(*stack.pop("keys"), strict=True)]
    order, begin = grouped(words)
    head = order[begin]
    size = np.diff(begin, append=len(order))
    first_of_each = column("first_ns")
    first, place = _least((first_of_each, column("place")), begin, size)
    stretch = first_of_each // stretch_ns
    packets, bytes_ = column("head_packets"), column("head_bytes")
    at = np.flatnonzero((stretch > np.repeat(first // stretch_ns, size)) & (packets > 0))
    later = None
    if len(at):
        later = tuple(word.take(order[at]) for word in words), stretch[at], packets[at], bytes_[at]
        packets[at] = bytes_[at] = 0
    last_row = begin + size - 1
    head_packets, head_bytes = sums(packets, last_row), sums(bytes_, last_row)
    keys = tuple(word.take(head) for word in words)
    del words, packets, bytes_, stretch, first_of_each
    said, said_place, protocol = _least((column("said_ns"), column("said_place"), column("protocol")), begin, size)
    folded = Rows(
        keys=keys,
        packets=sums(column("packets"), last_row),
        bytes=sums(column("bytes"), last_row),
        payload=sums(column("payload"), last_row),
        first_ns=first,
        last_ns=np.maximum.reduceat(column("last_ns"), begin),
        place=place,
        marks=np.bitwise_or.reduceat(column("marks"), begin),
        said_ns=said,
        said_place=said_place,
        protocol=protocol,
        head_packets=head_packets,
        head_bytes=head_bytes,
    )
    return folded, later


def _least(columns: Sequence[Any], begin: I8, size: I8) -> list[Any]:
    """Of each group the least tuple of these columns."""
    values, *others = columns
    least = np.minimum.reduceat(values, begin)
    if not others:
        return [least]
    equal = values == np.repeat(least, size)
    at = np.flatnonzero(equal)
    if len(at) == len(begin):
        return [least, *(column[at] for column in others)]
    size = np.add.reduceat(equal, begin, dtype=np.int64)
    return [least, *_least([column[at] for column in others], np.cumsum(size) - size, size)]


def with_stretch(keys: Keys, number: I8) -> Keys:
    """Keys that tell stretches of time apart too: numbers of at most 13 bits."""
    return (*keys[:-1], keys[-1] | number.view(np.uint64) << STRETCH_AT)


def without_stretch(keys: Keys) -> Keys:
    """The flow's own key."""
    return (*keys[:-1], keys[-1] & KEY_BITS)


def chosen(held: list[Rows], index: I8 | NDArray[np.bool_]) -> Rows:
    """Some rows of the one table in the list. The list is emptied, as by `fold_rows`: of each column only one is there twice at a time."""
    rows = held.pop()
    words = len(rows.keys)
    columns: list[Any] = [*rows.keys, *rows[1:]]
    del rows
    for at in range(len(columns)):
        columns[at] = columns[at][index]
    return Rows(tuple(columns[:words]), *columns[words:])
