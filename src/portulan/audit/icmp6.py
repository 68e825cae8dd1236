"""Findings about ICMPv6: IPv6 does not work without some of it, and a firewall that drops it breaks connections in ways that are hard to find (RFC 4890)."""

from __future__ import annotations

from portulan.audit.facts import rule_facts
from portulan.audit.judge import ACCEPT, Sample, base_outcomes, outcomes
from portulan.guard.reach import place_of
from portulan.model.finding import Doubt, Evidence, Finding, Fix, Level, Subject
from portulan.model.record import Record
from portulan.model.rule import VerdictKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Facts
    from portulan.model.network import Link
    from portulan.model.reach import Place
    from portulan.model.ruleset import Ruleset


class Need(Record):
    """A message that IPv6 needs."""

    type: int
    name: str
    """nft's."""
    why: str
    """Of the sentence: path-mtu, errors, neighbours, routers."""
    state: int
    """What conntrack calls it (NF_CT_STATE bits): related (4) for errors about a connection, untracked (64) for neighbour discovery, which it leaves alone."""
    near: bool
    """It comes from a neighbour, by its link-local address, with a hop limit of 255 (RFC 4861, section 7.1)."""
    hooks: tuple[str, ...]


_IN, _BOTH = ("ingress", "prerouting", "input"), ("ingress", "prerouting", "input", "output")
NEEDS = (
    Need(1, "destination-unreachable", "errors", 4, near=False, hooks=_IN),
    Need(2, "packet-too-big", "path-mtu", 4, near=False, hooks=_IN),
    Need(3, "time-exceeded", "errors", 4, near=False, hooks=_IN),
    Need(4, "parameter-problem", "errors", 4, near=False, hooks=_IN),
    Need(134, "nd-router-advert", "routers", 64, near=True, hooks=_IN),
    Need(135, "nd-neighbor-solicit", "neighbours", 64, near=True, hooks=_BOTH),
    Need(136, "nd-neighbor-advert", "neighbours", 64, near=True, hooks=_BOTH),
)  # fmt: skip
"""What RFC 4890, section 4.4.1, says must not be dropped, as far as a host that is no router needs it: errors, and neighbour discovery."""
_NEIGHBOUR, _ROUTER = 0xFE80 << 112 | 0x42, 0x2A00 << 112 | 0x1450 << 96 | 0x42
_ALL_NODES, _SOLICITED = 0xFF02 << 112 | 1, 0xFF02 << 112 | 1 << 32 | 0xFF00_0042


def find_icmp6(facts: Facts) -> Iterator[Finding]:
    """Messages that the rules drop and IPv6 needs, one finding for each reason. Only where IPv6 is in use."""
    if facts.ruleset is None or facts.network is None or facts.ruleset.incomplete:
        return
    links = [
        link for link in facts.network.links if link.up and link.name != "lo" and any(address.version == 6 for address, _ in link.addresses)
    ]
    if not links:
        return
    seen: dict[str, list[tuple[Need, str, Doubt | None, Place | None]]] = {}
    for need in NEEDS:
        for link in links:
            hook, doubt = _dropped(facts.ruleset, need, link)
            if hook is not None:
                seen.setdefault(need.why, []).append((need, link.name, doubt, _where(facts.ruleset, hook, need, link)))
    for why, dropped in seen.items():
        sure = [one for one in dropped if one[2] is None]
        kept = sure or dropped
        names = ", ".join(dict.fromkeys(need.name for need, _, _, _ in kept))
        links_named = ", ".join(dict.fromkeys(name for _, name, _, _ in kept))
        evidence = [Evidence("icmp6.dropped", {"types": names, "links": links_named})]
        places = list(dict.fromkeys(place for _, _, _, place in kept if place is not None))
        evidence += [Evidence("icmp6.by", rule_facts(place)) for place in places[:2]]
        level = Level.WARNING if why in ("path-mtu", "neighbours") else Level.INFO
        more = {"types": names, "why": why, "which": why}
        yield Finding(
            "icmp6.blocked",
            level,
            Subject(netns=facts.netns),
            tuple(evidence),
            _fixes(facts.ruleset, names),
            more,
            None if sure else Doubt.DEPENDS,
        )


def _dropped(ruleset: Ruleset, need: Need, link: Link) -> tuple[str | None, Doubt | None]:
    """The first hook that does not let a message pass for certain, and the doubt."""
    for hook in need.hooks:
        result = outcomes(ruleset, hook, _message(need, link, out=hook == "output"))
        if ACCEPT not in result:
            return hook, None
        if result != {ACCEPT}:
            return hook, Doubt.DEPENDS
    return None, None


def _message(need: Need, link: Link, *, out: bool) -> Sample:
    own = next((address.number for address, _ in link.addresses if address.version == 6), _NEIGHBOUR)
    to_all = need.type in (134, 135)
    source = _NEIGHBOUR if need.near else _ROUTER
    destination = (_ALL_NODES if need.type == 134 else _SOLICITED) if to_all else own
    fields: dict[tuple[str, str], int | str] = {
        ("meta", "nfproto"): 10, ("meta", "protocol"): 0x86DD, ("meta", "l4proto"): 58, ("ip6", "nexthdr"): 58, ("ip6", "hoplimit"): 255 if need.near else 60,
        ("ip6", "saddr"): own if out else source, ("ip6", "daddr"): destination, ("icmpv6", "type"): need.type, ("icmpv6", "code"): 0, ("ct", "state"): need.state,
        ("meta", "iiftype"): 1, ("fib", "type"): 5 if to_all else 2, ("meta", "pkttype"): 2 if to_all else 0,
    }  # fmt: skip
    for name in ("oif", "oifname") if out else ("iif", "iifname"):
        fields["meta", name] = link.name
    if out and need.type == 136:
        fields["ip6", "daddr"] = _NEIGHBOUR
    return Sample(6, fields)


def _where(ruleset: Ruleset, hook: str, need: Need, link: Link) -> Place | None:
    """The base chain that drops it: its policy where that is what does it."""
    for chain in ruleset.chains:
        if chain.base and chain.base.hook == hook and chain.base.type == "filter" and chain.family in ("ip6", "inet", "netdev"):
            packet = _message(need, link, out=hook == "output")
            if base_outcomes(ruleset, chain, packet) != {ACCEPT}:
                return (
                    place_of(chain, None)
                    if chain.base.policy is VerdictKind.DROP
                    else place_of(chain, None)._replace(text="", policy=False)
                )
    return None


def _fixes(ruleset: Ruleset, types: str) -> tuple[Fix, ...]:
    """Let them in, first of all rules."""
    for chain in ruleset.chains:
        if not (chain.base and chain.base.hook == "input" and chain.base.type == "filter" and chain.family in ("ip6", "inet")):
            continue
        if chain.name == "INPUT":
            program = "ip6tables-legacy" if chain.table.startswith("legacy:") else "ip6tables"
            numbers = [str(need.type) for need in NEEDS if need.name in types.split(", ")]
            return (Fix("let-in", " && ".join(f"{program} -I INPUT -p ipv6-icmp --icmpv6-type {number} -j ACCEPT" for number in numbers)),)
        return (Fix("let-in", f"nft insert rule {chain.family} {chain.table} {chain.name} 'icmpv6 type {{ {types} }} accept'"),)
    return ()
