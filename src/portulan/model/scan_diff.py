"""Scans against each other, and against what a machine knows of itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from portulan.model.port import Transport
from portulan.model.portset import PortSet
from portulan.model.record import Record
from portulan.model.scan import State

Told = Mapping[tuple[Transport, State], PortSet]
"""What is known of one address: which ports are in which state. A port in none was not asked."""


class Snapshot(Record):
    """What one file, or one machine, says of addresses."""

    source: str
    """The file's name, or `host`."""
    hosts: Mapping[str, Told]
    names: Mapping[str, str] = {}
    """Address -> name, where one is known."""


class Difference(Record):
    """Ports of one address that are not what they were."""

    address: str
    name: str | None
    transport: Transport
    ports: str
    """One port, or (the many of one change) a set of them."""
    amount: int
    before: State | None
    """None: not asked, or its host was not seen."""
    after: State | None
    service: str | None = None
    """Of a single port: the registry's usual name."""


class DiffAnswer(Record):
    """Two snapshots compared."""

    before: str
    after: str
    addresses: int
    """How many were compared."""
    items: tuple[Difference, ...]
    skipped: tuple[str, ...] = ()
    """Addresses that only one of them can speak of: against this machine's own inventory, those that are not its own."""


class Side(StrEnum):
    """Who knows of an open port."""

    OUTSIDE = "outside-only"
    """It answers, and this machine does not know by whom: a rule sends it elsewhere, another machine has the address, or something hides."""
    INSIDE = "inside-only"
    """Somebody listens, and it does not answer from there: a firewall, or a way back that is missing."""


class OneSided(Record):
    """An open port that only one side knows of."""

    address: str
    transport: Transport
    port: int
    side: Side
    outside: State | None
    """How it looks from outside; None: it was not asked."""
    service: str | None
    holder: str | None = None
    """Who listens, where somebody does."""
    bound_to: tuple[str, ...] = ()


class HostCompared(Record):
    """A scan of this machine's own addresses against its own inventory."""

    taken_at: datetime
    host: str
    addresses: tuple[str, ...]
    """Of this machine, as scanned."""
    foreign: tuple[str, ...]
    """Scanned addresses that are not its own."""
    agreed: int
    """Open ports that both sides know of."""
    items: tuple[OneSided, ...]
    complete: bool = True
