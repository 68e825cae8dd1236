"""Which new packets a comparison holds for: rectangles of senders x ports on the axes of `lanes`, each certain or only possible."""

from __future__ import annotations

from portulan.guard.lanes import ABSENT, PORT, SOURCE, UNKNOWN, Facts, Moment
from portulan.guard.sets import ALL, EMPTY, Sets
from portulan.model.record import Record
from portulan.model.rule import Binary, Concat, Field, Lookup, Members, Name, Named, Number, Range, Strange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from portulan.guard.lanes import Lane, Value
    from portulan.guard.router import Router
    from portulan.model.rule import Element, Expression, Match
    from portulan.model.ruleset import NamedSet, Ruleset

    Rectangle: TypeAlias = tuple[int, int, bool]
    """(set of senders, set of ports of lanes, whether it is certain)."""

EVERYTHING: list[Rectangle] = [(ALL, ALL, True)]


class Domain(Record):
    """What an expression is, lane by lane: sets of lanes' ports by the value they have."""

    source: int = EMPTY
    """Where it is the sender's address."""
    ports: tuple[Lane, ...] = ()
    """Where it is the port."""
    constants: dict[Value, int] = {}  # noqa: RUF012 - never written to
    by_sender: tuple[tuple[Value, int, int], ...] = ()
    """(value, senders, ports), where it depends on the sender."""
    unknown: int = EMPTY
    exists: int = EMPTY
    """Where it is anything at all."""
    mask: int | None = None
    """The address or port is masked with it before it is compared."""


