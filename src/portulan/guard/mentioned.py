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
    Translate,
    Update,
    Verdict,
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.guard.sets import Sets
    from portulan.model.network import Link
    from portulan.model.rule import Expression, Rule
    from portulan.model.ruleset import Chain, Key, Ruleset

_VERSIONS = ("ip", "ip6")
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
        self._held: dict[str, list[Spans]] = {"saddr": [], "daddr": []}
        self._odd: set[str] = set()
        self._redirects = False
        """Whether a rule sends packets to the address of the interface they came by."""
        self._by_link = False
        """Whether a rule asks for routes by the interface a packet came in by."""
        self._of_version: dict[int, dict[int, list[Rule]]] = {4: {}, 6: {}}
        for chain in ruleset.chains:
            self._chain(chain)

    def rules(self, chain: Chain, version: int) -> Sequence[Rule]:
        """The rules of a chain that packets of an IP version can match at all."""
        return self._of_version[version].get(id(chain), chain.rules)

    def _chain(self, chain: Chain) -> None:
        where = chain.family, chain.table
        four: list[Rule] = []
        six: list[Rule] = []
        for rule in chain.rules:
            other, comparing = "", True
            for statement in rule.statements:
                kind = statement.__class__
                if kind is Match:
                    left = statement.left  # type: ignore[union-attr]
                    self._compared(left, statement.right, where)  # type: ignore[union-attr]
                    if comparing and left.__class__ is Field and left.group in _VERSIONS:
                        other = left.group
                    continue
                comparing = False
                if kind is Choose:
                    self._compared(statement.key, statement.map, where)  # type: ignore[union-attr]
                elif kind not in _PLAIN:
                    self._other(statement, where)
            if other != "ip6":
                four.append(rule)
            if other != "ip":
                six.append(rule)
        self._of_version[4][id(chain)], self._of_version[6][id(chain)] = four, six

    def _other(self, statement: object, where: tuple[str, str]) -> None:
        if isinstance(statement, Assign):
            self.marks |= statement.field.group in ("meta", "ct")
            self._look(statement.value, where)
            return
        if isinstance(statement, Translate):
            self._redirects |= statement.kind == "redirect"
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
                self._held[end].append(members.spans)
            else:
                self._held[end] += [Spans((part.first,), (part.last,)) for part in _parts(members, at) if isinstance(part, Range)]
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
        targets = (
            [(one.version, one.number >> 118 == 0x3FA, self.sees(one.number, "daddr")) for one, _ in link.addresses]
            if self._redirects
            else ()
        )
        return names, numbers, link.name if self._by_link else "", str(targets)

    def receivers(self, rows: Sets) -> list[int]:
        """The sets of addresses that rules hold destinations against, as sets of these rows."""
        found = (
            ((first, min(last, rows.size - 1)) for first, last in zip(*spans, strict=True) if first < rows.size)
            for spans in self._held["daddr"]
        )
        return list(dict.fromkeys(number for each in found if (number := rows.spans(each))))

    def sees(self, address: int, *ends: str) -> object:
        """What rules can see of an own address as `daddr` (and `saddr`): those with the same answer are one class."""
        if self._odd.intersection(ends):
            return address
        return [at for end in ends for at, spans in enumerate(self._held[end]) if _holds(spans, address)]


def _holds(spans: Spans, address: int) -> bool:
    first, last = spans
    if len(first) == 1:
        return first[0] <= address <= last[0]
    return any(low <= address <= high for low, high in zip(first, last, strict=True))


def _end(name: str) -> str:
    return name.rpartition(" ")[2]


def _parts(members: Members, at: int) -> Iterable[object]:
    for element in members.elements or ():
        if at < len(element.key):
            yield element.key[at]
