"""Findings about rules rather than ports: what they open and nobody needs, and what they say to no effect."""

from __future__ import annotations

from portulan.audit.facts import place_of, rule_facts
from portulan.audit.fixes import authors
from portulan.audit.published import named_ports
from portulan.host.remedies import quote
from portulan.model.finding import Evidence, Finding, Fix, Level, Subject
from portulan.model.port import Transport
from portulan.model.rule import Verdict, VerdictKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Facts
    from portulan.model.reach import Place
    from portulan.model.ruleset import Chain, Ruleset

_MOST_PORTS = 64
"""A rule that opens more is no list of services: ports of passive FTP, of calls, of a cluster."""


def find_empty_doors(facts: Facts) -> Iterator[Finding]:
    """Rules on the way in that accept a port on which nobody listens: whoever starts something there is open to the world at once."""
    if facts.ruleset is None:
        return
    listening = {(door.transport, door.port) for door in facts.doors}
    told = set[tuple[tuple[Transport, int], ...]]()
    for chain in _entered(facts.ruleset, "input"):
        for rule in chain.rules:
            last = rule.statements[-1] if rule.statements else None
            ports = named_ports(rule) if isinstance(last, Verdict) and last.kind is VerdictKind.ACCEPT else ()
            empty = tuple(port for port in ports if port not in listening)
            if not empty or len(ports) > _MOST_PORTS or empty in told:
                continue
            told.add(empty)  # the same for IPv4 and IPv6
            place = place_of(chain, rule)
            first = empty[0]
            names = ", ".join(f"{port}/{transport.value}" for transport, port in empty[:8]) + ("…" if len(empty) > 8 else "")
            evidence = (Evidence("opened-by", rule_facts(place)), Evidence("nobody-listens", {"ports": names}))
            yield Finding(
                "rule.nobody-listens", Level.INFO, Subject(first[0], first[1], netns=facts.netns), evidence, _undo(place, facts, names), {"ports": names}
            )  # fmt: skip


def _entered(ruleset: Ruleset, hook: str) -> list[Chain]:
    """The chains that a packet at a hook may come through, base chains and those they jump to."""
    by_name = {(chain.family, chain.table, chain.name): chain for chain in ruleset.chains}
    todo = [chain for chain in ruleset.chains if chain.base and chain.base.hook == hook and chain.family in ("ip", "ip6", "inet")]
    found: dict[tuple[str, str, str], Chain] = {}
    while todo:
        chain = todo.pop(0)
        key = (chain.family, chain.table, chain.name)
        if key in found:
            continue
        found[key] = chain
        names = [name for rule in chain.rules for part in rule.statements for name in _jumps(part)]
        todo += [by_name[chain.family, chain.table, name] for name in names if (chain.family, chain.table, name) in by_name]
    return list(found.values())


def _jumps(part: object) -> list[str]:
    if isinstance(part, Verdict):
        return [part.target] if part.target else []
    return [name for each in part for name in _jumps(each)] if isinstance(part, tuple) else []


def find_useless(facts: Facts) -> Iterator[Finding]:
    """Rules that can never match, or change nothing, as the engine proved."""
    for kind, place, proof in facts.useless:
        which = f"{place.family}/{place.table}/{place.chain}/{place.handle if place.handle is not None else '-'}"
        evidence = (Evidence("useless.rule", rule_facts(place)), Evidence(f"useless.{kind}", proof))
        told: dict[str, str | int] = {"which": which, "text": place.text}
        fixes = _undo(place, facts, "")
        yield Finding(f"rule.{kind}", Level.INFO, Subject(netns=facts.netns), evidence, fixes, told)


def _undo(place: Place, facts: Facts, ports: str) -> tuple[Fix, ...]:
    """Take a rule away, by whoever made it."""
    made_by = place.author or next((name for name in authors(facts.ruleset) if name in ("ufw", "firewalld")), None)
    if made_by == "ufw":
        first = ports.partition(",")[0]
        return (Fix("undo", f"ufw delete allow {first}" if first else "ufw status numbered"),)
    if made_by == "firewalld":
        return (Fix("undo", "firewall-cmd --list-all"),)
    if place.table.startswith("legacy:"):
        program = "ip6tables-legacy" if place.family == "ip6" else "iptables-legacy"
        return (Fix("undo", f"{program} -t {place.table.removeprefix('legacy:')} -L {quote(place.chain)} --line-numbers -n"),)
    if place.handle is None:
        return ()
    return (Fix("undo", f"nft delete rule {place.family} {quote(place.table)} {quote(place.chain)} handle {place.handle}"),)
