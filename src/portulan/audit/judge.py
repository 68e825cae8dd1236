"""What the rules of one hook do with one packet: a small evaluation that never guesses.

It serves questions about the firewall as a whole (does it let in what IPv6 cannot live without; what happens to a port that no rule names), where one packet of a
kind is enough. A comparison is true, false or not known, and the answer is the set of what may become of the packet. Marks, rates, clocks, and whatever the packet
does not tell of itself are not known. nft(8); the order of chains within a hook is that of net/netfilter/core.c.
"""

from __future__ import annotations

from collections.abc import Mapping

from portulan.model.record import Record
from portulan.model.rule import (
    Assign,
    Binary,
    Choose,
    Concat,
    ConnectionLimit,
    Element,
    Field,
    Forward,
    Limit,
    Lookup,
    Match,
    Members,
    Name,
    Named,
    Number,
    Opaque,
    Queue,
    Quota,
    Range,
    Reject,
    Strange,
    Synproxy,
    Translate,
    Update,
    Use,
    Verdict,
    VerdictKind,
)
from portulan.model.ruleset import Chain, Ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.rule import Expression, Rule, Statement

ACCEPT, DROP = "accept", "drop"
_NEXT, _RETURN = "next", "return"
"""Inside a chain: the rule lets the packet go on; the chain is left."""
_ANY = frozenset((ACCEPT, DROP, _NEXT, _RETURN))
_UNICAST = 1
"""RTN_UNICAST: what a foreign sender is to the routes."""
_CONNTRACK = -200
"""Priority from which on a packet's ct state is known (NF_IP_PRI_CONNTRACK)."""
_OF_PROTOCOLS = frozenset((
    "ip", "ip6", "tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6", "igmp", "arp", "vlan", "ah", "esp", "comp", "gre", "dst", "hbh", "rt", "srh",
    "mh", "frag", "exthdr", "tcp option", "ip option", "sctp chunk", "geneve", "vxlan", "gretap",
))  # fmt: skip
"""Groups of header fields: a packet has them or not. What others (meta, ct, fib, socket, …) hold is not known unless told."""


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


UNKNOWN, ABSENT = _Unknown(), _Absent()
Value = int | str | tuple["Value", ...] | _Unknown | _Absent


class Sample(Record):
    """One packet: its IP version, and what is known of it by (group, name) of nft's fields: `("ip6", "saddr")`, `("meta", "iifname")`, `("th", "dport")`."""

    version: int
    fields: Mapping[tuple[str, str], int | str]


def outcomes(ruleset: Ruleset, hook: str, packet: Sample, *, kinds: tuple[str, ...] = ("filter",)) -> frozenset[str]:
    """What may become of a packet at one hook of a ruleset: {accept}, {drop} or both. Chains of type `kinds` are asked, in the order of their priorities."""
    found = set[str]()
    seen_by = ("inet", "ip" if packet.version == 4 else "ip6", *(("netdev",) if hook in ("ingress", "egress") else ()))
    asleep = {(table.family, table.name) for table in ruleset.tables if table.dormant}
    chains = [
        chain
        for chain in ruleset.chains
        if chain.base and chain.base.hook == hook and chain.base.type in kinds and chain.family in seen_by and (chain.family, chain.table) not in asleep
    ]  # fmt: skip
    for chain in sorted(chains, key=lambda chain: chain.base.priority if chain.base else 0):
        assert chain.base is not None
        result = base_outcomes(ruleset, chain, packet)
        if DROP in result:
            found.add(DROP)
        if ACCEPT not in result:
            return frozenset(found)
    found.add(ACCEPT)
    return frozenset(found)


def base_outcomes(ruleset: Ruleset, chain: Chain, packet: Sample) -> frozenset[str]:
    """What one base chain may do with a packet, its policy included."""
    assert chain.base is not None
    result = set(_Walk(ruleset, chain, packet).chain(chain.name))
    if _RETURN in result:
        result.discard(_RETURN)
        result.add(DROP if chain.base.policy is VerdictKind.DROP else ACCEPT)
    return frozenset(result)


