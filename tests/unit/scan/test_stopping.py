"""When a block ends, case by case."""

import pytest

from portulan.model.scan import Basis, Doubt
from portulan.scan.estimate import rounds_needed
from portulan.scan.stopping import Evidence, GoOn, Stop, decide

LOSSY = Evidence(
    silent=28_000, times=12, most_times=64, goal=1e-6, basis=Basis.OPEN, missed=1e-9, missed_closed=0.5, refusing=34_000, loss_closed=0.38, limited=False, left_s=5.0,
    round_s=10.0, spent_s=120.0, patience_s=10.0,
)  # fmt: skip
NEEDED = rounds_needed(LOSSY.refusing, LOSSY.loss_closed, LOSSY.goal)


def test_rounds_that_take_long_come_to_their_end_where_most_of_the_way_is_behind():
    assert (NEEDED - LOSSY.times) * 10.0 > LOSSY.spent_s > (NEEDED - 16) * 10.0
    assert decide(LOSSY._replace(times=16)) == GoOn()


def test_where_most_of_the_way_is_ahead_they_do_not_and_nobody_is_said_to_limit_anything():
    stop = decide(LOSSY)
    assert isinstance(stop, Stop)
    assert (stop.undecided, stop.doubt, stop.undecided_s) == (True, Doubt.SLOW, pytest.approx((NEEDED - 12) * 10.0))


def test_before_so_much_time_they_go_on_whatever_is_ahead():
    assert decide(LOSSY._replace(spent_s=99.0)) == GoOn()


def test_a_target_that_limits_its_refusals_ends_it_at_once_unless_little_is_left():
    stop = decide(LOSSY._replace(limited=True, left_s=3_600.0, spent_s=1.0))
    assert isinstance(stop, Stop)
    assert (stop.undecided, stop.doubt, stop.undecided_s) == (True, Doubt.LIMITED, 3_600.0)
    assert isinstance(decide(LOSSY._replace(limited=True, left_s=2.0, spent_s=1.0)), GoOn)


def test_nothing_silent_or_nothing_missed_is_the_end():
    assert decide(LOSSY._replace(silent=0)) == Stop(Basis.ANSWERED, 0.0)
    assert decide(LOSSY._replace(missed_closed=1e-9)) == Stop(Basis.OPEN, 1e-9)
