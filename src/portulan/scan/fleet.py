"""A job in parts, each done by a worker: a process of this host, or of a cluster.

Whoever hands them out decides what the pairs are, so their numbers agree everywhere; a worker finds its own ways to them. There are more parts than workers, so
that a death costs little, and each part counts once, however often it was begun.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait
from contextlib import suppress

import numpy as np

from portulan.errors import CannotTell, MachineFailed, PortulanError
from portulan.model.record import Record
from portulan.model.scan import Decided, Doubt, Progress
from portulan.scan.columns import Packed, pack_decided, unpack_decided
from portulan.scan.job import Job, JobEnd
from portulan.scan.journal import Shard, places_of, shard_of
from portulan.scan.merge import merge_ends
from portulan.scan.order import Permutation
from portulan.scan.renumber import Responders
from portulan.scan.run import Run
from portulan.scan.space import Space
from portulan.scan.ways import Ways
from portulan.system.workers import unwanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from portulan.scan.journal import Journal
    from portulan.system.workers import ClusterWorkers, LocalWorkers

    Workers = LocalWorkers | ClusterWorkers

_LARGEST = 1 << 21
"""Pairs of one part at most: what a death costs, and what comes back in one piece."""
_SMALLEST, _SMALLEST_AFRESH = 1 << 12, 1 << 16
"""Pairs that are worth a part, and worth a process of their own."""
_PARTS_OF_EACH = 4
_TRIES = 4
_LOOK_S = 0.2


class Share(Record):
    """One part, as it is sent to a worker."""

    job: Job
    ways: Ways | None
    """Those of this host, for workers on it."""
    drop: bool
    """Whether the worker gives up its rights once its sockets are open."""
    version: str
    """Of Portulan, which must be the worker's too."""


class Part(Record):
    """What comes back."""

    columns: Packed
    end: JobEnd


