"""How a door stands: who can get to it, in values that a program can read and a face can word. These names are part of the JSON contract of `portulan ls`, `who` and `reach`."""

from __future__ import annotations

from portulan.model.reach import Outcome, Place, Way
from portulan.model.record import Record


class Senders(Record):
    """Some senders, as briefly as it can be said."""

    kind: str
    """everyone (whoever can reach this host at all), networks (those in `networks`), this-host (programs of this host)."""
    networks: tuple[str, ...] = ()
    """`10.0.0.0/8`, `203.0.113.7`, `10.0.0.5-10.0.0.9`."""
    but: tuple[str, ...] = ()
    """Of everyone: all but these."""
    version: int | None = None
    """4 or 6 where only senders of this IP version are meant, though the door is open to both."""
    links: tuple[str, ...] = ()
    """Where it matters: only by these interfaces."""


class UnreadSet(Record):
    """A large set of addresses that rules ask about and that was not read: what is said of the door is true for all senders who are not in it."""

    family: str
    table: str
    name: str
    element_count: int | None = None
    """None where the kernel does not tell."""
    effect: str = "less"
    """What being in it does: shut (whoever is in it gets in nowhere), less (some of them get in less), more (some get in who otherwise would not), other."""


class Grant(Record):
    """One group of senders who fare in the same way at a door, by the same rule."""

    verdict: Outcome
    networks: tuple[str, ...]
    links: tuple[str, ...]
    """`lo`: this host itself."""
    rule: Place | None
    """What decides. None: no chain had a say."""
    path: Way
    target: str | None = None
    """`172.17.0.2:80` where it ends up elsewhere."""
    doubts: tuple[Place, ...] = ()
    """Of maybe: the rules it depends on."""
    witness: str | None = None
    """A sender of the group, as an example."""


class Standing(Record):
    """Who can get to a door."""

    wide: str
    """In one word: everyone, networks, this-host, nobody, maybe, unknown."""
    sure: tuple[Senders, ...] = ()
    perhaps: tuple[Senders, ...] = ()
    """Those of whom it depends on something that cannot be known beforehand."""
    grants: tuple[Grant, ...] = ()
    """All groups that were told apart, those that get in first."""
    unread: tuple[UnreadSet, ...] = ()
