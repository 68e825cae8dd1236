"""A first policy, from what listens on a machine now and who gets to it. These names are the JSON contract of `portulan guard init`."""

from __future__ import annotations

from datetime import datetime

from portulan.model.record import Record


class DraftSource(Record):
    """A name for senders who get to some port today and are no single word."""

    name: str
    networks: tuple[str, ...]
    links: tuple[str, ...] = ()
    """Only by these interfaces; empty: any."""


class DraftDoor(Record):
    """A line."""

    key: str
    """`ssh`, `5432/tcp`."""
    senders: tuple[str, ...]
    """Names and networks."""
    holders: tuple[str, ...] = ()
    """Who listens there, or the container behind a published port."""
    addresses: tuple[str, ...] = ()
    remark: str | None = None
    """A code: unknown (who gets there could not be told), perhaps (it depends on rules that cannot be foretold), but (not everyone: other rules refuse some, and stay),
    published, helper."""
    helper: str | None = None


class LeftOut(Record):
    """A port that is bound and needs no line."""

    port: str
    holders: tuple[str, ...]
    why: str
    """this-host, nobody, client, dhcp."""


class Drafted(Record):
    """All of it."""

    host: str
    taken_at: datetime
    sources: tuple[DraftSource, ...]
    doors: tuple[DraftDoor, ...]
    left_out: tuple[LeftOut, ...]
    ping: bool
    """Whether nothing hinders an echo request now."""
    routes: bool = False
    """It forwards between interfaces: without [zones] what comes in by an uplink is refused."""