def parts_of(pairs: int, workers: Workers) -> int:
    """Into how many parts so many pairs are cut."""
    smallest = _SMALLEST_AFRESH if workers.afresh else _SMALLEST
    fit = min(_PARTS_OF_EACH * workers.at_once, max(workers.at_once, pairs // smallest))
    return max(1, min(pairs, max(fit, -(-pairs // _LARGEST))))


def run_shard(share: Share) -> Part:
    """Do one part. Raises what `Run` raises, and CannotTell where nobody wants it any more."""
    run = Run(share.job, ways=share.ways)
    try:
        if share.drop:
            from portulan.system.linux.rights import drop_rights

            with suppress(OSError):  # a confined process may not even give up
                drop_rights()
        blocks = list(run.blocks(_still_wanted))
        if run.failure is not None:
            raise run.failure
        return Part(pack_decided(Decided(*(np.concatenate(columns) for columns in zip(*blocks, strict=True)))), run.end())
    finally:
        run.close()


def _still_wanted(_: Progress) -> None:
    if unwanted():
        raise CannotTell("fleet.unwanted")


class FleetRun:
    """A job whose parts are done elsewhere. As `Run` to whoever gathers."""

    def __init__(
        self,
        job: Job,
        workers: Workers,
        shards: int,
        work: Callable[[Share], Part],
        *,
        version: str,
        ways: Ways | None = None,
        drop: bool = False,
        journal: Journal | None = None,
        number: int = 0,
    ) -> None:
        """In so many `shards`, each done by `work`: `run_shard`, as workers can find it. With a journal, those that it has are not done again."""
        self._work, self._version = work, version
        self.job, self._workers, self._shards = job, workers, shards
        self._ways, self._drop = (None, False) if workers.remote else (ways, drop)
        self._journal, self._number = journal, number
        self.space = Space(job.version, job.ranges, job.ports)
        self._order = Permutation(self.space.pairs, job.key)
        self._responders = Responders(() if journal is None else journal.names(number))
        self.responders = self._responders.names
        self.failure: MachineFailed | None = None
        self.pairs = job.pairs
        self._ends: dict[int, JobEnd] = {}
        self._done = self._found = 0
        self._begun = time.time()
        self._before_s = 0.0
        self._took_s: float | None = None

    def close(self) -> None:
        """Nothing is open here: the workers are closed by whoever opened them."""

    def abandon(self) -> Iterator[Decided]:
        """Parts that are not done are lost."""
        return iter(())

    def blocks(self, tick: Callable[[Progress], None] | None = None) -> Iterator[Decided]:
        """Each part, once it is done. Raises what its worker raised."""
        self._begun = time.time()
        if self._journal is not None:
            for shard, decided in self._journal.shards(self._number, self._order):
                self._before_s = max(self._before_s, shard.took_s)
                yield self._count(shard.place, decided, shard.end)
        try:
            for place, part in self._parts():
                yield self._take(place, part)
                if tick is not None:
                    tick(self._progress())
            self._took_s = self._spent()
            if self._journal is not None:
                self._journal.add_end(self._number, self.end())
        finally:
            self._took_s = self._took_s or self._spent()

    def _spent(self) -> float:
        return self._before_s + time.time() - self._begun

    def _parts(self) -> Iterator[tuple[int, Part]]:
        waiting = deque(place for place in range(self._shards) if place not in self._ends)
        running: dict[Future[Part], int] = {}
        tries = dict.fromkeys(waiting, 0)
        # With a rate no more may run than it was shared out to.
        most = self._workers.at_once * (1 if self.job.rules.most_rate else 2)
        while waiting or running:
            while waiting and len(running) < most:
                place = waiting.popleft()
                tries[place] += 1
                running[self._submit(place)] = place
            for future in wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED).done:
                place = running.pop(future)
                part = self._result(future, last=tries[place] >= _TRIES)
                if part is None:
                    waiting.append(place)
                else:
                    yield place, part

    def _submit(self, place: int) -> Future[Part]:
        rules = self.job.rules
        rate = None if rules.most_rate is None else rules.most_rate / min(self._workers.at_once, self._shards)
        rules = rules._replace(goal=rules.goal / self._shards, most_rate=rate)
        job = self.job._replace(rules=rules, shard=shard_of(self.job, place, self._shards))
        share = Share(job, self._ways, self._drop, self._version)
        try:
            return self._workers.submit(self._work, share)
        except BrokenExecutor:
            self._workers.renew()
            return self._workers.submit(self._work, share)

    def _result(self, future: Future[Part], *, last: bool) -> Part | None:
        """What a worker brought; None where it is to be done again."""
        try:
            return future.result()
        except (BrokenExecutor, CancelledError, MachineFailed) as error:
            if not last:
                return None
            if isinstance(error, MachineFailed):
                raise
            raise CannotTell("fleet.workers-die", times=_TRIES) from error
        except PortulanError:
            raise
        except Exception as error:
            raise CannotTell("fleet.failed", reason=f"{type(error).__name__}: {error}") from error

    def _take(self, place: int, part: Part) -> Decided:
        try:
            decided = unpack_decided(part.columns, self._order.forward(places_of(self.job, place, self._shards)))
        except ValueError as error:
            raise CannotTell("fleet.failed", reason=str(error)) from error
        decided = decided._replace(by=self._responders.number(decided.by, part.end.responders))
        if self._journal is not None:
            self._journal.add_names(self._number, self.responders)
            self._journal.add_shard(Shard(self._number, place, pack_decided(decided), part.end, self._spent()))
        return self._count(place, decided, part.end)

    def _count(self, place: int, decided: Decided, end: JobEnd) -> Decided:
        self._ends[place] = end
        self._done += len(decided.pair)
        self._found += end.found
        return decided

    def _progress(self) -> Progress:
        took_s = max(time.time() - self._begun, 1e-3)
        left_s = took_s * (self.pairs - self._done) / self._done if self._done else None
        sent = sum(end.probes for end in self._ends.values())
        return Progress(self._done, self.pairs, sent, self._found, sent / took_s, left_s, 0)

    def end(self) -> JobEnd:
        """All parts as one."""
        left = self.pairs - self._done
        took_s = self._took_s or self._spent()
        whole = merge_ends(list(self._ends.values()), self.job.rules, took_s)._replace(responders=tuple(self.responders), left=left)
        if left:
            doubts = {*whole.certainty.doubts, Doubt.INTERRUPTED}
            certainty = whole.certainty._replace(exact=False, doubts=tuple(each for each in Doubt if each in doubts))
            whole = whole._replace(certainty=certainty)
        return whole


class Replay:
    """A job that is done, by its journal. As `Run` to whoever gathers."""

    failure: MachineFailed | None = None

    def __init__(self, journal: Journal, number: int) -> None:
        noted, end = journal.job(number), journal.end(number)
        assert noted is not None
        assert end is not None
        self._journal, self._number, self._noted, self._end = journal, number, noted, end
        self.job = noted.job
        self.space = Space(self.job.version, self.job.ranges, self.job.ports)
        self.responders = journal.names(number) or ["address"]

    def close(self) -> None:
        """Nothing is open."""

    def abandon(self) -> Iterator[Decided]:
        """Nothing is under way."""
        return iter(())

    def blocks(self, tick: Callable[[Progress], None] | None = None) -> Iterator[Decided]:  # noqa: ARG002 - it takes no time
        """All that was found."""
        order = Permutation(self.space.pairs, self.job.key)
        if self._noted.shards:
            for _, decided in self._journal.shards(self._number, order):
                yield decided
        else:
            yield from self._journal.blocks(self._number, order)

    def end(self) -> JobEnd:
        """What is known besides the pairs."""
        return self._end
