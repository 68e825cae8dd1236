"""Waves of discovery, against hosts of a made-up network and a clock of their own."""

import numpy as np
import pytest

from portulan.model.scan import REASONS, Answers, Reason, Verdict
from portulan.scan.discover import Asker, Found, discover

KEY = (3, 5)


class Network:
    """Time that passes only when somebody waits or sends, and hosts that answer a fixed time later."""

    def __init__(self):
        self.now = 1000.0
        self.asked = []

    def clock(self):
        return self.now


class Played:
    """A prober: `answers` maps (host, place of port) to (verdict, reason, by), or nothing."""

    def __init__(self, network, answers, *, ports=1, trip_s=0.05, room=10**6, forgotten_after=None):
        self.network, self.answers, self.ports, self.trip_s, self.limit = network, answers, ports, trip_s, room
        self.waiting, self.flying = [], []

    def room(self):
        return self.limit - len(self.flying)

    def send(self, pair, tag):
        assert 0 < len(pair) <= self.room()
        begun = self.network.now
        for one in pair.tolist():
            self.network.now += 1e-5
            host, place = divmod(one, self.ports)
            self.network.asked.append((self.network.now, host, place, tag))
            self.flying.append((self.network.now, one))
            if (answer := self.answers.get((host, place))) is not None:
                self.waiting.append((self.network.now + self.trip_s, one, tag, *answer))
        return len(pair), begun, self.network.now

    def receive(self, wait_s):
        ready = [each for each in self.waiting if each[0] <= self.network.now]
        if not ready:
            self.network.now += wait_s
            return None
        self.waiting = [each for each in self.waiting if each[0] > self.network.now]
        done = {each[1] for each in ready}
        self.flying = [each for each in self.flying if each[1] not in done]
        at, pair, tag, verdict, reason, by = zip(*ready, strict=True)
        zeros = np.zeros(len(ready), np.uint8)
        return Answers(
            np.array(pair), np.array(tag, np.uint8), np.array(verdict, np.uint8), np.array([REASONS.index(each) for each in reason], np.uint8), zeros,
            np.array(at), np.array(by, np.uint16),
        )  # fmt: skip

    def forget(self, sent_before):
        self.flying = [each for each in self.flying if each[0] >= sent_before]


UP = (Verdict.OPEN, Reason.ECHO_REPLY, 0)


def test_each_host_is_asked_until_it_answers():
    network, found = Network(), Found(1000)
    first = Played(network, {(host, 0): UP for host in range(0, 1000, 2)})
    second = Played(network, {(7, 1): (Verdict.CLOSED, Reason.RESET, 0)}, ports=2)
    discover(found, np.arange(1000), [Asker(first, 1, ((0,), (0,))), Asker(second, 2, ((), (1,), (0, 1)))], network.clock, KEY)
    assert np.flatnonzero(found.up).tolist() == sorted({7, *range(0, 1000, 2)})
    assert found.probes == len(network.asked) == 1000 + 500 + 500 + 499 * 2
    assert REASONS[found.reason[7]] is Reason.RESET
    assert REASONS[found.reason[9]] is Reason.NONE
    assert found.rtt_s[found.up] == pytest.approx(0.05, abs=0.005)
    assert np.isnan(found.rtt_s[~found.up]).all()


@pytest.mark.parametrize(
    ("answer", "up", "again"),
    [
        ((Verdict.CLOSED, Reason.RESET, 0), True, False),
        ((Verdict.UNREACHABLE, Reason.PORT_UNREACHABLE, 0), True, False),
        ((Verdict.UNREACHABLE, Reason.HOST_PROHIBITED, 0), True, False),
        ((Verdict.UNREACHABLE, Reason.PORT_UNREACHABLE, 1), False, True),
        ((Verdict.UNREACHABLE, Reason.HOST_UNREACHABLE, 1), False, True),
        ((Verdict.UNREACHABLE, Reason.HOST_DOWN, 0), False, False),
        ((Verdict.UNREACHABLE, Reason.NO_ROUTE, 0), False, False),
    ],
)
def test_what_an_answer_means(answer, up, again):
    network, found = Network(), Found(1)
    discover(found, np.arange(1), [Asker(Played(network, {(0, 0): answer}), 1, ((0,), (0,)))], network.clock, KEY)
    assert (bool(found.up[0]), len(network.asked) == 2) == (up, again)
    assert REASONS[found.reason[0]] is answer[1]


def test_the_rate_is_kept():
    network, found = Network(), Found(5000)
    discover(found, np.arange(5000), [Asker(Played(network, {}), 1, ((0,),))], network.clock, KEY, rate=1000, wait_s=0.5)
    assert network.asked[-1][0] - network.asked[0][0] == pytest.approx(5, rel=0.1)
    assert network.now - network.asked[-1][0] == pytest.approx(0.5, abs=0.3)


def test_little_room_is_waited_for():
    network, found = Network(), Found(300)
    prober = Played(network, {(host, 0): UP for host in range(0, 300, 3)}, room=16)
    discover(found, np.arange(300), [Asker(prober, 1, ((0,),))], network.clock, KEY, wait_s=0.2)
    assert len(network.asked) == 300
    assert found.up.sum() == 100


def test_nobody_is_asked_in_the_order_of_addresses_nor_if_nobody_is_to_be_asked():
    network, found = Network(), Found(100)
    discover(found, np.arange(50, 100), [Asker(Played(network, {}), 1, ((0,),))], network.clock, KEY)
    hosts = [host for _, host, _, _ in network.asked]
    assert sorted(hosts) == list(range(50, 100))
    assert hosts != sorted(hosts)
    discover(found, np.arange(0), [Asker(Played(network, {}), 1, ((0,),))], network.clock, KEY)
    discover(found, np.arange(3), [], network.clock, KEY)
    assert len(network.asked) == 50
