import pytest

from portulan.model.path import Answer
from portulan.model.scan import Reason
from portulan.probe.monitor import Monitor

MS = 1_000_000


def answer(key, by, ms=1.0, reason=Reason.TIME_EXCEEDED):
    return Answer(key, reason, by, rtt_ns=int(ms * MS))


def test_each_hop_is_counted_and_timed():
    monitor = Monitor()
    for at in range(4):
        monitor.sent(at * 2, 1, at)
        monitor.sent(at * 2 + 1, 2, at)
        monitor.take(answer(at * 2, "a", at + 1.0))
        if at != 2:
            monitor.take(answer(at * 2 + 1, "h", 5.0, Reason.SYN_ACK))
    assert monitor.waiting == 1
    assert monitor.expire(1.0) == []
    assert monitor.expire(2.0) == [5]
    first, second = monitor.hops(2, {"a": "router"}, {"h": "AS1"})
    assert (first.sent, first.answered, first.loss, first.withheld) == (4, 4, 0, 0)
    assert (first.seen[0].address, first.seen[0].name, first.seen[0].answers) == ("a", "router", 4)
    assert (first.times.least, first.times.most) == (1, 4)
    assert (second.sent, second.answered, second.loss) == (4, 3, 0.25)
    assert second.seen[0].system == "AS1"
    assert second.reasons == {"syn-ack": 3, "no-response": 1}
    assert second.history == (5.0, 5.0, 5.0, None)
    assert set(monitor.addresses()) == {"a", "h"}


def test_a_router_that_limits_its_answers_loses_nothing():
    monitor = Monitor()
    for at in range(10):
        for hop in (1, 2):
            monitor.sent(at * 2 + hop, hop, 0.0)
            if hop == 2 or at < 3:
                monitor.take(answer(at * 2 + hop, f"r{hop}"))
    monitor.expire(0.0)
    first, second = monitor.hops(2, {}, {})
    assert (first.loss, first.withheld) == (0, pytest.approx(0.7))
    assert (second.loss, second.withheld) == (0, 0)


def test_what_is_under_way_is_neither_sent_nor_lost():
    monitor = Monitor()
    monitor.sent(1, 1, 0.0)
    assert monitor.hops(1, {}, {})[0].sent == 0
    monitor.take(answer(1, "a"))
    monitor.take(answer(1, "b"))  # a second answer
    monitor.take(answer(None, "c"))
    assert [seen.address for seen in monitor.hops(1, {}, {})[0].seen] == ["a"]


def test_what_could_not_be_sent_is_no_answer():
    monitor = Monitor()
    monitor.sent(1, 1, 0.0)
    monitor.take(Answer(1, Reason.LINK_DOWN, None))
    hop = monitor.hops(1, {}, {})[0]
    assert (hop.sent, hop.answered, hop.reasons, hop.times) == (1, 0, {"link-down": 1}, None)


def test_two_ways_are_two_addresses_the_commoner_first():
    monitor = Monitor()
    for key, by in enumerate(("a", "b", "b")):
        monitor.sent(key, 1, 0.0)
        monitor.take(answer(key, by))
    assert [(seen.address, seen.answers) for seen in monitor.hops(1, {}, {})[0].seen] == [("b", 2), ("a", 1)]
