"""Ports that rules send elsewhere: which numbers the translating rules speak of, and the rules without them, to see what would happen if the packets came here."""

from __future__ import annotations

from portulan.model.rule import Named, Range, Spans, Translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.ruleset import Ruleset

_MOST = 4096
"""Ports of one range that are looked at one by one, and of all."""
_LAST_PORT = 65_535


def translated_ports(ruleset: Ruleset) -> tuple[int, ...]:
    """Numbers that rules of tables which translate destinations compare with, so that they may be published ports.

    There are more of them than published ports, and none is missing but where a rule translates a wide range or whatever comes.
    """
    tables = {
        (chain.family, chain.table)
        for chain in ruleset.chains
        if chain.base is not None and _translates_destinations(chain.base.type, chain.base.hook)
    }
    tables |= {
        (chain.family, chain.table)
        for chain in ruleset.chains
        for rule in chain.rules
        if any(isinstance(each, Translate) for each in rule.statements)
    }
    found: set[int] = set()
    for chain in ruleset.chains:
        if (chain.family, chain.table) in tables:
            for rule in chain.rules:
                for first, last in _numbers(rule.statements, ruleset, (chain.family, chain.table)):
                    if 0 <= first <= last <= _LAST_PORT and last - first < _MOST and len(found) < _MOST:
                        found.update(range(first, last + 1))
    return tuple(sorted(found))


def _translates_destinations(type_: str, hook: str) -> bool:
    return type_ == "nat" and hook == "prerouting"


def _numbers(value: object, ruleset: Ruleset, table: tuple[str, str], depth: int = 0) -> Iterator[tuple[int, int]]:
    if isinstance(value, Named) and depth < 2:
        known = ruleset.sets.get((*table, value.name))
        if known is not None and known.members is not None:
            yield from _numbers(known.members, ruleset, table, depth + 1)
    elif isinstance(value, Spans):
        if len(value.first) <= _MOST:
            yield from zip(value.first, value.last, strict=True)
    elif isinstance(value, Range):
        yield value.first, value.last
    elif isinstance(value, tuple):
        for part in value:
            if isinstance(part, tuple):
                yield from _numbers(part, ruleset, table, depth)


def without_translation(ruleset: Ruleset) -> Ruleset:
    """The rules without the chains that translate destinations: what they would do with packets for this host itself."""
    kept = tuple(chain for chain in ruleset.chains if chain.base is None or not _translates_destinations(chain.base.type, chain.base.hook))
    return ruleset._replace(chains=kept)
