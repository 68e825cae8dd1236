"""Routing rules, which choose the table that serves a packet (Linux include/uapi/linux/fib_rules.h, ip-rule(8))."""

from __future__ import annotations

from struct import Struct

from portulan.errors import ParseError
from portulan.model.record import Record
from portulan.wire.netlink import parse_attributes

GET_RULE = 34
_HEADER = Struct("=BBBBBBBBI")  # fib_rule_hdr: family, destination and source prefix, tos, table, two reserved, action, flags
_NUMBER = Struct("=I")
_PRIORITY, _SUPPRESS_PREFIX, _TABLE, _PROTOCOL = 6, 14, 15, 21
_NEVER = 0xFFFFFFFF
_TO_TABLE, _INVERT = 1, 2
LOCAL, MAIN, DEFAULT = 255, 254, 253
"""Tables."""


class RoutingRule(Record):
    """One rule: `plain` sends every packet to `table`, the others look at something."""

    family: int
    priority: int
    table: int
    plain: bool


OWN = frozenset(
    [RoutingRule(family, priority, table, plain=True) for family in (2, 10) for priority, table in ((0, LOCAL), (32766, MAIN))]
    + [RoutingRule(2, 32767, DEFAULT, plain=True)]
)
"""Those that the kernel makes itself (net/ipv4/fib_rules.c, net/ipv6/fib6_rules.c)."""


def parse_rule(data: bytes, start: int, end: int) -> RoutingRule:
    """One rule. Raises ParseError."""
    if end - start < _HEADER.size:
        raise ParseError("netlink.truncated", offset=start)
    family, to, source, tos, table, _, _, action, flags = _HEADER.unpack_from(data, start)
    found = parse_attributes(data, start + _HEADER.size, end)
    plain = (
        action == _TO_TABLE
        and not (to or source or tos or flags & _INVERT)
        and found.keys() <= {_PRIORITY, _SUPPRESS_PREFIX, _TABLE, _PROTOCOL}
        and _number(found.get(_SUPPRESS_PREFIX), _NEVER) == _NEVER
    )
    return RoutingRule(family, _number(found.get(_PRIORITY), 0), _number(found.get(_TABLE), table), plain)


def _number(value: bytes | None, usual: int) -> int:
    return usual if value is None or len(value) < _NUMBER.size else int(_NUMBER.unpack_from(value)[0])
