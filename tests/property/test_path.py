"""Numbers against their simple definitions; verdicts on simulated paths; any bytes are a value or a ParseError."""

import contextlib
import itertools
import statistics

from hypothesis import given
from hypothesis import strategies as st

from portulan.errors import ParseError
from portulan.model.path import Answer, Compared, Finding, Kind
from portulan.model.scan import Reason, State
from portulan.probe.mtu import MtuSearch
from portulan.probe.pace import Pace
from portulan.probe.rounds import Rounds
from portulan.probe.statistics import jitter, path_losses, times_of, upper_bound
from portulan.probe.verdict import Heard, judge, needs_comparison
from portulan.wire.certificate import parse_not_after
from portulan.wire.icmp import build_echo, parse_echo, without_ip_header
from portulan.wire.icmp_errors import parse_queued_error
from portulan.wire.stamps import parse_stamp
from portulan.wire.tcp_info import parse_tcp_info
from portulan.wire.tcp_segment import build_syn, parse_quoted, parse_segment

TRIPS = st.lists(st.integers(0, 10**10), min_size=1, max_size=200)
HOST = "host"


@given(TRIPS)
def test_times_are_what_their_names_say(trips):
    times = times_of(trips)
    in_ms = [trip / 1e6 for trip in trips]
    for mine, simple in (
        (times.least, min(in_ms)), (times.most, max(in_ms)), (times.average, statistics.fmean(in_ms)), (times.last, in_ms[-1]),
        (times.deviation, statistics.pstdev(in_ms)), (times.median, statistics.median(in_ms)),
        (times.p95, statistics.quantiles(in_ms, n=100, method="inclusive")[94] if len(in_ms) > 1 else in_ms[0]),
    ):  # fmt: skip
        assert abs(mine - simple) <= 1e-6 + 1e-9 * abs(simple)
    assert times.least <= times.median <= times.p95 <= times.most


@given(TRIPS)
def test_jitter_is_smoothed_and_never_above_the_greatest_step(trips):
    steps = [abs(after - before) for before, after in itertools.pairwise(trips)]
    smoothed = jitter(trips)
    if not steps:
        assert smoothed is None
        return
    weights = [(15 / 16) ** (len(steps) - 1 - at) / 16 for at in range(len(steps))]
    assert abs(smoothed - sum(step * weight for step, weight in zip(steps, weights, strict=True))) <= 1e-6 * max(1, *steps)
    assert smoothed <= max(steps)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (max(pair), min(pair))), min_size=1, max_size=30))
def test_the_loss_of_a_path_never_falls_on_the_way(counts):
    sent, answered = zip(*counts, strict=True)
    losses = path_losses(sent, answered)
    assert all(earlier <= later for earlier, later in itertools.pairwise(losses))
    assert all(loss <= (1 - one / of if of else 1.0) for loss, of, one in zip(losses, sent, answered, strict=True))
    assert losses[-1] == (1 - answered[-1] / sent[-1] if sent[-1] else 1.0)


@given(st.integers(1, 500), st.integers(0, 500))
def test_a_bound_is_above_what_was_seen(asked, lost):
    lost = min(lost, asked)
    assert lost / asked - 1e-12 <= upper_bound(lost, asked) <= 1


class Simulated:
    """A path of routers: some never say "too far", one drops, refuses or rejects behind it, losses strike by a schedule."""

    def __init__(self, distance, silent=(), box=None, act=None, lost=frozenset(), port_open=True):
        self.distance, self.silent, self.box, self.act, self.lost, self.port_open = distance, silent, box, act, lost, port_open

    def answer(self, key, hop, *, filtered=True):
        """What a probe draws."""
        if key in self.lost:
            return None
        if hop <= (self.box if self.box is not None and filtered else self.distance - 1) and hop < self.distance:
            return None if hop in self.silent else Answer(key, Reason.TIME_EXCEEDED, f"r{hop}", icmp=(11, 0))
        if self.box is not None and filtered:
            by = f"r{self.box}" if self.act is not Reason.RESET else HOST
            return None if self.act is None else Answer(key, self.act, by, icmp=(3, 13))
        return Answer(key, Reason.SYN_ACK if self.port_open else Reason.RESET, HOST)

    def heard(self, *, first=1, filtered=True):
        """Asked by the engine itself, with a clock of our own: each answer comes at once."""
        rounds, now_s = Rounds(first=first, wait_s=0.5), 1.0
        while not rounds.done(now_s):
            for key, hop in list(rounds.due(now_s)):
                answer = self.answer(key, hop, filtered=filtered)
                if answer is not None:
                    rounds.take(answer, now_s)
            now_s += 0.05
            assert now_s < 100, "it never ends"
        hops = sorted(rounds.of_hop)
        return Heard(Kind.TCP, HOST, {hop: rounds.answers_of(hop) for hop in hops}, {hop: rounds.tries(hop) for hop in hops})

    def verdict(self):
        heard = self.heard()
        compared = ()
        if needs_comparison(heard):
            final = heard.final()
            other = self.heard(first=final[0] if final else max(heard.expired(), default=0) + 1, filtered=False).final()
            compared = (Compared(22, Kind.TCP, State.OPEN, Reason.SYN_ACK, other[0]),)
        return judge(heard, compared)


