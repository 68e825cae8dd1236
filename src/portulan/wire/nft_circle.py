"""Jumps of a rule set: each leads to a chain that is there, and none in a circle (the kernel's own check: nf_tables_api.c, nft_chain_validate)."""

from __future__ import annotations

from portulan.errors import ParseError
from portulan.model.rule import Choose, Members, Named, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portulan.model.ruleset import Chain, Key, NamedSet


def check_jumps(chains: Sequence[Chain], sets: Mapping[Key, NamedSet]) -> None:
    """Raises ParseError for a jump to a chain that is not there, or in a circle. Sets that were not read cannot be looked into."""
    ways = {(chain.family, chain.table, chain.name): sorted(set(_targets(chain, sets))) for chain in chains}
    for (family, table, name), targets in ways.items():
        for target in targets:
            if (family, table, target) not in ways:
                raise ParseError("nft.no-chain", chain=name, target=target)
    done: set[Key] = set()
    for start in ways:
        _walk(start, ways, done)


def _walk(start: Key, ways: dict[Key, list[str]], done: set[Key]) -> None:
    """Depth first, without recursion; `done` holds chains from which no circle can be reached."""
    path: list[tuple[Key, Iterator[str]]] = [] if start in done else [(start, iter(ways[start]))]
    above = {start}
    while path:
        here, rest = path[-1]
        following = next(rest, None)
        if following is None:
            path.pop()
            above.discard(here)
            done.add(here)
            continue
        there = (here[0], here[1], following)
        if there in above:
            raise ParseError("nft.circle", chain=following)
        if there not in done:
            above.add(there)
            path.append((there, iter(ways[there])))


def _targets(chain: Chain, sets: Mapping[Key, NamedSet]) -> Iterator[str]:
    for rule in chain.rules:
        for statement in rule.statements:
            if isinstance(statement, Verdict) and statement.target is not None:
                yield statement.target
            elif isinstance(statement, Choose):
                yield from _arms(statement.map, chain, sets)


def _arms(arms: Members | Named, chain: Chain, sets: Mapping[Key, NamedSet]) -> Iterator[str]:
    if isinstance(arms, Named):
        named = sets.get((chain.family, chain.table, arms.name))
        if named is None or named.members is None:
            return
        arms = named.members
    for element in arms.elements or ():
        if isinstance(element.data, Verdict) and element.data.target is not None:
            yield element.data.target
