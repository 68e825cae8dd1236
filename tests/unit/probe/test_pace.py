from portulan.probe.pace import Pace


def test_targets_are_spread_over_the_interval():
    pace = Pace(4, 1.0, 2, 10.0)
    assert list(pace.due(9.9)) == []
    assert list(pace.due(10.0)) == [0]
    assert pace.wake_s() == 10.25
    assert list(pace.due(10.6)) == [1, 2]
    assert list(pace.due(11.5)) == [3, 4, 5, 6]
    assert not pace.done
    assert list(pace.due(11.9)) == [7]
    assert pace.done
    assert list(pace.due(20.0)) == []


def test_a_pause_is_not_made_good_by_haste():
    pace = Pace(2, 1.0, None, 0.0)
    assert list(pace.due(0.0)) == [0]
    assert list(pace.due(100.0)) == [1]
    assert pace.wake_s() == 100.5
    assert not pace.done
