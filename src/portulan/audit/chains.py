"""Findings about the firewall as a whole: that there is none, that it lets in what no rule names, that two of them speak at once."""

from __future__ import annotations

from portulan.audit.facts import EVERYONE, leads_to, openness, rule_facts
from portulan.audit.fixes import authors, first_firewall, input_chain, refuse_by_default
from portulan.audit.judge import ACCEPT, DROP, Sample, outcomes
from portulan.audit.risks import risk_of
from portulan.guard.reach import place_of
from portulan.model.finding import Doubt, Evidence, Finding, Fix, Level, Subject
from portulan.model.rule import Field, Match, Members, Opaque, Queue, Reject, Synproxy, Verdict, VerdictKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Facts
    from portulan.model.ruleset import Chain, Ruleset

_HOOKS = ("ingress", "prerouting", "input")
"""Where a packet to this host can be turned away."""
_STRANGERS = {4: 0x08080404, 6: 0x2A00 << 112 | 0x1450 << 96 | 0x42}
"""A sender of the internet that no rule names but by a ban list or a country list."""
_CANDIDATES = (49_733, 61_873, 50_321, 2_207, 7_919, 31_607, 3_571, 211)
"""Ports that nobody writes rules for."""


def find_firewall(facts: Facts) -> Iterator[Finding]:
    """That there is no firewall, or one that lets in by default, or two."""
    if facts.ruleset is None:
        return
    if not _decides(facts.ruleset):
        if not facts.ruleset.incomplete:
            yield Finding(
                "firewall.none", Level.WARNING, Subject(netns=facts.netns), _tables(facts.ruleset), first_firewall(_in_use(facts))
            )
    else:
        yield from _default_accept(facts, facts.ruleset)
    yield from _two(facts, facts.ruleset)


def _decides(ruleset: Ruleset) -> bool:
    """Whether anything on the way in could turn a packet away."""
    asleep = {(table.family, table.name) for table in ruleset.tables if table.dormant}
    awake = [
        chain for chain in ruleset.chains if (chain.family, chain.table) not in asleep and chain.family in ("ip", "ip6", "inet", "netdev")
    ]
    entered = [chain for chain in awake if chain.base and chain.base.hook in _HOOKS and chain.base.type != "nat"]
    if any(chain.base and chain.base.policy is VerdictKind.DROP for chain in entered):
        return True
    todo, seen = [(chain.family, chain.table, chain.name) for chain in entered], set[tuple[str, str, str]]()
    by_name = {(chain.family, chain.table, chain.name): chain for chain in awake}
    while todo:
        key = todo.pop()
        if key in seen or key not in by_name:
            continue
        seen.add(key)
        for rule in by_name[key].rules:
            for part in rule.statements:
                if (
                    isinstance(part, Reject | Queue | Synproxy)
                    or (isinstance(part, Opaque) and part.reason in ("unknown", "xt"))
                    or _drops(part)
                ):
                    return True
                todo += [(key[0], key[1], target) for target in leads_to(part)]
    return False


def _drops(part: object) -> bool:
    """Whether a statement says drop, by itself or in a verdict map."""
    if isinstance(part, Verdict):
        return part.kind is VerdictKind.DROP
    return isinstance(part, tuple) and any(_drops(each) for each in part)


def _tables(ruleset: Ruleset) -> tuple[Evidence, ...]:
    """What there is instead."""
    names = ", ".join(f"{table.family} {table.name}" for table in ruleset.tables if not table.dormant)
    return (Evidence("firewall.other-tables", {"tables": names}),) if names else (Evidence("firewall.no-table"),)


def _default_accept(facts: Facts, ruleset: Ruleset) -> Iterator[Finding]:
    """A port that no rule names, asked for by a stranger: IPv4 and IPv6 on their own, since the second is easily forgotten."""
    port = _unnamed_port(ruleset)
    found: dict[int, frozenset[str]] = {version: _let_in(ruleset, stranger(facts, version, port)) for version in (4, 6)}
    if facts.network is not None and not any(
        address.version == 6 for link in facts.network.links if link.name != "lo" for address, _ in link.addresses
    ):
        found.pop(6)
    if ruleset.incomplete:
        found = dict.fromkeys(found, frozenset((ACCEPT, DROP)))
    open_ = [version for version, result in found.items() if ACCEPT in result]
    sure = any(found[version] == {ACCEPT} for version in open_)
    if not open_ or (not sure and ruleset.incomplete):
        return
    doubt = None if sure else Doubt.DEPENDS
    evidence = tuple(Evidence("chain.policy", rule_facts(place_of(chain, None))) for chain in _input_chains(ruleset, open_))
    example = Evidence("chain.example", {"port": port})
    made_by = authors(ruleset)
    if open_ == [6] and found.get(4) == frozenset((DROP,)):
        yield Finding(
            "ipv6.default-accept",
            Level.ERROR,
            Subject(netns=facts.netns),
            (*evidence, example),
            _fixes_for_ipv6(facts, ruleset),
            doubt=doubt,
        )
        return
    versions = " ".join(f"IPv{version}" for version in open_)
    chain = next(iter(_input_chains(ruleset, open_)), None) or input_chain(ruleset)
    fixes = refuse_by_default(chain, made_by, _in_use(facts))
    yield Finding(
        "firewall.default-accept", Level.WARNING, Subject(netns=facts.netns), (*evidence, example), fixes, {"versions": versions}, doubt
    )


