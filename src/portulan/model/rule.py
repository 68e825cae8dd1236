"""One firewall rule, statement by statement, as frozen values that a simulation can follow (nftables' own grammar: nft(8)).

Whatever is compared is a number or a name. Numbers are the kernel's, whatever word nft uses for them: addresses as one big integer (32 or 128
bits), ports, protocol numbers, marks, ICMP types, flag bits (`model.rule_words` has the words). A comparison is always "lies in these values" or,
`negated`, "lies in none of them": `tcp dport < 1024` is the span 0-1023, `ct state established,related` is `ct state & 6` not in {0}.

Nothing of a rule is left out: what this model has no word for is `Opaque` (a statement) or `Strange` (an expression) with its text, and whoever
simulates must take it for something that may do anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

# --- what is compared ---


class Field(Record):
    """Something a packet has: a header's field, or what the kernel knows about it.

    `group` and `name` are nft's: ip saddr, ip6 daddr, tcp dport, th sport (of any transport), icmp type, ether saddr, vlan id, meta iifname, meta mark, ct state,
    ct mark, fib type, socket transparent, exthdr frag, `tcp option` maxseg, raw `th,0,8` (base, offset and length in bits).
    """

    group: str
    name: str
    direction: str | None = None
    """Of ct fields `original` or `reply`: `ct original ip saddr` is group ct, name `ip saddr`. Of ipsec fields `in` or `out`."""
    flags: tuple[str, ...] = ()
    """Of fib: by what it looks up (saddr, daddr, mark, iif, oif). Of the others: what else nft prints of it."""
    exists: bool = False
    """Not its value, but whether there is one: 1 or 0 (`exthdr frag exists`, `fib saddr . iif oif missing`)."""


class Binary(Record):
    """Two expressions joined bit by bit: `&`, `|`, `^`, `<<` or `>>`."""

    operator: str
    left: Expression
    right: Expression


class Number(Record):
    """A constant number."""

    value: int


class Name(Record):
    """A constant name, such as an interface's; with `prefix` every name that begins so (`eth*`)."""

    text: str
    prefix: bool = False
    interface: int | None = None
    """The number of an interface that nft has no name for (it is gone): then `text` is empty."""


class Range(Record):
    """Numbers `first` to `last`, both inside."""

    first: int
    last: int


class Concat(Record):
    """Several expressions side by side: `ip saddr . tcp dport`."""

    parts: tuple[Expression, ...]


class Lookup(Record):
    """What a map gives for a key: `ip saddr map { … }`, `tcp dport map @m`. A key that is not in it ends the rule, as a match that fails."""

    key: Expression
    map: Members | Named


class Strange(Record):
    """An expression this model has no word for (numgen, jhash, …), or a constant it cannot read: as nft prints it where that is known, else as JSON."""

    text: str


class Spans(Record):
    """Numbers, as spans in no particular order, both ends inside: `first[i]` to `last[i]`. Sequences of int; array('Q') where there are many of 64 bits or less."""

    first: Sequence[int]
    last: Sequence[int]


class Names(Record):
    """Names and beginnings of names."""

    names: tuple[Name, ...]


class Element(Record):
    """One element of a set or map with several fields, with names, with statements of its own, or with data."""

    key: tuple[Range | Name | Strange, ...]
    """One a field; `wildcard` has an empty one."""
    data: Verdict | tuple[Range | Name | Strange, ...] | None = None
    """Of a map: what it gives; several parts where it gives an address and a port."""
    wildcard: bool = False
    """`*`: taken when no other element fits."""
    statements: tuple[Statement, ...] = ()
    """Those that decide (limit, quota, ct count): a packet for which one of them fails is not in the set."""
    changing: bool = False
    """It goes by itself, after a time."""


class Members(Record):
    """What is written between braces in a rule, or held by a named set or map.

    Exactly one of the three is not None: `spans` for a set of one numeric field, `names` for a set of interface names and the like, `elements` for all else
    (concatenations, maps, elements with statements).
    """

    spans: Spans | None = None
    names: Names | None = None
    elements: tuple[Element, ...] | None = None


class Named(Record):
    """A set or map of the same table, by name: look it up in `Ruleset.sets` under (family, table, name)."""

    name: str


# --- what a rule does, in order ---


class Match(Record):
    """The rule goes on only if the left side lies in the values (or, negated, in none of them). Also where the packet has no such field at all it ends."""

    left: Expression
    right: Members | Named
    negated: bool = False
    written: str = "=="
    """The operator as nft writes it: == != < > <= >= in (any of these bits) ! (none of these bits)."""


class VerdictKind(StrEnum):
    """What may be decided of a packet (nft(8), VERDICT STATEMENT)."""

    ACCEPT = "accept"
    """Out of this base chain; later base chains of the hook still see the packet."""
    DROP = "drop"
    CONTINUE = "continue"
    RETURN = "return"
    """Back to the rule behind the jump; out of a base chain: its policy."""
    JUMP = "jump"
    GOTO = "goto"
    """As jump, but a return from there leads to where this chain would have returned to."""

    __hash__ = str.__hash__


class Verdict(Record):
    """A decision."""

    kind: VerdictKind
    target: str | None = None
    """The chain of a jump or goto."""


