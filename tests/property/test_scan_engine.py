"""The engine of a scan on simulated paths: nothing missed, nothing invented, every state right, no pair asked twice from one source port."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portulan.model.scan import STATES, Basis, Doubt, State
from portulan.scan.drive import drive
from portulan.scan.engine import Engine
from portulan.scan.space import Space
from portulan.scan.stopping import Rules
from simulated_path import CLOSED, OPEN, SILENT, SimulatedPath

TRUE = {OPEN: State.OPEN, CLOSED: State.CLOSED, SILENT: State.FILTERED}


def scan(truth, *, hosts=1, ports=None, rules=None, key=(3, 4), **path):
    ports = len(truth) // hosts if ports is None else ports
    space = Space(4, [(0xC6120000, 0xC6120000 + hosts - 1)], range(ports))
    prober = SimulatedPath(lambda pairs: truth[pairs], **path)
    engine = Engine(space, key, rules or Rules(), tags=(prober.rounds, prober.controls))
    blocks = list(drive(engine, prober, prober.clock))
    state = np.full(len(truth), 255)
    for block in blocks:
        assert (state[block.pair] == 255).all(), "a pair was decided twice"
        state[block.pair] = block.state
    return [STATES[each] for each in state], engine, prober


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3000), st.floats(0, 1), st.floats(0, 1), st.sampled_from((0, 0.01, 0.05, 0.2)), st.sampled_from((0.0002, 0.01, 0.1)),
    st.sampled_from((1, 3)), st.integers(0, 2**32),
)  # fmt: skip
def test_every_state_is_right(ports, opens, silents, loss, delay, hosts, seed):
    dice = np.random.default_rng(seed)
    truth = dice.choice((OPEN, SILENT, CLOSED), ports * hosts, p=(opens / 2, silents / 2, 1 - (opens + silents) / 2))
    states, engine, _ = scan(truth, hosts=hosts, loss=loss, delay_s=delay, seed=seed)
    certainty = engine.certainty()
    assert states == [TRUE[each] for each in truth]
    if (truth != SILENT).all():
        assert certainty.basis is Basis.ANSWERED
        assert certainty.missed == 0
    if (truth == SILENT).all():
        assert certainty.basis is Basis.ASSUMED
        assert not certainty.exact
    else:
        assert certainty.missed < certainty.goal or not certainty.exact


@pytest.mark.parametrize("loss", [0, 0.1])
def test_limited_refusals_leave_open_ports_complete_and_the_rest_counted(loss):
    dice = np.random.default_rng(5)
    truth = np.where(dice.random(40_000) < 0.02, OPEN, CLOSED)
    states, engine, _ = scan(truth, loss=loss, refusals_a_second=1_000, rules=Rules(patience_s=3))
    certainty = engine.certainty()
    assert [state is State.OPEN for state in states] == (truth == OPEN).tolist()
    assert Doubt.LIMITED in certainty.doubts
    assert not certainty.exact
    assert certainty.undecided == sum(state is State.CLOSED_FILTERED for state in states) > 5_000
    assert certainty.undecided_s == pytest.approx(certainty.undecided / 1_000, rel=0.5)
    assert engine.pace.slowed == 0


@pytest.mark.parametrize("opens", [0.02, 0.0002])
def test_with_patience_a_target_that_limits_refusals_is_asked_at_its_pace(opens):
    dice = np.random.default_rng(6)
    truth = np.where(dice.random(20_000) < opens, OPEN, CLOSED)
    states, _, prober = scan(truth, refusals_a_second=1_000, rules=Rules(patience_s=60))
    assert states == [TRUE[each] for each in truth]
    assert prober.now - 1_000_000 < 60


def test_a_link_that_carries_less_slows_the_rate_down_and_nothing_is_missed():
    dice = np.random.default_rng(7)
    truth = dice.choice((OPEN, SILENT, CLOSED), 60_000, p=(0.02, 0.4, 0.58))
    states, engine, _ = scan(truth, capacity=30_000, rules=Rules(patience_s=60), key=(5, 6))
    assert states == [TRUE[each] for each in truth]
    assert engine.pace.slowed
    assert Doubt.CONGESTED in engine.certainty().doubts
    assert engine.counts.sent < 20 * len(truth)


def test_late_answers_count_once():
    dice = np.random.default_rng(8)
    truth = dice.choice((OPEN, SILENT, CLOSED), 20_000, p=(0.02, 0.4, 0.58))
    states, engine, _ = scan(truth, delay_s=0.002, laggards=0.005, rules=Rules(most_rate=5_000))
    assert states == [TRUE[each] for each in truth]
    assert engine.counts.late


def test_a_host_that_loses_more_than_the_others_is_asked_more_often():
    dice = np.random.default_rng(9)
    truth = np.where(dice.random(20 * 1000) < 0.3, OPEN, SILENT)
    bad = np.arange(20_000) // 1000 == 7

    class OneBadHost(SimulatedPath):
        def send(self, pairs, tag):
            kept = ~bad[pairs] | (self.dice.random(len(pairs)) > 0.5)
            began = self.now
            super().send(pairs[kept], tag)
            return len(pairs), began, self.now

    space = Space(4, [(0xC6120000, 0xC6120000 + 19)], range(1000))
    prober = OneBadHost(lambda pairs: truth[pairs])
    prober.remember = False
    engine = Engine(space, (1, 2), Rules(), tags=(64, 64))
    (block,) = drive(engine, prober, prober.clock)
    state = np.empty(20_000, np.uint8)
    state[block.pair] = block.state
    assert (state == STATES.index(State.OPEN)).tolist() == (truth == OPEN).tolist()
    assert engine.certainty().missed < 1e-6


def test_a_limit_that_one_block_met_does_not_slow_the_next_one(monkeypatch):
    monkeypatch.setattr("portulan.scan.engine.MOST_ROWS", 10_000)
    dice = np.random.default_rng(10)
    truth = np.where(dice.random(20_000) < 0.02, OPEN, CLOSED)
    space = Space(4, [(0xC6120000, 0xC6120000)], range(len(truth)))
    prober = SimulatedPath(lambda pairs: truth[pairs], refusals_a_second=1_000)
    engine = Engine(space, (3, 4), Rules(patience_s=60), tags=(64, 64))
    ends, states = [], np.full(len(truth), 255)
    for block in drive(engine, prober, prober.clock):
        ends.append(prober.now)
        states[block.pair] = block.state
        prober.refusals = None
    first_s, second_s = ends[0] - 1_000_000, ends[1] - ends[0]
    assert first_s > 8
    assert second_s < 1
    assert [STATES[each] for each in states] == [TRUE[each] for each in truth]
