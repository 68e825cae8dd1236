"""Parts handed out to workers, without workers: each counts once, the dead are replaced, what nobody can do is said."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from portulan.errors import CannotTell, MachineFailed
from portulan.model.port import Transport
from portulan.model.scan import Basis, Certainty, Decided, Doubt, Loss, Method
from portulan.scan.barring import Barring
from portulan.scan.columns import pack_decided
from portulan.scan.fleet import FleetRun, Part, Replay, parts_of
from portulan.scan.job import Job, JobEnd
from portulan.scan.journal import Journal, Noted
from portulan.scan.stopping import Rules

JOB = Job(4, ((0xC6120000, 0xC6120003),), tuple(range(50)), Transport.TCP, Method.SYN, Rules(goal=1e-3), (1, 2))


class Workers:
    """Does everything at once, but for what is told to go wrong: errors by the number of the call."""

    remote, afresh = False, False

    def __init__(self, at_once=3, wrong=None):
        self.at_once, self.wrong = at_once, dict(wrong or {})
        self.calls, self.renewed, self.rates = 0, 0, []

    def submit(self, work, share):
        future = Future()
        self.calls += 1
        self.rates.append(share.job.rules.most_rate)
        error = self.wrong.get(self.calls)
        if error is None:
            future.set_result(work(share))
        else:
            future.set_exception(error)
        return future

    def renew(self):
        self.renewed += 1


def work(share):
    count = share.job.pairs
    pair = np.arange(count)
    by = np.full(count, 1, np.uint16)
    decided = Decided(pair, *(np.full(count, 2, np.uint8) for _ in range(3)), np.full(count, 0.5, np.float32), by)
    sure = Certainty(True, share.job.rules.goal, share.job.rules.goal / 2, Basis.OPEN, Loss(1, 10, 0.5), Loss(0, 0, 1.0))
    name = f"router {share.job.shard[0] % 2}"
    return Part(pack_decided(decided), JobEnd(sure, count, count, 2, 0, 0, 0, 0, 0, 1.0, ("address", name), found=1))


def fleet(workers, shards=7, job=JOB, **options):
    return FleetRun(job, workers, shards, work, version="1", **options)


@pytest.mark.parametrize("shard", [(0, 1), (1, 3)])
def test_all_parts_are_a_whole(shard):
    run = fleet(Workers(), job=JOB._replace(shard=shard))
    told = []
    pairs = np.concatenate([block.pair for block in run.blocks(told.append)])
    assert len(set(pairs.tolist())) == len(pairs) == run.job.pairs
    assert told[-1].done == told[-1].of == run.job.pairs
    end = run.end()
    assert (end.probes, end.left, end.found) == (run.job.pairs, 0, 7)
    assert end.certainty.exact
    assert end.certainty.missed == pytest.approx(5e-4)
    assert set(run.responders) == {"address", "router 0", "router 1"}


def test_a_rate_is_shared_out():
    workers = Workers(at_once=3)
    list(fleet(workers, job=JOB._replace(rules=Rules(most_rate=900.0))).blocks())
    assert set(workers.rates) == {300.0}


def test_the_dead_are_replaced_and_their_parts_done_again():
    workers = Workers(wrong={2: BrokenProcessPool(), 3: MachineFailed("scan.link-gone", link="eth0"), 9: BrokenProcessPool()})
    blocks = list(fleet(workers).blocks())
    assert sum(len(block.pair) for block in blocks) == 200
    assert len(blocks) == 7
    assert workers.calls == 10


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BrokenProcessPool(), "fleet.workers-die"),
        (ModuleNotFoundError("no portulan here"), "fleet.failed"),
        (CannotTell("fleet.version", theirs="1", ours="2"), "fleet.version"),
    ],
)
def test_what_nobody_can_do_is_said(error, code):
    workers = Workers(wrong=dict.fromkeys(range(1, 99), error))
    with pytest.raises(CannotTell) as caught:
        list(fleet(workers).blocks())
    assert caught.value.code == code


def test_parts_that_are_done_are_not_done_again(tmp_path):
    path = str(tmp_path / "journal")
    journal = Journal(path, {}, (1, 2), 0.0)
    journal.add_job(Noted(0, JOB, 7, ()))
    blocks = fleet(Workers(), journal=journal).blocks()
    before = [next(blocks) for _ in range(3)]
    run = fleet(Workers(), journal=journal)
    assert run.end().left == 200
    assert Doubt.INTERRUPTED in run.end().certainty.doubts
    journal.close()

    journal = Journal(path, {}, (1, 2), 0.0)
    workers = Workers()
    run = fleet(workers, journal=journal)
    blocks = list(run.blocks())
    assert workers.calls == 4
    assert sorted(np.concatenate([block.pair for block in blocks]).tolist()) == list(range(200))
    for mine, theirs in zip(blocks[:3], before, strict=True):
        np.testing.assert_array_equal(mine.pair, theirs.pair)
    journal.close()

    journal = Journal(path, {}, (1, 2), 0.0)
    replay = Replay(journal, 0)
    assert sorted(np.concatenate([block.pair for block in replay.blocks()]).tolist()) == list(range(200))
    assert {replay.responders[number] for block in replay.blocks() for number in block.by.tolist()} == {"router 0", "router 1"}
    assert replay.end() == run.end()
    journal.close()


def test_of_what_cannot_be_asked_nothing_is_told():
    first = JOB.ranges[0][0]
    run = Barring(fleet(Workers()), [(first + 3, first + 3), (first, first + 1)])
    pairs = np.concatenate([block.pair for block in run.blocks()])
    assert sorted(pairs.tolist()) == list(range(100, 150))


@pytest.mark.parametrize(
    ("pairs", "at_once", "afresh"), [(1, 4, False), (1000, 4, True), (65_536, 3, False), (10**9, 2, True), (10**6, 2, True)]
)
def test_there_are_more_parts_than_workers_and_none_is_too_large(pairs, at_once, afresh):
    workers = Workers(at_once)
    workers.afresh = afresh
    parts = parts_of(pairs, workers)
    assert 1 <= parts <= pairs
    assert pairs / parts <= 1 << 21
    if pairs > 1 << 19:
        assert parts >= 4 * at_once