class _Walk:
    """One packet in the chains of one table, entered from one base chain."""

    def __init__(self, ruleset: Ruleset, base: Chain, packet: Sample) -> None:
        assert base.base is not None
        self._ruleset = ruleset
        self._family, self._table = base.family, base.table
        self._chains = {chain.name: chain for chain in ruleset.chains if (chain.family, chain.table) == (base.family, base.table)}
        self._packet = packet
        self._tracked = base.base.hook not in ("ingress", "prerouting", "output") or base.base.priority > _CONNTRACK
        self._known: dict[str, frozenset[str]] = {}
        self._marked = any(isinstance(part, Assign) for chain in ruleset.chains for rule in chain.rules for part in rule.statements)

    def chain(self, name: str) -> frozenset[str]:
        """accept, drop, or return (its end was reached) as far as each may be."""
        if name not in self._known:
            self._known[name] = _ANY - {_NEXT}  # a circle, which the kernel refuses, ends here
            self._known[name] = self._rules(self._chains[name].rules) if name in self._chains else _ANY - {_NEXT}
        return self._known[name]

    def _rules(self, rules: Iterable[Rule]) -> frozenset[str]:
        found = set[str]()
        for rule in rules:
            result = self._rule(rule)
            found |= result - {_NEXT}
            if _NEXT not in result:
                return frozenset(found)
        found.add(_RETURN)
        return frozenset(found)

    def _rule(self, rule: Rule) -> frozenset[str]:
        """accept, drop, next, return as far as each may be."""
        found = set[str]()
        for statement in rule.statements:
            result = self._statement(statement)
            found |= result - {"on"}
            if "on" not in result:
                return frozenset(found)
        found.add(_NEXT)
        return frozenset(found)

    def _statement(self, statement: Statement) -> frozenset[str]:  # noqa: PLR0911 - a table of statements
        """As `_rule`, and `on`: the rule's next statement is asked."""
        match statement:
            case Match():
                truth = self._match(statement)
                return frozenset(("on", _NEXT)) if truth is None else frozenset(("on",)) if truth else frozenset((_NEXT,))
            case Verdict():
                return self._verdict(statement)
            case Choose():
                return self._choose(statement)
            case Reject() | Synproxy() | Forward():
                return frozenset((DROP,))
            case Translate():
                return frozenset((ACCEPT,))
            case Queue():
                return frozenset((ACCEPT, DROP))
        return frozenset(("on", *_doubts(statement)))

    def _verdict(self, verdict: Verdict) -> frozenset[str]:
        match verdict.kind:
            case VerdictKind.ACCEPT:
                return frozenset((ACCEPT,))
            case VerdictKind.DROP:
                return frozenset((DROP,))
            case VerdictKind.CONTINUE:
                return frozenset((_NEXT,))
            case VerdictKind.RETURN:
                return frozenset((_RETURN,))
        inside = self.chain(verdict.target or "")
        if verdict.kind is VerdictKind.GOTO or _RETURN not in inside:
            return inside
        return inside - {_RETURN} | {_NEXT}

    def _choose(self, choose: Choose) -> frozenset[str]:
        """Every verdict that the key may lead to; a key that is not in the map goes on."""
        key = self._value(choose.key)
        if key is ABSENT:
            return frozenset((_NEXT,))
        members = self._members(choose.map)
        if members is None or members.elements is None:
            return _ANY | {"on"}
        found = set[str]()
        for element in sorted(members.elements, key=lambda element: element.wildcard):
            truth = True if element.wildcard else _fits(key, element)
            if truth is False or not isinstance(element.data, Verdict):
                continue
            found |= self._verdict(element.data)
            if truth and not element.statements and not element.changing:
                return frozenset(found)
        return frozenset(found | {"on"})

    # --- comparisons: True, False, or None where it is not known ---

    def _match(self, match: Match) -> bool | None:
        value = self._value(match.left)
        if value is ABSENT:
            return False
        members = self._members(match.right)
        truth = None if members is None else _lies_in(value, members)
        return truth if truth is None else truth is not match.negated

    def _members(self, right: Members | Named) -> Members | None:
        if isinstance(right, Members):
            return right
        known = self._ruleset.sets.get((self._family, self._table, right.name))
        if known is None or known.members is None or "dynamic" in known.flags or "timeout" in known.flags:
            return None
        return known.members

    def _value(self, expression: Expression) -> Value:  # noqa: PLR0911 - a table of expressions
        match expression:
            case Field():
                return self._field(expression)
            case Number():
                return expression.value
            case Name():
                return expression.text
            case Concat():
                parts = tuple(self._value(part) for part in expression.parts)
                if ABSENT in parts:
                    return ABSENT
                return UNKNOWN if UNKNOWN in parts else parts
            case Binary():
                return _joined(expression.operator, self._value(expression.left), self._value(expression.right))
            case Lookup():
                return ABSENT if self._value(expression.key) is ABSENT else UNKNOWN
        return UNKNOWN

    def _field(self, field: Field) -> Value:
        if field.group == "fib":
            return self._lookup_of_routes(field)
        if field.exists or field.direction is not None:
            return UNKNOWN
        key = (field.group, field.name)
        if key == ("ct", "state") and not self._tracked:
            return UNKNOWN
        if key == ("meta", "mark"):
            return UNKNOWN if self._marked else 0
        if key in self._packet.fields:
            return self._packet.fields[key]
        return ABSENT if field.group in _OF_PROTOCOLS and not any(group == field.group for group, _ in self._packet.fields) else UNKNOWN

    def _lookup_of_routes(self, field: Field) -> Value:
        """The packet is one that a router would send: its sender is routed back by where it came from. What its destination is, the sample says."""
        if field.exists:
            return 1 if "saddr" in field.flags else UNKNOWN
        if field.name == "type" and "daddr" in field.flags:
            return self._packet.fields.get(("fib", "type"), UNKNOWN)
        return _UNICAST if field.name == "type" else UNKNOWN


