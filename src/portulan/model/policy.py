"""What a person wants open: a policy file as values, every name in it resolved, and where each stands in the file.

A policy is default-deny: what comes in and is in no line is refused. A packet's sender is an address *and* the interface it comes in by.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from portulan.model.port import Transport
from portulan.model.portset import PortSet
from portulan.model.reach import Sources
from portulan.model.record import Record

EVERYONE, THIS_HOST, NOBODY = "everyone", "this-host", "nobody"
"""Names of senders that every policy knows: anybody; only this host itself; none."""
FILE_NAME = "portulan.toml"


class Spot(Record):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int = 1


class Part(Record):
    """Some senders: those of these addresses who come in by these interfaces."""

    addresses: Sources | None = None
    """None: any address."""
    links: tuple[str, ...] = ()
    """Names of interfaces, `eth*` for all that begin so; empty: any."""


class Source(Record):
    """A name for senders: whoever is in one of the parts."""

    name: str
    parts: tuple[Part, ...]
    """None at all: nobody from outside (`this-host`, `nobody`)."""
    spot: Spot | None = None
    """None: a name that every policy knows."""
    files: tuple[str, ...] = ()
    """The files of networks that were read for it."""

    @property
    def everyone(self) -> bool:
        """Whether it leaves nobody out."""
        return any(part.addresses is None and not part.links for part in self.parts)


class Per(StrEnum):
    """Of a rate."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    __hash__ = str.__hash__


class Limit(Record):
    """New connections (or exchanges) from one sender's address: so many per unit of time, after `burst` at once."""

    number: int
    per: Per
    burst: int


Ports = tuple[tuple[Transport, PortSet], ...]
"""Port numbers of each transport; a transport stands there once."""


class Line(Record):
    """One line that lets something through. `[doors]`: in to this host, and to the containers behind its published ports. `[outgoing]`: out of it."""

    text: str
    """The door as it stands in the file: `https`, `5432/tcp`, `8000-8010/tcp`."""
    ports: Ports
    sources: tuple[Source, ...]
    """Whoever is in one of them; of `[outgoing]`: where to."""
    spot: Spot
    limit: Limit | None = None
    log: bool = False
    """Log what it lets through."""
    note: str | None = None
    until: date | None = None
    """The last day on which it is open, by the clock of the machine that applies it."""
    helper: str | None = None
    """The kernel's connection-tracking helper that opens what else the service needs (`ftp`, `tftp`, `sip`)."""

    def is_over(self, today: date) -> bool:
        """Whether its last day is past."""
        return self.until is not None and today > self.until


class Zone(Record):
    """A network that this machine stands in: the interfaces that lead there."""

    name: str
    links: tuple[str, ...]
    spot: Spot


class Crossing(Record):
    """What may begin in one zone and go through this machine to another one: a line of `[forward]`."""

    text: str
    """As it stands in the file: `inside -> outside`."""
    source: Zone
    target: Zone
    ports: Ports
    """Empty with `everything`."""
    spot: Spot
    everything: bool = False
    """Any port and any protocol."""
    masquerade: bool = False
    """The senders' addresses become this machine's own (IPv4)."""
    limit: Limit | None = None
    log: bool = False
    note: str | None = None
    until: date | None = None

    def is_over(self, today: date) -> bool:
        """Whether its last day is past."""
        return self.until is not None and today > self.until


class Refusal(StrEnum):
    """What becomes of packets that no line lets in."""

    DROP = "drop"
    """Nothing is said: who asks has to wait."""
    REJECT = "reject"
    """TCP: a reset, else ICMP port unreachable."""

    __hash__ = str.__hash__


class Policy(Record):
    """A whole file."""

    file: str
    text: str
    """As it was read, for its hash and for lines that are quoted."""
    sources: tuple[Source, ...] = ()
    doors: tuple[Line, ...] = ()
    zones: tuple[Zone, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    outgoing: tuple[Line, ...] | None = None
    """None: this host may go out as it likes. Otherwise only what is in a line, and what is always kept."""
    refusal: Refusal = Refusal.DROP
    log: Limit | None = None
    """Log what is refused, at this rate for all together; None: not at all."""
    ping: tuple[Source, ...] = ()
    """Who may ask for an echo by ICMP (IPv4; ICMPv6 echo is always kept: RFC 4890 4.3.1)."""
    ping_spot: Spot | None = None
    """Where the line of ping stands; None without one."""
    never_block: tuple[Source, ...] = ()
    """Whom `portulan scanners --block` spares, whatever they do."""
    ping_out: tuple[Source, ...] = ()
    """Whom this host may ask for an echo by ICMP (IPv4), where there is an [outgoing]."""
    ping_out_spot: Spot | None = None
    """Where that line stands; None without one."""

    @property
    def pinged(self) -> tuple[Source, ...]:
        """All senders and receivers that lines of ping name."""
        return (*self.ping, *self.ping_out)
