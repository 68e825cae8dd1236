"""A policy as the rules of one nftables table.

The number of rules does not depend on how many doors and networks there are: doors are elements of a map (port -> verdict) for each transport, networks elements of
sets; there is one chain for each way of saying who may come, and one for each line that counts, logs or needs a helper.
"""

from __future__ import annotations

from itertools import pairwise

from portulan.guard.policy.compile_draft import ACCEPT, DROP, Draft, element, equals, goto, jump, rule
from portulan.guard.policy.compile_kept import (
    ANSWERS,
    ECHO_REQUEST,
    ICMP,
    ICMPV6,
    INVALID,
    REDIRECTED,
    by_protocol,
    by_state,
    dhcp,
    icmp,
    icmpv6,
    loopback,
)
from portulan.guard.policy.compile_lines import Lines, described
from portulan.model.guard_compiled import FAMILY, TABLE
from portulan.model.policy import Refusal
from portulan.model.port import PROTOCOL_NUMBERS, TRANSPORTS, Transport
from portulan.model.rule import Choose, Element, Field, Limit, Log, Match, Members, Named, Range, Reject, Spans, Translate, VerdictKind
from portulan.model.rule_words import FAMILIES
from portulan.model.ruleset import Base, NamedSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from portulan.model.guard_compiled import Terrain
    from portulan.model.policy import Crossing, Line, Policy, Source
    from portulan.model.rule import Rule

_ALWAYS = (Transport.TCP, Transport.UDP)
_FILTER, _SRCNAT = 0, 100
"""NF_IP_PRI_FILTER, NF_IP_PRI_NAT_SRC of include/uapi/linux/netfilter_ipv4.h."""
_PORT_UNREACHABLE = 1


def build(policy: Policy, today: date, terrain: Terrain, mark: str = "") -> Draft:
    """All of it. `mark` stands before each name. Raises BadInput for what cannot be an interface."""
    draft = Draft(mark)
    names = draft.names
    refuse = _refuse(draft, policy)
    doors = [line for line in policy.doors if not line.is_over(today)]
    inward = Lines(draft)
    maps = _maps(draft, inward, doors, "doors")
    published = draft.chain(
        names.own("published"),
        (
            rule(equals("meta", "l4proto", PROTOCOL_NUMBERS[transport]), Choose(Field("ct", "proto-dst", "original"), Named(name)))
            for transport, name in maps.items()
        ),
    )
    draft.chain(names.own("redirected"), [rule(jump(published)), rule(goto(refuse))])
    _entrance(draft, maps, refuse, _ping(draft, policy.ping))
    _forward(draft, inward, policy, today, terrain, published, refuse)
    if policy.outgoing is not None:
        lines = [line for line in policy.outgoing if not line.is_over(today)]
        _entrance(draft, _maps(draft, Lines(draft, out=True), lines, "ways"), refuse, _ping(draft, policy.ping_out, out=True), out=True)
    draft.tidy()
    return draft


def _entrance(draft: Draft, maps: dict[Transport, str], refuse: str, ping: list[Rule], *, out: bool = False) -> None:
    """What comes in to this host, or (`out`) goes out of it: each protocol has a chain of its own, so that no packet is asked what does not concern it."""
    way = "out" if out else "in"
    last, own = rule(goto(refuse)), draft.names.own
    chains: dict[int, str] = {}
    for transport, name in maps.items():
        kept = dhcp(out=out) if transport is Transport.UDP else []
        rules = [rule(Choose(Field(transport.value, "dport"), Named(name))), *kept, last]
        if not out:
            rules.insert(0, rule(REDIRECTED, goto(own("redirected")), comment="judged by the port that was asked for"))
        chains[PROTOCOL_NUMBERS[transport]] = draft.chain(own(f"{transport.value}_{way}"), rules)
    unknown = [rule(INVALID, goto(refuse))] if ping else []
    control = {
        ICMP: draft.chain(own(f"icmp_{way}"), [*icmp(), *unknown, *ping, last]),
        ICMPV6: draft.chain(own(f"icmpv6_{way}"), [*icmpv6(out=out), last]),
    }
    strange = draft.chain(own(f"strange_{way}"), [loopback(out=out), by_protocol(control), last])
    draft.chain(
        own("output" if out else "input"),
        [*by_state(strange), loopback(out=out), by_protocol(chains | control), last],
        Base("filter", "output" if out else "input", _FILTER, VerdictKind.DROP),
    )


def _refuse(draft: Draft, policy: Policy) -> str:
    rules: list[Rule] = []
    if policy.log is not None:
        rules.append(rule(Limit(policy.log.number, policy.log.per.value, policy.log.burst), Log('prefix "portulan refused: "')))
    if policy.refusal is Refusal.REJECT:
        # A reset for what only looks out of place would end a connection that lives.
        rules.append(rule(INVALID, DROP))
        rules.append(rule(equals("meta", "l4proto", PROTOCOL_NUMBERS[Transport.TCP]), Reject("tcp reset")))
        rules.append(rule(Reject("icmpx", _PORT_UNREACHABLE)))
    else:
        rules.append(rule(DROP))
    return draft.chain(draft.names.own("refuse"), rules)


