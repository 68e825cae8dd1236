"""From flows to contacts: who turned to which door, and what became of it; and answers that belong to no flow here. Pure.

A row of a table may be part of a flow only, when tables are made tick by tick: what is taken from it here can be joined in any order (least time, or), and joining
the same part twice changes nothing. So the whole capture at once and tick by tick give the same contacts. The one thing a joined row does not tell is whether a reset
came before an answer in the same flow: the answer counts.

Who turned to whom: of TCP the sender of a SYN without ACK, whatever came first; of a row without any SYN, the sender of what no connection has (no flags, FIN, or FIN with PSH
and URG, without ACK), or of lone ACKs (with FIN, too) to a port below its own that nothing but a reset came back for: a stale connection looks like that from its client, a
server's looks the other way round. Of others the first sender.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from portulan.traffic.flows import Flows, Way

    I8 = NDArray[np.int64]
    Bools = NDArray[np.bool_]

NEVER = 1 << 62
"""A time that does not come: after it, nothing is added to times."""
TCP, UDP, DCCP, SCTP = 6, 17, 33, 132
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
OPENS, ACCEPTS, RESETS = 1, 2, 4
_LEAST_INIT_ACK = 24
"""RFC 9260: an INIT ACK has at least 20 bytes and a cookie; an ABORT has four and a cause."""
_TRACEROUTE = 33434, 33534
"""Where traceroute sends datagrams that nobody should answer."""
_SYSTEM = 1024


class Contacts(Record):
    """Who turned to which door."""

    source: NDArray[np.void]
    """V16, as in Flows."""
    destination: NDArray[np.void]
    transport: NDArray[np.uint8]
    port: NDArray[np.uint16]
    source_port: NDArray[np.uint16]
    at_ns: I8
    place: I8
    answer_ns: I8
    """When it was answered; NEVER."""
    refuse_ns: I8
    """When it was refused by a reset; NEVER."""
    icmp: NDArray[np.uint8]
    """As `Flows.refused`: refused, no one knows when."""
    strange: Bools
    """Such as no benign sender makes."""
    closed_ns: I8
    """When the source ended it with a reset; NEVER."""
    spoke: Bools
    """The source sent more than headers."""
    went_on: Bools
    """The source went on as one does who is answered, but no answer is here."""
    doubtful: Bools
    """It may be an answer to something earlier."""

    def take(self, which: I8 | Bools) -> Contacts:
        """Some of them, in that order."""
        columns: list[Any] = [column[which] for column in self]
        return Contacts(*columns)


class Replies(Record):
    """Rows that are answers only: from a door to someone of whom this row has no question."""

    door: NDArray[np.void]
    """The address that answers."""
    port: NDArray[np.uint16]
    to: NDArray[np.void]
    to_port: NDArray[np.uint16]
    transport: NDArray[np.uint8]
    at_ns: I8
    last_ns: I8
    answer: Bools
    """Else a refusal."""
    lone: Bools
    """Nothing else went this way or back: what an answer is like to a packet that was sent in another's name."""


class Sorted(Record):
    """What a table of flows says about contacts."""

    contacts: Contacts
    replies: Replies
    acquainted: Contacts
    """Either side of connections that are under way already: no contacts, but met."""
    both_ways_ns: int
    """When first both directions of a flow had been seen; NEVER."""


class _Sides:
    """A row's two directions, the one that turned to the other first."""

    def __init__(self, flows: Flows, turned: Bools) -> None:
        self.source = np.where(turned, flows.destination, flows.source)
        self.destination = np.where(turned, flows.source, flows.destination)
        self.source_port = np.where(turned, flows.destination_port, flows.source_port)
        self.port = np.where(turned, flows.source_port, flows.destination_port)
        self.to = _pick(flows.forward, flows.reverse, turned)
        self.back = _pick(flows.reverse, flows.forward, turned)
        self.refused = np.where(turned, 0, flows.refused).astype(np.uint8)


def _pick(plain: Way, other: Way, turned: Bools) -> Way:
    columns: list[Any] = [np.where(turned, theirs, ours) for ours, theirs in _pairs(plain, other)]
    return type(plain)(*columns)


