"""Findings about ports that a container publishes: what arrives there is sent on before the firewall of this host is asked."""

from __future__ import annotations

from portulan.audit.chains import stranger
from portulan.audit.facts import EVERYONE, door_finding, forwarded, open_to_everyone, openness, rule_facts
from portulan.audit.judge import ACCEPT, outcomes
from portulan.guard.reach import place_of
from portulan.model.finding import Evidence, Fix, Level
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.model.rule import Field, Lookup, Match, Members, Named, Range, Translate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Door, Facts
    from portulan.model.finding import Finding
    from portulan.model.reach import Place
    from portulan.model.rule import Rule
    from portulan.model.ruleset import Chain, Ruleset

_MOST = 1024
"""Ports of one rule that are looked at one by one; a rule that sends more of them on is a machine that forwards everything."""


class Published(Record):
    """A port that a rule sends on."""

    transport: Transport
    port: int
    place: Place
    target: str
    """`172.17.0.2:80`."""


def published_ports(ruleset: Ruleset) -> tuple[Published, ...]:
    """The ports that destination NAT names one by one or in short spans."""
    found: dict[tuple[Transport, int], Published] = {}
    for chain in ruleset.chains:
        if chain.family not in ("ip", "ip6", "inet"):
            continue
        for rule in chain.rules:
            target = next((part for part in rule.statements if isinstance(part, Translate) and part.kind == "dnat"), None)
            if target is None:
                continue
            for transport, port in named_ports(rule, chain, ruleset):
                found.setdefault((transport, port), Published(transport, port, place_of(chain, rule), _target(target, chain.family)))
    return tuple(found.values())


def named_ports(rule: Rule, chain: Chain, ruleset: Ruleset) -> tuple[tuple[Transport, int], ...]:
    """The destination ports that a rule names, of TCP and UDP; none where it names very many, or all but some."""
    transports = _transports(rule)
    found: list[tuple[Transport, int]] = []
    for part in rule.statements:
        if isinstance(part, Match) and isinstance(part.left, Field) and part.left.name == "dport":
            spans = None if part.negated else _spans(part.right, chain, ruleset)
            field = part.left
        elif (
            isinstance(part, Translate)
            and isinstance(part.address, Lookup)
            and isinstance(part.address.key, Field)
            and part.address.key.name == "dport"
        ):
            spans, field = _spans(part.address.map, chain, ruleset), part.address.key
        else:
            continue
        if spans is None or sum(last - first + 1 for first, last in spans) > _MOST:
            return ()
        kinds = (Transport(field.group),) if field.group in ("tcp", "udp") else transports if field.group == "th" else ()
        found += [(kind, port) for kind in kinds for first, last in spans for port in range(first, last + 1)]
    return tuple(found)


def _spans(right: Members | Named, chain: Chain, ruleset: Ruleset) -> list[tuple[int, int]] | None:
    """The numbers of a set, or the keys of a map; None where they are not known, or are not all."""
    if isinstance(right, Named):
        known = ruleset.sets.get((chain.family, chain.table, right.name))
        if known is None or known.members is None:
            return None
        right = known.members
    if right.spans is not None:
        return list(zip(right.spans.first, right.spans.last, strict=True))
    keys = [element.key[0] for element in right.elements or () if len(element.key) == 1]
    ranges = [key for key in keys if isinstance(key, Range)]
    return [(key.first, key.last) for key in ranges] if right.elements is not None and len(ranges) == len(right.elements) else None


def _transports(rule: Rule) -> tuple[Transport, ...]:
    """Of `meta l4proto` and the like; both where the rule does not say."""
    for part in rule.statements:
        if isinstance(part, Match) and part.left in (Field("meta", "l4proto"), Field("ip", "protocol"), Field("ip6", "nexthdr")):
            spans = part.right.spans if isinstance(part.right, Members) and not part.negated else None
            numbers = set(zip(spans.first, spans.last, strict=True)) if spans else set()
            return tuple(kind for kind, number in ((Transport.TCP, 6), (Transport.UDP, 17)) if (number, number) in numbers)
    return Transport.TCP, Transport.UDP


def _target(nat: Translate, family: str) -> str:
    """Where it sends to, as far as it is one address."""
    from portulan.model.address import format_address, format_endpoint

    six = (nat.family or family) == "ip6"
    address = nat.address.first if isinstance(nat.address, Range) else None
    port = nat.port.first if isinstance(nat.port, Range) else None
    host = format_address(address.to_bytes(16 if six else 4)) if address is not None else "?"
    return format_endpoint(host, port) if port is not None else host


def find_published(facts: Facts) -> Iterator[Finding]:
    """Ports that are sent on and let in, though the rules for this host itself would turn them away: the firewall seems to shut them, and does not."""
    if facts.ruleset is None:
        return
    rules = {(one.transport, one.port): one for one in published_ports(facts.ruleset)}
    for door in facts.doors:
        passed = forwarded(door.reached)
        if not passed or openness(door)[0] != EVERYONE:
            continue
        denied = [
            version
            for version in (4, 6)
            if _denied_at_input(facts, door, version) and door.reached and open_to_everyone(door.reached, version)
        ]
        if not denied:
            continue
        rule = rules.get((door.transport, door.port))
        evidence = [Evidence("published.by", rule_facts(rule.place))] if rule else []
        evidence.append(Evidence("published.input-denies", {"versions": " ".join(f"IPv{version}" for version in denied)}))
        target = next((access.target for access in passed if access.target), None) or (rule.target if rule else "?")
        port = target.rpartition(":")[2]
        fixes = (
            Fix("publish-here", f"docker run -p 127.0.0.1:{door.port}:{port}"),
            Fix(
                "publish-shut",
                f"iptables -I DOCKER-USER -p {door.transport.value} -m conntrack --ctorigdstport {door.port} --ctdir ORIGINAL ! -i docker0 -j DROP",
            ),
        )
        yield door_finding("published.past-firewall", Level.ERROR, door, facts, evidence=evidence, fixes=fixes, more={"target": target})


def _denied_at_input(facts: Facts, door: Door, version: int) -> bool:
    """Whether the rules of `input` would turn a stranger away, were they asked."""
    assert facts.ruleset is not None
    if door.transport not in (Transport.TCP, Transport.UDP):
        return False
    return ACCEPT not in outcomes(facts.ruleset, "input", stranger(facts, version, door.port, door.transport.value))
