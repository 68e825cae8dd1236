"""What a rule's expressions are for a packet on one of its courses, and how courses fork where that cannot be known."""

from __future__ import annotations

from portulan.guard.course import Course, Free, anything
from portulan.guard.packet_fields import reader_of, slot_of
from portulan.guard.trace_sets import ANY, Sets
from portulan.guard.values import calculate, value_of
from portulan.model.reach import Place, Step
from portulan.model.record import Record
from portulan.model.rule import Binary, Concat, Field, Lookup, Name, Number, Range, Strange, Verdict
from portulan.wire.nft_authors import author_of
from portulan.wire.nft_kinds import kind_of
from portulan.wire.nft_text import rule_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from portulan.guard.course import Doubt, Value
    from portulan.guard.members import Found
    from portulan.guard.packet_fields import Reader
    from portulan.guard.routing import Routing
    from portulan.model.rule import Expression, Members, Named, Rule
    from portulan.model.ruleset import Chain, Ruleset

    Move: TypeAlias = "str | Verdict"
    Result: TypeAlias = "Move | list[tuple[Course, Move]]"
    Branches: TypeAlias = "list[tuple[Course, tuple[Value, ...]]]"

GO, END, DONE = "go", "end", "done"
"""On to the next statement; the rule does not match; the packet has left the chain (`Course.fate`). A jump or goto is given as its Verdict."""
_RANDOM = ("numgen", "jhash", "symhash")


class Entry(Record):
    """Where in the rules a packet is: in which chain, on behalf of which base chain, by which jumps."""

    chain: Chain
    hook: str
    type: str
    """Of the base chain: filter, nat, route."""
    legacy: bool = False
    depth: int = 0
    path: tuple[object, ...] = ()
    """The base chain and the rules that jumped."""