def _fixes_for_ipv6(facts: Facts, ruleset: Ruleset) -> tuple[Fix, ...]:
    chain = next((chain for chain in _input_chains(ruleset, [6]) if chain.family == "ip6"), None)
    if chain is None:
        four = input_chain(ruleset)
        if four is not None and four.family == "ip":
            chain = four._replace(family="ip6")
    return refuse_by_default(chain, authors(ruleset), _in_use(facts))


def _let_in(ruleset: Ruleset, packet: Sample) -> frozenset[str]:
    """Through all hooks in turn."""
    found = set[str]()
    for hook in _HOOKS:
        result = outcomes(ruleset, hook, packet)
        if DROP in result:
            found.add(DROP)
        if ACCEPT not in result:
            return frozenset(found)
    return frozenset(found | {ACCEPT})


def stranger(facts: Facts, version: int, port: int, transport: str = "tcp") -> Sample:
    """The first packet of somebody on the internet to a port of this host."""
    link = next((link.name for link in (facts.network.links if facts.network else ()) if link.name != "lo" and link.up), None)
    own = next((address.number for each in (facts.network.links if facts.network else ()) if each.name != "lo" for address, _ in each.addresses if address.version == version), None)  # fmt: skip
    protocol, group = (6, "tcp") if transport == "tcp" else (17, "udp")
    fields: dict[tuple[str, str], int | str] = {
        ("meta", "nfproto"): 2 if version == 4 else 10, ("meta", "protocol"): 0x0800 if version == 4 else 0x86DD, ("meta", "l4proto"): protocol,
        ("ip" if version == 4 else "ip6", "saddr"): _STRANGERS[version], ("ct", "state"): 8, ("ct", "status"): 0, ("ct", "direction"): 0,
        (group, "dport"): port, ("th", "dport"): port, ("fib", "type"): 2, ("meta", "iiftype"): 1,
        ("ip", "protocol") if version == 4 else ("ip6", "nexthdr"): protocol,
    }  # fmt: skip
    if transport == "tcp":
        fields["tcp", "flags"] = 2
    if link is not None:
        fields["meta", "iif"] = fields["meta", "iifname"] = link
    if own is not None:
        fields["ip" if version == 4 else "ip6", "daddr"] = own
    return Sample(version, fields)


def _unnamed_port(ruleset: Ruleset) -> int:
    """A port that as few rules as possible name."""
    spans = [
        (first, last)
        for chain in ruleset.chains
        for rule in chain.rules
        for part in rule.statements
        if isinstance(part, Match)
        and isinstance(part.left, Field)
        and part.left.name == "dport"
        and isinstance(part.right, Members)
        and part.right.spans
        for first, last in zip(part.right.spans.first, part.right.spans.last, strict=True)
    ]
    return min(_CANDIDATES, key=lambda port: sum(first <= port <= last for first, last in spans))


def _input_chains(ruleset: Ruleset, versions: list[int]) -> list[Chain]:
    """The filters of what comes in, for these IP versions, that let in by default."""
    families = {"inet", *("ip" if version == 4 else "ip6" for version in versions)}
    return [
        chain
        for chain in ruleset.chains
        if chain.base and chain.base.hook == "input" and chain.base.type == "filter" and chain.family in families and chain.base.policy is VerdictKind.ACCEPT
    ]  # fmt: skip


def _in_use(facts: Facts) -> tuple[str, ...]:
    """The ports that a first firewall would let in: what everyone gets to now and is not dangerous, ssh first."""
    found = {
        f"{door.port}/{door.transport.value}": door.port
        for door in facts.doors
        if openness(door)[0] == EVERYONE and risk_of(door) is None and door.transport.value in ("tcp", "udp") and door.items
    }
    return tuple(sorted(found, key=lambda port: (found[port] != 22, found[port], port)))


def _two(facts: Facts, ruleset: Ruleset) -> Iterator[Finding]:
    """Rules of iptables-legacy and of nftables at once: each shows only its own half, and a packet must pass both."""
    legacy = {(table.family, table.name) for table in ruleset.tables if table.legacy}
    with_rules = {
        (chain.family, chain.table) for chain in ruleset.chains if chain.rules or (chain.base and chain.base.policy is VerdictKind.DROP)
    }
    old, new = sorted(with_rules & legacy), sorted(with_rules - legacy)
    if old and new:
        names = {
            "legacy": ", ".join(f"{family} {name.removeprefix('legacy:')}" for family, name in old),
            "nft": ", ".join(f"{family} {name}" for family, name in new),
        }
        programs = sorted({"ip6tables" if family == "ip6" else "iptables" for family, _ in old}, reverse=True)
        fixes = (
            Fix("move-legacy", " && ".join(f"{program}-legacy-save | {program}-nft-restore --noflush" for program in programs)),
            Fix("empty-legacy", " && ".join(f"{program}-legacy -P INPUT ACCEPT && {program}-legacy -F" for program in programs)),
        )
        yield Finding("firewall.two", Level.WARNING, Subject(netns=facts.netns), (Evidence("firewall.two", names),), fixes)
