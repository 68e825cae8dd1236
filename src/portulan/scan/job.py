"""One job of a scan: pairs of one family, one transport and one method, with all that decides its course. It can be sent to another process or machine."""

from __future__ import annotations

from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.model.scan import Certainty, Method
from portulan.scan.stopping import Rules

Range = tuple[int, int]


class Job(Record):
    """What to ask."""

    version: int
    ranges: tuple[Range, ...]
    """Sorted and disjoint, as numbers."""
    ports: tuple[int, ...]
    transport: Transport
    method: Method
    rules: Rules
    key: tuple[int, int]
    """Of the order."""
    shard: tuple[int, int] = (0, 1)
    """(which, of how many)."""
    begin: int = 0
    """The first place of the shard that is still to be asked."""
    links: tuple[tuple[int, int, str], ...] = ()
    """(first, last, interface) of link-local addresses."""
    secret: tuple[int, int] | None = None
    """Of the cookies, where it is not that of the order: one that can be known beforehand."""

    @property
    def pairs(self) -> int:
        """How many are this shard's."""
        pairs = sum(last - first + 1 for first, last in self.ranges) * len(self.ports)
        return max(0, -(-(pairs - self.shard[0]) // self.shard[1]))


class JobEnd(Record):
    """What is known at the end of a job besides its pairs."""

    certainty: Certainty
    probes: int
    answers: int
    rounds: int
    duplicates: int
    late: int
    forged: int
    overflowed: int
    slowed: int
    took_s: float
    responders: tuple[str, ...]
    left: int = 0
    """Pairs that were not asked, because the job was ended before."""
    found: int = 0
    """Open pairs."""
