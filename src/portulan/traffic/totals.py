"""What went through each door, from and to each host, in each stretch of time: sums over the table of flows."""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.traffic import PROTOCOLS
from portulan.traffic.flows import Flows
from portulan.traffic.fold import grouped
from portulan.traffic.gather import distinct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from portulan.traffic.gather import I8
    from portulan.traffic.table import Times

SYN_SEEN, SYN_ACK_SEEN = 1, 2
_FIRST_USER_PORT = 1024
"""RFC 6335 6: system ports are below."""
_COUNTED = 1 << 21
"""Numbers below are told apart by a table, not by sorting them."""


class Doors(Record):
    """By port of the answering side, most bytes first; columns of one length."""

    transport: I8
    port: I8
    packets: I8
    bytes: I8
    flows: I8
    forward_bytes: I8
    """From whom opened."""
    reverse_bytes: I8
    door: I8
    """Of each flow: which of these."""
    protocol: NDArray[np.uint8]
    """Of each flow: what it is (`model.traffic.PROTOCOLS`)."""


class Hosts(Record):
    """By address, most bytes first."""

    address: NDArray[np.void]
    packets: I8
    bytes: I8
    sent_bytes: I8
    flows: I8
    ports: I8


def answers_at_source(flows: Flows) -> NDArray[np.bool_]:
    """Whether the earliest packet of a flow came from the side that answers: then the capture began in the middle of it.

    A SYN settles it. Where none was seen: a system port (RFC 6335) at the source and none at the destination.
    """
    there, back = flows.forward.opened, flows.reverse.opened
    opened = (there & SYN_SEEN > 0) | (back & SYN_ACK_SEEN > 0)
    answered = (there & SYN_ACK_SEEN > 0) | (back & SYN_SEEN > 0)
    likely = (flows.source_port < _FIRST_USER_PORT) & (flows.destination_port >= _FIRST_USER_PORT)
    return ~opened & (answered | likely)


def doors_of(flows: Flows) -> I8:
    """Of each flow, transport << 16 | port of the answering side."""
    port = np.where(answers_at_source(flows), flows.source_port, flows.destination_port)
    door: I8 = flows.transport.astype(np.int64) << 16 | port
    return door


def protocols_of(flows: Flows) -> NDArray[np.uint8]:
    """What each flow is: by what its initiator said first, else by what the other side did."""
    return np.where(flows.forward.protocol > 0, flows.forward.protocol, flows.reverse.protocol)


def doors(flows: Flows) -> Doors:
    """Sums by door."""
    found, index = _numbered(doors_of(flows))
    turned = answers_at_source(flows)
    forward, reverse = flows.forward.bytes, flows.reverse.bytes
    from_opener, to_opener = np.where(turned, reverse, forward), np.where(turned, forward, reverse)
    packets, there, back = (
        _sums(index, column, len(found)) for column in (flows.forward.packets + flows.reverse.packets, from_opener, to_opener)
    )
    count = np.bincount(index, minlength=len(found))
    order = np.lexsort((found, -(there + back)))
    place = np.empty(len(found), np.int64)
    place[order] = np.arange(len(found))
    return Doors(
        found[order] >> 16, found[order] & 0xFFFF, packets[order], (there + back)[order], count[order], there[order], back[order],
        place[index], protocols_of(flows),
    )  # fmt: skip


def protocols_by_door(table: Doors) -> dict[int, dict[str, int]]:
    """By number of the door: flows of each protocol that was recognised."""
    pair, count = np.unique(table.door << 8 | table.protocol, return_counts=True)
    found: dict[int, dict[str, int]] = {}
    for both, flows in zip(pair.tolist(), count.tolist(), strict=True):
        if both & 255:
            found.setdefault(both >> 8, {})[PROTOCOLS[both & 255]] = flows
    return found


