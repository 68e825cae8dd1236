"""Which named sets and maps the rules of a ruleset refer to, and which of them only ever meet a sender's address."""

from __future__ import annotations

from portulan.model.rule import Field, Match, Named, Spans, Update

_SENDERS = (Field("ip", "saddr"), Field("ip6", "saddr"))

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


def sender_sets(ruleset: Ruleset) -> tuple[Key, ...]:
    """The keys of the sets that rules compare with nothing but the sender's address, and that no rule writes into.

    Of a packet it is enough to know whether its sender is in such a set: what becomes of all that are in none of them can be told without reading the set.
    """
    found: dict[Key, bool] = {}
    for chain in ruleset.chains:
        for rule in chain.rules:
            for statement in rule.statements:
                plain = isinstance(statement, Match) and isinstance(statement.right, Named) and statement.left in _SENDERS
                written = (statement.set,) if isinstance(statement, Update) else ()
                for name in (*_names(statement), *written):
                    key = chain.family, chain.table, name
                    found[key] = found.get(key, True) and plain
    return tuple(key for key, plain in found.items() if plain and key in ruleset.sets)


def _names(value: tuple[object, ...]) -> Iterator[str]:
    """Names of sets anywhere inside a statement: records are tuples, and so is all that they hold."""
    if isinstance(value, Named):
        yield value.name
    elif not isinstance(value, Spans):
        for part in value:
            if isinstance(part, tuple):
                yield from _names(part)
