"""The life of a policy: what is in force, what is on trial, what was confirmed, and what stands against it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from portulan.model.port import Transport
from portulan.model.record import Record

KEPT = 10
"""Confirmed rules that are remembered."""


class Phase(StrEnum):
    """What is the case, by the kernel and the notes together (docs/guard-life.md)."""

    NOTHING = "nothing"
    """No rules of ours, and none confirmed."""
    IN_FORCE = "in-force"
    TRIAL = "trial"
    OVER = "over"
    """A trial has ended by itself: the old rules are in force, though the kernel still holds both."""
    SETTLED = "settled"
    """Confirmed in the kernel; whoever did it was ended before it could write that down."""
    WIPED = "wiped"
    """Rules were confirmed, and the kernel has none of ours."""
    STRANGE = "strange"
    """The kernel has a table of our name that we do not know."""

    __hash__ = str.__hash__


class Running(Record):
    """What the kernel says of our table."""

    present: bool = False
    hash: str | None = None
    """Of the rules that are loaded for good, or tried; None: it does not say."""
    over: str | None = None
    """Of a trial: the rules to go back to; None: no rules."""
    trial: bool = False
    """Whether it holds two sets of rules; whether the trial still goes on, `left_s` tells."""
    left_s: float | None = None
    """Seconds until a trial ends by itself; None: none goes on."""

    @property
    def effective(self) -> str | None:
        """The hash of the rules in force; None where there are none, or they are not known."""
        return self.over if self.trial and self.left_s is None else self.hash


class Trial(Record):
    """The note of a trial."""

    token: str
    new: str
    """Hash of the rules that are tried."""
    old: str | None
    """Of those to go back to; None: no rules."""
    seconds: float
    boot: str
    """The boot it belongs to: the kernel forgets."""
    begun_at: datetime
    file: str
    """The policy's."""
    met: tuple[str, ...] | None = None
    """Digests of the connections that there were after the switch; None: whoever switched was ended before it could list them."""


class Past(Record):
    """Rules that were confirmed."""

    number: int
    hash: str
    file: str
    """The policy's, as it was named."""
    confirmed_at: datetime
    by: str
    """`connection`, `console` or `vouch`."""


class Notes(Record):
    """What is written down."""

    confirmed: str | None = None
    """Hash of the rules confirmed last; None: none, or taken away since."""
    trial: Trial | None = None
    past: tuple[Past, ...] = ()
    """Oldest first."""
    boot: str | None = None
    netns: int | None = None
    """The boot and the network namespace in which this was written last: another namespace has other rules."""


class Peer(Record):
    """The ssh connection that a command was started through."""

    address: str
    port: int
    own_address: str
    own_port: int


class Shut(Record):
    """A way in that the new rules would shut."""

    code: str
    """`guard.peer-shut-out`, `guard.last-way-in`; where not our rules but another table is what shuts it: `guard.peer-shut-by-others`, `guard.last-way-shut-by-others`."""
    door: str
    """`22/tcp`."""
    address: str = ""
    link: str = ""
    table: str = ""
    """The other table: `ip filter`."""


class Concern(Record):
    """What would undo the rules, or makes them say less than they seem to."""

    code: str
    """A key of text/guard_life.py's CONCERNS."""
    subject: str = ""
    detail: str = ""


class Session(Record):
    """A connection that runs, and that could not be made anew."""

    transport: Transport
    port: int
    """That was called: of `out` it is the other side's."""
    peer: str
    """Who is at the other end; of `through` who called."""
    peer_port: int
    """That it was called from."""
    way: str = "in"
    """`in` to this host, `through` it, `out` of it."""
    to: str = ""
    """`through`: who was called."""


class BootState(Record):
    """What loads our rules at boot."""

    file: str
    """What is loaded."""
    written: str | None = None
    """Hash of the rules in it; None: none."""
    by: str | None = None
    """`systemd` or `nftables`; None: nobody loads it."""
    chosen: str = "nftables"
    """What would be chosen."""
    steps: tuple[str, ...] = ()
    """What enabling does, as commands."""


class Applied(Record):
    """What came of `apply` and of a `rollback` to older rules."""

    verdict: str
    """`trial`, `unchanged`, `restored` (they were changed by hand), `refused`."""
    hash: str
    old: str | None = None
    seconds: float = 0.0
    until: datetime | None = None
    shut: tuple[Shut, ...] = ()
    peer: Peer | None = None
    concerns: tuple[Concern, ...] = ()
    entered: int = 0
    """Connections that ran already and were entered into the kernel's table."""
    number: int = 0
    """Of `rollback`: which of the history they are."""


class Confirmed(Record):
    """What came of `confirm`."""

    hash: str
    by: str
    boot: BootState
    number: int = 0
    cut: tuple[Session, ...] = ()
    concerns: tuple[Concern, ...] = ()
    """What could not be written, and what a reboot would bring."""


class RolledBack(Record):
    """What came of a `rollback` that needs no trial."""

    verdict: str
    """`back` (a trial was ended), `off`, `nothing`."""
    hash: str | None = None
    """In force now."""
    concerns: tuple[Concern, ...] = ()


class GuardStatus(Record):
    """Where things stand."""

    phase: Phase
    running: Running
    notes: Notes
    boot: BootState
    file: str | None = None
    """The policy file that was compared; None: there is none."""
    wanted: str | None = None
    """Hash of what the policy file says now."""
    concerns: tuple[Concern, ...] = ()
