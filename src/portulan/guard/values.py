"""Arithmetic with numbers of which some are unknown, and numbers as text."""

from __future__ import annotations

from portulan.guard.course import Device, Free, anything, join
from portulan.model.address import format_address
from portulan.model.rule import Name, Range, Strange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.guard.course import Value

_FEW = 256
"""Unknown numbers of no more values than these are calculated with one by one."""


def value_of(part: Range | Name | Strange, why: str) -> Value:
    """A constant as a value; a range is one number of it, nobody knows which."""
    if isinstance(part, Range):
        return part.first if part.first == part.last else Free(((part.first, part.last),), why)
    return part.text if isinstance(part, Name) else anything(128, "unknown")


def calculate(operator: str, left: Value, right: Value, bits: int) -> Value:
    """`left operator right`, in so many bits; nothing of nothing."""
    if left is None or right is None or isinstance(left, str) or isinstance(right, str):
        return None
    if isinstance(left, Device):
        left = left.number
    if isinstance(right, Device):
        right = right.number
    most = (1 << bits) - 1
    if isinstance(left, int) and isinstance(right, int):
        return _exact(operator, left, right) & most
    unknown = left if isinstance(left, Free) else right
    assert isinstance(unknown, Free)
    some, others = _all(left), _all(right)
    if some is not None and others is not None and len(some) * len(others) <= _FEW:
        return _as_value([_exact(operator, one, other) & most for one in some for other in others], unknown)
    if operator == "&":
        known = left if isinstance(left, int) else right if isinstance(right, int) else most
        return unknown._replace(spans=((0, known & most),))
    return unknown._replace(spans=((0, most),))


def _exact(operator: str, left: int, right: int) -> int:
    if operator == "&":
        return left & right
    if operator == "|":
        return left | right
    if operator == "^":
        return left ^ right
    return left << min(right, 128) if operator == "<<" else left >> right


def _all(value: int | Free) -> list[int] | None:
    if isinstance(value, int):
        return [value]
    if sum(last - first + 1 for first, last in value.spans) > _FEW:
        return None
    return [number for first, last in value.spans for number in range(first, last + 1)]


def _as_value(numbers: list[int], unknown: Free) -> Value:
    spans = join((number, number) for number in numbers)
    return spans[0][0] if len(spans) == 1 and spans[0][0] == spans[0][1] else unknown._replace(spans=spans)


def spell(value: Value, version: int | None = None) -> str | int:
    """A value for a person: an address of an IP version as text, a number as it is, an unknown one as its spans."""
    if isinstance(value, int):
        return format_address(value.to_bytes(4 if version == 4 else 16)) if version is not None else value
    if isinstance(value, Free):
        return ", ".join(
            f"{spell(first, version)}" if first == last else f"{spell(first, version)}-{spell(last, version)}"
            for first, last in value.spans
        )
    return value.name if isinstance(value, Device) else value or ""
