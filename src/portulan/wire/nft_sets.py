"""Which named sets and maps the rules of a ruleset refer to."""

from __future__ import annotations

from portulan.model.rule import Named, Spans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.ruleset import Key, Ruleset


def sets_in_rules(ruleset: Ruleset) -> tuple[Key, ...]:
    """The keys of all sets that a rule compares with or looks up in, in the order met; those that rules only write into are not among them."""
    found: dict[Key, None] = {}
    for chain in ruleset.chains:
        for rule in chain.rules:
            for statement in rule.statements:
                for name in _names(statement):
                    key = chain.family, chain.table, name
                    if key in ruleset.sets:
                        found[key] = None
    return tuple(found)


def _names(value: tuple[object, ...]) -> Iterator[str]:
    """Names of sets anywhere inside a statement: records are tuples, and so is all that they hold."""
    if isinstance(value, Named):
        yield value.name
    elif not isinstance(value, Spans):
        for part in value:
            if isinstance(part, tuple):
                yield from _names(part)
