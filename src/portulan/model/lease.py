"""A port that is kept for somebody: which, how surely, and by whom."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from portulan.model.port import Transport
from portulan.model.record import Record


class Guarantee(StrEnum):
    """How surely a port is kept."""

    ABSOLUTE = "absolute"
    """The socket is open and in the hands of the program: nobody else can have it."""
    COOPERATIVE = "cooperative"
    """It is held bound, and the server binds over it. No program is given it by chance; one that names it and sets SO_REUSEADDR can take it."""
    NOTED = "noted"
    """It stands in the list of leases only: other leases keep off it, other programs do not."""


class Keeper(Record):
    """The process that a lease lives and dies with, named beyond the reuse of pids."""

    pid: int
    start_ticks: int
    """Between boot and its start."""
    pid_namespace: int
    """Inode of the PID namespace in which `pid` means it."""
    boot: str
    """The kernel's name of the boot it belongs to."""
    detached: bool = False
    """Whether it is one of ours that does nothing but hold the port (`lease NAME --hold`)."""


class Lease(Record):
    """One lease."""

    name: str
    port: int
    transports: tuple[Transport, ...]
    guarantee: Guarantee
    noted: bool
    """Whether the name keeps its number also when no process holds it, until it is released."""
    taken_at: datetime
    netns: int
    """Inode of the network namespace whose port it is."""
    address: str | None = None
    """Where the socket that was handed over listens; None for all addresses."""
    keeper: Keeper | None = None
    """Who holds it; nobody, where it is only noted."""

    @property
    def ports(self) -> str:
        """`64480/tcp`, `64480/tcp+udp`."""
        return ports_text(self.port, self.transports)


def ports_text(port: int, transports: tuple[Transport, ...]) -> str:
    """One number on several transports: `64480/tcp+udp`."""
    return f"{port}/{'+'.join(transports)}"
