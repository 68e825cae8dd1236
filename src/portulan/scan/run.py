"""A job, run: the prober its method needs, the engine, and what is decided, block by block."""

from __future__ import annotations

import time

from portulan.errors import CannotTell, MachineFailed
from portulan.model.address import format_address
from portulan.model.scan import Doubt, Method, Progress
from portulan.scan.drive import drive
from portulan.scan.engine import Engine
from portulan.scan.job import JobEnd
from portulan.scan.space import Space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portulan.model.scan import Decided
    from portulan.scan.job import Job
    from portulan.scan.prober import Prober
    from portulan.scan.ways import Ways

_SYN_SLOTS = 1 << 15


class Run:
    """A job under way. `close` it in the end."""

    def __init__(self, job: Job, *, ways: Ways | None = None) -> None:
        """Opens the sockets. `ways` are those to the job's addresses where they are known already (SYN only). Raises NotPermitted, CannotTell, MachineFailed."""
        self.job = job
        self.space = Space(job.version, job.ranges, job.ports)
        self.prober = _open(job, self.space, ways)
        self.engine = Engine(
            self.space, job.key, job.rules, tags=(self.prober.rounds, self.prober.controls), shard=job.shard, begin=job.begin
        )
        self._begun = time.time()
        self._ended: float | None = None
        self.failure: MachineFailed | None = None
        """What ended the job before its time, where it goes on with what it has: the interface is gone."""

    def close(self) -> None:
        """Close its sockets."""
        self.prober.close()

    def blocks(self, tick: Callable[[Progress], None] | None = None) -> Iterator[Decided]:
        """Each block, once it is decided. Raises MachineFailed unless something was asked already: then `failure` has it, and what is known is handed over."""
        self._begun = time.time()
        try:
            yield from drive(self.engine, self.prober, time.time, tick=None if tick is None else lambda now: tick(self.progress(now)))
        except MachineFailed as error:
            if not self.engine.counts.sent:
                raise
            self.failure = error
            yield from self.abandon()
        finally:
            self._ended = time.time()

    def abandon(self) -> Iterator[Decided]:
        """End before the end: what the current block has answered so far."""
        if (part := self.engine.abandon()) is not None:
            yield part

    def progress(self, now: float) -> Progress:
        """How far it is."""
        counts, engine = self.engine.counts, self.engine
        done = engine.answered
        rate = counts.sent / max(now - self._begun, 1e-3)
        left = (engine.pairs - engine.asked) / rate if rate and engine.asked < engine.pairs else None
        return Progress(done, engine.pairs, counts.sent, counts.found, rate, left, engine.round)

    def end(self) -> JobEnd:
        """What is known besides the pairs."""
        counts, prober = self.engine.counts, self.prober
        certainty = self.engine.certainty()
        overflowed = prober.overflowed()
        extra: set[Doubt] = set(getattr(prober, "doubts", ())) | ({Doubt.OVERFLOW} if overflowed else set())
        if self.failure is not None:
            extra.add(Doubt.LINK_GONE)
        if extra - set(certainty.doubts):
            certainty = certainty._replace(doubts=tuple(each for each in Doubt if each in extra or each in certainty.doubts))
        return JobEnd(
            certainty=certainty,
            probes=counts.sent,
            answers=counts.answers,
            rounds=counts.rounds,
            duplicates=counts.duplicates,
            late=counts.late,
            forged=prober.forged,
            overflowed=overflowed,
            slowed=self.engine.pace.slowed,
            took_s=(self._ended or time.time()) - self._begun,
            responders=tuple(prober.responders),
            left=self.engine.left,
        )


def _open(job: Job, space: Space, ways: Ways | None) -> Prober:
    if job.method is Method.SYN:
        from portulan.scan.by_syn import SynProber
        from portulan.scan.ways import ways_of

        ways = ways or ways_of(job)
        if not ways.lanes:
            first = ways.refused[0]
            raise CannotTell("scan.no-route", address=format_address(first.first.to_bytes(space.size)), reason=first.reason.value)
        return SynProber(space, ways.lanes, job.key, slots=_SYN_SLOTS)
    from portulan.scan.links import scope_of

    if job.method is Method.UDP:
        from portulan.scan.by_udp import UdpProber

        return UdpProber(space, job.key, scope=scope_of(job.links))
    from portulan.scan.by_connect import ConnectProber

    return ConnectProber(space, scope=scope_of(job.links))
