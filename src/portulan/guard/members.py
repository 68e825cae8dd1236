"""Whether a key lies in a set, or what a map has for it, when parts of either may be unknown."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

from portulan.guard.course import Device, Free, cut, join
from portulan.model.record import Record
from portulan.model.rule import Element, Name, Range, Strange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from portulan.guard.course import Value
    from portulan.model.rule import Members

    Part: TypeAlias = Range | Name | Strange
    Spans: TypeAlias = tuple[tuple[int, int], ...]

YES, NO, MAYBE = 1, 0, 2


class Found(Record):
    """One way in which a search may end."""

    element: Element | None
    """None: nothing fits."""
    spans: tuple[tuple[int, int], ...] | None = None
    """If so, then the key's one unknown number lies here; None where this tells nothing."""


IN_SET = Element(())
"""Stands for whichever number of a set of plain numbers it is."""
_IN, _OUT = [Found(IN_SET)], [Found(None)]


class NumberSet:
    """Numbers of one field."""

    def __init__(self, first: Sequence[int], last: Sequence[int]) -> None:
        self.spans = join(zip(first, last, strict=True))
        self._first = [low for low, _ in self.spans]
        self._last = [high for _, high in self.spans]

    def holds(self, number: int) -> bool:
        """Whether a number is one of them."""
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]

    def find(self, key: tuple[Value, ...]) -> list[Found]:
        """All ways in which the search may end; one, where the number is known or all that it may be lie on the same side."""
        (value,) = key
        if isinstance(value, Free):
            inside, outside = cut(value.spans, self.spans)
            if not outside or not inside:
                return _OUT if outside else _IN
            return [Found(None, outside), Found(IN_SET, inside)]
        if isinstance(value, Device):
            value = value.number
        if not isinstance(value, int):
            return _OUT
        return _IN if self.holds(value) else _OUT


class ElementSet:
    """Elements with several fields, with names, with data, or with conditions of their own."""

    def __init__(self, elements: Sequence[Element]) -> None:
        self.wildcard = next((each for each in elements if each.wildcard), None)
        plain = [each for each in elements if not each.wildcard]
        self._exact: dict[tuple[int | str, ...], Element] = {}
        self._others: list[Element] = []
        for each in plain:
            key = _exact(each)
            if key is None:
                self._others.append(each)
            else:
                self._exact.setdefault(key, each)
        self._all = plain
        self._sorted = _sorted_ranges(self._others)

    def find(self, key: tuple[Value, ...]) -> list[Found]:
        """All ways in which the search may end."""
        free = [at for at, value in enumerate(key) if isinstance(value, Free)]
        if not free:
            return self._find_known(key)
        if len(free) == 1:
            return self._find_partly(key, free[0])
        return self._sort_out([(each, self._fit(each, key)) for each in self._all])

    def _find_known(self, key: tuple[Value, ...]) -> list[Found]:
        exact = self._exact.get(tuple(value.name if isinstance(value, Device) else value for value in key))  # type: ignore[misc] # None fits nothing
        if exact is not None:
            return _settle(exact, self.wildcard)
        if self._sorted is not None and isinstance(key[0], int):
            at = bisect_right(self._sorted, key[0]) - 1
            near = [self._others[at]] if at >= 0 and self._fit(self._others[at], key) == YES else []
            return self._sort_out([(each, YES) for each in near])
        return self._sort_out([(each, self._fit(each, key)) for each in self._others])

    def _fit(self, element: Element, key: tuple[Value, ...]) -> int:
        if len(element.key) != len(key):
            return MAYBE
        found = YES
        for part, value in zip(element.key, key, strict=True):
            fit = fits(part, value)
            if fit == NO:
                return NO
            found = max(found, fit)
        return found

    def _sort_out(self, fitting: Sequence[tuple[Element, int]]) -> list[Found]:
        sure = next((each for each, fit in fitting if fit == YES), None)
        if sure is not None:
            return _settle(sure, self.wildcard)
        found = _settle(self.wildcard, None) if self.wildcard is not None else [Found(None)]
        maybe = [each for each, fit in fitting if fit == MAYBE]
        return [*found, *map(Found, maybe)]

    def _find_partly(self, key: tuple[Value, ...], free: int) -> list[Found]:
        """With one unknown number: for each element the part of its spans that leads there."""
        value = key[free]
        assert isinstance(value, Free)
        left: Spans = value.spans
        found: list[Found] = []
        vague: list[Element] = []
        for each in self._all:
            if len(each.key) != len(key):
                vague.append(each)
                continue
            fit = [fits(part, known) for at, (part, known) in enumerate(zip(each.key, key, strict=True)) if at != free]
            part = each.key[free]
            if NO in fit:
                continue
            if MAYBE in fit or not isinstance(part, Range):
                vague.append(each)
                continue
            inside, left = cut(left, ((part.first, part.last),))
            if inside:
                found += [Found(way.element, inside) for way in _settle(each, self.wildcard)]
        if left:
            rest = _settle(self.wildcard, None) if self.wildcard is not None else [Found(None)]
            found = [*(Found(way.element, left) for way in rest), *found, *map(Found, vague)]
        return [found[0]._replace(spans=None)] if len(found) == 1 else found


def _settle(element: Element, wildcard: Element | None) -> list[Found]:
    """An element that fits: it is there, unless it goes by itself, or what it counts keeps the packet out."""
    if element.statements or element.changing:
        return [Found(wildcard), Found(element)]
    return [Found(element)]


def _exact(element: Element) -> tuple[int | str, ...] | None:
    """The key of an element that stands for one value."""
    key: list[int | str] = []
    for part in element.key:
        if isinstance(part, Range) and part.first == part.last:
            key.append(part.first)
        elif isinstance(part, Name) and not part.prefix and part.interface is None:
            key.append(part.text)
        else:
            return None
    return tuple(key)


def _sorted_ranges(elements: list[Element]) -> list[int] | None:
    """Sorts elements of one range each, and gives where they begin; None where they are not of that kind, or overlap."""
    ranges = [
        (part.first, part.last, at) for at, each in enumerate(elements) if len(each.key) == 1 and isinstance(part := each.key[0], Range)
    ]
    if len(ranges) != len(elements) or not elements:
        return None
    ranges.sort()
    if any(low[1] >= high[0] for low, high in pairwise(ranges)):
        return None
    elements[:] = [elements[at] for _, _, at in ranges]
    return [first for first, _, _ in ranges]


def fits(part: Part, value: Value) -> int:  # noqa: PLR0911 - a table
    """Whether one part of an element fits one value: YES, NO, MAYBE."""
    if isinstance(value, Free):
        if not isinstance(part, Range):
            return MAYBE
        inside, outside = cut(value.spans, ((part.first, part.last),))
        return NO if not inside else MAYBE if outside else YES
    if isinstance(part, Strange):
        return MAYBE
    if isinstance(part, Range):
        number = value.number if isinstance(value, Device) else value
        return YES if isinstance(number, int) and part.first <= number <= part.last else NO
    if isinstance(value, Device):
        return YES if (part.interface == value.number if part.interface is not None else part.text == value.name) else NO
    if not isinstance(value, str):
        return NO
    return YES if (value.startswith(part.text) if part.prefix else value == part.text and part.interface is None) else NO


def prepare(members: Members) -> NumberSet | ElementSet:
    """Members in the form in which keys are looked up."""
    if members.spans is not None:
        return NumberSet(members.spans.first, members.spans.last)
    if members.names is not None:
        return ElementSet([Element((name,)) for name in members.names.names])
    return ElementSet(members.elements or ())