def hosts(flows: Flows, most: int) -> Hosts:
    """Sums by address, either end, of those with the most bytes. A host that speaks to itself counts once."""
    door = doors_of(flows)
    other = flows.source != flows.destination
    both = flows.forward.bytes + flows.reverse.bytes
    packets = flows.forward.packets + flows.reverse.packets
    address = np.concatenate((flows.source, flows.destination[other]))
    keys = _words(address)
    if not len(address):
        none = np.zeros(0, np.int64)
        return Hosts(address, none, none, none, none, none)
    order, begin = grouped(keys)
    sent = np.concatenate((np.where(other, flows.forward.bytes, both), flows.reverse.bytes[other]))
    packets, all_bytes, sent = (
        np.add.reduceat(column[order], begin)
        for column in (np.concatenate((packets, packets[other])), np.concatenate((both, both[other])), sent)
    )
    number = np.empty(len(order), np.int64)
    number[order] = np.repeat(np.arange(len(begin)), np.diff(begin, append=len(order)))
    seen = distinct(number << 24 | np.concatenate((door, door[other]))) >> 24
    where = _among(all_bytes, most)
    row = order[begin[where]]
    ranked = np.lexsort((*reversed([word[row].byteswap() for word in keys]), -all_bytes[where]))[:most]
    where, row = where[ranked], row[ranked]
    return Hosts(
        address[row], packets[where], all_bytes[where], sent[where], np.diff(begin, append=len(order))[where],
        np.bincount(seen, minlength=len(begin))[where],
    )  # fmt: skip


def _words(address: NDArray[np.void]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    pairs = np.ascontiguousarray(address).view(np.uint64).reshape(-1, 2)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def by_time(times: Times, table: Doors, most: int) -> tuple[I8, I8, I8, I8]:
    """(begin of the stretch, door, packets, bytes), in order of time, then doors. Doors beyond the `most` largest count as -1 - transport."""
    door = table.door[times.flow]
    if not len(door):
        return door, door, door, door
    door = np.where(door < most, door, -1 - table.transport[door])
    stretch = times.begin_ns // times.width_ns
    timed = stretch > 0
    first = int(stretch[timed].min()) if timed.any() else 1
    kinds = most + 257  # those doors, and transports
    found, index = _numbered(np.where(timed, stretch - first + 1, 0) * kinds + np.where(door < 0, most - door, door))
    stretch, door = np.divmod(found, kinds)
    begin = np.where(stretch > 0, (stretch - 1 + first) * times.width_ns, 0)
    return begin, np.where(door > most, most - door, door), _sums(index, times.packets, len(found)), _sums(index, times.bytes, len(found))


def largest(flows: Flows, most: int) -> I8:
    """The flows with the most bytes; of equal ones the earliest first."""
    total = flows.forward.bytes + flows.reverse.bytes
    among = _among(total, most)
    return among[np.argsort(-total[among], kind="stable")[:most]]


def _among(total: I8, most: int) -> I8:
    """Where the `most` largest ones are, and all that equal the least of them."""
    if len(total) <= 4 * most:
        return np.arange(len(total))
    enough = np.partition(total, len(total) - most)[len(total) - most] if most else np.iinfo(np.int64).max
    return np.flatnonzero(total >= enough)


def with_ports(flows: Flows, wanted: Collection[tuple[int | None, int, int]]) -> I8:
    """The flows of which either end has one of these ports: (transport or None, first, last)."""
    keep = np.zeros(len(flows.transport), bool)
    for transport, first, last in wanted:
        alike = ((flows.source_port >= first) & (flows.source_port <= last)) | (
            (flows.destination_port >= first) & (flows.destination_port <= last)
        )
        keep |= alike if transport is None else alike & (flows.transport == transport)
    return np.flatnonzero(keep)


def _numbered(values: I8) -> tuple[I8, I8]:
    """The different numbers from 0 up, ascending, and of each value which of them it is."""
    top = int(values.max(initial=0)) + 1
    if top > _COUNTED:
        found, index = np.unique(values, return_inverse=True)
        return found, index
    there = np.zeros(top, bool)
    there[values] = True
    found = np.flatnonzero(there)
    number = np.empty(top, np.int64)
    number[found] = np.arange(len(found))
    return found, number.take(values)


def _sums(index: I8, values: I8, count: int) -> I8:
    """Exact sums by index."""
    found = np.zeros(count, np.int64)
    np.add.at(found, index, values)
    return found
