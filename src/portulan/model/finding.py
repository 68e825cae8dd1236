"""What an audit found: something that is open, or running, as it should not be, with the facts it rests on and the way out.

Codes and facts only; `portulan.text.audit` makes the sentences. These names are the JSON contract of `portulan audit`. `None` means unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from portulan.model.chart import Gap
from portulan.model.port import Transport
from portulan.model.record import Record

_NO_FACTS: Mapping[str, str | int] = {}


class Level(StrEnum):
    """How much a finding matters. In SARIF: note, warning, error."""

    INFO = "info"
    """Good to know; nothing is wrong."""
    WARNING = "warning"
    """Look at it."""
    ERROR = "error"
    """Close it."""

    __hash__ = str.__hash__


LEVELS = tuple(Level)
"""The least first."""


class Doubt(StrEnum):
    """Why a finding is not certain."""

    DEPENDS = "depends"
    """The rules were read, and what they do depends on something that cannot be known beforehand (a rate, a rule that is not understood)."""
    UNREAD = "unread"
    """What would decide could not be read: the finding is what is to be feared."""

    __hash__ = str.__hash__


class Subject(Record):
    """What a finding is about: a port, or (`port` None) the whole network namespace."""

    transport: Transport | None = None
    port: int | None = None
    addresses: tuple[str, ...] = ()
    """Where it is bound."""
    netns: int | None = None
    """Inode of the network namespace."""
    service: str | None = None
    """The usual name of the port, by the registry."""


class Evidence(Record):
    """One fact that a finding rests on: a code, and what belongs to it."""

    code: str
    facts: Mapping[str, str | int] = _NO_FACTS


class Fix(Record):
    """A way out: a code for what it does, and the command or policy line."""

    code: str
    command: str


class Finding(Record):
    """One thing that was found."""

    id: str
    """Stable: `open.database`, `firewall.none`, … `portulan.audit.catalogue` has them all."""
    level: Level
    subject: Subject
    evidence: tuple[Evidence, ...]
    fixes: tuple[Fix, ...] = ()
    facts: Mapping[str, str | int] = _NO_FACTS
    """What its sentence needs."""
    doubt: Doubt | None = None
    """None: certain."""
    ignored: str | None = None
    """The reason, where somebody said that it is to be ignored."""

    @property
    def key(self) -> str:
        """The name of this very finding: `open.database:5432/tcp`, or the id alone where it is about no port."""
        if self.subject.port is None or self.subject.transport is None:
            place = str(self.facts.get("which", ""))
            return f"{self.id}:{place}" if place else self.id
        return f"{self.id}:{self.subject.port}/{self.subject.transport.value}"


class Unjudged(Record):
    """Something that could not be judged, so that its silence is no clean answer: a code, and what belongs to it."""

    code: str
    facts: Mapping[str, str | int] = _NO_FACTS
    hides: Level = Level.ERROR
    """The worst that could have been found there."""


class Ignore(Record):
    """What somebody decided to live with."""

    id: str
    """An id, or the key of one finding (`open.database:5432/tcp`)."""
    reason: str
    path: str | None = None
    """The file that says so; None: the command line."""
    line: int | None = None
    until: str | None = None
    """The day it ends (RFC 3339), itself included."""


class Audit(Record):
    """Everything that was found, the worst first."""

    host: str
    taken_at: datetime
    items: tuple[Finding, ...]
    """Those that are ignored among them."""
    doors: int = 0
    """How many ports of this network namespace were judged."""
    elsewhere: int = 0
    """Ports in other network namespaces: they are judged from inside those."""
    source: str = ""
    gaps: tuple[Gap, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    unused: tuple[Ignore, ...] = ()
    """Ignores that match nothing, or whose day has passed."""
    private: bool = False
    """This host is known to have no address that the internet routes to: "everyone" is whoever is in its networks, or behind what forwards to it."""
    policy: str | None = None
    """The file of wanted ports, if one was given."""
    authors: tuple[str, ...] = ()
    """Who made the firewall rules, as far as that can be told: ufw, firewalld, docker, …"""

    @property
    def complete(self) -> bool:
        """Whether nothing was kept from us that could have been a finding."""
        return not self.gaps and not self.unjudged

    def at_least(self, level: Level) -> tuple[Finding, ...]:
        """What is found at this level or above, and not ignored."""
        return tuple(one for one in self.items if one.ignored is None and LEVELS.index(one.level) >= LEVELS.index(level))
