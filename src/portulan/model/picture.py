"""The picture of all 65,536 ports: one cell state per number, and the palette's names for them.

A cell says the most telling thing about its number, in the order of `Cell`: that somebody listens beats that a client uses it, which beats
what the registry says; of several listeners the farthest-reaching one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portulan.model.address import Exposure
from portulan.model.chart import Gap
from portulan.model.port import PORTS, PortClass, Transport
from portulan.model.portset import PortRange, PortSet


class Cell(StrEnum):
    """What one port is, least telling first; the last four are `Exposure`'s words for open ports."""

    UNASSIGNED = "unassigned"
    ASSIGNED = "assigned"
    """IANA has given the number a name; nobody here uses it."""
    IN_USE = "in-use"
    """Held by a connection, or bound without listening: not open to newcomers."""
    LOOPBACK = "loopback"
    PRIVATE = "private"
    PUBLIC = "public"
    ALL = "all"


CELLS = tuple(Cell)
"""A cell's place here is its byte in `Picture.cells`; a greater byte is more telling."""

SIDE = 256
"""The full picture is 256 by 256: port 0 at the upper left, row after row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPort:
    """A number that takes newcomers on one transport: a listening or bound socket."""

    transport: Transport
    port: int
    exposure: Exposure
    """Of the farthest-reaching address it is bound to."""
    service: str | None = None
    """The usual name of the port, by the registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The 65,536 ports, of one transport or of all together."""

    cells: bytes
    """One byte per port number, an index into `CELLS`."""
    assigned: PortSet
    in_use: PortSet
    open: tuple[OpenPort, ...]
    """Sorted by number, then transport; each pair once."""

    def __post_init__(self) -> None:
        """A picture has exactly one cell per port."""
        assert len(self.cells) == PORTS

    def __getitem__(self, port: int) -> Cell:
        return CELLS[self.cells[port]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMap:
    """The picture of one host at one moment: what `portulan map` draws."""

    host: str
    taken_at: datetime
    transport: Transport | None
    """None: all transports in one picture."""
    picture: Picture
    ephemeral: PortRange | None = None
    """What the kernel hands to clients by itself, where known."""
    gaps: tuple[Gap, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing was kept from us."""
        return not self.gaps


@dataclass(frozen=True, slots=True)
class Door:
    """How one transport of a port is open."""

    transport: Transport
    exposure: Exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Neighbouring ports that are all alike: a row of `map --json`. A picture's stretches cover 0 to 65535 without gap or overlap."""

    first: int
    last: int
    port_class: PortClass
    """`class` in JSON."""
    assigned: bool
    in_use: bool
    """Held by a connection, or bound without listening (it may be open besides)."""
    open: tuple[Door, ...] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """A drawn cell that stands for several neighbouring ports."""

    cell: Cell
    """The most telling state among them: an open port is never lost."""
    assigned: int
    """How many of them are assigned, for shading where nothing else is to be told."""
    ports: int
    """How many they are."""
