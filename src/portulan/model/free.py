"""A port number that a server can bind now."""

from __future__ import annotations

from portulan.model.port import PortClass, Transport
from portulan.model.record import Record


class FreePort(Record):
    """One number, free on every address of this network namespace when it was looked at."""

    port: int
    transports: tuple[Transport, ...]
    """On which it is free."""
    port_class: PortClass
    """`class` in JSON."""
    ephemeral: bool
    """Whether the kernel may hand it to a client at any moment."""
    assigned: bool
    """Whether IANA assigned it to some service."""