class Matcher:
    """Comparisons in one IP version, over the lanes that are on their way now. Answers are remembered until the lanes change."""

    def __init__(self, ruleset: Ruleset, facts: Facts, rows: Sets, columns: Sets, router: Router) -> None:
        """Rows are senders, columns ports of lanes."""
        self.ruleset = ruleset
        self.facts = facts
        self.rows = rows
        self.columns = columns
        self.router = router
        self.written: frozenset[tuple[str, str, str]] = frozenset()
        """Named sets that rules write into: nobody knows what is in them when the packet comes."""
        self.lanes: tuple[Lane, ...] = ()
        self._domains: dict[tuple[Moment, Expression], Domain] = {}
        self._hits: dict[tuple[int, int, Moment, bool], tuple[object, object, list[Rectangle]]] = {}
        self._spans: dict[int, tuple[object, int]] = {}

    def use(self, lanes: Iterable[Lane]) -> None:
        """From now on, about these lanes."""
        self.lanes = tuple(lanes)
        self._domains.clear()
        self._hits.clear()

    # --- what an expression is ---

    def domain(self, expression: Expression, moment: Moment) -> Domain:
        """What it is, lane by lane."""
        if isinstance(expression, Concat | Lookup | Strange) or (
            isinstance(expression, Binary) and not isinstance(expression.left, Field | Binary)
        ):
            return Domain(unknown=self._all(), exists=self._all())
        key = moment, expression
        found = self._domains.get(key)
        if found is None:
            found = self._domains[key] = self._make_domain(expression, moment)
        return found

    def _make_domain(self, expression: Expression, moment: Moment) -> Domain:
        if isinstance(expression, Field):
            return self._field_domain(expression, moment)
        if isinstance(expression, Binary) and isinstance(expression.right, Number):
            return self._binary_domain(self.domain(expression.left, moment), expression.operator, expression.right.value)
        if isinstance(expression, Number | Name):
            value = expression.value if isinstance(expression, Number) else expression.text
            return Domain(constants={value: self._all()}, exists=self._all())
        return Domain(unknown=self._all(), exists=self._all())

    def _all(self) -> int:
        return self.columns.spans(lane.span for lane in self.lanes)

    def _field_domain(self, field: Field, moment: Moment) -> Domain:
        if field.group == "fib":
            return self._routing_domain(field, moment)
        source: list[tuple[int, int]] = []
        ports: list[Lane] = []
        spans: dict[Value, list[tuple[int, int]]] = {}
        for lane in self.lanes:
            value = self.facts.value(lane, field, moment)
            if value is SOURCE:
                source.append(lane.span)
            elif value is PORT:
                ports.append(lane)
            elif value is not ABSENT:
                spans.setdefault(value, []).append(lane.span)
        unknown = self.columns.spans(spans.pop(UNKNOWN, ()))
        constants = {value: self.columns.spans(where) for value, where in spans.items()}
        rows = self.columns.spans(source)
        exists = self.columns.union([rows, unknown, *constants.values(), self.columns.spans(lane.span for lane in ports)])
        return Domain(rows, tuple(ports), constants, (), unknown, exists)

    def _routing_domain(self, field: Field, moment: Moment) -> Domain:
        """`fib … type`, `fib … oif`: by the network's routes, for the sender or for the destination."""
        constants: dict[Value, list[int]] = {}
        tables: list[tuple[Value, int, int]] = []
        unknown: list[int] = []
        for lane in self.lanes:
            column = self.columns.spans([lane.span])
            address = self.facts.value(lane, Field(self.facts.header, "saddr" if "saddr" in field.flags else "daddr"), moment)
            for value, senders in self.router.fib(field, address, lane.iif, self.rows):
                if value is UNKNOWN:
                    unknown.append(self.columns.both(column, column))
                elif senders == ALL:
                    constants.setdefault(value, []).append(column)
                else:
                    tables.append((value, senders, column))
        where = {value: self.columns.union(columns) for value, columns in constants.items()}
        return Domain(EMPTY, (), where, tuple(tables), self.columns.union(unknown), self._all())

    def _binary_domain(self, left: Domain, operator: str, number: int) -> Domain:
        constants: dict[Value, list[int]] = {}
        unknown = [left.unknown]
        for value, columns in left.constants.items():
            if isinstance(value, int):
                constants.setdefault(apply(operator, value, number), []).append(columns)
            else:
                unknown.append(columns)
        masked = operator == "&" and left.mask is None
        if not masked:
            unknown += [left.source, self.columns.spans(lane.span for lane in left.ports)]
        unknown += [columns for _, _, columns in left.by_sender]
        return Domain(
            left.source if masked else EMPTY, left.ports if masked else (), {value: self.columns.union(each) for value, each in constants.items()}, (),
            self.columns.union(unknown), left.exists, number if masked else None,
        )  # fmt: skip

    # --- what it is compared with ---

    def members(self, right: Members | Named, family: str, table: str) -> tuple[Members | None, NamedSet | None]:
        """What is in a set; None where that was not read or cannot be known."""
        if not isinstance(right, Named):
            return right, None
        known = self.ruleset.sets.get((family, table, right.name))
        if known is None or (family, table, right.name) in self.written:
            return None, known
        return known.members, known

    def match(self, match: Match, family: str, table: str, moment: Moment) -> list[Rectangle]:
        """Where the comparison holds."""
        key = id(match.left), id(match.right), moment, match.negated
        found = self._hits.get(key)
        if found is None:
            members, _ = self.members(match.right, family, table)
            if members is None:
                exists = self._exists(match.left, moment)
                hits = [(ALL, exists, False)] if exists else []
            else:
                hits = self._compare(match.left, members, moment)
                if match.negated:
                    hits = self._negated(hits, self._exists(match.left, moment))
            found = self._hits[key] = match.left, match.right, hits  # what an id names must live as long as the id is a key
        return found[2]

    def _exists(self, left: Expression, moment: Moment) -> int:
        parts = left.parts if isinstance(left, Concat) else (left,)
        found = ALL
        for part in parts:
            found = self.columns.both(found, self.domain(part, moment).exists)
        return found

    def _negated(self, hits: list[Rectangle], exists: int) -> list[Rectangle]:
        """Everything that exists and surely does not hold; what may hold may also not hold."""
        rest: list[Rectangle] = [(ALL, exists, True)] if exists else []
        for row, column, sure in hits:
            rest = self.cut(rest, row, column, sure)
        return rest

    def cut(self, pieces: list[Rectangle], row: int, column: int, sure: bool) -> list[Rectangle]:  # noqa: FBT001 - a part of a rectangle
        """The pieces without a rectangle; where that is not certain they stay there, uncertain."""
        rows, columns = self.rows, self.columns
        left: list[Rectangle] = []
        for a, b, certain in pieces:
            x, y = rows.both(a, row), columns.both(b, column)
            if not (x and y):
                left.append((a, b, certain))
                continue
            if y != b:
                left.append((a, columns.minus(b, column), certain))
            if x != a:
                left.append((rows.minus(a, row), y, certain))
            if not sure:
                left.append((x, y, False))
        return left

    def _compare(self, left: Expression, members: Members, moment: Moment) -> list[Rectangle]:
        if isinstance(left, Concat) or members.elements is not None:
            found = [(row, column, sure) for row, column, sure, _ in self.look_up(left, members, moment)]
            return merge(found, self.rows, self.columns)
        domain = self.domain(left, moment)
        if members.spans is not None:
            return self._numbers(domain, tuple(zip(members.spans.first, members.spans.last, strict=True)), members.spans)
        return self._names(domain, members.names.names if members.names is not None else ())

    def _numbers(self, domain: Domain, spans: Sequence[tuple[int, int]], owner: object = None) -> list[Rectangle]:
        """Where a value lies in the spans."""
        hits: list[Rectangle] = []
        if domain.source:
            row, sure = self._senders(spans, owner, domain.mask)
            if row:
                hits.append((row, domain.source, sure))
        columns: list[int] = []
        if domain.ports:
            lying = [(max(first, 0), min(last, 0xFFFF)) for first, last in spans if first <= 0xFFFF]
            if domain.mask is not None:
                lying = [(port, port) for port in range(65_536) if any(first <= port & domain.mask <= last for first, last in lying)]
            columns.append(self.columns.spans((lane.first + first, lane.first + last) for lane in domain.ports for first, last in lying))
        if len(spans) == 1 and spans[0][0] == spans[0][1]:
            columns.append(domain.constants.get(spans[0][0], EMPTY))
        else:
            columns += [where for value, where in domain.constants.items() if isinstance(value, int) and lies_in(value, spans)]
        if column := self.columns.union(columns):
            hits.append((ALL, column, True))
        hits += [(row, column, True) for value, row, column in domain.by_sender if isinstance(value, int) and lies_in(value, spans)]
        if domain.unknown:
            hits.append((ALL, domain.unknown, False))
        return hits

    def _senders(self, spans: Sequence[tuple[int, int]], owner: object, mask: int | None) -> tuple[int, bool]:
        """The set of senders whose address, masked, lies in the spans; an odd mask cannot be solved."""
        if mask is None:
            if owner is None:
                return self.rows.spans(self._fitting(spans)), True
            found = self._spans.get(id(owner))
            if found is None:
                found = self._spans[id(owner)] = owner, self.rows.spans(self._fitting(spans))
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

    def _fitting(self, spans: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
        return ((first, min(last, self.rows.size - 1)) for first, last in spans if first < self.rows.size)

    def _names(self, domain: Domain, names: Sequence[Name]) -> list[Rectangle]:
        def among(value: Value) -> bool:
            return isinstance(value, str) and any(
                value == name.text or (name.prefix and value.startswith(name.text)) for name in names if name.interface is None
            )

        hits: list[Rectangle] = []
        if column := self.columns.union([where for value, where in domain.constants.items() if among(value)]):
            hits.append((ALL, column, True))
        hits += [(row, column, True) for value, row, column in domain.by_sender if among(value)]
        rest = [where for value, where in domain.constants.items() if not isinstance(value, str)]
        if unknown := self.columns.union([domain.unknown, *rest]):
            hits.append((ALL, unknown, False))
        return hits

    # --- sets and maps of several fields ---

    def look_up(self, key: Expression, members: Members, moment: Moment) -> list[tuple[int, int, bool, Element | None]]:
        """Where each element fits; `*` where no other does."""
        parts = key.parts if isinstance(key, Concat) else (key,)
        if members.elements is None:
            return [(*hit, None) for hit in self._compare(key, members, moment)]
        domains = [self.domain(part, moment) for part in parts]
        found: list[tuple[int, int, bool, Element | None]] = []
        wild: Element | None = None
        for element in members.elements:
            if element.wildcard:
                wild = element
                continue
            hits: list[Rectangle] = [(ALL, ALL, not element.statements)]
            for domain, part in zip(domains, element.key, strict=False):
                hits = self.product(hits, self._part(domain, part))
                if not hits:
                    break
            found += [(*hit, element) for hit in hits]
        if wild is not None:
            rest: list[Rectangle] = [(ALL, self._exists(key, moment), not wild.statements)]
            for row, column, sure in merge([(row, column, sure) for row, column, sure, _ in found], self.rows, self.columns):
                rest = self.cut(rest, row, column, sure)
            found += [(*piece, wild) for piece in rest]
        return found

    def _part(self, domain: Domain, part: Range | Name | Strange) -> list[Rectangle]:
        if isinstance(part, Range):
            return self._numbers(domain, ((part.first, part.last),))
        if isinstance(part, Name):
            return self._names(domain, (part,))
        return [(ALL, domain.exists, False)] if domain.exists else []

    def product(self, left: list[Rectangle], right: list[Rectangle]) -> list[Rectangle]:
        """Where both hold."""
        rows, columns = self.rows, self.columns
        return [
            (x, y, sure and certain)
            for a, b, sure in left
            for c, d, certain in right
            if (x := rows.both(a, c)) and (y := columns.both(b, d))
        ]

    # --- what a value may be ---

    def values(
        self, expression: Expression | Range, family: str, table: str, moment: Moment
    ) -> list[tuple[int, int, bool, tuple[Value, ...]]]:
        """What is assigned, or translated to: (senders, ports, certain, values); several values where a map gives address and port."""
        if isinstance(expression, Range):
            same = expression.first == expression.last
            return [(ALL, ALL, True, (expression.first if same else UNKNOWN,))]
        if isinstance(expression, Lookup):
            members, _ = self.members(expression.map, family, table)
            if members is None:
                return [(ALL, self._exists(expression.key, moment), False, (UNKNOWN,))]
            return [
                (row, column, sure, _data(element))
                for row, column, sure, element in self.look_up(expression.key, members, moment)
                if element is not None
            ]
        domain = self.domain(expression, moment)
        found: list[tuple[int, int, bool, tuple[Value, ...]]] = [
            (ALL, columns, True, (value,)) for value, columns in domain.constants.items()
        ]
        if rest := self.columns.minus(domain.exists, self.columns.union(list(domain.constants.values()))):
            found.append((ALL, rest, True, (UNKNOWN,)))
        return found


def _data(element: Element) -> tuple[Value, ...]:
    data = element.data
    if not isinstance(data, tuple) or not data or not all(isinstance(part, Range | Name | Strange) for part in data):
        return (UNKNOWN,)
    return tuple(
        (part.first if part.first == part.last else UNKNOWN)
        if isinstance(part, Range)
        else part.text
        if isinstance(part, Name)
        else UNKNOWN
        for part in data
    )


def lies_in(value: int, spans: Iterable[tuple[int, int]]) -> bool:
    """Whether a number lies in one of the spans."""
    return any(first <= value <= last for first, last in spans)


def apply(operator: str, left: int, right: int) -> int:
    """`&`, `|`, `^`, `<<` or `>>`."""
    if operator == "&":
        return left & right
    if operator == "|":
        return left | right
    if operator == "^":
        return left ^ right
    return left << right if operator == "<<" else left >> right


def merge(hits: list[Rectangle], rows: Sets, columns: Sets) -> list[Rectangle]:
    """The same in fewer rectangles: those with equal columns joined, then those with equal rows."""
    if len(hits) < 2:
        return hits
    by_column: dict[tuple[int, bool], list[int]] = {}
    for row, column, sure in hits:
        by_column.setdefault((column, sure), []).append(row)
    by_row: dict[tuple[int, bool], list[int]] = {}
    for (column, sure), found in by_column.items():
        by_row.setdefault((rows.union(found), sure), []).append(column)
    return [(row, columns.union(found), sure) for (row, sure), found in by_row.items()]
