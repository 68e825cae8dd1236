import pytest

from portulan.probe.statistics import jitter, path_losses, percentile, times_of, upper_bound

MS = 1_000_000


def test_the_numbers_of_some_round_trips():
    times = times_of([10 * MS, 20 * MS, 30 * MS, 40 * MS], 5_000)
    assert (times.least, times.average, times.median, times.p95, times.most, times.last) == (10, 25, 25, 38.5, 40, 40)
    assert times.deviation == pytest.approx(11.180340)
    assert times.uncertain == 0.005


def test_of_nothing_there_are_no_numbers():
    assert times_of([]) is None


def test_one_round_trip_has_no_jitter():
    times = times_of([7 * MS])
    assert (times.least, times.most, times.median, times.jitter, times.deviation) == (7, 7, 7, None, 0)


def test_jitter_is_smoothed_as_rfc_3550_says():
    # J(1) = 0 + (16 - 0) / 16 = 1; J(2) = 1 + (32 - 1) / 16 = 2.9375
    assert jitter([100, 116]) == 1.0
    assert jitter([100, 116, 84]) == 2.9375


def test_a_percentile_between_two_values():
    assert percentile([1.0, 2.0], 0.25) == 1.25
    assert percentile([5.0], 0.95) == 5.0


def test_what_later_hops_answer_was_not_lost_before_them():
    assert path_losses([10, 10, 10, 10], [10, 2, 9, 10]) == [0, 0, 0, 0]
    assert path_losses([10, 10, 10], [9, 5, 8]) == pytest.approx([0.1, 0.2, 0.2])
    assert path_losses([10, 10], [10, 0]) == [0, 1]
    assert path_losses([0], [0]) == [1]


def test_the_bound_of_a_loss_that_was_not_seen_is_not_zero():
    assert upper_bound(0, 0) == 1
    assert 0.4 < upper_bound(0, 10) < 0.5
    assert upper_bound(0, 1000) < 0.01
    assert upper_bound(10, 10) == 1
