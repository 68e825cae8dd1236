"""What a rule asks for, as a box: for each thing that is known of a packet the set of values it may have.

Two readings of every rule, since nft's listing leaves out what a rule needs besides (that a port belongs to TCP, an address to IPv4): `least`, where the rule
matches for certain, and `most`, outside of which it never does. Whatever a packet has stays what it is between two rules, so that any field may be a
dimension; what changes by itself (clocks, dice, sets that packets fill, marks of connections) is none. A field that a packet lacks is `ABSENT`:
fragments have no ports, and a match fails on them however it is written.

What nft 1.0.6 was seen to leave out: in a table of family ip6 `ip6 nexthdr tcp tcp dport 22` is listed as `tcp dport 22`, though it misses packets with extension
headers; in one of family inet `icmp type` may or may not ask for IPv4. So such a rule's `least` asks for both, and its `most` for neither.
"""

from __future__ import annotations

from portulan.guard.mentioned import Mentioned
from portulan.guard.sets import ALL, EMPTY, Sets
from portulan.model.record import Record
from portulan.model.rule import Binary, Concat, Field, Match, Members, Named, Number, Strange
from portulan.wire.nft_kinds import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from portulan.model.rule import Expression, Name, Rule
    from portulan.model.ruleset import Chain, Ruleset

    Box: TypeAlias = dict[int, int]
    """Dimension -> set of values; a dimension that is not in it may have any, or none."""
    Key: TypeAlias = tuple[object, ...]
    Part: TypeAlias = tuple[Key, int]

