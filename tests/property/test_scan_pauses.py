"""A scan in parts: shards, and engines dropped at any moment and gone on with by others, on simulated paths. Nothing missed, doubled or asked twice from one port."""

from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from portulan.model.scan import STATES, State, Verdict
from portulan.scan import engine as engine_module
from portulan.scan.drive import drive
from portulan.scan.engine import Engine
from portulan.scan.space import Space
from portulan.scan.stopping import Rules
from simulated_path import CLOSED, OPEN, SILENT, SimulatedPath

CODE = {OPEN: STATES.index(State.OPEN), CLOSED: STATES.index(State.CLOSED), SILENT: STATES.index(State.FILTERED)}
UNSEEN = 255
FIRST = 0xC6120000
RULES = Rules(goal=1e-9)


class Dropped(Exception):
    """Here the process is killed."""


class Answer:
    """What was decided, each pair once."""

    def __init__(self, pairs):
        self.state = np.full(pairs, UNSEEN)

    def add(self, block):
        assert (self.state[block.pair] == UNSEEN).all(), "a pair was decided twice"
        self.state[block.pair] = block.state

    def expect(self, truth):
        wrong = np.flatnonzero(self.state != np.array([CODE[kind] for kind in range(3)])[truth])
        assert not len(wrong), (wrong[:5], self.state[wrong[:5]], truth[wrong[:5]])


def truth_of(dice, count, opens, silents):
    return dice.choice((OPEN, SILENT, CLOSED), count, p=(opens / 2, silents / 2, 1 - (opens + silents) / 2))


def run_until(engine, path, answer, moment):
    """Drive until so many looks were taken; then what a record written at that moment holds, and finished blocks before it."""
    looks = 0
    while True:
        step = engine.next(now := path.clock(), path.room())
        if step is None:
            return None
        if (done := engine.finished()) is not None:
            answer.add(done)
        elif hasattr(step, "pairs"):
            engine.sent(step, *path.send(step.pairs, step.tag))
        answers = path.receive(0 if hasattr(step, "pairs") else max(0.0, min(step.until - now, 0.05)))
        if answers is not None:
            engine.take(answers)
        looks += 1
        if looks >= moment:
            return engine.standing(path.now), engine.changes(every=True)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 1500), st.sampled_from((200, 1 << 19)), st.floats(0, 1), st.floats(0, 1), st.sampled_from((0, 0.05, 0.2)),
    st.sampled_from((0.0002, 0.01)), st.lists(st.integers(1, 60), max_size=8), st.integers(0, 2**32),
)  # fmt: skip
def test_dropped_at_any_moment_and_gone_on_with(count, block, opens, silents, loss, delay, moments, seed):
    truth = truth_of(np.random.default_rng(seed), count, opens, silents)
    space = Space(4, [(FIRST, FIRST)], range(count))
    answer = Answer(count)
    with mock.patch.object(engine_module, "MOST_ROWS", block):
        state, now = None, 1e6
        for number, moment in enumerate([*moments, 1 << 60]):
            path = SimulatedPath(lambda pairs: truth[pairs], loss=loss, delay_s=delay, seed=seed + number)
            path.now = path.link_free = now
            engine = Engine(space, (seed, 4), RULES, tags=(path.rounds, path.controls), begin=0 if state is None else state[0].begin)
            if state is not None:
                engine.resume(*state, now)
            state, now = run_until(engine, path, answer, moment), path.now + 0.5
            if state is None:
                break
    assert state is None
    answer.expect(truth)
    certainty = engine.certainty()
    assert engine.counts.done == count
    assert engine.counts.found == (truth == OPEN).sum()
    assert certainty.missed < RULES.goal or not certainty.exact


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 800),
    st.integers(1, 3),
    st.integers(1, 7),
    st.sampled_from((200, 1 << 19)),
    st.sampled_from((0, 0.1)),
    st.integers(0, 2**32),
)
def test_shards_are_a_whole(ports, hosts, shards, block, loss, seed):
    truth = truth_of(np.random.default_rng(seed), ports * hosts, 0.3, 0.3)
    space = Space(4, [(FIRST, FIRST + hosts - 1)], range(ports))
    answer, total = Answer(space.pairs), 0
    with mock.patch.object(engine_module, "MOST_ROWS", block):
        for number in range(shards):
            path = SimulatedPath(lambda pairs: truth[pairs], loss=loss, seed=seed + number)
            engine = Engine(space, (seed, 4), RULES._replace(goal=1e-9 / shards), tags=(64, 64), shard=(number, shards))
            for done in drive(engine, path, path.clock):
                answer.add(done)
            total += engine.pairs
    assert total == space.pairs
    answer.expect(truth)