DISTANCES = st.integers(2, 29)


@given(DISTANCES, st.data())
def test_the_right_verdict_on_any_path_without_losses(distance, data):
    # Of two silent routers in a row right behind the first volley it would not be known that the path goes on.
    silent = data.draw(st.sets(st.integers(1, distance - 1), max_size=2))
    port_open = data.draw(st.booleans())
    verdict = Simulated(distance, silent, port_open=port_open).verdict()
    if port_open:
        assert (verdict.finding, verdict.hop) == (Finding.OPEN, distance)
    else:
        assert (verdict.finding, verdict.state, verdict.hop) == (Finding.CLOSED, State.CLOSED, distance)


@given(DISTANCES, st.data(), st.sampled_from([None, Reason.RESET, Reason.ADMIN_PROHIBITED, Reason.HOST_UNREACHABLE]))
def test_the_right_box_on_any_path_without_losses(distance, data, act):
    box = data.draw(st.integers(1, distance - 1))
    verdict = Simulated(distance, box=box, act=act).verdict()
    if act is None:
        assert (verdict.finding, verdict.hop, verdict.by) == (Finding.PORT_FILTERED, box, f"r{box}")
    elif act is Reason.RESET and box == distance - 1:
        assert (verdict.finding, verdict.hop) == (Finding.CLOSED, distance)
    elif act is Reason.RESET:
        assert (verdict.finding, verdict.hop, verdict.by) == (Finding.FORGED, box, f"r{box}")
    else:
        assert verdict.finding is (Finding.REJECTED if act is Reason.ADMIN_PROHIBITED else Finding.UNREACHABLE)
        assert (verdict.hop, verdict.by) == (box, f"r{box}")


@given(DISTANCES, st.sets(st.integers(0, 120), max_size=60))
def test_losses_never_make_a_wrong_verdict_a_certain_one(distance, lost):
    verdict = Simulated(distance, lost=frozenset(lost)).verdict()
    if verdict.sure.value == "certain" and verdict.finding is Finding.OPEN:
        assert verdict.hop == distance
    assert verdict.finding in (Finding.OPEN, Finding.PORT_FILTERED, Finding.NOTHING, Finding.SILENT)


@given(st.integers(1, 50), st.floats(0.01, 10), st.integers(1, 5), st.lists(st.floats(0, 3), max_size=60))
def test_every_target_is_asked_as_often_as_it_should_be(targets, interval_s, count, waits):
    pace, now_s, sent = Pace(targets, interval_s, count, 0.0), 0.0, []
    for wait_s in (*waits, *[interval_s / 2] * (3 * count + 3)):
        now_s += wait_s
        sent += pace.due(now_s)
    assert sent == list(range(len(sent)))
    assert len(sent) <= targets * count
    assert pace.done == (len(sent) == targets * count)


@given(st.sampled_from([4, 6]), st.lists(st.one_of(st.none(), st.integers(0, 70_000)), max_size=20))
def test_the_search_for_a_size_ends_and_only_shrinks(version, said):
    search, size = MtuSearch(version), 1500
    search.asked(size)
    for mtu in said:
        fresh = search.take(Answer(1, Reason.TOO_BIG, "r", mtu=mtu), size)
        if fresh is not None:
            assert fresh < size
            size = fresh
    assert search.result().bytes == size >= (68 if version == 4 else 1280)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_a_parse_error(data):
    for parse in (parse_queued_error, parse_stamp, parse_tcp_info, parse_not_after):
        with contextlib.suppress(ParseError):
            parse(data)
    for parse in (parse_segment, parse_quoted, without_ip_header, lambda each: parse_echo(4, each), lambda each: parse_echo(6, each)):
        parse(data)


@given(
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=4, max_size=4),
    st.integers(1, 65535),
    st.integers(1, 65535),
    st.integers(0, 2**32 - 1),
)
def test_what_is_built_is_read(source, destination, source_port, port, sequence):
    segment = build_syn((source, destination), (source_port, port), sequence)
    assert parse_quoted(segment) == (source_port, port, sequence)
    assert parse_echo(4, build_echo(4, source_port, port, destination)) == (False, source_port, port, destination)
