"""A proof by real packets: who sent them which way, what came through, and every packet that fared otherwise than the policy, or the simulation, says."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

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
    """Sends to all 65,536 ports of each transport; otherwise only where something changes."""
    edge: bool = False
    """Stands at the edge of a network, beside others of its class."""


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
    """One packet, sent twice, of which the kernel, the policy and the simulation do not say the same."""

    team: Team
    transport: Transport
    port: int
    kernel: bool
    """Whether it came through."""
    policy: bool | None
    """Whether the policy lets it through; None: there is none."""
    simulation: bool | None
    """None: it was not asked, or says that it depends."""


class Messages(Record):
    """What became of the ICMP messages of one team, by their types."""

    team: Team
    sent: int
    through: tuple[tuple[int, int], ...]
    """Spans of types that were let through."""
    near: tuple[tuple[int, int], ...]
    """Of IPv6: spans of types that were let through with a hop limit of 255, which no router has passed on."""


class MessageDifference(Record):
    """One ICMP message that fared otherwise than the policy says."""

    team: Team
    kind: int
    """Its type."""
    hop_limit: int
    kernel: bool
    policy: bool


class MessagesRow(Record):
    """Messages as they are written down."""

    link: str
    sender: str
    version: int
    names: tuple[str, ...]
    sent: int
    through: str
    """`3,8,11-12`: types."""
    near: str
    road: Road = Road.INPUT
    """OUTPUT: from the host to `target`."""
    target: str = ""


class MessageDifferenceRow(Record):
    """A difference as it is written down."""

    link: str
    sender: str
    version: int
    kind: int
    hop_limit: int
    kernel: bool
    policy: bool
    road: Road = Road.INPUT
    target: str = ""


class TallyRow(Record):
    """A tally as it is written down."""

    road: Road
    link: str
    beyond: str
    sender: str
    target: str
    names: tuple[str, ...]
    whole: bool
    transport: Transport
    sent: int
    through: int
    expected: int | None
    """None: there is no policy."""
    ports: str
    """`22,80,8000-8010`: those that let it through."""


class DifferenceRow(Record):
    """A difference as it is written down."""

    road: Road
    link: str
    beyond: str
    sender: str
    target: str
    transport: Transport
    port: int
    kernel: bool
    policy: bool | None
    simulation: bool | None


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
    """Of the rules that the packets met: the hash that `guard status` and the table in the kernel name them by; of a copy of the machine's, SHA-256 of its text."""
    tallies: tuple[Tally, ...]
    differences: tuple[Difference, ...]
    more_differences: int = 0
    """Beyond those that are listed."""
    messages: tuple[Messages, ...] = ()
    """ICMP: errors, echo, neighbours, listeners, and all other types."""
    message_differences: tuple[MessageDifference, ...] = ()
    limited: int = 0
    """Packets that a rate let through in smaller portions only."""
    untried: int = 0
    """Doors behind a rate of which not each port was tried again in small portions."""
    not_simulated: int = 0
    """Packets about which the simulation has no certain word."""
    left_out: tuple[str, ...] = ()
    """Codes of what could not be proved: `no-ipv6`; `senders`: of a class of them no address can send; `too-many` of them; `addresses`: of an interface that has none
    of its own; `tables` that could not be copied."""

    @property
    def packets(self) -> int:
        """How many were sent."""
        return sum(tally.sent for tally in self.tallies) + sum(each.sent for each in self.messages)

    @property
    def proved(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and not self.message_differences


def tally_row(tally: Tally) -> TallyRow:
    """With addresses and ports in words."""
    team = tally.team
    ports = span_text(tally.ports)
    return TallyRow(
        team.road, team.link, team.beyond, address_text(team.sender), address_text(team.target), team.names, team.whole, tally.transport, tally.sent, tally.through,
        None if tally.expected < 0 else tally.expected, ports,
    )  # fmt: skip


def messages_row(messages: Messages) -> MessagesRow:
    """With its address and types in words."""
    team = messages.team
    return MessagesRow(
        team.link, address_text(team.sender), team.version, team.names, messages.sent, span_text(messages.through), span_text(messages.near), team.road,
        address_text(team.target),
    )  # fmt: skip


def message_difference_row(difference: MessageDifference) -> MessageDifferenceRow:
    """With its address in words."""
    team = difference.team
    return MessageDifferenceRow(
        team.link, address_text(team.sender), team.version, difference.kind, difference.hop_limit, difference.kernel, difference.policy, team.road,
        address_text(team.target),
    )  # fmt: skip


def span_text(spans: tuple[tuple[int, int], ...]) -> str:
    """`22,80,8000-8010`."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def difference_row(difference: Difference) -> DifferenceRow:
    """With addresses in words."""
    team = difference.team
    return DifferenceRow(
        team.road, team.link, team.beyond, address_text(team.sender), address_text(team.target), difference.transport, difference.port, difference.kernel,
        difference.policy, difference.simulation,
    )  # fmt: skip


def address_text(address: Address) -> str:
    """`203.0.113.9`, `2001:db8::9`."""
    return str(IPv4Address(address.number) if address.version == 4 else IPv6Address(address.number))
