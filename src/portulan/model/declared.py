"""Ports that files declare: where a server will listen once it is started from them, by file and line.

`None` means unknown. These names are the JSON contract of `portulan conflicts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from portulan.model.chart import Gap
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.model.who import Remedy

_NO_FACTS: Mapping[str, str | int] = {}


class Kind(StrEnum):
    """Whose file it is."""

    SYSTEMD = "systemd"
    NGINX = "nginx"
    APACHE = "apache"
    LIGHTTPD = "lighttpd"
    SSHD = "sshd"
    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    REDIS = "redis"
    COMPOSE = "compose"
    PROCFILE = "procfile"
    ENV = "env"
    PACKAGE = "package"

    __hash__ = str.__hash__


class Claim(StrEnum):
    """How far the file itself says that something will listen."""

    LISTENS = "listens"
    """A server started from the file listens there."""
    MENTIONS = "mentions"
    """The number stands in a variable of a speaking name (`DB_PORT`): its program may listen there, or connect to it."""


class Declared(Record):
    """One port that a file declares. Text fields are as the file wrote them: clean them before showing."""

    kind: Kind
    service: str
    """Who would listen: `nginx`, `ssh.socket`, `postgresql 15/main`, `shop/web`."""
    path: str
    """The file that says it."""
    line: int | None
    """From 1; None where no line says it: it is what the server does unless told otherwise."""
    column: int | None
    """From 1, in characters; None where the line is enough."""
    transport: Transport
    address: str | None
    """Where it will be bound: `0.0.0.0`, `::`, `127.0.0.1`, …; None where the file does not tell."""
    port: int
    main: str
    """The file that the server is started with; the same as `path` unless that one was included."""
    v6_only: bool | None = None
    """Of an IPv6 address: whether IPv4 stays free beside it. None for IPv4."""
    reuse_port: bool = False
    """Whether it will set SO_REUSEPORT."""
    device: str | None = None
    """The interface it will be bound to, if to one."""
    user: str | None = None
    """Who it will run as at the moment it binds, where a file tells."""
    privileged: bool | None = None
    """Whether it may bind ports of the system; None where nothing tells."""
    starts: bool | None = None
    """Whether the machine starts it by itself: False for what is disabled; None where no file tells."""
    units: tuple[str, ...] = ()
    """The systemd units that would run it."""
    programs: tuple[str, ...] = ()
    """Names of the processes that would hold it, where they are known."""
    claim: Claim = Claim.LISTENS


class Problem(Record):
    """Something in a file that was not understood, or a file that could not be read: a code and its facts."""

    code: str
    path: str
    line: int | None = None
    facts: Mapping[str, str | int] = _NO_FACTS


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """A server will not start, or not listen where its file says."""
    WARNING = "warning"
    """It may fail, or does not do yet what its file says."""
    NOTE = "note"
    """Only if something changes: a disabled unit is enabled."""


class Holder(Record):
    """Who is on the port now."""

    address: str
    name: str
    """Its processes' names; empty where they may not be seen."""
    pids: tuple[int, ...] = ()
    user: str | None = None
    unit: str | None = None
    container: str | None = None


class Finding(Record):
    """Something that collides, or will."""

    code: str
    """`declared.collision`, `declared.perhaps`, `declared.alternative`, `declared.own`, `running.taken`, `running.unseen`, `running.elsewhere`,
    `port.ephemeral`, `port.privileged`."""
    severity: Severity
    transport: Transport
    port: int
    declared: tuple[Declared, ...]
    """Who declares it, with file and line."""
    holders: tuple[Holder, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    facts: Mapping[str, str | int] = _NO_FACTS


class Conflicts(Record):
    """What was declared, and what of it collides."""

    host: str
    taken_at: datetime
    items: tuple[Finding, ...]
    declared: tuple[Declared, ...]
    files: tuple[str, ...]
    """Every file that was read."""
    problems: tuple[Problem, ...] = ()
    gaps: tuple[Gap, ...] = ()
    ephemeral: tuple[int, int] | None = None

    @property
    def complete(self) -> bool:
        """Whether every file was read and understood and nothing was kept from us."""
        return not self.gaps and not self.problems
