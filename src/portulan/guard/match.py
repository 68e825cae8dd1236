"""Which new packets a comparison holds for: boxes of senders x lanes x ports, each certain or only possible."""

from __future__ import annotations

from portulan.guard.lanes import ABSENT, PORT, SOURCE, UNKNOWN, Among, Facts, Moment, OneOf, one_of
from portulan.guard.sets import ALL, EMPTY, Sets
from portulan.model.record import Record
from portulan.model.rule import Binary, Concat, Field, Lookup, Members, Name, Named, Number, Range, Strange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from portulan.guard.lanes import Lane, Value
    from portulan.guard.router import Router
    from portulan.model.rule import Element, Expression, Match
    from portulan.model.ruleset import NamedSet, Ruleset

    Box: TypeAlias = tuple[int, int, int, bool]
    """(set of senders, lanes as bits, set of ports, whether it is certain)."""

EVERY_LANE = -1
EVERYTHING: list[Box] = [(ALL, EVERY_LANE, ALL, True)]


class Domain(Record):
    """What an expression is, lane by lane: lanes as bits."""

    source: int = 0
    """Where it is the sender's address."""
    ports: int = 0
    """Where it is the port."""
    constants: dict[Value, int] = {}  # noqa: RUF012 - never written to
    by_sender: tuple[tuple[Value, int, int], ...] = ()
    """(value, senders, lanes), where it depends on the sender."""
    unknown: int = 0
    exists: int = 0
    """Where it is anything at all."""
    mask: int | None = None
    """The address or port is masked with it before it is compared."""
    bits: int | None = None
    """What is unknown has no other bits than these."""


