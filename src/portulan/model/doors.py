"""The doors of a machine and who can get to them: what `portulan reach` answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from portulan.model.chart import Gap, Namespace
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Passage, Place, Way
from portulan.model.record import Record
from portulan.model.standing import Grant, Senders, Standing, UnreadSet


class Door(Record):
    """A port of a network namespace: somebody listens there, or the rules send what comes there elsewhere."""

    transport: Transport
    port: int
    addresses: tuple[str, ...]
    """Where it is bound; of a port that is only forwarded: none."""
    service: str | None
    netns: int | None
    netns_name: str | None
    holder: str | None
    """The program, unit or container that holds it, in a word."""
    standing: Standing | None
    """None: unknown (the reason is among the gaps)."""
    published: str | None = None
    """`172.17.0.2:80`: where rules send it, so that whoever listens here is not asked."""
    behind: str | None = None
    """The holder of the port over there, where that namespace was seen."""
    shut_here: Place | None = None
    """Of a published port: the rule that would shut it if the packets came to this host itself."""

    @property
    def led_to(self) -> tuple[str, int]:
        """The address that a published port leads to, or several with `-` between, and the port there: the same one where the rule names none."""
        text = self.published or ""
        address, colon, port = text.rpartition(":")
        if text.startswith("[") or (colon and ":" not in address and port.isdigit()):
            return address.strip("[]"), int(port)
        return text, self.port


class ReachAnswer(Record):
    """What `reach` found."""

    host: str
    taken_at: datetime
    doors: tuple[Door, ...]
    gaps: tuple[Gap, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    source: str = ""


class Asked(Record):
    """One packet's way, as it was asked for."""

    host: str
    taken_at: datetime
    passage: Passage
    service: str | None
    netns: int | None = None
    beyond: Passage | None = None
    """Its way in the namespace behind a published port, where that was seen."""
    gaps: tuple[Gap, ...] = ()
    listener: bool | None = None
    """Whether somebody takes it at the address it comes to; None where it does not come to this host."""


class ReachRow(Record):
    """One group of senders at one door: a row of `portulan reach --json`."""

    transport: Transport
    port: int
    source: str | None
    """everyone, networks (those in `networks`), this-host; null where it is unknown who can reach the door."""
    verdict: Outcome | None
    """accept, drop, reject, maybe; null for unknown."""
    rule: Place | None
    """What decides; null: no rule had a say."""
    path: Way | None
    networks: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    target: str | None = None
    doubts: tuple[Place, ...] = ()
    unread: tuple[UnreadSet, ...] = ()
    """Large sets that were not read: this row is about all senders who are in none of them."""
    witness: str | None = None
    addresses: tuple[str, ...] = ()
    """Where somebody listens; empty: nobody does, or rules send it elsewhere."""
    service: str | None = None
    netns: int | None = None
    netns_name: str | None = None
    holder: str | None = None
    behind: str | None = None


_WORLD = frozenset(("0.0.0.0/0", "::/0"))


def rows_of(door: Door) -> tuple[ReachRow, ...]:
    """A door as rows, one a group of senders; one of unknown verdict where nothing could be told."""
    facts = (door.addresses, door.service, door.netns, door.netns_name, door.holder, door.behind)
    if door.standing is None:
        return (ReachRow(door.transport, door.port, None, None, None, None, (), (), door.published, (), (), None, *facts),)
    return tuple(
        ReachRow(
            door.transport, door.port, _source(grant), grant.verdict, grant.rule, grant.path, grant.networks, grant.links, grant.target, grant.doubts,
            door.standing.unread, grant.witness, *facts,
        )
        for grant in door.standing.grants
    )  # fmt: skip


def _source(grant: Grant) -> str:
    if grant.links == ("lo",):
        return "this-host"
    return "everyone" if grant.networks and _WORLD.issuperset(grant.networks) else "networks"


class StepRow(Record):
    """One step of a packet's way: a row of `portulan reach PORT --from WHO --json`. `model.reach.Step` tells of its fields."""

    place: Place | None
    action: str
    facts: Mapping[str, str | int]
    depth: int
    sure: bool
    beyond: bool
    """It happens in the network namespace behind a published port."""


class MatrixRow(Record):
    """Ports that fare alike for everybody who comes by these interfaces."""

    ports: str
    """`22,80,443/tcp 53/udp`."""
    links: tuple[str, ...]
    sure: tuple[Senders, ...]
    perhaps: tuple[Senders, ...] = ()


class MatrixAnswer(Record):
    """All senders x all ports."""

    host: str
    taken_at: datetime
    rows: tuple[MatrixRow, ...]
    more: int = 0
    """Lines left out."""
    gaps: tuple[Gap, ...] = ()
