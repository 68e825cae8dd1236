"""Who can get to a port: what the firewall does with a packet, by which rule, on which way, and for whom.

Sources are spans of numbers per IP version, both ends inside. `None` means unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.record import Record

_NO_FACTS: Mapping[str, str | int] = {}


class Outcome(StrEnum):
    """What becomes of a packet."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    """Dropped, and the sender told."""
    MAYBE = "maybe"
    """It depends on something that cannot be known beforehand: a rate, a clock, a rule that is not understood."""

    __hash__ = str.__hash__


class Way(StrEnum):
    """Which way a packet goes through the kernel."""

    INPUT = "input"
    """To this host itself."""
    FORWARD = "forward"
    """On to another one: the container behind a published port."""
    LOCAL = "local"
    """From this host to itself."""
    NONE = "none"
    """It did not come as far as being routed, or there was no way on."""

    __hash__ = str.__hash__


class Packet(Record):
    """The first packet of a connection or exchange: a TCP SYN or a UDP datagram."""

    transport: Transport
    source: Address
    destination: Address
    port: int
    source_port: int | None = None
    """None: whichever the sender picks."""
    link: str = "lo"
    """The interface it comes in by; `lo`: this host speaks to itself."""


class Place(Record):
    """A rule, or a chain's policy, and where it stands."""

    family: str
    table: str
    chain: str
    handle: int | None
    """nft's number of the rule; None for a policy, and for rules that no kernel has numbered."""
    text: str
    """The rule as nft (or iptables) writes it; of a policy `policy drop`."""
    hook: str | None = None
    """Where the base chain that led here is entered (prerouting, input, …)."""
    author: str | None = None
    """Who made it, where that can be told: ufw, firewalld, docker, iptables, iptables-legacy."""
    policy: bool = False


class Step(Record):
    """One thing that happened to the packet on its way."""

    place: Place | None
    """None where no rule did it: the kernel itself (routing, its checks of senders)."""
    action: str
    """accept, drop, reject, jump, goto, return, continue, policy; dnat, redirect, snat, masquerade; mark; notrack; routed; martian; no-route; maybe."""
    facts: Mapping[str, str | int] = _NO_FACTS
    """target, address, port, mark, link, … ; of maybe: why."""
    depth: int = 0
    """How many jumps deep in its base chain."""
    sure: bool = True


class Passage(Record):
    """One packet's whole way, step by step."""

    packet: Packet
    outcome: Outcome
    way: Way
    steps: tuple[Step, ...]
    rule: Place | None = None
    """What decided: the rule or policy that dropped it, else the last one that accepted it; None where no chain had a say."""
    destination: Address | None = None
    """Where it came out, if that is not where it was sent (DNAT)."""
    port: int | None = None
    doubts: tuple[Step, ...] = ()
    """For maybe: each rule that could not be decided and matters."""


class Sources(Record):
    """A set of senders: sorted, disjoint spans (first, last) of numbers of each IP version."""

    v4: tuple[tuple[int, int], ...] = ()
    v6: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.v4 or self.v6)


class Access(Record):
    """How one group of senders fares at one door; all of them in the same way, by the same rule."""

    outcome: Outcome
    sources: Sources
    links: tuple[str, ...]
    """By which interfaces they come; `lo` is this host itself."""
    rule: Place | None
    """What decides for the first of them (`witness`)."""
    way: Way
    witness: Packet | None = None
    """A packet of this group as an example."""
    target: str | None = None
    """`172.17.0.2:80` where it ends up elsewhere (DNAT)."""
    doubts: tuple[Place, ...] = ()
    """For maybe: the rules it depends on."""


class Reached(Record):
    """Who can get to one door (transport, port, and the addresses it is open at)."""

    transport: Transport
    port: int
    accesses: tuple[Access, ...]
    """For all senders together: whoever is in none of them is dropped by the kernel before any rule (`martian`)."""
    wide: str
    """In one word: everyone, networks, this-host, nobody, maybe, unknown."""


class Group(Record):
    """Ports that fare alike for everybody."""

    ports: tuple[tuple[Transport, tuple[tuple[int, int], ...]], ...]
    """Spans (first, last) of each transport."""
    links: tuple[str, ...]
    """By these interfaces."""
    accepted: Sources
    perhaps: Sources
    """Who may get in: it depends on what cannot be known beforehand."""
    witness: Packet | None = None
    """One packet of the group that gets in, or may."""
