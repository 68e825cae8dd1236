"""Decided pairs become hosts and rows, the same in whatever batches they come."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portulan.model.port import Transport
from portulan.model.portset import parse_portset
from portulan.model.scan import REASONS, STATES, Decided, Reason, State
from portulan.scan import gather as module
from portulan.scan.gather import MANY, Gather
from portulan.scan.space import Space

FIRST = 198 << 24 | 18 << 16


def space(hosts, ports, version=4):
    first = FIRST if version == 4 else 0xFD00 << 112
    return Space(version, [(first, first + hosts - 1)], ports)


def decided(pairs, states, reasons, by=0):
    size = len(pairs)
    code = np.array([STATES.index(state) for state in states], np.uint8)
    why = np.array([REASONS.index(reason) for reason in reasons], np.uint8)
    return Decided(
        np.array(pairs, np.int64), code, why, np.full(size, 64, np.uint8), np.full(size, 0.00025, np.float32), np.full(size, by, np.uint16)
    )


def service(port, transport):
    return f"{transport}-{port}" if port % 2 else None


def test_one_host():
    some = Gather(space(1, range(100, 200)), Transport.TCP, service=service, responders=["", "198.18.9.9"])
    some.add(decided([1, 5], [State.OPEN] * 2, [Reason.SYN_ACK] * 2))
    some.add(decided([2], [State.FILTERED], [Reason.ADMIN_PROHIBITED], by=1))
    rest = [pair for pair in range(100) if pair not in (1, 2, 5)]
    some.add(decided(rest, [State.CLOSED] * 97, [Reason.RESET] * 97))
    rows, (host,) = some.finish()
    assert [(row.port, row.state, row.reason, row.service, row.rtt_ms, row.ttl, row.by) for row in rows] == [
        (101, "open", "syn-ack", "tcp-101", 0.25, 64, None),
        (102, "filtered", "admin-prohibited", None, 0.25, 64, "198.18.9.9"),
        (105, "open", "syn-ack", "tcp-105", 0.25, 64, None),
    ]
    assert host.address == "198.18.0.0"
    assert host.states == {"open": 2, "closed": 97, "filtered": 1}
    assert host.up is True
    (others,) = host.others
    assert (others.amount, others.ports, others.state) == (97, "100,103-104,106-199", "closed")


@pytest.mark.parametrize(
    ("reason", "up"), [(Reason.NONE, None), (Reason.HOST_DOWN, False), (Reason.NO_ROUTE, False), (Reason.HOST_UNREACHABLE, True)]
)
def test_whether_a_host_is_up(reason, up):
    some = Gather(space(1, range(3)), Transport.TCP, service=service)
    some.add(decided(range(3), [State.FILTERED] * 3, [reason] * 3))
    assert some.finish()[1][0].up is up


CELLS = st.sampled_from([
    (State.OPEN, Reason.SYN_ACK), (State.CLOSED, Reason.RESET), (State.FILTERED, Reason.NONE), (State.FILTERED, Reason.PORT_UNREACHABLE), (State.UNFILTERED, Reason.SYN_PROXY),
])  # fmt: skip


@pytest.mark.parametrize("small", [True, False])
@given(data=st.data())
def test_batches_do_not_matter(small, data):
    hosts, ports = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 40))
    every, streaming = data.draw(st.booleans()), data.draw(st.booleans())
    few = data.draw(CELLS)
    cells = [few if data.draw(st.integers(0, 9)) else data.draw(CELLS) for _ in range(hosts * ports)]
    order = data.draw(st.permutations(range(hosts * ports)))[: data.draw(st.integers(0, hosts * ports))]
    with pytest.MonkeyPatch.context() as patch:
        if not small:
            patch.setattr(module, "MOST_DETAILS", 0)
            patch.setattr(module, "_AT_ONCE", 7)
        streamed = []
        some = Gather(
            space(hosts, range(ports), data.draw(st.sampled_from((4, 6)))),
            Transport.TCP,
            service=service,
            every=every,
            on_rows=streamed.extend if streaming else None,
        )
        step = data.draw(st.integers(1, 50))
        for at in range(0, len(order), step):
            batch = order[at : at + step]
            some.add(decided(batch, [cells[pair][0] for pair in batch], [cells[pair][1] for pair in batch]))
        rows, seen = some.finish()
    assert not (streaming and rows)
    rows += streamed
    counts = Counter((pair // ports, cells[pair]) for pair in order)
    own = {pair for pair in order if every or cells[pair][0] is State.OPEN or counts[pair // ports, cells[pair]] <= MANY}
    names = {some.space.address(host): host for host in range(hosts)}
    assert sorted(names[row.address] * ports + row.port for row in rows) == sorted(own)
    assert all((row.state, row.reason) == cells[names[row.address] * ports + row.port] for row in rows)
    assert [names[host.address] for host in seen] == sorted({pair // ports for pair in order})
    for host in seen:
        mine = [pair for pair in order if pair // ports == names[host.address]]
        assert host.states == dict(Counter(cells[pair][0].value for pair in mine))
        told = {port for each in host.others for port in parse_portset(each.ports)}
        assert told == {pair % ports for pair in mine if pair not in own}
        assert sum(each.amount for each in host.others) == len(told)


def test_too_many_hosts_are_counted_and_their_open_ports_kept(monkeypatch):
    monkeypatch.setattr(module, "MOST_HOSTS", 3)
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    some = Gather(space(5, [80]), Transport.TCP, service=service)
    some.add(decided(range(5), [State.OPEN] * 3 + [State.CLOSED] * 2, [Reason.SYN_ACK] * 3 + [Reason.RESET] * 2))
    rows, hosts = some.finish()
    assert [row.address for row in rows] == ["198.18.0.0", "198.18.0.1"]
    assert hosts == []
    assert some.states.tolist()[:2] == [3, 2]
    assert some.unkept == 1


def test_many_pairs_of_few_hosts_are_counted_by_host(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 100)
    some = Gather(space(2, range(60)), Transport.TCP, service=service)
    some.add(decided(range(120), [State.CLOSED] * 119 + [State.OPEN], [Reason.RESET] * 119 + [Reason.SYN_ACK]))
    rows, hosts = some.finish()
    assert [(row.address, row.port) for row in rows] == [("198.18.0.1", 59)]
    assert [host.states for host in hosts] == [{"closed": 60}, {"closed": 59, "open": 1}]
    assert [(each.amount, each.ports) for host in hosts for each in host.others] == [(60, ""), (59, "")]
