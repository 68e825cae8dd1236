"""Findings about rules rather than ports: what they open and nobody needs, and what they say to no effect."""

from __future__ import annotations

from portulan.audit.facts import entered, rule_facts
from portulan.audit.fixes import OURS, authors
from portulan.audit.published import named_ports
from portulan.guard.reach import place_of
from portulan.guard.review import review
from portulan.host.remedies import quote
from portulan.model.finding import Evidence, Finding, Fix, Level, Subject
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.rule import Field, Match, Members, Verdict, VerdictKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portulan.audit.facts import Facts
    from portulan.model.reach import Place
    from portulan.model.rule import Rule
    from portulan.model.ruleset import Chain, Ruleset

_CLIENTS = frozenset(((Transport.UDP, 68), (Transport.UDP, 546)))
"""Where DHCP clients take answers, for as long as they ask (RFC 2131, section 4.1; RFC 8415, section 7.2)."""
_MOST_ALIKE, _MOST_NAMED = 3, 8
_MOST_PORTS = 64
"""A rule that opens more is no list of services: ports of passive FTP, of calls, of a cluster."""


def find_empty_doors(facts: Facts) -> Iterator[Finding]:
    """Rules on the way in that accept a port on which nobody listens: whoever starts something there is open to the world at once."""
    if facts.ruleset is None:
        return
    listening = {(door.transport, door.port) for door in facts.doors}
    told = set[tuple[tuple[Transport, int], ...]]()
    asleep = {(table.family, table.name) for table in facts.ruleset.tables if table.dormant}
    shadowed = {place for kind, place, _ in facts.useless if kind == "shadowed"}
    for chain in entered(facts.ruleset, "input"):
        for rule in chain.rules if (chain.family, chain.table) not in asleep else ():
            ports = _opened(rule, chain, facts.ruleset)
            empty = tuple(port for port in ports if port not in listening)
            if not empty or len(ports) > _MOST_PORTS or empty in told:
                continue
            place, names = place_of(chain, rule), _names(empty)
            if place in shadowed:  # then it opens nothing
                continue
            told.add(empty)  # the same for IPv4 and IPv6
            evidence = (Evidence("opened-by", rule_facts(place)), Evidence("nobody-listens", {"ports": names}))
            about = Subject(empty[0][0], empty[0][1], netns=facts.netns)
            fixes = _undo(place, facts, names if _is_plain(rule) else "")
            yield Finding("rule.nobody-listens", Level.INFO, about, evidence, fixes, {"ports": names})


def _opened(rule: Rule, chain: Chain, ruleset: Ruleset) -> tuple[tuple[Transport, int], ...]:
    """The ports that a rule accepts; not for a group of receivers, for this host itself, or for the client's own side of a service (DHCP)."""
    last = rule.statements[-1] if rule.statements else None
    if not (isinstance(last, Verdict) and last.kind is VerdictKind.ACCEPT):
        return ()
    fields = [part.left for part in rule.statements if isinstance(part, Match) and isinstance(part.left, Field)]
    if any(field.name in ("daddr", "sport") or field.group == "ct" for field in fields) or any(map(_is_for_itself, rule.statements)):
        return ()
    return tuple(port for port in named_ports(rule, chain, ruleset) if port not in _CLIENTS)


def _is_for_itself(part: object) -> bool:
    """`iif lo`: what this host says to itself."""
    if not (isinstance(part, Match) and isinstance(part.left, Field) and part.left.name in ("iif", "iifname") and not part.negated):
        return False
    names = part.right.names.names if isinstance(part.right, Members) and part.right.names is not None else ()
    return bool(names) and all(name.text == "lo" and not name.prefix for name in names)


def _is_plain(rule: Rule) -> bool:
    """Whether nothing but ports and their transport is asked for."""
    return all(
        not isinstance(part, Match) or (isinstance(part.left, Field) and part.left.name in ("dport", "l4proto", "protocol", "nexthdr"))
        for part in rule.statements
    )


def _names(ports: tuple[tuple[Transport, int], ...]) -> str:
    """`6000-6010/udp, 443/tcp`."""
    words = []
    for kind in dict.fromkeys(transport for transport, _ in ports):
        found = PortSet.of(PortRange(port, port) for transport, port in ports if transport is kind)
        words += [f"{part}/{kind.value}" for part in found.ranges]
    return ", ".join(words[:8]) + ("…" if len(words) > 8 else "")


