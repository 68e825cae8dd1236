"""Ports that rules send elsewhere: which numbers the translating rules speak of, and the rules without them, to see what would happen if the packets came here."""

from __future__ import annotations

from portulan.model.rule import Named, Range, Spans, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.ruleset import Chain, Ruleset

_WIDE = 256
"""Of a wider range the first and the last port stand for all: each port costs a look-up."""
_MOST = 1024
_LAST_PORT = 65_535


def translated_ports(ruleset: Ruleset) -> tuple[int, ...]:
    """Numbers that rules compare with where destinations are translated, so that they may be published ports: chains of type nat at prerouting, and where these jump to.

    Some of them are none. None is missing, except inside wide ranges, and where a rule translates whatever comes.
    """
    found: set[int] = set()
    for chain in _chains(ruleset):
        for rule in chain.rules:
            for first, last in _numbers(rule.statements, ruleset, (chain.family, chain.table)):
                if 0 <= first <= last <= _LAST_PORT and len(found) < _MOST:
                    found.update(range(first, last + 1) if last - first < _WIDE else (first, last))
    return tuple(sorted(found))


def _chains(ruleset: Ruleset) -> list[Chain]:
    """Those that translate destinations, and all that they lead to."""
    by_name = {(chain.family, chain.table, chain.name): chain for chain in ruleset.chains}
    found = {key: chain for key, chain in by_name.items() if _translates_destinations(chain)}
    todo = list(found.values())
    while todo:
        chain = todo.pop()
        for name in {name for rule in chain.rules for name in _targets(rule.statements, ruleset, (chain.family, chain.table))}:
            key = chain.family, chain.table, name
            if key in by_name and key not in found:
                found[key] = by_name[key]
                todo.append(by_name[key])
    return list(found.values())


def _translates_destinations(chain: Chain) -> bool:
    return chain.base is not None and chain.base.type == "nat" and chain.base.hook == "prerouting"


def _targets(value: tuple[object, ...], ruleset: Ruleset, table: tuple[str, str], depth: int = 0) -> Iterator[str]:
    """Chains that a statement may jump to, by a map too."""
    if isinstance(value, Verdict):
        if value.target is not None:
            yield value.target
    elif isinstance(value, Named):
        known = ruleset.sets.get((*table, value.name))
        if depth < 2 and known is not None and known.members is not None:
            yield from _targets(known.members, ruleset, table, depth + 1)
    elif not isinstance(value, Spans):
        for part in value:
            if isinstance(part, tuple):
                yield from _targets(part, ruleset, table, depth)


def _numbers(value: tuple[object, ...], ruleset: Ruleset, table: tuple[str, str], depth: int = 0) -> Iterator[tuple[int, int]]:
    if isinstance(value, Named):
        known = ruleset.sets.get((*table, value.name))
        if depth < 2 and known is not None and known.members is not None:
            yield from _numbers(known.members, ruleset, table, depth + 1)
    elif isinstance(value, Spans):
        if len(value.first) <= _MOST:
            yield from zip(value.first, value.last, strict=True)
    elif isinstance(value, Range):
        yield value.first, value.last
    else:
        for part in value:
            if isinstance(part, tuple):
                yield from _numbers(part, ruleset, table, depth)


def without_translation(ruleset: Ruleset) -> Ruleset:
    """The rules without the chains that translate destinations: what they would do with packets for this host itself."""
    return ruleset._replace(chains=tuple(chain for chain in ruleset.chains if not _translates_destinations(chain)))
