"""Scans in parts: what a journal has of one already, and the workers that share it."""

from __future__ import annotations

import os
import sys
import time
from hashlib import sha256

from portulan import __version__
from portulan.errors import CannotTell
from portulan.model.scan import Method, Reason
from portulan.scan.fleet import FleetRun, Replay, parts_of, run_shard
from portulan.scan.journal import Journal, Noted
from portulan.scan.run import Run
from portulan.scan.ways import Barred, ways_of
from portulan.system.workers import ClusterWorkers, LocalWorkers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.port import Transport
    from portulan.model.portset import PortSet
    from portulan.model.scan import Shard
    from portulan.scan.barring import Barring
    from portulan.scan.fleet import Part, Share
    from portulan.scan.job import Job
    from portulan.scan.stopping import Rules
    from portulan.scan.targets import Targets
    from portulan.scan.ways import Ways

    AnyRun = Run | FleetRun | Replay | Barring

_LONG = 256


class Parts:
    """Where a scan is done, and what of it is done. Without journal and workers: here, and nothing."""

    def __init__(self, *, resume: str | None, jobs: int, cluster: str | None, drop: bool) -> None:
        """`drop`: workers on this host give up their rights."""
        self._resume, self._jobs, self._cluster, self._drop = resume, jobs, cluster, drop and sys.platform == "linux"
        self.shared = jobs > 1 or cluster is not None
        """Whether others do the work, also because it was begun so."""
        self.key = _dice()
        """Of the order."""
        self.secret = _dice()
        self.journal: Journal | None = None
        self.begun = time.time()
        """When the scan began, maybe in another process."""
        self._workers: LocalWorkers | ClusterWorkers | None = None
        self._number = -1

    def open(self, asked: dict[str, str]) -> None:
        """Open the journal, if there is to be one, of what is asked: then the key is its key. Raises BadInput, CannotTell.

        Shards that are begun by themselves share no key but what they are asked, so that makes it.
        """
        if asked.get("--shard"):
            digest = sha256(f"{asked['TARGET']} {asked['-p']}".encode()).digest()
            self.key = int.from_bytes(digest[:8]), int.from_bytes(digest[8:16])
        if self._resume is not None:
            self.journal = Journal(self._resume, asked, self.key, self.begun)
            self.key, self.begun = self.journal.header.key, self.journal.header.begun

    def close(self) -> None:
        """End the workers, and let go of the journal."""
        if self._workers is not None:
            self._workers.close()
        if self.journal is not None:
            self.journal.close()

    def known(self) -> tuple[Job, tuple[Barred, ...]] | None:
        """The next job as the journal has it, and what could not be asked of it; None where it is to be decided now, and given to `run`."""
        self._number += 1
        noted = self.journal.job(self._number) if self.journal is not None else None
        if noted is None:
            return None
        return noted.job, tuple(Barred(first, last, Reason(reason)) for first, last, reason in noted.refused)

    def run(self, job: Job, ways: Ways | None, refused: tuple[Barred, ...]) -> Run | FleetRun | Replay:
        """The job that `known` asked about last, ready to run. Raises what `Run` raises, CannotTell for workers that cannot be reached."""
        journal, number = self.journal, self._number
        noted = journal.job(number) if journal is not None else None
        if journal is not None and noted is not None and journal.end(number) is not None:
            return Replay(journal, number)
        shards = noted.shards if noted is not None else 0
        # What was begun in one piece goes on in one: its pairs under way belong to no part.
        if self.shared and (noted is None or shards):
            workers = self._opened(job)
            shards = shards or parts_of(job.pairs, workers)
        if journal is not None and noted is None:
            journal.add_job(Noted(number, job, shards, tuple((each.first, each.last, each.reason.value) for each in refused)))
        if ways is None and job.method is Method.SYN:
            ways = ways_of(job)
        if shards:
            return FleetRun(
                job, self._opened(job), shards, work, version=__version__, ways=ways, drop=self._drop, journal=journal, number=number
            )
        return Run(job, ways=ways, journal=journal, number=number)

    def _opened(self, job: Job) -> LocalWorkers | ClusterWorkers:
        if self._workers is None:
            self.shared = True
            if self._cluster is not None:
                self._workers = ClusterWorkers(self._cluster)
            else:
                self._workers = LocalWorkers(self._jobs, afresh=self._drop and job.method is Method.SYN)
        return self._workers


def work(share: Share) -> Part:
    """One part, on a worker. Raises CannotTell where that has another version, and what `run_shard` raises."""
    if share.version != __version__:
        raise CannotTell("fleet.version", theirs=__version__, ours=share.version)
    return run_shard(share)


def asked_of(
    targets: Targets, ports: dict[Transport, tuple[Method, PortSet]], rules: Rules, shard: Shard | None, *, hosts: str
) -> dict[str, str]:
    """What decides a scan, by the words that ask it. `hosts`: whether and how it is found out who is there. How fast it may be asked is free to change."""
    asked = {
        "TARGET": _short(f"{targets.v4} {targets.v6} {targets.links}"),
        "-p": _short(" ".join(f"{transport.value}:{numbers}" for transport, (_, numbers) in ports.items())),
        "--method": " ".join(method.value for method, _ in ports.values()),
        "--shard": "" if shard is None else f"{shard.number + 1}/{shard.of}",
        "--miss": repr(rules.goal),
        "--patience": repr(rules.patience_s),
        "--assume-loss": repr(rules.assume_loss),
        "--max-rtt": repr(rules.longest_wait_s),
        "--hosts": hosts,
    }
    return {name: text for name, text in asked.items() if text}


def _dice() -> tuple[int, int]:
    return int.from_bytes(os.urandom(8)), int.from_bytes(os.urandom(8))


def _short(text: str) -> str:
    if len(text) <= _LONG:
        return text
    return sha256(text.encode()).hexdigest()
