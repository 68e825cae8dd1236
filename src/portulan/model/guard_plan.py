"""What applying a policy would change. These names are part of the JSON contract of `portulan guard plan`."""

from __future__ import annotations

from datetime import datetime

from portulan.model.chart import Gap
from portulan.model.guard_life import Peer, Session
from portulan.model.record import Record
from portulan.model.standing import Senders


class PlanRow(Record):
    """Ports that fare alike, now and then."""

    ports: str
    """`443/tcp 443/udp`; of `others` too."""
    number: int
    """How many ports of TCP and UDP together."""
    name: str | None
    """The policy's line, else the service."""
    before: tuple[Senders, ...]
    """Who gets in now; nobody: empty."""
    before_perhaps: tuple[Senders, ...]
    after: tuple[Senders, ...]
    after_perhaps: tuple[Senders, ...]
    senders: tuple[str, ...] = ()
    """The same as `after` by the policy's own names, where nothing else has a say."""
    heard: bool = False
    """Somebody listens there."""
    others: bool = False
    """All ports that no line of the policy names and on which nobody listens."""

    @property
    def changes(self) -> bool:
        """Whether others get in than now."""
        return (self.before, self.before_perhaps) != (self.after, self.after_perhaps)


class WayRow(Record):
    """What this host sends, or passes on, and what becomes of it now and then. Only what changes."""

    way: str
    """`out`: sent by this host. `through`: passed on from one interface to another one."""
    comes: tuple[str, ...]
    """`through`: the interfaces it comes in by."""
    leaves: tuple[str, ...]
    """The interfaces it goes out by."""
    to: Senders
    """`through`: which of those beyond these interfaces it is sent to."""
    ports: str
    """`25,80,443/tcp 443/udp`."""
    number: int
    name: str | None
    before: tuple[Senders, ...]
    """`out`: to whom this host gets; `through`: who gets there. Nobody: empty."""
    before_perhaps: tuple[Senders, ...]
    after: tuple[Senders, ...]
    after_perhaps: tuple[Senders, ...]


class PlanRemark(Record):
    """What else it does."""

    code: str
    """A key of text/guard_plan.py's REMARKS."""
    subject: str = ""


class Plan(Record):
    """All of it."""

    host: str
    taken_at: datetime
    file: str
    hash: str
    """Of the policy, compiled."""
    running: str | None
    """Of the rules of ours that the kernel has now; None: none."""
    rows: tuple[PlanRow, ...]
    sessions: tuple[Session, ...] = ()
    """Connections that run now and could not be made anew."""
    remarks: tuple[PlanRemark, ...] = ()
    peer: Peer | None = None
    """The ssh login that we are in."""
    trial: bool = False
    """A trial goes on, or its rules are still in the kernel."""
    gaps: tuple[Gap, ...] = ()
    ways: tuple[WayRow, ...] = ()
    """What changes for packets that do not end here."""
    by_hand: bool = False
    """Somebody changed our rules in the kernel, which still bear the same name."""

    @property
    def changes(self) -> bool:
        """Whether applying it would do anything."""
        return self.trial or self.by_hand or self.running != self.hash