def test_what_a_pause_costs_is_what_was_under_way():
    """Asked again are only those whose answer had no time to come: half a millisecond's here."""
    truth = truth_of(np.random.default_rng(3), 50_000, 0.1, 0.1)
    space = Space(4, [(FIRST, FIRST)], range(len(truth)))
    sent = []
    for moments in ((), (40, 60, 80, 100)):
        state, now, answer, probes = None, 1e6, Answer(len(truth)), 0
        for moment in (*moments, 1 << 60):
            path = SimulatedPath(lambda pairs: truth[pairs], loss=0.01, delay_s=0.0005)
            path.now = path.link_free = now
            engine = Engine(space, (1, 2), Rules(most_rate=20_000), tags=(64, 64), begin=0 if state is None else state[0].begin)
            if state is not None:
                engine.resume(*state, now)
            state, now = run_until(engine, path, answer, moment), path.now
            probes += len(path.asked)
        answer.expect(truth)
        sent.append(probes)
    assert sent[1] < sent[0] + 4 * 1_500


def test_questions_whose_answers_died_with_the_process_are_asked_again_in_the_same_round():
    space = Space(4, [(FIRST, FIRST)], range(3000))
    path = SimulatedPath(lambda pairs: np.full(len(pairs), OPEN), delay_s=0.2)
    engine = Engine(space, (1, 2), Rules(), tags=(64, 64))
    while (path.now - 1e6) < 0.1:
        step = engine.next(path.clock(), path.room())
        engine.sent(step, *path.send(step.pairs, step.tag)) if hasattr(step, "pairs") else path.receive(step.until - path.now)
    assert len(path.asked) > 1000
    other, again = SimulatedPath(lambda pairs: np.full(len(pairs), OPEN)), Engine(space, (1, 2), Rules(), tags=(64, 64))
    again.resume(engine.standing(path.now), engine.changes(every=True), path.now)
    other.now = path.now
    (block,) = drive(again, other, other.clock)
    assert {(pair, 0) for pair in range(3000)} <= other.asked
    assert (block.state == CODE[OPEN]).all()


def test_controls_whose_answers_died_with_the_process_are_not_lost():
    truth = np.where(np.arange(3000) % 3 == 0, OPEN, np.where(np.arange(3000) % 3 == 1, CLOSED, SILENT))
    space = Space(4, [(FIRST, FIRST)], range(3000))
    path = SimulatedPath(lambda pairs: truth[pairs], delay_s=0.05)
    engine = Engine(space, (1, 2), RULES, tags=(64, 64))
    controls = 0
    while controls < 200:
        step = engine.next(path.clock(), path.room())
        if hasattr(step, "pairs"):
            engine.sent(step, *path.send(step.pairs, step.tag))
            controls += len(step.pairs) * step.control
        answers = path.receive(0 if hasattr(step, "pairs") else min(0.01, step.until - path.now))
        if answers is not None:
            engine.take(answers)
    assert engine._controls.tally(Verdict.OPEN).lost
    assert all(asked == answered for asked, answered in engine.standing(path.now).controls)
