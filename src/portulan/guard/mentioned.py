"""What the rules of a ruleset look at and change, gathered in one pass: what no rule looks at need not be told apart."""

from __future__ import annotations

from portulan.model.rule import (
    Assign,
    Choose,
    Concat,
    Counter,
    Field,
    Limit,
    Log,
    Lookup,
    Match,
    Members,
    Name,
    Named,
    NoTrack,
    Range,
    Reject,
    Spans,
    Update,
    Verdict,
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from portulan.model.network import Link
    from portulan.model.rule import Expression
    from portulan.model.ruleset import Key, Ruleset

    Pairs: TypeAlias = tuple[tuple[int, int], ...]

_PLAIN = frozenset({Verdict, Counter, Log, Limit, Reject, NoTrack})
"""Statements that look at nothing."""
_ODD = {"raw", "fib"}
"""Groups of fields whose value depends on an address in a way of their own."""


class Mentioned:
    """See the head of this file."""

    def __init__(self, ruleset: Ruleset) -> None:
        """Of all chains of a ruleset."""
        self.read: set[tuple[str, str]] = set()
        """(group, name) of every field that a rule compares or copies."""
        self.written: set[Key] = set()
        """Sets that rules write into."""
        self.marks = False
        """Whether a rule sets a mark of packets or connections."""
        self._sets = ruleset.sets
        self._names: set[tuple[str, bool]] = set()
        self._held: dict[str, dict[Pairs, None]] = {"saddr": {}, "daddr": {}}
        self._odd: set[str] = set()
        self._by_link = False
        """Whether a rule asks for routes by the interface a packet came in by."""
        for chain in ruleset.chains:
            where = chain.family, chain.table
            for rule in chain.rules:
                for statement in rule.statements:
                    kind = statement.__class__
                    if kind is Match:
                        self._compared(statement.left, statement.right, where)  # type: ignore[union-attr]
                    elif kind is Choose:
                        self._compared(statement.key, statement.map, where)  # type: ignore[union-attr]
                    elif kind not in _PLAIN:
                        self._other(statement, where)

    def _other(self, statement: object, where: tuple[str, str]) -> None:
        if isinstance(statement, Assign):
            self.marks |= statement.field.group in ("meta", "ct")
            self._look(statement.value, where)
            return
        if isinstance(statement, Update):
            self.written.add((*where, statement.set))
        self._look(statement, where)

    def _look(self, value: object, where: tuple[str, str]) -> None:
        """Fields and maps anywhere inside."""
        if isinstance(value, Field):
            self._field(value, None, 0)
        elif isinstance(value, Lookup):
            self._compared(value.key, value.map, where)
        elif isinstance(value, tuple) and not isinstance(value, Spans):
            for part in value:
                if isinstance(part, tuple):
                    self._look(part, where)

    def _compared(self, left: Expression, right: Members | Named, where: tuple[str, str]) -> None:
        """An expression held against values."""
        members = right
        if right.__class__ is Named:
            known = self._sets.get((*where, right.name))
            members = known.members if known is not None else None  # type: ignore[assignment]
        if left.__class__ is Field:
            self._field(left, members, 0)  # type: ignore[arg-type]
        elif left.__class__ is Concat:
            for at, part in enumerate(left.parts):
                if part.__class__ is Field:
                    self._field(part, members, at)  # type: ignore[arg-type]
                else:
                    self._buried(part, where)
        else:
            self._buried(left, where)

    def _buried(self, expression: Expression, where: tuple[str, str]) -> None:
        self._look(expression, where)
        self._odd |= {"saddr", "daddr"} if any(_end(name) in ("saddr", "daddr") for _, name in self.read) else set()

    def _field(self, field: Field, members: Members | None, at: int) -> None:
        self.read.add((field.group, field.name))
        end = _end(field.name)
        if field.direction == "reply":  # comes from where the packet goes
            end = {"saddr": "daddr", "daddr": "saddr"}.get(end, end)
        if end in self._held:
            if members is None:
                return
            if members.spans is not None:
                spans = members.spans
                self._held[end][tuple(zip(spans.first, spans.last, strict=True))] = None
            else:
                self._held[end].update((((part.first, part.last),), None) for part in _parts(members, at) if isinstance(part, Range))
        elif field.group in _ODD:
            self._odd |= {"saddr", "daddr"}
            self._by_link |= field.group == "fib" and (field.name != "type" or "iif" in field.flags)
        elif members is not None and members.spans is None:
            names: Iterable[object] = members.names.names if members.names is not None else _parts(members, at)
            self._names.update((name.text, name.prefix) for name in names if isinstance(name, Name))

    def tells_apart(self, link: Link) -> tuple[object, ...]:
        """What rules can see of a link: those with the same answer are one class."""
        names = frozenset(name for name in self._names if link.name == name[0] or (name[1] and link.name.startswith(name[0])))
        numbers = (
            (link.type, link.group, link.kind)
            if any(name[1:] in ("iftype", "ifgroup", "ifkind") or group == "ether" for group, name in self.read)
            else ()
        )
        return names, numbers, link.name if self._by_link else ""

    def sees(self, address: int, *ends: str) -> object:
        """What rules can see of an own address as `daddr` (and `saddr`): those with the same answer are one class."""
        if self._odd.intersection(ends):
            return address
        return [[any(first <= address <= last for first, last in pairs) for pairs in self._held[end]] for end in ends]


def _end(name: str) -> str:
    return name.rpartition(" ")[2]


def _parts(members: Members, at: int) -> Iterable[object]:
    for element in members.elements or ():
        if at < len(element.key):
            yield element.key[at]