class Expressions:
    """Evaluates what rules compare and assign. `doubts` gathers what could not be decided, for one packet."""

    def __init__(self, ruleset: Ruleset, routing: Routing) -> None:
        self.ruleset = ruleset
        self.routing = routing
        self.sets = Sets(ruleset)
        self.doubts: dict[Doubt, Step] = {}
        self._readers: dict[Field, Reader] = {}
        self._places: dict[tuple[int, str], tuple[Rule, Place]] = {}

    def place(self, rule: Rule, entry: Entry) -> Place:
        """The rule as a place."""
        known = self._places.get((id(rule), entry.hook))
        if known is None:
            chain = entry.chain
            author = (
                "iptables-legacy"
                if entry.legacy
                else author_of(chain.table, chain.name, _target(rule)) or ("iptables" if rule.quoted is not None else None)
            )
            place = Place(chain.family, chain.table, chain.name, rule.handle, rule_text(rule, chain.family), entry.hook, author)
            known = self._places[id(rule), entry.hook] = (rule, place)
        return known[1]

    def step(self, rule: Rule, entry: Entry, course: Course, action: str, **facts: str | int) -> Step:
        """Something that the rule did."""
        return Step(self.place(rule, entry), action, facts, entry.depth, course.sure)

    def fork(
        self, course: Course, rule: Rule, entry: Entry, statement: object, why: str, ways: int, origin: Place | None = None
    ) -> list[Course]:
        """The packet's course in so many branches, on a doubt about a statement, or about a value that another rule (`origin`) has left open."""
        doubt = (entry.path, entry.chain.name, id(rule), _position(rule, statement), ways)
        step = Step(origin or self.place(rule, entry), "maybe", {"why": why}, entry.depth, sure=False)
        self.doubts.setdefault(doubt, step)
        branches = [course.copy() for _ in range(ways)]
        for choice, branch in enumerate(branches):
            branch.assume(doubt, choice)
            branch.add(step)
        return branches

    def maybe(self, course: Course, rule: Rule, entry: Entry, statement: object, why: str) -> list[tuple[Course, Move]]:
        """The rule may end here or go on."""
        ended, going = self.fork(course, rule, entry, statement, why, 2)
        return [(ended, END), (going, GO)]

    # --- expressions ---

    def value(self, expression: Expression, course: Course) -> Value:
        """What an expression without maps is for a packet."""
        if expression.__class__ is Field:
            assert isinstance(expression, Field)
            reader = self._readers.get(expression)
            if reader is None:
                reader = self._readers[expression] = reader_of(expression)
            return reader(self.routing, course.facts)
        if isinstance(expression, Number):
            return expression.value
        if isinstance(expression, Name):
            return expression.text
        if isinstance(expression, Binary):
            left, right = self.value(expression.left, course), self.value(expression.right, course)
            return calculate(expression.operator, left, right, kind_of(expression).bits or 32)
        text = expression.text if isinstance(expression, Strange) else ""
        return anything(128, "random" if text.startswith(_RANDOM) else "unknown")

    def values(self, expression: Expression | Range | None, course: Course, rule: Rule, entry: Entry, statement: object) -> Branches:
        """The same where there may be a map in it: on each branch what it gives, one value or several; (None,) where it has nothing."""
        if expression is None:
            return [(course, (None,))]
        if isinstance(expression, Range):
            return [(course, (value_of(expression, "choice"),))]
        if isinstance(expression, Lookup):
            key = self.key(expression.key, course)
            if key is None:
                return [(course, (None,))]
            branches = self.search(expression.map, key, expression.key, course, rule, entry, statement)
            return [(branch, _data(found)) for branch, found in branches]
        if isinstance(expression, Binary):
            bits = kind_of(expression).bits or 32
            found: Branches = []
            for branch, left in self.values(expression.left, course, rule, entry, statement):
                for last, right in self.values(expression.right, branch, rule, entry, (statement, "right")):
                    found.append((last, (calculate(expression.operator, left[0], right[0], bits),)))
            return found
        return [(course, (self.value(expression, course),))]

    def key(self, expression: Expression, course: Course) -> tuple[Value, ...] | None:
        """The parts of a key; None where the packet lacks one of them."""
        parts = expression.parts if expression.__class__ is Concat else (expression,)
        key = tuple([self.value(part, course) for part in parts])
        return None if None in key else key

    def search(
        self, right: Members | Named, key: tuple[Value, ...], left: Expression, course: Course, rule: Rule, entry: Entry, statement: object
    ) -> list[tuple[Course, Found]]:
        """Looking a key up: on each branch what was found, and the unknown number of the key narrowed to what led there."""
        chain = entry.chain
        found, why = self.sets.search(right, key, (chain.family, chain.table), course.facts["added"])
        if len(found) == 1:
            return [(course, found[0])]
        branches = list(zip(self.fork(course, rule, entry, statement, why, len(found), origin_of(key)), found, strict=True))
        for branch, way in branches:
            if way.spans is not None:
                narrow(branch, left, key, way.spans)
        return branches


def origin_of(key: tuple[Value, ...]) -> Place | None:
    """The rule that left a part of a key open."""
    return next((value.origin for value in key if isinstance(value, Free)), None)


def narrow(course: Course, left: Expression, key: tuple[Value, ...], spans: Sequence[tuple[int, int]]) -> None:
    """The one unknown number of a key lies in these spans, on this course."""
    parts = left.parts if isinstance(left, Concat) else (left,)
    at = next(at for at, value in enumerate(key) if isinstance(value, Free))
    part, value = parts[at], key[at]
    slot = slot_of(part) if isinstance(part, Field) else None
    if slot is None or not spans:
        return
    assert isinstance(value, Free)
    spans = sorted(spans)
    course.facts[slot] = spans[0][0] if len(spans) == 1 and spans[0][0] == spans[0][1] else value._replace(spans=tuple(spans))


def _data(found: Found) -> tuple[Value, ...]:
    """What a map gives."""
    if found.element is None:
        return (None,)
    if found.element is ANY or not isinstance(found.element.data, tuple) or isinstance(found.element.data, Verdict):
        return (anything(128, "set"),)
    return tuple(value_of(part, "choice") for part in found.element.data)


def _position(rule: Rule, statement: object) -> object:
    """Which statement of a rule it is, and which of its parts."""
    if statement.__class__ is tuple:
        whole, part = statement
        return _position(rule, whole), part
    return next((at for at, each in enumerate(rule.statements) if each is statement), -1)


def _target(rule: Rule) -> str | None:
    last = rule.statements[-1] if rule.statements else None
    return last.target if isinstance(last, Verdict) else None
