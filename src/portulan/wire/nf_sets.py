"""Elements of named sets as the kernel lists them (Linux include/uapi/linux/netfilter/nf_tables.h), for sets of single addresses or ports, spans among them.

Whatever else may be in a set (several fields, data, timeouts, expressions) is not read here: nft reads it.
"""

from __future__ import annotations

from array import array
from functools import cache
from struct import pack

from portulan.errors import ParseError
from portulan.model.record import Record
from portulan.model.rule import Spans
from portulan.wire.netlink import NESTED, align, build_attribute, iterate_attributes, parse_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    Key: TypeAlias = "tuple[bytes, bool]"

_SUBSYSTEM = 10 << 8
GET_SET, GET_ELEMENTS = _SUBSYSTEM | 10, _SUBSYSTEM | 13
WIDTHS = {"ipv4_addr": 4, "ipv6_addr": 16, "inet_service": 2}
"""Bytes of the keys that are numbers in network order, by nft's name of their type."""
_HEADER = 4
_FAMILIES = {"inet": 1, "ip": 2, "arp": 3, "netdev": 5, "bridge": 7, "ip6": 10}
_TABLE, _SET = 1, 2
_COUNT = 20
_LIST = 3
_KEY, _FLAGS, _NOTE = 1, 3, 6
_END = 1
_ENDS = build_attribute(_FLAGS, _END.to_bytes(4))
"""The attribute of an element that ends a span."""
_MANY = 256
"""More numbers than these are kept in arrays, as `wire.nft_constants` does."""


class SetFacts(Record):
    """A set as the kernel lists it."""

    family: int
    table: str
    name: str
    element_count: int | None
    """How many elements it has; None from kernels before 6.16."""


def build_query(family: str, table: str, name: str) -> bytes:
    """The payload of a question about one set or its elements."""
    return bytes([_FAMILIES[family], 0, 0, 0]) + build_attribute(_TABLE, table) + build_attribute(_SET, name)


def known_family(family: str) -> bool:
    """Whether sets of this family can be asked for."""
    return family in _FAMILIES


def parse_set(data: bytes, start: int, end: int) -> SetFacts:
    """One set. Raises ParseError."""
    if end - start < _HEADER:
        raise ParseError("netlink.truncated", offset=start)
    facts = parse_attributes(data, start + _HEADER, end)
    count = facts.get(_COUNT)
    return SetFacts(data[start], _text(facts.get(1, b"")), _text(facts.get(2, b"")), None if count is None else int.from_bytes(count))


def parse_elements(data: bytes, start: int, end: int, width: int) -> list[Key] | None:
    """The keys (bytes of this width; whether it ends a span) of one message of a listing; None where something is no plain key. Raises ParseError."""
    keys: list[Key] = []
    for kind, first, last in iterate_attributes(data, start + _HEADER, end):
        if kind == _LIST:
            alike = _alike(data, first, last, width)
            if alike is not None:
                keys += alike
                continue
            for _, begin, stop in iterate_attributes(data, first, last):
                key = _key(data, begin, stop, width)
                if key is None:
                    return None
                keys.append(key)
    return keys


def _alike(data: bytes, first: int, last: int, width: int) -> list[Key] | None:
    """The keys of a list in which each element is a key, or a key and the flag that it ends a span: those have the same bytes around the key. None for other lists."""
    size = 12 + align(width)
    plain, ending = _heads(width, size), _heads(width, size + len(_ENDS))
    keys: list[Key] = []
    at = first
    while at < last:
        head = data[at : at + 12]
        if head in plain:
            keys.append((data[at + 12 : at + 12 + width], False))
            at += size
        elif head in ending and data[at + size : at + size + 8] == _ENDS:
            keys.append((data[at + 12 : at + 12 + width], True))
            at += size + 8
        else:
            return None
    return keys if at == last else None


@cache
def _heads(width: int, size: int) -> tuple[bytes, ...]:
    """What stands before the key in an element of so many bytes; kernels do without the flag for nested attributes here."""
    return tuple(pack("=HHHHHH", size, 1 | nested, 8 + width, 1 | nested, 4 + width, 1) for nested in (0, NESTED))


def _key(data: bytes, start: int, end: int, width: int) -> Key | None:
    facts = parse_attributes(data, start, end)
    flags = int.from_bytes(facts.get(_FLAGS, b""))
    key = facts.get(_KEY, b"")
    if flags & ~_END or not facts.keys() <= {_KEY, _FLAGS, _NOTE}:
        return None
    value = parse_attributes(key, 0, len(key)).get(1, b"")
    return (value, bool(flags & _END)) if len(value) == width else None


def join_spans(keys: Iterable[Key], width: int, *, intervals: bool) -> Spans | None:
    """The numbers of a set: each key one, or with `intervals` from a key to before the next that ends a span (or to the last number). None where they do not pair."""
    if not intervals:
        numbers = sorted(int.from_bytes(key) for key, _ in keys)
        return _spans(width, numbers, numbers)
    firsts: list[int] = []
    lasts: list[int] = []
    # Where one span ends and the next begins at the same key, the end comes first.
    for key, ends in sorted(keys, key=lambda each: (each[0], not each[1])):
        number = int.from_bytes(key)
        if len(firsts) > len(lasts):
            if not ends:
                return None
            lasts.append(number - 1)
        elif not ends:
            firsts.append(number)
    if len(firsts) > len(lasts):
        lasts.append((1 << 8 * width) - 1)
    return _spans(width, firsts, lasts)


def _spans(width: int, first: Sequence[int], last: Sequence[int]) -> Spans:
    if len(first) > _MANY and width <= 8:
        return Spans(array("Q", first), array("Q", last))
    return Spans(tuple(first), tuple(last))


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode(errors="replace")