def _maps(draft: Draft, lines: Lines, doors: Sequence[Line], word: str) -> dict[Transport, str]:
    """A map of ports for each transport."""
    found: dict[Transport, str] = {}
    for transport in TRANSPORTS:
        mine = [line for line in doors if any(kind is transport for kind, _ in line.ports)]
        if not mine and transport not in _ALWAYS:
            continue
        elements: list[Element] = []
        name = draft.names.take((transport.value, word))
        draft.remarks[name] = []
        for first, last, here in _pieces(mine, transport):
            verdict = lines.verdict(here, transport)
            if verdict is not None:
                elements.append(Element(element(first, last), verdict))
                draft.remarks[name].append("; ".join(map(described, here)))
        flags = () if all(type(one.key[0]) is Range and one.key[0].first == one.key[0].last for one in elements) else ("interval",)
        # Single ports are hashed, which is quicker.
        draft.named(NamedSet(FAMILY, TABLE, name, ("inet_service",), Members(elements=tuple(elements)), ("verdict",), flags=flags))
        found[transport] = name
    return found


def _pieces(lines: Sequence[Line], transport: Transport) -> Iterator[tuple[int, int, list[Line]]]:
    """Spans of ports that the same lines name, in order."""
    spans = [(part.first, part.last, line) for line in lines for kind, ports in line.ports if kind is transport for part in ports.ranges]
    cuts = sorted({first for first, _, _ in spans} | {last + 1 for _, last, _ in spans})
    opening: dict[int, list[Line]] = {}
    closing: dict[int, list[Line]] = {}
    for first, last, line in spans:
        opening.setdefault(first, []).append(line)
        closing.setdefault(last + 1, []).append(line)
    open_now: list[Line] = []
    for at, following in pairwise(cuts):
        for line in closing.get(at, ()):
            open_now.remove(line)
        open_now += opening.get(at, ())
        if open_now:
            order = {id(line): place for place, line in enumerate(lines)}
            yield at, following - 1, sorted(open_now, key=lambda line: order[id(line)])


def _ping(draft: Draft, named: Sequence[Source], *, out: bool = False) -> list[Rule]:
    return [
        rule(*who, equals("icmp", "type", ECHO_REQUEST), ACCEPT, comment="ping")
        for source in named
        for who in draft.senders(source, (4,), out=out)
    ]


def _forward(draft: Draft, lines: Lines, policy: Policy, today: date, terrain: Terrain, published: str, refuse: str) -> None:
    name, base = draft.names.own("forward"), Base("filter", "forward", _FILTER, VerdictKind.ACCEPT)
    rules = [rule(ANSWERS, ACCEPT), rule(REDIRECTED, jump(published), comment="published ports")]
    if not (policy.zones or policy.crossings):
        rules.append(rule(REDIRECTED, goto(refuse)))
        if terrain.uplinks:
            strangers = draft.links(terrain.uplinks, "iifname")
            rules += [rule(*link, goto(refuse), comment="strangers go through here to nobody") for link in strangers]
        draft.chain(name, rules, base)
        return
    crossings = [crossing for crossing in policy.crossings if not crossing.is_over(today)]
    for crossing in crossings:
        rules += _crossing(draft, lines, crossing)
    draft.chain(name, [*rules, rule(goto(refuse))], base._replace(policy=VerdictKind.DROP))
    masked = [
        rule(*coming, *going, equals("meta", "nfproto", FAMILIES["ipv4"]), Translate("masquerade"), comment=described(crossing))
        for crossing in crossings
        if crossing.masquerade
        for coming, going in _between(draft, crossing)
    ]
    if masked:
        draft.chain(draft.names.own("postrouting"), masked, Base("nat", "postrouting", _SRCNAT, VerdictKind.ACCEPT))


def _between(draft: Draft, crossing: Crossing) -> list[tuple[tuple[Match, ...], tuple[Match, ...]]]:
    sources, targets = draft.links(crossing.source.links, "iifname"), draft.links(crossing.target.links, "oifname")
    return [(coming, going) for coming in sources for going in targets] if crossing.source.links and crossing.target.links else []


def _crossing(draft: Draft, lines: Lines, crossing: Crossing) -> list[Rule]:
    then = lines.then(crossing, None)
    if not crossing.everything:
        inside = [
            rule(
                Match(
                    Field(transport.value, "dport"),
                    Members(spans=Spans([one.first for one in ports.ranges], [one.last for one in ports.ranges])),
                ),
                then,
            )
            for transport, ports in crossing.ports
            if ports.ranges
        ]
        then = jump(draft.chain(draft.names.take(("via", crossing.source.name, crossing.target.name)), inside))
    return [rule(*coming, *going, then, comment=described(crossing)) for coming, going in _between(draft, crossing)]
