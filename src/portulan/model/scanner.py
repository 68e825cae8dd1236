"""Who tries doors: first contacts, how they ended, and what a source is by them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from portulan.model.record import Record
from portulan.model.traffic import Origin


class Outcome(StrEnum):
    """How a first contact of a source with a door ended."""

    ANSWERED = "answered"
    """By a SYN-ACK, or by a datagram."""
    REFUSED = "refused"
    """By a reset, or by ICMP."""
    SILENT = "silent"
    """By nothing, in the time that an answer takes."""
    UNSEEN = "unseen"
    """The other direction is not in the capture: nothing can be said."""

    __hash__ = str.__hash__


class Kind(StrEnum):
    """How a source goes about it."""

    VERTICAL = "vertical"
    """Many ports of few hosts."""
    HORIZONTAL = "horizontal"
    """Few ports of many hosts."""
    BOTH = "both"
    DISTRIBUTED = "distributed"
    """Several sources together, each with too few contacts to be judged alone."""
    BACKSCATTER = "backscatter"
    """Answers to packets that were sent in this host's name: a sign of an attack on the source, not by it."""

    __hash__ = str.__hash__


class Verdict(StrEnum):
    """What a source is."""

    SCANNER = "scanner"
    BENIGN = "benign"
    UNDECIDED = "undecided"
    CANNOT_JUDGE = "cannot-judge"
    """Only one direction was captured."""
    BACKSCATTER = "backscatter"

    __hash__ = str.__hash__


class Tried(Record):
    """A door that a source tried."""

    at: datetime
    address: str
    port: int
    transport: str
    outcome: Outcome


class Block(Record):
    """What became of the wish to shut a source out."""

    address: str
    until: datetime | None
    """When the kernel lets it in again; None: it was not blocked."""
    spared: str | None = None
    """Why not: `person` (somebody is logged in from there, or this command was started from there), `own` (an address of this host), `near` (a router or
    name server that this host uses), `never` (it is on a list), `full` (no room for more)."""


class Scanner(Record):
    """One source, or several that work together, with the evidence."""

    sources: tuple[str, ...]
    """One, but of a distributed scan."""
    verdict: Verdict
    kind: Kind | None
    since: datetime
    until: datetime
    sure_after: int | None
    """First contacts until the verdict fell."""
    first_contacts: int
    """In all."""
    hosts: int
    ports: tuple[str, ...]
    """`22/tcp`, in order of number, those tried; the first 256."""
    more_ports: int
    """Beyond those."""
    learnt: tuple[str, ...]
    """`22/tcp`: what answered it; it now knows these."""
    evidence: tuple[Tried, ...]
    """The contacts that decided it, in order of time."""
    odds: float
    """Of the contacts seen: how many times as likely from a scanner as from a benign source (Jung et al. 2004, equation 3)."""
    blocks: tuple[Block, ...] = ()
    """With `--block`: of each source."""


class Scanners(Record):
    """The answer of `scanners`."""

    rows: tuple[Scanner, ...]
    """Scanners and backscatter, the earliest first."""
    judged: int
    """Sources with at least one first contact that could be judged."""
    benign: int
    undecided: int
    cannot_judge: int
    """Sources that were seen one way only."""
    forgotten: int
    """Sources whose few contacts were let go to bound memory."""
    began_at: datetime | None
    ended_at: datetime | None
    origins: tuple[Origin, ...] = ()
    """What was read or heard, and how it ended."""
