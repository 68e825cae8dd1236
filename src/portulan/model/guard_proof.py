"""A proof by real packets: who sent them which way, what came through, and every packet that fared otherwise than the policy, or the simulation, says."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.record import Record


class Road(StrEnum):
    """The way that a packet of a proof goes through the host that has the rules."""

    INPUT = "input"
    """From outside to the host itself."""
    PUBLISHED = "published"
    """From outside to the host, which sends every port on to a container (DNAT)."""
    FORWARD = "forward"
    """In by one interface, out by another one."""
    LOCAL = "local"
    """From the host to itself."""
    OUTPUT = "output"
    """From the host out by an interface."""

    __hash__ = str.__hash__


class Team(Record):
    """Packets of one sender, going one way: the stand-in for all whom no line of the policy tells apart from it."""

    number: int
    """Each packet carries it."""
    road: Road
    version: int
    """4 or 6, of IP."""
    link: str
    """The interface by which they come in to the host; of OUTPUT: by which they go out."""
    beyond: str
    """FORWARD: the interface by which they go out; else empty."""
    sender: Address
    target: Address
    """Where they are sent."""
    names: tuple[str, ...] = ()
    """The policy's names of senders that mean this one (of OUTPUT: this target)."""
    whole: bool = True
    """Sends to all 65,536 ports of each transport; otherwise only where something changes, being one who stands at the edge of a network."""


class Tally(Record):
    """What became of one team's packets of one transport."""

    team: Team
    transport: Transport
    sent: int
    through: int
    expected: int
    """How many the policy lets through; -1: there is no policy to ask."""
    ports: tuple[tuple[int, int], ...]
    """Spans of ports (first, last) that let it through."""


class Difference(Record):
    """One packet, sent again by itself, of which the kernel, the policy and the simulation do not say the same."""

    team: Team
    transport: Transport
    port: int
    kernel: bool
    """Whether it came through."""
    policy: bool | None
    """Whether the policy lets it through; None: there is none."""
    simulation: bool | None
    """None: it was not asked, or says that it depends."""


class Certificate(Record):
    """What a proof came to."""

    host: str
    kernel: str
    taken_at: datetime
    took_s: float
    nft: str
    """Its version."""
    live: bool
    """Of a copy of all rules of this machine; otherwise of the policy's own, which nothing else is beside."""
    policy: str | None
    """The file."""
    policy_hash: str | None
    """SHA-256 of its text."""
    rules_hash: str
    """Of the rules that the packets met (SHA-256 of the text that was loaded)."""
    tallies: tuple[Tally, ...]
    differences: tuple[Difference, ...]
    more_differences: int = 0
    """Beyond those that are listed."""
    limited: int = 0
    """Packets that a rate let through in smaller portions only."""
    untried: int = 0
    """Doors behind a rate of which not each port was tried again in small portions."""
    not_simulated: int = 0
    """Packets about which the simulation has no certain word."""
    left_out: tuple[str, ...] = ()
    """Codes of what could not be proved: `no-ipv6`, `senders` (none of their addresses can send), `links`."""

    @property
    def packets(self) -> int:
        """How many were sent."""
        return sum(tally.sent for tally in self.tallies)

    @property
    def proved(self) -> bool:
        """Whether nothing differs."""
        return not self.differences
