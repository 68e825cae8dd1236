"""Laws of the doorkeeper: ticks, order, repetition, hostile columns; and that more failures never make a source less of a scanner."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_samples import FIN, SECOND, connection, datagram, flows_of, half_open, refused, silent, ticks
from portulan.model.scanner import Verdict
from portulan.traffic.flows import Flows, Way
from portulan.traffic.scanners import Doorkeeper, Settings

HOSTS = [f"198.18.{net}.{host}" for net in (0, 1) for host in (2, 3, 4)]
SOURCES = [f"203.0.113.{number}" for number in range(1, 7)]
MAKES = (
    connection,
    half_open,
    refused,
    silent,
    lambda *args: silent(*args, tries=3),
    lambda *args: refused(*args, flags=FIN),
    datagram,
    lambda *args: datagram(*args, answer_s=0.4),
    lambda *args: datagram(*args, icmp=1),
    lambda *args: [packet for packet in connection(*args) if packet.source == args[1]],
)

FEWER = settings(max_examples=max(25, settings.default.max_examples // 4))
"""Each example is a small capture."""

events = st.lists(
    st.tuples(
        st.sampled_from(MAKES), st.floats(0, 40), st.sampled_from(SOURCES), st.sampled_from(HOSTS), st.sampled_from([22, 53, 80, 443, 8080, 9000, 9001])
    ),
    max_size=40,
)  # fmt: skip


def traffic(parts):
    """Packets, each conversation with a source port of its own, and no two packets at the same time."""
    packets = [
        packet for number, (make, at_s, source, host, port) in enumerate(parts) for packet in make(round(at_s, 1) + number * 0.0007, source, host, port, 20000 + number)
    ]  # fmt: skip
    return sorted(packets, key=lambda packet: packet.at_ns)


def in_one_go(packets, end_ns):
    keeper = Doorkeeper()
    found = keeper.see(flows_of(packets), end_ns)
    return found, keeper.end(end_ns)


@FEWER
@given(events, st.integers(1, 9))
def test_a_large_table_in_parts_is_in_one_go(parts, most):
    packets = traffic(parts)
    end_ns = max((packet.at_ns for packet in packets), default=0) + 3 * SECOND
    expected, answer = in_one_go(packets, end_ns)
    keeper = Doorkeeper(settings=Settings(most_at_once=most))
    assert [row.sources for row in keeper.see(flows_of(packets), end_ns)] == [row.sources for row in expected]
    assert verdicts(keeper.end(end_ns)) == verdicts(answer)


def verdicts(answer):
    return (
        [(row.sources, row.verdict, row.kind, row.sure_after, row.first_contacts, row.ports, row.learnt, row.hosts, row.odds) for row in answer.rows],
        answer.judged, answer.benign, answer.undecided, answer.cannot_judge, answer.began_at, answer.ended_at,
    )  # fmt: skip


@FEWER
@given(events, st.floats(0.05, 20), st.integers(0, 12))
def test_tick_by_tick_is_in_one_go(parts, tick_s, after_s):
    packets = traffic(parts)
    end_ns = max((packet.at_ns for packet in packets), default=0) + after_s * SECOND
    expected, answer = in_one_go(packets, end_ns)
    keeper, found = Doorkeeper(), []
    for part, now_ns in ticks(packets, tick_s):
        found += keeper.see(flows_of(part), min(now_ns, end_ns))
    found += keeper.see(flows_of([]), end_ns)
    assert [(row.sources, row.sure_after) for row in found] == [(row.sources, row.sure_after) for row in expected]
    assert verdicts(keeper.end(end_ns)) == verdicts(answer)


@FEWER
@given(events, st.floats(0.5, 20))
def test_a_table_that_grows_is_in_one_go(parts, tick_s):
    packets = traffic(parts)
    end_ns = max((packet.at_ns for packet in packets), default=0) + 5 * SECOND
    _, answer = in_one_go(packets, end_ns)
    keeper, so_far = Doorkeeper(), []
    for part, now_ns in ticks(packets, tick_s):
        so_far += part
        keeper.see(flows_of(so_far), min(now_ns, end_ns))
    keeper.see(flows_of(so_far), end_ns)
    assert verdicts(keeper.end(end_ns)) == verdicts(answer)


@FEWER
@given(events, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(parts, dice):
    packets = traffic(parts)
    end_ns = max((packet.at_ns for packet in packets), default=0) + 5 * SECOND
    flows = flows_of(packets)
    order = np.array(dice.sample(range(len(flows.source)), len(flows.source)), np.int64)
    keeper = Doorkeeper()
    keeper.see(taken(flows, order), end_ns)
    assert verdicts(keeper.end(end_ns)) == verdicts(in_one_go(packets, end_ns)[1])


def taken(flows, order):
    return Flows(*(Way(*(column[order] for column in each)) if isinstance(each, Way) else each[order] for each in flows))


@FEWER
@given(events, st.sampled_from(SOURCES))
def test_more_refusals_never_clear_a_scanner(parts, source):
    packets = traffic(parts)
    end_ns = max((packet.at_ns for packet in packets), default=0) + 60 * SECOND
    _, answer = in_one_go(packets, end_ns)
    more = [packet for port in range(1, 4) for packet in refused(50 + port, source, HOSTS[0], port, 30000)]
    _, worse = in_one_go(sorted(packets + more, key=lambda packet: packet.at_ns), max(end_ns, more[-1].at_ns))
    before = {row.sources: row for row in answer.rows if row.verdict is Verdict.SCANNER and row.sources == (source,)}
    after = {row.sources: row for row in worse.rows if row.sources == (source,)}
    assert before.keys() <= after.keys()
    assert all(after[key].odds >= row.odds and after[key].sure_after == row.sure_after for key, row in before.items())


LIMITS = {"i": (-(1 << 63), (1 << 63) - 1), "u": (0, None)}


@FEWER
@given(st.integers(0, 60), st.integers(0, 2**32), st.sampled_from([False, True]))
def test_columns_of_anything(count, seed, ordinary):
    dice = np.random.default_rng(seed)

    def column(dtype):
        info = np.iinfo(dtype)
        few = dice.integers(0, 4, count).astype(dtype)
        return few if ordinary else dice.integers(info.min, info.max, count, dtype, endpoint=True)

    def way():
        return Way(*(column(np.uint8 if name in ("flags", "opened", "protocol") else np.int64) for name in Way._fields))

    def addresses():
        octets = dice.integers(0, 3, (count, 16)).astype(np.uint8)
        octets[::2, :12] = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)
        return octets.view("V16").reshape(-1)

    transport = np.array([6, 17, 132, 33, 1], np.uint8)[dice.integers(0, 5, count)]
    flows = Flows(
        addresses(), addresses(), transport, column(np.uint16), column(np.uint16), column(np.int64), way(), way(), column(np.uint8)
    )
    keeper = Doorkeeper()
    for now_ns in sorted(int(each) for each in dice.integers(-(1 << 63), (1 << 63) - 1, 3)):
        keeper.see(flows, now_ns)
        keeper.now()
    answer = keeper.end((1 << 63) - 1)
    assert all(row.since <= row.until for row in answer.rows)
    assert answer.judged >= 0


def test_the_sample_has_scanners():
    dice = random.Random(1)
    parts = [
        (dice.choice(MAKES[2:4]), dice.random() * 30, SOURCES[at % 2], dice.choice(HOSTS), dice.choice([22, 53, 80, 443]))
        for at in range(60)
    ]
    packets = traffic(parts)
    assert in_one_go(packets, packets[-1].at_ns + 5 * SECOND)[1].rows
