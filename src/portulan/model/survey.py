"""What one look at a machine brought, before it is joined into a chart: sockets, their holders, and what was kept from us.

A survey is made by one of the sources in `system/` and read by `host.endpoints`, which is pure; so the join is tested with any survey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portulan.model.chart import Gap, Namespace, Owner, State
from portulan.model.port import Transport
from portulan.model.portset import PortSet
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NONE: Mapping[Any, Any] = {}


class Row(Record):
    """One socket as the kernel lists it."""

    netns: int | None
    """Inode of its namespace."""
    transport: Transport
    state: State
    port: int
    peer_port: int
    """0 for none."""
    source: bytes
    """Packed, 4 or 16 bytes."""
    destination: bytes
    device: int
    """Interface index, 0 for none."""
    cookie: int
    expires_ms: int
    rqueue: int
    """Bytes, or the connections that wait to be accepted."""
    wqueue: int
    """Bytes, or how many may wait."""
    uid: int | None
    inode: int
    """0: no process's any more, or not yet."""
    v6_only: bool | None
    """None for IPv4."""
    cgroup: int
    """Id of the control group, 0 unknown."""
    drops: int | None
    mptcp: bool


class Selection(Record):
    """What a survey is asked for."""

    ports: PortSet | None = None
    """None: all."""
    transports: tuple[Transport, ...] = (Transport.TCP, Transport.UDP, Transport.UDPLITE)
    every_state: bool = False
    """Connections, closing ones and bound-not-listening sockets too; else listening TCP and UDP."""
    connections: bool = False
    """Count the established connections behind listeners: a walk over the kernel's whole table."""


class Survey(Record):
    """Everything a source saw. Its tables are keyed as their comments say."""

    source: str
    rows: tuple[Row, ...]
    holders: Mapping[int, tuple[tuple[int, int | None], ...]] = _NONE
    """Socket cookie -> ((pid, descriptor), …), each once."""
    sharing: Mapping[int, tuple[bool, bool]] = _NONE
    """Socket cookie -> (SO_REUSEADDR, SO_REUSEPORT), where the source can tell."""
    unheld: Mapping[int, str] = _NONE
    """Socket cookie without holder -> the Ownership value that says why."""
    suspects: Mapping[int, tuple[int, ...]] = _NONE
    """Socket cookie without visible holder -> pids that may hold it."""
    processes: Mapping[int, Owner] = _NONE
    """pid -> the process (`fd` None), for all holders and suspects that were still there to be asked."""
    kernel: Mapping[tuple[int | None, Transport, int], str] = _NONE
    """(namespace, transport, port) -> what the kernel holds it for."""
    cgroups: Mapping[int, str] = _NONE
    """Control-group id -> its path."""
    devices: Mapping[tuple[int | None, int], str] = _NONE
    """(namespace, interface index) -> interface name."""
    connections: Mapping[tuple[int | None, int, bytes], int] | None = None
    """(namespace, port, packed local address) -> established TCP connections; None when they were not counted."""
    namespaces: tuple[Namespace, ...] = ()
    gaps: tuple[Gap, ...] = ()
    ephemeral: tuple[int, int] | None = None
    ways: Mapping[int | None, str] = _NONE
    """Namespace -> a path that enters it, good until the survey is finished."""
    coming: Sequence[Row] = ()
    """Rows whose holders are still being searched, of an early part: what needs no holder may be prepared meanwhile."""
