"""One possible course of a packet through the rules: what is known of it at a moment, what happened so far, and under which conditions.

Where a rule cannot be decided the course forks, and later, where nothing came of it, the branches merge again. A branch carries its conditions as
cubes: a set of sets of (doubt, choice), "this doubt and that one fell so, or …".
"""

from __future__ import annotations

from portulan.model.reach import Outcome, Place, Step
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    Value: TypeAlias = "int | str | Device | Free | None"
    Doubt: TypeAlias = "tuple[object, ...]"
    Cube: TypeAlias = frozenset[tuple[Doubt, int]]
    Trail: TypeAlias = "tuple[Step, Trail] | None"

MOST_CUBES = 64
"""More conditions than these of one branch are not told apart any more."""
MOST_BRANCHES = 512
"""With more branches the packet is given up as `maybe`, on all doubts met so far."""
_ALWAYS: Cube = frozenset()


class Free(Record):
    """A number that is not known beforehand, only that it lies in one of these spans (sorted, disjoint, both ends inside)."""

    spans: tuple[tuple[int, int], ...]
    why: str
    origin: Place | None = None
    """The rule that made it so, where it was one."""


class Device(Record):
    """An interface, as `meta iif` compares it: by its number, which nft writes as its name."""

    number: int
    name: str


def anything(bits: int, why: str) -> Free:
    """Any number of so many bits."""
    return Free(((0, (1 << bits) - 1),), why)


class TooManyBranchesError(Exception):
    """Followed further, the packet would take more courses than anybody wants to wait for."""


class Course:
    """One branch. `facts` is what the packet is now (names below); `fate` tells why it left the chain it was in."""

    __slots__ = ("cubes", "facts", "fate", "outcome", "rule", "trail")

    def __init__(self, facts: dict[str, Value], trail: Trail = None, cubes: tuple[Cube, ...] = (_ALWAYS,)) -> None:
        self.facts = facts
        self.trail = trail
        self.cubes = cubes
        self.fate: str | None = None
        """None while in a chain; accept (of this base chain), return; stop once `outcome` is there."""
        self.outcome: Outcome | None = None
        self.rule: Step | None = None
        """What decided last."""

    def copy(self) -> Course:
        """A branch of its own with all that happened so far."""
        made = Course(dict(self.facts), self.trail, self.cubes)
        made.fate, made.outcome, made.rule = self.fate, self.outcome, self.rule
        return made

    def assume(self, doubt: Doubt, choice: int) -> None:
        """From here on only where a doubt falls so."""
        self.cubes = tuple(cube | {(doubt, choice)} for cube in self.cubes)

    @property
    def sure(self) -> bool:
        """Whether the packet takes this course in any case."""
        return self.cubes == (_ALWAYS,)

    def add(self, step: Step) -> None:
        """One thing more that happened."""
        self.trail = (step, self.trail)

    def steps(self) -> tuple[Step, ...]:
        """All that happened, in order."""
        found, trail = [], self.trail
        while trail is not None:
            step, trail = trail
            found.append(step)
        return tuple(reversed(found))

    def end(self, outcome: Outcome, step: Step | None) -> None:
        """That was all."""
        self.fate, self.outcome = "stop", outcome
        if step is not None:
            self.add(step)
            self.rule = step


def merge(courses: Sequence[Course]) -> list[Course]:
    """Branches that know the same become one. Where they differ in the sender's port alone, one that may have either."""
    if len(courses) < 2:
        return list(courses)
    found: dict[object, Course] = {}
    for course in courses:
        facts = course.facts
        port = facts["sport"]
        loose = port.__class__ is Free
        key = (frozenset((name, value) for name, value in facts.items() if name != "sport"), course.fate, None if loose else port)
        known = found.get(key)
        if known is None:
            found[key] = course
            continue
        if loose:
            known.facts["sport"] = _either(known.facts["sport"], port)
        known.cubes = simplify((*known.cubes, *course.cubes))
    if len(found) > MOST_BRANCHES:
        raise TooManyBranchesError
    return list(found.values())


def _either(one: Value, other: Value) -> Free:
    assert isinstance(one, Free)
    assert isinstance(other, Free)
    return one._replace(spans=join((*one.spans, *other.spans)))


def join(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Any spans as sorted, disjoint ones that do not even touch."""
    done: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if done and first <= done[-1][1] + 1:
            if last > done[-1][1]:
                done[-1] = (done[-1][0], last)
        else:
            done.append((first, last))
    return tuple(done)


def cut(
    spans: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """What of the spans lies in the others, and what does not; all sorted and disjoint."""
    inside: list[tuple[int, int]] = []
    outside: list[tuple[int, int]] = []
    for first, last in spans:
        at = first
        for low, high in others:
            if high < at:
                continue
            if low > last:
                break
            if low > at:
                outside.append((at, low - 1))
            inside.append((max(low, at), min(high, last)))
            at = high + 1
            if at > last:
                break
        if at <= last:
            outside.append((at, last))
    return tuple(inside), tuple(outside)


def simplify(cubes: Iterable[Cube]) -> tuple[Cube, ...]:
    """Conditions that cancel out are dropped: where a doubt may fall in any of its ways and all else is the same, it does not matter.

    A doubt's last part is the number of its ways.
    """
    left = set(cubes)
    changed = True
    while changed and len(left) > 1:
        changed = False
        for cube in list(left):
            for literal in cube:
                doubt, rest = literal[0], cube - {literal}
                ways = doubt[-1]
                assert isinstance(ways, int)
                twins = [rest | {(doubt, choice)} for choice in range(ways)]
                if all(twin in left for twin in twins):
                    left.difference_update(twins)
                    left.add(rest)
                    changed = True
                    break
            if changed:
                break
    left = {cube for cube in left if not any(other < cube for other in left)}
    if len(left) > MOST_CUBES:
        raise TooManyBranchesError
    return tuple(left)


def doubts_that_matter(courses: Sequence[Course], doubts: Mapping[Doubt, Step]) -> tuple[Step, ...]:
    """Of all doubts met those on which accept or drop depends: two ends that differ, with this doubt alone told apart. In the order met."""
    ends = [(cube, course.outcome is Outcome.ACCEPT) for course in courses for cube in course.cubes]
    good = [dict(cube) for cube, accepted in ends if accepted]
    bad = [dict(cube) for cube, accepted in ends if not accepted]
    found = set()
    for one in good:
        for other in bad:
            apart = [doubt for doubt, choice in one.items() if other.get(doubt, choice) != choice]
            if len(apart) == 1:
                found.add(apart[0])
    chosen = [step for doubt, step in doubts.items() if doubt in found] if found else list(doubts.values())
    return tuple({(step.place, step.facts.get("why")): step for step in chosen}.values())
