"""What statements need of a packet before they do anything: where it lacks that, the rule ends."""

from __future__ import annotations

from portulan.guard.lanes import TCP, UNKNOWN
from portulan.guard.match import EVERYTHING, reckoned
from portulan.guard.sets import ALL
from portulan.model.rule import Binary, Counter, Log, Number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.guard.lanes import Lane, Value
    from portulan.guard.match import Box, Matcher
    from portulan.model.rule import Assign, Expression, Range, Translate, Update
    from portulan.model.ruleset import Chain


def bits_of(lanes: Iterable[Lane]) -> int:
    """Lanes as bits."""
    bits = 0
    for lane in lanes:
        bits |= lane.bit
    return bits


def unsure(boxes: list[Box]) -> list[Box]:
    """The same, only possible."""
    return [(row, lanes, port, False) for row, lanes, port, _ in boxes]


def of_tcp(matcher: Matcher, boxes: list[Box]) -> list[Box]:
    """Of these boxes what is TCP."""
    return matcher.product(boxes, [(ALL, bits_of(lane for lane in matcher.lanes if lane.transport == TCP), ALL, True)])


def values(matcher: Matcher, value: Expression | Range, chain: Chain) -> list[tuple[Box, tuple[Value, ...]]]:
    """What is assigned, or translated to, and where it is to be had: a key that a map lacks ends the rule."""
    if isinstance(value, Binary) and isinstance(value.right, Number):
        operand = value.right.value
        return [
            (box, (reckoned("&", reckoned(value.operator, first, operand), 0xFFFFFFFF),))
            for box, (first, *_) in values(matcher, value.left, chain)
        ]
    return matcher.values(value, chain.family, chain.table)


def known(matcher: Matcher, value: Expression | Range, chain: Chain, boxes: list[Box]) -> list[Box]:
    """Of these boxes where there is a value."""
    return boxes if isinstance(value, Number) else matcher.product(boxes, [where for where, _ in values(matcher, value, chain)])


def settable(matcher: Matcher, chain: Chain, change: Assign, boxes: list[Box]) -> list[Box]:
    """Where a packet has what is to be changed, and there is a value for it."""
    if change.field.group == "tcp option":  # a packet without it ends the rule (net/netfilter/nft_exthdr.c)
        boxes = unsure(of_tcp(matcher, boxes))
    elif change.field.group not in ("meta", "ct"):
        boxes = matcher.product(boxes, [(ALL, matcher.exists(change.field), ALL, True)])
    return known(matcher, change.value, chain, boxes)


def updated(matcher: Matcher, chain: Chain, update: Update, boxes: list[Box]) -> list[Box]:
    """A key that the packet lacks ends the rule, and so do a full set and a limit on the way into it."""
    boxes = matcher.product(boxes, [(ALL, matcher.exists(update.key), ALL, True)])
    if update.operation == "delete":
        return boxes
    named = matcher.ruleset.sets.get((chain.family, chain.table, update.set))
    elements = named.members.elements if named is not None and named.members is not None else None
    size = named.size if named is not None else None
    room = elements is not None and size is not None and len(elements) < size
    deciding = (*update.statements, *(named.statements if named is not None else ()))
    return boxes if room and all(isinstance(each, Counter | Log) for each in deciding) else unsure(boxes)


def targets(matcher: Matcher, nat: Translate, chain: Chain) -> list[tuple[Box, Value | None, Value | None]]:
    """(where, address, port) that NAT gives; None: as it was."""
    if "netmap" in nat.flags:
        return [(EVERYTHING[0], UNKNOWN, None)]
    unchanged: list[tuple[Box, tuple[Value | None, ...]]] = [(EVERYTHING[0], (None,))]
    addresses = values(matcher, nat.address, chain) if nat.address is not None else unchanged
    ports = values(matcher, nat.port, chain) if nat.port is not None else unchanged
    return [
        (where, address[0], address[1] if len(address) > 1 else port[0])
        for box, address in addresses
        for other, port in ports
        for where in matcher.product([box], [other])
    ]
