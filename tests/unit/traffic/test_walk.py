"""The walk: its thresholds, its steps, and the false-alarm rates that its text states."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.traffic.walk import Odds, false_alarms, odds_of, steps_of, walk_of

ODDS = Odds()
STEPS = steps_of(ODDS)


def test_four_failures_are_enough_and_four_answers():
    assert walk_of(STEPS, [True] * 3) < STEPS.upper <= walk_of(STEPS, [True] * 4)
    assert walk_of(STEPS, [False] * 4) == STEPS.lower
    assert walk_of(STEPS, [False] * 3) > STEPS.lower
    assert odds_of(STEPS.upper) == pytest.approx(99)


def test_who_was_benign_and_turns_is_found_after_seven():
    answered = [False] * 1000
    assert walk_of(STEPS, answered + [True] * 6) < STEPS.upper <= walk_of(STEPS, answered + [True] * 7)


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 40))
def test_a_failure_more_never_makes_it_less_likely(failures, at):
    worse = failures[:]
    if at < len(worse):
        worse[at] = True
    assert walk_of(STEPS, worse) >= walk_of(STEPS, failures)
    assert walk_of(STEPS, [*failures, True]) > walk_of(STEPS, failures)


def test_the_rates_that_are_stated():
    assert false_alarms(ODDS, 0.95, settled=False) == pytest.approx(8e-6, rel=0.05)
    assert false_alarms(ODDS, 0.8, settled=False) == pytest.approx(4e-3, rel=0.05)
    assert false_alarms(ODDS, 0.8, settled=True) == pytest.approx(1 / 36_000, rel=0.05)
    assert false_alarms(ODDS, 0.95, settled=True) == pytest.approx(1e-9, rel=0.2)
    assert false_alarms(ODDS, 1.0, settled=True) == false_alarms(ODDS, 1.0, settled=False) == 0


@pytest.mark.parametrize("answered", [0.5, 0.6])
def test_the_rates_are_those_of_walks_drawn_by_lot(answered):
    dice = random.Random(7)
    alarms = contacts = 0
    walk = STEPS.lower
    while contacts < 60_000:
        contacts += 1
        failed = dice.random() >= answered
        walk = STEPS.onward(walk, STEPS.of(failed=failed, peer=False, silent_datagram=False))
        if walk >= STEPS.upper:
            alarms, walk = alarms + 1, STEPS.lower
    assert alarms / contacts == pytest.approx(false_alarms(ODDS, answered, settled=True), rel=0.25)


def test_weaker_evidence_is_weaker():
    assert 0 < STEPS.peer_failed < STEPS.silent < STEPS.failed
    assert STEPS.answered < STEPS.peer_answered < 0
    assert STEPS.of(failed=True, peer=True, silent_datagram=True) == STEPS.peer_failed
    assert STEPS.of(failed=True, peer=False, silent_datagram=True) == STEPS.silent
