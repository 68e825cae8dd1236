"""What one look at a machine brought, before it is joined into a chart: sockets, their holders, and what was kept from us.

A survey is made by one of the sources in `system/` and read by `host.endpoints`, which is pure; so the join is tested with any survey.
"""

from __future__ import annotations

from collections import namedtuple

from msgspec import Struct, field

from portulan.model.chart import Gap, Namespace, Owner
from portulan.model.port import Transport
from portulan.model.portset import PortSet

Row = namedtuple(  # noqa: PYI024 - typing.NamedTuple would cost its import, and a frozen dataclass three times the time a row
    "Row",
    "netns transport state port peer_port source destination device cookie expires_ms rqueue wqueue uid inode v6_only cgroup drops mptcp",
)
"""One socket as the kernel lists it.

netns: inode or None · transport, state: as in the chart · source, destination: packed, 4 or 16 bytes · device: interface index, 0 for none ·
rqueue, wqueue: bytes, or accept queue and its limit for a listener · uid: None unknown · v6_only: None for IPv4 · cgroup: id, 0 unknown ·
drops: None unknown · mptcp: bool.
"""


class Selection(Struct, frozen=True, kw_only=True):
    """What a survey is asked for."""

    ports: PortSet | None = None
    """None: all."""
    transports: tuple[Transport, ...] = (Transport.TCP, Transport.UDP, Transport.UDPLITE)
    every_state: bool = False
    """Connections, closing ones and bound-not-listening sockets too; else listening TCP and UDP."""
    connections: bool = False
    """Count the established connections behind listeners: a walk over the kernel's whole table."""


class Survey(Struct, frozen=True, kw_only=True):
    """Everything a source saw. Dictionaries are keyed as their comments say and not changed after the survey is made."""

    source: str
    rows: tuple[Row, ...]
    holders: dict[int, tuple[tuple[int, int | None], ...]] = field(default_factory=dict)
    """Socket cookie -> ((pid, descriptor), …), each once."""
    sharing: dict[int, tuple[bool, bool]] = field(default_factory=dict)
    """Socket cookie -> (SO_REUSEADDR, SO_REUSEPORT), where the source can tell."""
    unheld: dict[int, str] = field(default_factory=dict)
    """Socket cookie without holder -> the Ownership value that says why."""
    suspects: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Socket cookie without visible holder -> pids that may hold it."""
    processes: dict[int, Owner] = field(default_factory=dict)
    """pid -> the process (`fd` None), for all holders and suspects that were still there to be asked."""
    kernel: dict[tuple[int | None, Transport, int], str] = field(default_factory=dict)
    """(namespace, transport, port) -> what the kernel holds it for."""
    cgroups: dict[int, str] = field(default_factory=dict)
    """Control-group id -> its path."""
    devices: dict[tuple[int | None, int], str] = field(default_factory=dict)
    """(namespace, interface index) -> interface name."""
    connections: dict[tuple[int | None, int, bytes], int] | None = None
    """(namespace, port, packed local address) -> established TCP connections; None when they were not counted."""
    namespaces: tuple[Namespace, ...] = ()
    gaps: tuple[Gap, ...] = ()
    ephemeral: tuple[int, int] | None = None