class Reject(Record):
    """Drop, and tell the sender: `how` is `tcp reset`, `icmp`, `icmpv6` or `icmpx`, `code` the number (of icmpx nft's own: 0 no route, 1 port, 2 host, 3 prohibited)."""

    how: str
    code: int | None = None


class Choose(Record):
    """`vmap`: the verdict that a map gives for a key; a key that is not in it ends the rule, as a match that fails (nft_lookup.c)."""

    key: Expression
    map: Members | Named


class Translate(Record):
    """NAT: `kind` is dnat, snat, masquerade or redirect. It accepts the packet too, as far as its base chain goes."""

    kind: str
    family: str | None = None
    """`ip` or `ip6` where the rule says so; None: the packet's own."""
    address: Range | Expression | None = None
    """None: not changed (redirect: to the machine's own). A `Lookup` whose data has two parts gives the port as well."""
    port: Range | Expression | None = None
    flags: tuple[str, ...] = ()
    """random, fully-random, persistent, netmap (prefix against prefix, host part kept)."""


class Assign(Record):
    """Something about the packet is changed: `meta mark set …`, `ct mark set …`, `ct zone set …`, `ip dscp set …`, `tcp dport set …`."""

    field: Field
    value: Expression


class NoTrack(Record):
    """Connection tracking leaves the packet alone: its ct state is untracked."""


class Limit(Record):
    """The rule goes on only below a rate (with `over`: only above it)."""

    rate: int
    per: str
    """second, minute, hour, day, week."""
    burst: int = 0
    unit: str = "packets"
    """packets, bytes, kbytes, mbytes."""
    burst_unit: str = "packets"
    over: bool = False


class Quota(Record):
    """The rule goes on until so much went by (with `over`: only after that)."""

    value: int
    unit: str = "bytes"
    """bytes, kbytes (1,024), mbytes, gbytes."""
    used: int = 0
    used_unit: str = "bytes"
    over: bool = False


class ConnectionLimit(Record):
    """`ct count`: the rule goes on while there are at most so many connections (with `over`: when there are more)."""

    most: int
    over: bool = False


class Use(Record):
    """A named object of the table at work: `kind` is counter, limit, quota, `ct helper`, `ct timeout`, `ct expectation`, synproxy, secmark, tunnel.

    `object` is its name, or the map that gives the name.
    """

    kind: str
    object: Name | Lookup | Strange


class Counter(Record):
    """Counts, decides nothing."""

    packets: int | None = None
    """None where it does not count yet: it stands for what elements of a set will have."""
    bytes: int | None = None


class Log(Record):
    """Writes a line, decides nothing. `options` as nft prints them."""

    options: str = ""


class Update(Record):
    """The packet writes into a set or map: `add @s { ip saddr timeout 1m limit rate 3/minute }`.

    What stands in `statements` decides whether the rule goes on, and so do the `statements` of the set itself (nft may print them there alone). A rule whose
    set is full ends here too. `meter` for the old form that keeps a set of its own.
    """

    operation: str
    """add, update, delete."""
    set: str
    key: Expression
    data: Expression | Verdict | None = None
    timeout_s: int | None = None
    statements: tuple[Statement, ...] = ()
    meter: bool = False
    size: int | None = None


class Queue(Record):
    """A program decides."""

    numbers: Range | Expression | None
    flags: tuple[str, ...] = ()
    """bypass (accept when no program listens), fanout."""


class TransparentProxy(Record):
    """Given to a local socket that is not bound to the packet's own destination. Decides nothing by itself."""

    family: str | None
    address: Range | Expression | None
    port: Range | Expression | None


class Copy(Record):
    """`dup`: a copy goes elsewhere, the packet goes on."""

    address: Expression | None
    device: Expression | None


class Forward(Record):
    """`fwd`: the packet itself leaves by another device and is not seen here any more."""

    device: Expression
    family: str | None = None
    address: Expression | None = None


class Synproxy(Record):
    """The kernel answers TCP handshakes for the server. A SYN ends here; what it then sends to the server itself passes as another packet."""

    options: str = ""


class Offload(Record):
    """`flow add @f`: later packets of the connection pass by the forward chains."""

    flowtable: str


class Opaque(Record):
    """A statement this model has no word for. `text` as it stands."""

    text: str
    reason: str = "unknown"
    """unknown and xt (made by iptables, not shown by nft): it may do anything to the packet. xt-match: a match of iptables, so that the rule may end here or
    go on, and no more. aside: it notes or sets something that no verdict depends on (a helper, an audit line)."""


Expression: TypeAlias = "Field | Binary | Number | Name | Concat | Lookup | Strange"
Statement: TypeAlias = (
    "Match | Verdict | Reject | Choose | Translate | Assign | NoTrack | Limit | Quota | ConnectionLimit | Use | Counter | Log | Update | Queue "
    "| TransparentProxy | Copy | Forward | Synproxy | Offload | Opaque"
)


class Rule(Record):
    """One rule: its statements in order; the first match that fails ends it."""

    handle: int | None
    """nft's number of it within its table; None for a rule that is not from the kernel."""
    statements: tuple[Statement, ...]
    comment: str | None = None
    quoted: str | None = None
    """The rule as its maker wrote it (an iptables line), where it was translated or cannot be read; `wire.nft_text` writes any other."""
    translated: bool = False
    """The statements are what iptables-restore-translate made of the quoted line."""