def _pairs(first: tuple[Any, ...], second: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    return zip(first, second, strict=True)


def sort_out(flows: Flows) -> Sorted:
    """Contacts, answers alone, and what was under way."""
    forward, reverse = flows.forward, flows.reverse
    tcp, sctp = flows.transport == TCP, flows.transport == SCTP
    known = tcp | sctp | (flows.transport == UDP) | (flows.transport == DCCP)
    known &= (forward.packets > 0) & _single(flows.destination, receives=True) & _single(flows.source, receives=False)
    opened_to, opened_back = (forward.opened & OPENS) > 0, (reverse.opened & OPENS) > 0
    both = (forward.packets > 0) & (reverse.packets > 0)
    turned = tcp & opened_back & (~opened_to | (_times(reverse.first_ns) < _times(forward.first_ns)))
    # A part of a flow that begins with its answer: the other side is who turned to it.
    turned |= tcp & both & ~opened_to & ~opened_back & ((forward.opened & ACCEPTS) > 0) & ((reverse.flags & RST) == 0)
    sides = _Sides(flows, turned)
    opens = tcp & (opened_to | opened_back)
    strange, lone_ack = _odd(sides, tcp & ~opens)
    lone = _lone(forward, reverse)
    replies = known & tcp & ~opens & ~strange & ~lone_ack & ~turned & lone
    under_way = known & tcp & ~opens & ~strange & ~lone_ack & ~replies
    datagrams = known & ~tcp & ~_reply_like(flows, sides, both)
    contact = (known & (opens | strange | lone_ack)) | datagrams
    late = known & ~tcp & ~datagrams
    seen = _times(np.maximum(forward.first_ns, reverse.first_ns)[both & known])
    contacts = _contacts(flows, sides, strange, lone_ack, tcp, sctp)
    return Sorted(
        contacts=contacts.take(contact),
        replies=_replies(flows, replies | late | (under_way & ~both), lone & tcp),
        acquainted=_either_side(contacts, under_way),
        both_ways_ns=int(seen.min()) if len(seen) else NEVER,
    )


def _odd(sides: _Sides, bare: Bools) -> tuple[Bools, Bools]:
    """Rows without SYN: probes that no connection has, and lone ACKs that only a reset came back for."""
    flags, back = sides.to.flags, sides.back
    nothing_back = (back.packets == 0) | ((back.flags & ~np.uint8(RST | ACK)) == 0) & ((back.opened & RESETS) > 0)
    strange = bare & ((flags & (SYN | RST | ACK)) == 0) & nothing_back
    lone = bare & ((flags == ACK) | (flags == (ACK | FIN))) & nothing_back & (sides.to.payload == 0) & (sides.port < sides.source_port)
    return strange, lone


def _reply_like(flows: Flows, sides: _Sides, both: Bools) -> Bools:
    """Datagrams from a service's port to a client's that nothing came back for: an answer, more likely than a question."""
    like: Bools = ~both & (flows.transport == UDP) & (sides.source_port < _SYSTEM) & (sides.port >= _SYSTEM)
    return like


def _contacts(flows: Flows, sides: _Sides, strange: Bools, lone_ack: Bools, tcp: Bools, sctp: Bools) -> Contacts:
    to, back = sides.to, sides.back
    came_back = back.packets > 0
    accepted = np.where(tcp, (back.opened & ACCEPTS) > 0, came_back)
    accepted |= tcp & came_back & ((back.opened & RESETS) == 0)
    if sctp.any():
        told = (back.opened & (ACCEPTS | RESETS)) > 0
        by_sctp = np.where(told, (back.opened & ACCEPTS) > 0, back.payload >= _LEAST_INIT_ACK)
        accepted = np.where(sctp, by_sctp & came_back, accepted)
    accepted &= ~strange & ~lone_ack
    at_ns = _times(to.first_ns)
    back_ns = np.maximum(_times(back.first_ns), at_ns)
    ignored = (flows.transport == UDP) & ~came_back & (sides.port >= _TRACEROUTE[0]) & (sides.port <= _TRACEROUTE[1])
    went_on = tcp & ~strange & ~lone_ack & ~came_back & ((to.flags & ACK) > 0)
    return Contacts(
        source=sides.source,
        destination=sides.destination,
        transport=flows.transport,
        port=sides.port.astype(np.uint16),
        source_port=sides.source_port.astype(np.uint16),
        at_ns=at_ns,
        place=flows.place,
        answer_ns=np.where(accepted, back_ns, NEVER),
        refuse_ns=np.where(came_back & ~accepted, back_ns, NEVER),
        icmp=sides.refused,
        strange=strange,
        closed_ns=np.where(tcp & ((to.opened & RESETS) > 0), np.maximum(_times(to.last_ns), at_ns), NEVER),
        spoke=to.payload > 0,
        went_on=went_on | ignored,
        doubtful=(flows.transport != TCP) | lone_ack,
    )


def _either_side(contacts: Contacts, which: Bools) -> Contacts:
    """Connections whose beginning was not seen, as if each had turned to the other."""
    rows, never = contacts.take(which), np.full(int(which.sum()), NEVER, np.int64)
    other = rows._replace(
        source=rows.destination,
        destination=rows.source,
        port=rows.source_port,
        source_port=rows.port,
        answer_ns=rows.at_ns,
        refuse_ns=never,
        closed_ns=never,
    )
    no = np.zeros_like(rows.spoke)
    return append(rows, other._replace(icmp=np.zeros_like(rows.icmp), spoke=no, went_on=no))


def _lone(forward: Way, reverse: Way) -> Bools:
    """Of TCP: nothing but SYNs with ACK or resets, and nothing but resets against them."""
    lone: Bools = ((forward.opened & (ACCEPTS | RESETS)) > 0) & ((forward.flags & ~np.uint8(SYN | ACK | RST)) == 0) & (forward.payload == 0)
    alone: Bools = lone & ((reverse.packets == 0) | ((reverse.flags & ~np.uint8(RST | ACK)) == 0))
    return alone


def _replies(flows: Flows, which: Bools, lone: Bools) -> Replies:
    forward = flows.forward
    return Replies(
        door=flows.source[which],
        port=flows.source_port[which],
        to=flows.destination[which],
        to_port=flows.destination_port[which],
        transport=flows.transport[which],
        at_ns=_times(forward.first_ns)[which],
        last_ns=_times(forward.last_ns)[which],
        answer=((flows.transport != TCP) | ((forward.opened & RESETS) == 0) | ((forward.opened & ACCEPTS) > 0))[which],
        lone=lone[which],
    )


def _times(times: I8) -> I8:
    """A clock may say anything; what is added to it stays a time."""
    return np.clip(times, 0, NEVER - 1)


def _single(addresses: NDArray[np.void], *, receives: bool) -> Bools:
    """Which are addresses of one host: neither of many (multicast, broadcast; what ends in 255 may be one of a network), nor of none."""
    octets = np.ascontiguousarray(addresses).view(np.uint8).reshape(-1, 16)
    halves = octets.view(np.uint64).reshape(-1, 2)
    mapped = (halves[:, 0] == 0) & (octets[:, 8:12] == np.array([0, 0, 0xFF, 0xFF], np.uint8)).all(axis=1)
    ended = octets[:, 15] == 0xFF
    unspecified = (octets == 0).all(axis=1) | (mapped & (octets[:, 12] == 0))
    many = np.where(mapped, (octets[:, 12] >= 224) | (ended & receives), octets[:, 0] == 0xFF)
    single: Bools = ~(many | unspecified)
    return single


def networks(addresses: NDArray[np.void]) -> NDArray[np.void]:
    """The network of each as far as can be guessed: /24 of IPv4, /64 of IPv6; V16."""
    octets = np.ascontiguousarray(addresses).view(np.uint8).reshape(-1, 16).copy()
    mapped = (octets[:, :12] == np.array([0] * 10 + [0xFF] * 2, np.uint8)).all(axis=1)
    octets[mapped, 15] = 0
    octets[~mapped, 8:] = 0
    return octets.view("V16").reshape(-1)


def cut(flows: Flows, first: int, last: int) -> Flows:
    """Some rows of a table, in place."""
    forward: list[Any] = [column[first:last] for column in flows.forward]
    reverse: list[Any] = [column[first:last] for column in flows.reverse]
    columns: dict[str, Any] = {name: column[first:last] for name, column in flows._asdict().items() if name not in ("forward", "reverse")}
    return type(flows)(**columns, forward=type(flows.forward)(*forward), reverse=type(flows.reverse)(*reverse))


def nobody() -> Contacts:
    """No contacts."""
    void, small, number = np.zeros(0, "V16"), np.zeros(0, np.uint8), np.zeros(0, np.int64)
    port, flag = np.zeros(0, np.uint16), np.zeros(0, bool)
    return Contacts(void, void, small, port, port, number, number, number, number, small, flag, number, flag, flag, flag)


def append(first: Contacts, second: Contacts) -> Contacts:
    """The rows of both."""
    columns: list[Any] = [np.concatenate(pair) for pair in _pairs(first, second)]
    return Contacts(*columns)


def join(contacts: Contacts, keys: NDArray[np.uint64]) -> tuple[Contacts, NDArray[np.uint64]]:
    """One row for each key: the earliest contact, with all that became of it; in the order of keys."""
    if not len(keys):
        return contacts, keys
    order = np.lexsort((contacts.place, contacts.at_ns, keys))
    rows, keys = contacts.take(order), keys[order]
    begin = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return (
        rows.take(begin)._replace(
            answer_ns=np.minimum.reduceat(rows.answer_ns, begin),
            refuse_ns=np.minimum.reduceat(rows.refuse_ns, begin),
            icmp=np.bitwise_or.reduceat(rows.icmp, begin),
            closed_ns=np.minimum.reduceat(rows.closed_ns, begin),
            spoke=np.logical_or.reduceat(rows.spoke, begin),
            went_on=np.logical_or.reduceat(rows.went_on, begin),
        ),
        keys[begin],
    )