class Matcher:
    """Comparisons in one IP version, over the lanes that are on their way now. Answers are remembered until the lanes change."""

    def __init__(self, ruleset: Ruleset, facts: Facts, router: Router) -> None:
        """Senders are rows of the router's sets."""
        self.ruleset = ruleset
        self.facts = facts
        self.router = router
        self.rows = router.rows
        self.ports = Sets(65_536)
        self.written: frozenset[tuple[str, str, str]] = frozenset()
        """Named sets that rules write into: nobody knows what is in them when the packet comes."""
        self.lanes: tuple[Lane, ...] = ()
        self.moment = Moment("")
        self._domains: dict[Expression, Domain] = {}
        self._hits: dict[int, tuple[object, str, list[Box]]] = {}
        self._rows: dict[int, tuple[object, int]] = {}

    def use(self, lanes: Iterable[Lane], moment: Moment) -> None:
        """From now on, about these lanes at this moment."""
        lanes = tuple(lanes)
        if lanes == self.lanes and moment == self.moment:
            return
        self.lanes, self.moment = lanes, moment
        self._domains.clear()
        self._hits.clear()

    # --- what an expression is ---

    def domain(self, expression: Expression) -> Domain:
        """What it is, lane by lane."""
        kind = expression.__class__
        if kind is not Field and not (kind is Binary and isinstance(expression.left, Field | Binary)):  # type: ignore[union-attr]
            return self._make_domain(expression)
        found = self._domains.get(expression)
        if found is None:
            found = self._domains[expression] = self._make_domain(expression)
        return found

    def _make_domain(self, expression: Expression) -> Domain:
        if isinstance(expression, Field):
            return self._field_domain(expression)
        if isinstance(expression, Binary) and isinstance(expression.right, Number) and isinstance(expression.left, Field | Binary):
            return self._binary_domain(self.domain(expression.left), expression.operator, expression.right.value)
        everywhere = self._all()
        if isinstance(expression, Number | Name):
            value = expression.value if isinstance(expression, Number) else expression.text
            return Domain(constants={value: everywhere}, exists=everywhere)
        return Domain(unknown=everywhere, exists=everywhere)

    def _all(self) -> int:
        bits = 0
        for lane in self.lanes:
            bits |= lane.bit
        return bits

    def _field_domain(self, field: Field) -> Domain:
        if field.group == "fib":
            return self._routing_domain(field)
        source = ports = exists = 0
        constants: dict[Value, int] = {}
        for lane in self.lanes:
            value = self.facts.value(lane, field, self.moment)
            if value is ABSENT:
                continue
            exists |= lane.bit
            if value is SOURCE:
                source |= lane.bit
            elif value is PORT:
                ports |= lane.bit
            else:
                constants[value] = constants.get(value, 0) | lane.bit
        return Domain(source, ports, constants, (), constants.pop(UNKNOWN, 0), exists)

    def _routing_domain(self, field: Field) -> Domain:
        """`fib … type`, `fib … oif`: by the network's routes, for the sender or for the destination."""
        constants: dict[Value, int] = {}
        tables: list[tuple[Value, int, int]] = []
        here = self.moment.hook in ("prerouting", "input")
        for lane in self.lanes:
            address = self.facts.value(lane, Field(self.facts.header, "saddr" if "saddr" in field.flags else "daddr"), self.moment)
            for value, senders in self.router.fib(
                field,
                address,
                "" if lane.entry.local and not here else lane.iif,
                looped=lane.iif == "lo" and here,
            ):
                if senders == ALL:
                    constants[value] = constants.get(value, 0) | lane.bit
                else:
                    tables.append((value, senders, lane.bit))
        return Domain(0, 0, constants, tuple(tables), constants.pop(UNKNOWN, 0), self._all())

    def _binary_domain(self, left: Domain, operator: str, number: int) -> Domain:
        constants: dict[Value, int] = {}
        unknown = left.unknown
        for value, lanes in left.constants.items():
            result = reckoned(operator, value, number)
            if result is UNKNOWN:
                unknown |= lanes
            else:
                constants[result] = constants.get(result, 0) | lanes
        for _, _, lanes in left.by_sender:
            unknown |= lanes
        if operator == "&" and left.mask is None:
            return Domain(left.source, left.ports, constants, (), unknown, left.exists, number, number)
        return Domain(0, 0, constants, (), unknown | left.source | left.ports, left.exists, None, number if operator == "&" else None)

    # --- what it is compared with ---

    def members(self, right: Members | Named, family: str, table: str) -> tuple[Members | None, NamedSet | None]:
        """What is in a set; None where that was not read or cannot be known."""
        if not isinstance(right, Named):
            return right, None
        key = family, table, right.name
        known = self.ruleset.sets.get(key)
        if known is None or key in self.written:
            return None, known
        return known.members, known

    def match(self, match: Match, family: str, table: str) -> list[Box]:
        """Where the comparison holds."""
        found = self._hits.get(id(match))
        if found is not None and found[1] == table:
            return found[2]
        left, right = match.left, match.right
        members = right if right.__class__ is Members else self.members(right, family, table)[0]
        if members is None:
            exists = self.exists(left)
            hits = [(ALL, exists, ALL, False)] if exists else []
        else:
            hits = self._compare(left, members)
            if match.negated:
                hits = self._negated(hits, self.exists(left))
        self._hits[id(match)] = match, table, hits  # what an id names must live as long as the id is a key
        return hits

    def exists(self, left: Expression) -> int:
        """The lanes whose packets have all of it."""
        parts = left.parts if isinstance(left, Concat) else (left,)
        found = EVERY_LANE
        for part in parts:
            found &= self.domain(part).exists
        return found

    def _negated(self, hits: list[Box], exists: int) -> list[Box]:
        """Everything that exists and surely does not hold; what may hold may also not hold."""
        rest: list[Box] = [(ALL, exists, ALL, True)] if exists else []
        for hit in hits:
            rest = self.cut(rest, hit)
        return rest

    def cut(self, pieces: list[Box], away: Box) -> list[Box]:
        """The pieces without a box; where that is not certain they stay there, uncertain."""
        rows, ports = self.rows, self.ports
        row, lanes, port, sure = away
        left: list[Box] = []
        for piece in pieces:
            a, b, c, certain = piece
            y = b & lanes
            x = rows.both(a, row) if y else EMPTY
            z = ports.both(c, port) if x else EMPTY
            if not z:
                left.append(piece)
                continue
            if y != b:
                left.append((a, b & ~y, c, certain))
            if z != c:
                left.append((a, y, ports.minus(c, port), certain))
            if x != a:
                left.append((rows.minus(a, row), y, z, certain))
            if not sure:
                left.append((x, y, z, False))
        return left

    def product(self, left: list[Box], right: list[Box]) -> list[Box]:
        """Where both hold."""
        rows, ports = self.rows.both, self.ports.both
        return [
            (x, y, z, sure and certain)
            for a, b, c, sure in left
            for d, e, f, certain in right
            if (y := b & e) and (x := rows(a, d)) and (z := ports(c, f))
        ]

    def _compare(self, left: Expression, members: Members) -> list[Box]:
        if members.elements is not None or left.__class__ is Concat:
            return self.merge([(*box, sure) for *box, sure, _ in self.look_up(left, members)])  # type: ignore[misc]
        domain = self.domain(left)
        if members.spans is not None:
            spans = members.spans
            first, last = spans.first, spans.last
            pairs = ((first[0], last[0]),) if len(first) == 1 else list(zip(first, last, strict=True))
            return self._numbers(domain, pairs, spans)
        return self._names(domain, members.names.names if members.names is not None else ())

    def _numbers(self, domain: Domain, spans: Sequence[tuple[int, int]], owner: object = None) -> list[Box]:
        """Where a value lies in the spans."""
        hits: list[Box] = []
        if domain.source:
            row, sure = self._senders(spans, owner, domain.mask)
            if row:
                hits.append((row, domain.source, ALL, sure))
        if domain.ports and (port := self._some_ports(spans, domain.mask)):
            hits.append((ALL, domain.ports, port, True))
        if domain.constants:
            lanes, perhaps = _constant_in(self._numbered(domain.constants), spans)
            if lanes:
                hits.append((ALL, lanes, ALL, True))
            if perhaps:
                hits.append((ALL, perhaps, ALL, False))
        if domain.by_sender:
            hits += [
                (row, lanes, ALL, True)
                for value, row, lanes in domain.by_sender
                if isinstance(number := self._number_of(value), int) and lies_in(number, spans)
            ]
        if domain.unknown and not (domain.bits is not None and all(first == last and first & ~domain.bits for first, last in spans)):
            hits.append((ALL, domain.unknown, ALL, False))
        return hits

    def _numbered(self, constants: dict[Value, int]) -> dict[Value, int]:
        """With interfaces by their numbers, where there are any."""
        for value in constants:
            if value.__class__ is str:
                break
        else:
            return constants
        found: dict[Value, int] = {}
        for value, lanes in constants.items():
            number = self._number_of(value)
            found[number] = found.get(number, 0) | lanes
        return found

    def _number_of(self, value: Value) -> Value:
        """An interface's number; 0 is none."""
        if not isinstance(value, str):
            return value
        link = self.facts.links.get(value)
        return link.number if link is not None else 0 if value == "" else UNKNOWN

    def _some_ports(self, spans: Sequence[tuple[int, int]], mask: int | None) -> int:
        if mask is not None:
            return self.ports.spans((port, port) for port in range(65_536) if lies_in(port & mask, spans))
        if len(spans) == 1:
            first, last = spans[0]
            return self.ports.span(first, min(65535, last)) if first <= 0xFFFF else EMPTY
        return self.ports.spans((first, min(last, 0xFFFF)) for first, last in spans if first <= 0xFFFF)

    def _senders(self, spans: Sequence[tuple[int, int]], owner: object, mask: int | None) -> tuple[int, bool]:
        """The set of senders whose address, masked, lies in the spans; an odd mask cannot be solved."""
        if mask is None:
            if len(spans) == 1:
                first, last = spans[0]
                top = self.rows.size - 1
                return (self.rows.span(first, min(top, last)) if first <= top else EMPTY), True
            found = self._rows.get(id(owner)) if owner is not None else None
            if found is None:
                found = owner, self.rows.spans(self._fitting(spans))
                if owner is not None:
                    self._rows[id(owner)] = found
            return found[1], True
        host = (self.rows.size - 1) ^ mask
        if host & (host + 1):
            return ALL, False
        bits = host.bit_length()
        return self.rows.spans(
            (-(-first >> bits) << bits, (last >> bits << bits) | host)
            for first, last in self._fitting(spans)
            if -(-first >> bits) <= last >> bits
        ), True

    def _fitting(self, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        return ((first, min(last, self.rows.size - 1)) for first, last in spans if first < self.rows.size)

    def _names(self, domain: Domain, names: Sequence[Name]) -> list[Box]:
        def among(value: Value) -> bool:
            return isinstance(value, str) and any(
                self._number_of(value) == name.interface
                if name.interface is not None
                else value == name.text or (name.prefix and value.startswith(name.text))
                for name in names
            )

        lanes, unknown = 0, domain.unknown
        for value, where in domain.constants.items():
            if not isinstance(value, str):
                unknown |= where
            elif among(value):
                lanes |= where
        hits: list[Box] = [(ALL, lanes, ALL, True)] if lanes else []
        hits += [(row, where, ALL, True) for value, row, where in domain.by_sender if among(value)]
        if unknown:
            hits.append((ALL, unknown, ALL, False))
        return hits

    # --- sets and maps of several fields ---

    def look_up(self, key: Expression, members: Members) -> list[tuple[int, int, int, bool, Element | None]]:
        """Where each element fits; `*` where no other does."""
        parts = key.parts if isinstance(key, Concat) else (key,)
        if members.elements is None:
            return [(*hit, None) for hit in self._compare(key, members)]
        domains = [self.domain(part) for part in parts]
        found: list[tuple[int, int, int, bool, Element | None]] = []
        wild: Element | None = None
        for element in members.elements:
            if element.wildcard:
                wild = element
                continue
            lasting = not (element.statements or element.changing)
            hits: list[Box] = EVERYTHING if lasting else [(ALL, EVERY_LANE, ALL, False)]
            for domain, part in zip(domains, element.key, strict=False):
                here = self._part(domain, part)
                hits = here if hits is EVERYTHING else self.product(hits, here)
                if not hits:
                    break
            found += [(*hit, element) for hit in hits]
        if wild is not None:
            rest: list[Box] = [(ALL, self.exists(key), ALL, not (wild.statements or wild.changing))]
            for hit in self.merge([(*box, sure) for *box, sure, _ in found]):  # type: ignore[misc]
                rest = self.cut(rest, hit)
            found += [(*piece, wild) for piece in rest]
        return found

    def _part(self, domain: Domain, part: Range | Name | Strange) -> list[Box]:
        if isinstance(part, Range):
            return self._numbers(domain, ((part.first, part.last),))
        if isinstance(part, Name):
            return self._names(domain, (part,))
        return [(ALL, domain.exists, ALL, False)] if domain.exists else []

    def merge(self, hits: list[Box]) -> list[Box]:
        """The same in fewer boxes: those that differ in their senders only are joined, then those that differ in their ports only."""
        if len(hits) < 2:
            return hits
        by_port: dict[tuple[int, int, bool], list[int]] = {}
        for row, lanes, port, sure in hits:
            by_port.setdefault((lanes, port, sure), []).append(row)
        by_row: dict[tuple[int, int, bool], list[int]] = {}
        for (lanes, port, sure), found in by_port.items():
            by_row.setdefault((self.rows.union(found), lanes, sure), []).append(port)
        return [(row, lanes, self.ports.union(found), sure) for (row, lanes, sure), found in by_row.items()]

    # --- what a value may be ---

    def values(self, expression: Expression | Range, family: str, table: str) -> list[tuple[Box, tuple[Value, ...]]]:
        """What is assigned, or translated to, and where; several values where a map gives address and port."""
        if isinstance(expression, Range):
            return [(EVERYTHING[0], (one_of(expression.first, expression.last),))]
        if isinstance(expression, Lookup):
            members, _ = self.members(expression.map, family, table)
            if members is None:
                return [((ALL, self.exists(expression.key), ALL, False), (UNKNOWN,))]
            hits = self.look_up(expression.key, members)
            return [((row, lanes, port, sure), _data(element)) for row, lanes, port, sure, element in hits if element is not None]
        domain = self.domain(expression)
        found: list[tuple[Box, tuple[Value, ...]]] = [((ALL, lanes, ALL, True), (value,)) for value, lanes in domain.constants.items()]
        rest = domain.exists
        for lanes in domain.constants.values():
            rest &= ~lanes
        if rest:
            found.append(((ALL, rest, ALL, True), (UNKNOWN,)))
        return found


def _data(element: Element) -> tuple[Value, ...]:
    data = element.data
    if not isinstance(data, tuple) or not data or not all(isinstance(part, Range | Name | Strange) for part in data):
        return (UNKNOWN,)
    return tuple(
        one_of(part.first, part.last) if isinstance(part, Range) else part.text if isinstance(part, Name) else UNKNOWN for part in data
    )


def _constant_in(constants: dict[Value, int], spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """(lanes whose constant surely lies in the spans, lanes whose constant may)."""
    lanes = perhaps = 0
    low, high = spans[0] if len(spans) == 1 else (0, -1)
    for value, where in constants.items():
        if value.__class__ is int:
            if low <= value <= high or (high < low and lies_in(value, spans)):
                lanes |= where
        elif isinstance(value, Among):
            inside = [lies_in(number, spans) for number in value.numbers]
            if all(inside):
                lanes |= where
            elif any(inside):
                perhaps |= where
        elif isinstance(value, OneOf) and any(first <= value.last and value.first <= last for first, last in spans):
            if any(first <= value.first and value.last <= last for first, last in spans):
                lanes |= where
            else:
                perhaps |= where
    return lanes, perhaps


def lies_in(value: int, spans: Iterable[tuple[int, int]]) -> bool:
    """Whether a number lies in one of the spans."""
    return any(first <= value <= last for first, last in spans)


def reckoned(operator: str, value: Value, number: int) -> Value:
    """A value after `&`, `|`, `^`, `<<` or `>>` with a number."""
    if isinstance(value, int):
        return apply(operator, value, number)
    if isinstance(value, Among):
        results = sorted({apply(operator, each, number) for each in value.numbers})
        return results[0] if len(results) == 1 else Among(tuple(results))
    return UNKNOWN


def apply(operator: str, left: int, right: int) -> int:
    """`&`, `|`, `^`, `<<` or `>>`."""
    if operator == "&":
        return left & right
    if operator == "|":
        return left | right
    if operator == "^":
        return left ^ right
    return left << right if operator == "<<" else left >> right
