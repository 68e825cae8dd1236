"""The sets and maps that rules refer to, ready for looking up; those that packets write into while they pass are uncertain."""

from __future__ import annotations

from portulan.guard.course import Free
from portulan.guard.members import IN_SET, Found, prepare
from portulan.model.rule import Element, Named, Strange, Update

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.guard.course import Value
    from portulan.guard.members import ElementSet, NumberSet
    from portulan.model.rule import Members
    from portulan.model.ruleset import Key, NamedSet, Ruleset

ANY = Element((), (Strange("?"),))
"""An element of which nothing is known."""
_UNREAD = [Found(None), Found(ANY)]


class Sets:
    """All of a ruleset's."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._prepared: dict[int, tuple[Members, NumberSet | ElementSet]] = {}
        self._written: dict[Key, set[str]] | None = None

    def search(self, right: Members | Named, key: tuple[Value, ...], owner: tuple[str, str], added: Value) -> tuple[list[Found], str]:
        """All ways in which looking up a key may end, for a chain of (family, table), and why there is more than one."""
        if right.__class__ is not Named:
            found = self._prepare(right).find(key)  # type: ignore[arg-type] # Members
            return found, _why(key) if len(found) > 1 else ""
        assert isinstance(right, Named)
        why = _why(key)
        named = self._ruleset.sets.get((*owner, right.name))
        if named is None or named.members is None:
            return _UNREAD, "unread-set"
        found = self._prepare(named.members).find(key)
        operations = self.written((*owner, right.name))
        if not operations:
            return found, why
        return _uncertain(found, operations, named, (right.name, key) in (added or ())), "set" if len(found) == 1 else why  # type: ignore[operator] # a tuple

    def _prepare(self, members: Members) -> NumberSet | ElementSet:
        known = self._prepared.get(id(members))
        if known is None:  # kept with the members themselves, so that their number stays theirs
            known = self._prepared[id(members)] = (members, prepare(members))
        return known[1]

    def written(self, key: Key) -> set[str]:
        """What rules do to a set: add, update, delete."""
        if self._written is None:
            self._written = {}
            for chain in self._ruleset.chains:
                for rule in chain.rules:
                    for statement in rule.statements:
                        if statement.__class__ is Update:
                            assert isinstance(statement, Update)
                            self._written.setdefault((chain.family, chain.table, statement.set), set()).add(statement.operation)
        return self._written.get(key, set())

    def named(self, key: Key) -> NamedSet | None:
        """A set or map by name."""
        return self._ruleset.sets.get(key)


def _why(key: tuple[Value, ...]) -> str:
    """Why a key was not found for certain: because it is not known itself, else because of the set."""
    return next((value.why for value in key if isinstance(value, Free)), "set")


def _uncertain(found: list[Found], operations: set[str], named: NamedSet, just_added: bool) -> list[Found]:  # noqa: FBT001 - one of four facts
    """What is not there may have been written by another packet, and what is there taken out."""
    if just_added and not named.data_types:
        return [Found(IN_SET)]
    missing = any(way.element is None for way in found)
    there = any(way.element is not None for way in found)
    more = []
    if missing and operations & {"add", "update"}:
        more.append(Found(ANY if named.data_types else IN_SET))
    if there and not missing and "delete" in operations:
        more.append(Found(None))
    if not more:
        return found
    return [*(way._replace(spans=None) for way in found), *more]