def find_useless(facts: Facts) -> Iterator[Finding]:
    """Rules that can never match, or change nothing, as `guard.review` proved; many of one chain with one proof are told as one."""
    groups: dict[tuple[object, ...], list[tuple[Place, Mapping[str, str | int]]]] = {}
    for kind, place, proof in facts.useless:
        alike = groups.setdefault((kind, place.family, place.table, place.chain, *proof.items()), [])
        alike.append((place, proof))
    for (which, *_), alike in groups.items():
        if len(alike) > _MOST_ALIKE:
            yield _useless(str(which), *alike[0], facts, tuple(place for place, _ in alike[1:]))
        else:
            for place, proof in alike:
                yield _useless(str(which), place, proof, facts)


def _useless(kind: str, place: Place, proof: Mapping[str, str | int], facts: Facts, more: tuple[Place, ...] = ()) -> Finding:
    which = f"{place.family}/{place.table}/{place.chain}/{place.handle if place.handle is not None else '-'}"
    why = "impossible" if "field" in proof else kind
    evidence = [Evidence("useless.rule", rule_facts(place)), Evidence(f"useless.{why}", proof)]
    if more:
        handles = [str(other.handle) for other in more if other.handle is not None]
        told = ", ".join(handles[:_MOST_NAMED]) + (" …" if len(handles) > _MOST_NAMED else "")
        evidence.append(Evidence("useless.more", {"count": len(more), "handles": told or "-"}))
    words: dict[str, str | int] = {"which": which, "text": rule_facts(place)["text"]}
    return Finding(f"rule.{kind}", Level.INFO, Subject(netns=facts.netns), tuple(evidence), _undo(place, facts, ""), words)


def useless_rules(ruleset: Ruleset) -> tuple[tuple[str, Place, Mapping[str, str | int]], ...]:
    """Rules to no effect, as `Facts.useless` has them; not Docker's own nor those of a policy, which nobody wrote and nobody can take away."""
    found = []
    for one in review(ruleset):
        if one.place.author == OURS or (one.place.author == "docker" and one.place.chain != "DOCKER-USER"):
            continue
        by = "; ".join(_where(place) for place in one.by[:_MOST_NAMED]) + ("; …" if len(one.by) > _MOST_NAMED else "")
        proof: dict[str, str | int] = {"field": one.clash} if one.clash is not None else {}
        found.append((one.kind, one.place, {**proof, "by": by} if by else proof))
    return tuple(found)


def _where(place: Place) -> str:
    """`inet filter input, handle 3:  tcp dport 22 accept`; a policy with its chain."""
    chain = f"{place.family} {place.table} {place.chain}"
    text = rule_facts(place)["text"]
    return f"{chain}, handle {place.handle}:  {text}" if place.handle is not None else f"{chain}:  {text}"


def _undo(place: Place, facts: Facts, ports: str) -> tuple[Fix, ...]:
    """Take a rule away, by whoever made it."""
    made_by = place.author or next((name for name in authors(facts.ruleset) if name in ("ufw", "firewalld")), None)
    if made_by == OURS:
        return (
            Fix("undo", f"portulan guard close {ports}" if ports and "," not in ports and "…" not in ports else "portulan guard check"),
        )
    if made_by == "ufw":
        return (
            Fix(
                "undo",
                "ufw delete allow " + ports.replace("-", ":") if ports and "," not in ports and "…" not in ports else "ufw status numbered",
            ),
        )
    if made_by == "firewalld":
        return (Fix("undo", "firewall-cmd --list-all"),)
    if place.table.startswith("legacy:"):
        program = "ip6tables-legacy" if place.family == "ip6" else "iptables-legacy"
        return (Fix("undo", f"{program} -t {place.table.removeprefix('legacy:')} -L {quote(place.chain)} --line-numbers -n"),)
    if place.handle is None:
        return ()
    return (Fix("undo", f"nft delete rule {place.family} {quote(place.table)} {quote(place.chain)} handle {place.handle}"),)