ABSENT = 1 << 128
"""The value of what a packet lacks."""
VERSION, PROTOCOL, NEXT_HEADER = ("meta", "nfproto"), ("meta", "l4proto"), ("ip6", "nexthdr")
_IP, _IP6 = 2, 10
_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "udplite": 136, "icmp": 1, "icmpv6": 58}
_FIELDS = {
    "ip": ("saddr", "daddr", "protocol", "ttl", "length", "dscp"), "ip6": ("saddr", "daddr", "nexthdr", "hoplimit", "length"),
    "tcp": ("sport", "dport", "flags"), "icmp": ("type", "code"), "icmpv6": ("type", "code"), "ct": ("state",),
    **dict.fromkeys(("udp", "sctp", "dccp", "udplite", "th"), ("sport", "dport")),
    "meta": ("iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "nfproto", "l4proto", "protocol", "mark", "pkttype", "length"),
}  # fmt: skip
"""What keeps its value from one rule to the next, unless a rule says otherwise."""
_NAMED = ("iif", "oif", "iifname", "oifname")
_STATES = (1, 2, 4, 8, 64)
_IPTABLES = frozenset(("filter", "nat", "mangle", "raw", "security"))
_FEW_BITS = 8


class Condition(Record):
    """One match: what it asks for at most and, where that is known, at least. `stateful`: asking changes something."""

    most: tuple[Part, ...]
    least: tuple[Part, ...] | None
    stateful: bool = False


class Conditions:
    """Reads the matches of one ruleset. `sets` has the sets of values, `keys` which field each dimension is."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.sets = Sets(ABSENT + 1)
        self.keys: list[Key] = []
        self._numbers: dict[Key, int] = {}
        self._named = ruleset.sets
        self._written = Mentioned(ruleset).written
        self._by_iptables = {
            (chain.family, chain.table)
            for chain in ruleset.chains
            if chain.base is not None and chain.name.isupper() and chain.table.removeprefix("legacy:") in _IPTABLES
        }

    def dimension(self, key: Key) -> int:
        """The number of a field."""
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.keys)
            self.keys.append(key)
        return found

    def box(self, parts: Iterable[Part], start: Box | None = None) -> Box:
        """Everything asked for at once; a set that is EMPTY where that cannot be."""
        box = dict(start or {})
        for key, values in parts:
            at = self.dimension(key)
            box[at] = self.sets.both(box.get(at, ALL), values)
        return box

    def clash(self, box: Box) -> Key | None:
        """The field that could have no value at all; None where a packet may lie in the box."""
        return next((self.keys[at] for at, values in box.items() if values == EMPTY), None)

    def both(self, left: Box, right: Box) -> Box | None:
        """What lies in both; None where nothing does."""
        found = dict(left)
        for at, values in right.items():
            mine = found.get(at)
            if mine is not None:
                values = self.sets.both(mine, values)  # noqa: PLW2901 - cut to what is in both
            if not values:
                return None
            found[at] = values
        return found

    def is_changed(self, box: Box, changes: frozenset[Key] | None) -> bool:
        """Whether what a box asks for may have been changed."""
        if changes is None:
            return True
        return bool(changes) and any(not changes.isdisjoint(_parts_of(self.keys[at])) for at in box)

    def minus(self, box: Box, away: Box) -> list[Box]:
        """A box without another that it meets: one piece for each side that sticks out."""
        pieces, rest = [], dict(box)
        for at, values in away.items():
            mine = rest.get(at, ALL)
            outside = self.sets.minus(mine, values)
            if outside:
                pieces.append({**rest, at: outside})
                rest[at] = self.sets.both(mine, values)
        return pieces

    # --- where packets are ---

    def entered(self, chain: Chain) -> Box:
        """What is true of every packet in a chain, by its family and its hook."""
        versions = {"ip": (_IP,), "ip6": (_IP6,)}.get(chain.family, (_IP, _IP6))
        parts: list[Part] = [(VERSION, self._points(versions))]
        hook = chain.base.hook if chain.base is not None else ""
        missing = "oif" if hook in ("input", "prerouting") else "iif" if hook == "output" else None
        if missing is not None:  # an empty name on new kernels, no value at all on old ones (nft_meta.c)
            none = self._points((0, ABSENT))
            parts += [(("meta", missing), none), (("meta", missing + "name"), none)]
        return self.box(parts)

    def of_protocol(self, number: int, chain: Chain, rule: Rule) -> Condition:
        """What asking for a transport's field asks for besides."""
        asked = (PROTOCOL, self._points((number,)))
        if chain.family == "ip6" and not self.is_iptables(chain, rule):
            return Condition((), (asked, (NEXT_HEADER, self._points((number,)))))
        return Condition(() if _asks_next_header(rule) else (asked,), (asked,))

    def is_iptables(self, chain: Chain, rule: Rule) -> bool:
        """Whether a rule is one of iptables, which asks for a protocol in one way only, and counts for every rule."""
        return rule.quoted is not None or (chain.family, chain.table) in self._by_iptables

    def of_version(self, number: int) -> Part:
        """IPv4 (4) or IPv6 (6) only."""
        return VERSION, self._points((_IP if number == 4 else _IP6,))

    # --- one match ---

    def read(self, match: Match, chain: Chain, rule: Rule) -> Condition:
        """What a match asks for."""
        left, right = match.left, match.right
        fields = _fields_of(left)
        if fields is None:
            return Condition((), None, stateful=True)
        if self._is_stateful(right, chain):
            return Condition((), None, stateful=True)
        needs = [self._needs(field, chain, rule) for field in fields]
        most = tuple(part for need in needs if need is not None for part in need.most)
        if None in needs or self._changes(right, chain):
            return Condition(most, None)
        values = self._values(left, right, chain)
        if values is None:
            return Condition(most, None)
        key, inside, every = values
        asked = key, self.sets.minus(every, inside) if match.negated else self.sets.both(every, inside)
        least = tuple(part for need in needs if need is not None for part in need.least or ())
        return Condition((*most, asked), (*least, asked))

    def _needs(self, field: Field, chain: Chain, rule: Rule) -> Condition | None:
        """What asking for a field asks for besides; None where that is not known, or the field may change between two rules."""
        group, name = field.group, field.name
        if name not in _FIELDS.get(group, ()) or field.exists or field.flags or field.direction:
            return None
        if group in ("ip", "ip6"):
            version = (self.of_version(4 if group == "ip" else 6),)
            return Condition(version, version)
        if group not in _PROTOCOLS:
            return Condition((), ())
        need = self.of_protocol(_PROTOCOLS[group], chain, rule)
        if group in ("icmp", "icmpv6"):
            return need._replace(least=(*(need.least or ()), self.of_version(4 if group == "icmp" else 6)))
        return need

    def _values(self, left: Expression, right: Members | Named, chain: Chain) -> tuple[Key, int, int] | None:
        """(dimension, values that are meant, all that there are)."""
        members = self.constant(right, chain)
        if isinstance(left, Field) and members is not None:
            if left.name in _NAMED and left.group == "meta":
                names = _name_spans(members.names.names) if members.names is not None else None
                return None if names is None else (_key_of(left), self.sets.spans(names), self.sets.span(0, ABSENT - 1))
            if members.spans is not None:
                pairs = zip(members.spans.first, members.spans.last, strict=True)
                return _key_of(left), self.sets.spans(pairs), self._every(left)
        masked = self._masked(left, members) if members is not None else None
        if masked is not None:
            return masked
        try:
            hash(right)
        except TypeError:  # held in arrays: too many to be told apart
            return None
        return ("is", chain.family, chain.table, left, right), self._points((1,)), self._points((0, 1))

    def _masked(self, left: Expression, members: Members) -> tuple[Key, int, int] | None:
        """`ct state & 6`, `tcp flags & 2`: each value is tried."""
        if not (isinstance(left, Binary) and left.operator == "&" and isinstance(left.left, Field) and isinstance(left.right, Number)):
            return None
        field, mask = left.left, left.right.value
        if members.spans is None or (field.name != "state" and not 0 < kind_of(field).bits <= _FEW_BITS):
            return None
        every = self._every(field)
        spans = list(zip(members.spans.first, members.spans.last, strict=True))
        numbers = [number for first, last in self.sets.pairs(every) for number in range(first, last + 1)]
        meant = [number for number in numbers if any(first <= number & mask <= last for first, last in spans)]
        return _key_of(field), self._points(meant), every

    def _every(self, field: Field) -> int:
        """All values that a field may have where it is there."""
        if (field.group, field.name) == ("ct", "state"):
            return self._points(_STATES)
        bits = kind_of(field).bits
        return self.sets.span(0, (1 << (bits if 0 < bits <= 128 else 128)) - 1)

    def _points(self, numbers: Iterable[int]) -> int:
        return self.sets.spans((number, number) for number in numbers)

    # --- sets ---

    def constant(self, right: Members | Named, chain: Chain) -> Members | None:
        """What a set holds, where nobody is meant to change it: what is in a named one is another matter than the rule."""
        if isinstance(right, Members):
            return right
        known = self._named.get((chain.family, chain.table, right.name))
        return known.members if known is not None and "constant" in known.flags else None

    def _changes(self, right: Members | Named, chain: Chain) -> bool:
        """Whether packets or time change what is in a set."""
        if isinstance(right, Members):
            return any(each.changing or any(isinstance(part, Strange) for part in each.key) for each in right.elements or ())
        key = chain.family, chain.table, right.name
        known = self._named.get(key)
        if known is None or key in self._written or known.timeout_s is not None or "timeout" in known.flags or "dynamic" in known.flags:
            return True
        return known.members is not None and any(each.changing for each in known.members.elements or ())

    def _is_stateful(self, right: Members | Named, chain: Chain) -> bool:
        """Whether elements count or limit: then looking something up is an act."""
        if isinstance(right, Named):
            known = self._named.get((chain.family, chain.table, right.name))
            if known is None or known.statements:
                return True
            members = known.members
        else:
            members = right
        return members is not None and any(each.statements for each in members.elements or ())


def _key_of(field: Field) -> Key:
    """Ports are in the same place whatever the transport (nft_payload.c); IPv4's protocol is the transport's number."""
    if field.name in ("sport", "dport"):
        return "th", field.name
    return PROTOCOL if (field.group, field.name) == ("ip", "protocol") else (field.group, field.name)


def _parts_of(key: Key) -> list[Key]:
    """The fields that a dimension depends on."""
    if key[0] != "is":
        return [key]
    return [(field.group, field.name) for field in _fields_of(key[3]) or ()]  # type: ignore[arg-type] # the left side


def _fields_of(expression: Expression) -> list[Field] | None:
    """The fields it is made of; None where there may be more to it."""
    if isinstance(expression, Field):
        return [expression]
    if isinstance(expression, Number):
        return []
    parts = (
        expression.parts
        if isinstance(expression, Concat)
        else (expression.left, expression.right)
        if isinstance(expression, Binary)
        else None
    )
    if parts is None:
        return None
    found = []
    for part in parts:
        inside = _fields_of(part)
        if inside is None:
            return None
        found += inside
    return found


def _name_spans(names: Iterable[Name]) -> list[tuple[int, int]] | None:
    """Names of interfaces as numbers of 16 bytes, so that a beginning is a span."""
    spans = []
    for name in names:
        word = name.text.encode(errors="surrogateescape")
        if name.interface is not None or len(word) > 16:
            return None
        first = int.from_bytes(word.ljust(16, b"\0"))
        spans.append((first, int.from_bytes(word.ljust(16, b"\xff")) if name.prefix else first))
    return spans


def _asks_next_header(rule: Rule) -> bool:
    """Then nft takes that for the transport, in a table of family inet."""
    fields = (_fields_of(part.left) for part in rule.statements if isinstance(part, Match))
    return any((field.group, field.name) == NEXT_HEADER for found in fields if found for field in found)
