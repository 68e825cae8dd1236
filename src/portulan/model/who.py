"""The answer to "who holds this port, and why is it running"."""

from __future__ import annotations

from datetime import datetime

from portulan.model.chart import Endpoint, Gap
from portulan.model.port import Port
from portulan.model.record import Record


class Remedy(Record):
    """A way to end a holder: a code for the sentence, and the command to type."""

    code: str
    """`unit`, `user-unit`, `socket-unit`, `container`, `process`, `kernel`."""
    command: str
    pids: tuple[int, ...] = ()
    """The holders it ends; none for what the kernel holds."""
    netns: int | None = None
    """Inode of the network namespace they hold the port in."""


class Who(Record):
    """Everything known of the holders of one port."""

    port: Port
    host: str
    taken_at: datetime
    service: str | None
    items: tuple[Endpoint, ...]
    """Listening and bound endpoints; where there are none, whatever else sits on the port (a connection, TIME_WAIT, bound without listening)."""
    source: str
    remedies: tuple[Remedy, ...] = ()
    gaps: tuple[Gap, ...] = ()
    ephemeral: tuple[int, int] | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing was kept from us."""
        return not self.gaps
