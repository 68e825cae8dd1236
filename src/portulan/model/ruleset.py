"""A firewall's rules as nftables keeps them: tables, chains, sets and maps, stateful objects, flowtables. `model.rule` has what a rule says."""

from __future__ import annotations

from collections.abc import Mapping

from portulan.model.record import Record
from portulan.model.rule import Members, Rule, Statement, VerdictKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

_NO_FACTS: Mapping[str, object] = {}


class Base(Record):
    """Where packets enter a chain."""

    type: str
    """filter, nat (sees the first packet of a connection only), route."""
    hook: str
    """ingress, egress (netdev; ingress also inet), prerouting, input, forward, output, postrouting."""
    priority: int
    policy: VerdictKind = VerdictKind.ACCEPT
    devices: tuple[str, ...] | None = ()
    """Of ingress and egress: which interfaces; None where it is not known."""


class Chain(Record):
    """Rules in order; with a base, packets enter by themselves, else by jump and goto."""

    family: str
    """ip, ip6, inet, arp, bridge, netdev; any other word as it stands."""
    table: str
    name: str
    rules: tuple[Rule, ...] = ()
    base: Base | None = None
    handle: int | None = None


class Table(Record):
    """A table."""

    family: str
    name: str
    handle: int | None = None
    dormant: bool | None = False
    """Its base chains see nothing. None where it has flags that are not known."""
    owned: bool | None = False
    """It goes when the process that made it ends (`flags owner`). None where it has flags that are not known."""
    comment: str | None = None
    legacy: bool = False
    """Of iptables-legacy, which nft does not see; its rules are translated and its name is `legacy:filter`, `legacy:nat`, …"""


class NamedSet(Record):
    """A named set, or a map."""

    family: str
    table: str
    name: str
    types: tuple[str, ...]
    """Of its fields, as nft names them: ipv4_addr, inet_service, …"""
    members: Members | None = None
    """None: not read (a terse listing leaves them out; a large one may be left unread on purpose)."""
    data_types: tuple[str, ...] = ()
    """Of a map; `verdict` for a verdict map; empty for a set."""
    flags: tuple[str, ...] = ()
    """constant, interval, timeout, dynamic. nft up to 1.0.6 does not print dynamic: whether rules write into it, the rules tell."""
    timeout_s: int | None = None
    size: int | None = None
    """How many elements it may hold; a full one takes no more."""
    handle: int | None = None
    comment: str | None = None
    statements: tuple[Statement, ...] = ()
    """What each element that packets add is made with."""
    element_count: int | None = None
    """How many elements it has, where it was left unread and the kernel tells (6.16 and newer)."""


class NamedObject(Record):
    """A stateful object: `kind` as in `Use`; a limit or quota as its statement, else its facts as nft's JSON has them."""

    family: str
    table: str
    name: str
    kind: str
    statement: Statement | None = None
    facts: Mapping[str, object] = _NO_FACTS


class Flowtable(Record):
    """A shortcut for forwarded connections."""

    family: str
    table: str
    name: str
    devices: tuple[str, ...] = ()


Key: TypeAlias = "tuple[str, str, str]"
_NOTHING: Mapping[Key, NamedSet] = {}
_NO_OBJECTS: Mapping[tuple[str, str, str, str], NamedObject] = {}


class Ruleset(Record):
    """Everything nft lists in one network namespace. Tables and chains in the order listed."""

    tables: tuple[Table, ...] = ()
    chains: tuple[Chain, ...] = ()
    sets: Mapping[Key, NamedSet] = _NOTHING
    """(family, table, name) -> a set or map."""
    objects: Mapping[tuple[str, str, str, str], NamedObject] = _NO_OBJECTS
    """(family, table, kind, name) -> a stateful object."""
    flowtables: tuple[Flowtable, ...] = ()
    version: str | None = None
    """Of nft."""
    opaque: tuple[str, ...] = ()
    """Things listed beside tables, chains, rules, sets, objects and flowtables that this model has no word for, as JSON."""
    incomplete: tuple[tuple[str, str], ...] = ()
    """What could not be read of it, or not for certain: (code, text). `nft.changing`: the rules never kept still; `iptables.*`, `legacy.*`: rules of
    iptables that could not be read or translated, which may decide anything."""
    read_again: int = 0
    """How often it was read again, because rules changed while they were read."""