def _doubts(statement: Statement) -> frozenset[str]:
    """What else a statement that decides nothing by itself may lead to: below a rate or above it, or what is not known."""
    match statement:
        case Limit() | Quota() | ConnectionLimit() | Update():
            return frozenset((_NEXT,))
        case Use() if statement.kind in ("limit", "quota", "synproxy"):
            return frozenset((_NEXT, DROP)) if statement.kind == "synproxy" else frozenset((_NEXT,))
        case Opaque() if statement.reason == "xt-match":
            return frozenset((_NEXT,))
        case Opaque() if statement.reason != "aside":
            return _ANY
    return frozenset()


def _joined(operator: str, left: Value, right: Value) -> Value:
    if ABSENT in (left, right):
        return ABSENT
    if not isinstance(left, int) or not isinstance(right, int):
        return UNKNOWN
    done = {"&": left & right, "|": left | right, "^": left ^ right}
    if operator in ("<<", ">>") and 0 <= right < 128:
        return left << right if operator == "<<" else left >> right
    return done.get(operator, UNKNOWN)


def _lies_in(value: Value, members: Members) -> bool | None:
    """Whether a value is among the members of a set."""
    if value is UNKNOWN:
        return None
    if members.spans is not None:
        if not isinstance(value, int):
            return None
        return any(first <= value <= last for first, last in zip(members.spans.first, members.spans.last, strict=True))
    if members.names is not None:
        return any(_is_named(value, name) for name in members.names.names)
    unsure = False
    for element in members.elements or ():
        truth = True if element.wildcard else _fits(value, element)
        if truth and not element.statements and not element.changing:
            return True
        unsure = unsure or truth is not False
    return None if unsure else False


def _fits(value: Value, element: Element) -> bool | None:
    """Whether a value is what one element of a set stands for."""
    parts = value if isinstance(value, tuple) else (value,)
    if value is UNKNOWN or len(parts) != len(element.key) or any(isinstance(part, Strange) for part in element.key):
        return None
    for part, wanted in zip(parts, element.key, strict=True):
        if isinstance(wanted, Range):
            if not isinstance(part, int):
                return None
            if not wanted.first <= part <= wanted.last:
                return False
        elif isinstance(wanted, Name) and not _is_named(part, wanted):
            return False
    return True


def _is_named(value: Value, name: Name) -> bool:
    text = str(value)
    return text.startswith(name.text) if name.prefix else text == name.text
