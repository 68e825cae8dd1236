"""A job, run: the prober its method needs, the engine, and what is decided, block by block."""

from __future__ import annotations

import time

from portulan.errors import CannotTell, MachineFailed
from portulan.model.address import format_address
from portulan.model.scan import Doubt, Method, Progress
from portulan.scan.drive import drive
from portulan.scan.engine import Engine
from portulan.scan.job import JobEnd
from portulan.scan.journal import Spent
from portulan.scan.order import Permutation
from portulan.scan.renumber import Renumbered, Responders
from portulan.scan.space import Space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portulan.model.scan import Decided
    from portulan.scan.job import Job
    from portulan.scan.journal import Journal
    from portulan.scan.prober import Prober
    from portulan.scan.ways import Ways

_SYN_SLOTS = 1 << 15
_NOTE_EACH_S = 0.5
"""How often what is under way is written down. Asked again after a death is what was asked since, and what had no time to answer."""


class Run:
    """A job under way. `close` it in the end."""

    def __init__(self, job: Job, *, ways: Ways | None = None, journal: Journal | None = None, number: int = 0) -> None:
        """Opens the sockets. `ways` are those to the job's addresses where they are known already (SYN only).

        With a journal, where the job has this number, goes on from what that has of it, and writes everything down there.
        Raises NotPermitted, CannotTell, MachineFailed.
        """
        self._journal, self._number = journal, number
        stood = None if journal is None else journal.standing(number)
        self.job = job if stood is None else job._replace(begin=stood[0].begin)
        self.space = Space(job.version, job.ranges, job.ports)
        self.prober = _open(job, self.space, ways)
        if journal is not None:
            self.prober = Renumbered(self.prober, Responders(journal.names(number)))
        self.engine = Engine(
            self.space, job.key, job.rules, tags=(self.prober.rounds, self.prober.controls), shard=job.shard, begin=self.job.begin
        )
        self._begun = time.time()
        self._before = Spent()
        """What processes before this one have spent on the job."""
        if stood is not None:
            standing, answered, self._before = stood
            self.engine.resume(standing, answered, self._begun)
        self._sent_before = self.engine.counts.sent
        self._place, self._noted_at, self._noted = self.job.begin, 0.0, (-1, -1)
        self._ended: float | None = None
        self.failure: MachineFailed | None = None
        """What ended the job before its time, where it goes on with what it has: the interface is gone."""

    @property
    def responders(self) -> list[str]:
        """Who is meant by `Decided.by`; it grows."""
        return self.prober.responders

    def close(self) -> None:
        """Close its sockets."""
        self.prober.close()

    def blocks(self, tick: Callable[[Progress], None] | None = None) -> Iterator[Decided]:
        """Each block, once it is decided. Raises MachineFailed unless something was asked already: then `failure` has it, and what is known is handed over."""
        if self._journal is not None:
            yield from self._journal.blocks(self._number, Permutation(self.space.pairs, self.job.key))
        self._begun = time.time()

        def work(now: float) -> None:
            self._note(now)
            if tick is not None:
                tick(self.progress(now))

        try:
            for block in drive(self.engine, self.prober, time.time, tick=work):
                self._note_block(block)
                yield block
            if self._journal is not None:
                self._ended = time.time()
                self._journal.add_end(self._number, self.end())
        except MachineFailed as error:
            journal = self._journal is not None and error.facts.get("subject") == self._journal.path
            if journal or not self.engine.counts.sent:
                raise
            self.failure = error
            yield from self.abandon()
        finally:
            self._ended = self._ended or time.time()

    def _note(self, now: float) -> None:
        """Write down what has changed, now and then."""
        counts = self.engine.counts
        if self._journal is None or 0 <= now - self._noted_at < _NOTE_EACH_S or (counts.sent, counts.answers) == self._noted:
            return
        self._journal.add_names(self._number, self.responders)
        self._journal.add_rows(self._number, self.engine.standing(now), self._spent(now), self.engine.changes())
        self._noted_at, self._noted = now, (counts.sent, counts.answers)

    def _note_block(self, block: Decided) -> None:
        if self._journal is None:
            return
        now = time.time()
        self._journal.add_names(self._number, self.responders)
        self._journal.add_block(self._number, self._place, block, self.engine.standing(now), self._spent(now))
        self._place += len(block.pair)
        self._noted_at = now

    def _spent(self, now: float) -> Spent:
        before = self._before
        return Spent(before.took_s + now - self._begun, before.forged + self.prober.forged, before.overflowed + self.prober.overflowed())

    def abandon(self) -> Iterator[Decided]:
        """End before the end: what the current block has answered so far."""
        if (part := self.engine.abandon()) is not None:
            yield part

    def progress(self, now: float) -> Progress:
        """How far it is."""
        counts, engine = self.engine.counts, self.engine
        done = engine.answered
        rate = (counts.sent - self._sent_before) / max(now - self._begun, 1e-3)
        left = (engine.pairs - engine.asked) / rate if rate and engine.asked < engine.pairs else None
        return Progress(done, engine.pairs, counts.sent, counts.found, rate, left, engine.round)

    def end(self) -> JobEnd:
        """What is known besides the pairs."""
        counts, spent = self.engine.counts, self._spent(self._ended or time.time())
        certainty = self.engine.certainty()
        extra: set[Doubt] = set(getattr(self.prober, "doubts", ())) | ({Doubt.OVERFLOW} if spent.overflowed else set())
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
            forged=spent.forged,
            overflowed=spent.overflowed,
            slowed=self.engine.pace.slowed,
            took_s=spent.took_s,
            responders=tuple(self.responders),
            left=self.engine.left,
            found=counts.found,
        )


def _open(job: Job, space: Space, ways: Ways | None) -> Prober:
    if job.method is Method.SYN:
        from portulan.scan.by_syn import SynProber
        from portulan.scan.ways import ways_of

        ways = ways or ways_of(job)
        if not ways.lanes:
            first = ways.refused[0]
            raise CannotTell("scan.no-route", address=format_address(first.first.to_bytes(space.size)), reason=first.reason.value)
        return SynProber(space, ways.lanes, job.secret or job.key, slots=_SYN_SLOTS)
    from portulan.scan.links import scope_of

    if job.method is Method.UDP:
        from portulan.scan.by_udp import UdpProber

        return UdpProber(space, job.secret or job.key, scope=scope_of(job.links))
    from portulan.scan.by_connect import ConnectProber

    return ConnectProber(space, scope=scope_of(job.links))
