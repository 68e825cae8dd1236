from datetime import UTC, datetime, timedelta

from portulan.model.path import Answer, Clock, Kind, Secure, Target
from portulan.model.scan import Reason, State
from portulan.probe.tally import Tally

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOST = "192.0.2.9"
WEB = Target("web:443", "web", HOST, 443, Kind.TCP)
DNS = Target("web:53/udp", "web", HOST, 53, Kind.UDP)


def opened(ms, **more):
    return Answer(1, Reason.SYN_ACK, HOST, rtt_ns=int(ms * 1e6), **more)


def test_probes_are_counted():
    tally = Tally(WEB)
    probes = [tally.take(at, NOW, answer) for at, answer in enumerate((opened(2), Answer(None, Reason.NONE, None), opened(4)), 1)]
    assert [(probe.sequence, probe.state.value, probe.rtt_ms) for probe in probes] == [
        (1, "open", 2.0),
        (2, "filtered", None),
        (3, "open", 4.0),
    ]
    summary = tally.summary()
    assert (summary.state, summary.sent, summary.answered, summary.loss, summary.changes) == (State.OPEN, 3, 2, 0.333333, 2)
    assert summary.states == {"open": 2, "filtered": 1}
    assert (summary.times.least, summary.times.most) == (2, 4)
    assert list(tally.recent) == [2.0, None, 4.0]


def test_an_open_port_that_falls_silent_stays_open_with_its_reason():
    tally = Tally(WEB)
    tally.take(1, NOW, opened(1))
    tally.take(2, NOW, Answer(None, Reason.NONE, None))
    assert (tally.summary().state, tally.summary().reason, tally.last) == (State.OPEN, Reason.SYN_ACK, State.FILTERED)


def test_who_rejects_is_named():
    tally = Tally(WEB)
    probe = tally.take(1, NOW, Answer(1, Reason.ADMIN_PROHIBITED, "198.51.100.1", rtt_ns=10, early_ns=3, late_ns=5, clock=Clock.HALF))
    assert (probe.state, probe.by, probe.clock, probe.uncertain_ms) == (State.FILTERED, "198.51.100.1", Clock.HALF, 5e-06)
    assert tally.summary().by == "198.51.100.1"


def test_datagrams_without_an_answer_may_have_arrived():
    tally = Tally(DNS)
    assert tally.summary().state is State.OPEN_FILTERED
    assert tally.take(1, NOW, Answer(None, Reason.NONE, None)).state is State.OPEN_FILTERED
    assert tally.take(2, NOW, Answer(2, Reason.PORT_UNREACHABLE, HOST, rtt_ns=5)).state is State.CLOSED
    assert tally.take(3, NOW, Answer(3, Reason.PORT_UNREACHABLE, "r", rtt_ns=5)).state is State.FILTERED


def test_a_probe_that_had_to_be_sent_twice_was_lost_once():
    tally = Tally(WEB)
    probe = tally.take(1, NOW, Answer(1, Reason.SYN_ACK, HOST, resent=True))
    assert (probe.state, probe.resent, probe.rtt_ms) == (State.OPEN, True, None)
    assert (tally.summary().state, tally.summary().loss) == (State.OPEN, 1.0)


def test_what_was_never_sent_is_no_answer():
    tally = Tally(WEB)
    tally.take(1, NOW, Answer(1, Reason.NO_ROUTE, None))
    assert (tally.summary().state, tally.summary().reason, tally.summary().answered) == (State.FILTERED, Reason.NO_ROUTE, 0)


def test_certificates_are_counted_in_days():
    tally = Tally(WEB)
    secure = Secure(3_000_000, "TLSv1.3", NOW + timedelta(days=10))
    probe = tally.take(1, NOW, opened(1, secure=secure))
    assert (probe.tls_ms, probe.tls_version, probe.certificate_days) == (3.0, "TLSv1.3", 10.0)
    failed = tally.take(2, NOW, opened(1, secure=Secure(None, failure="WRONG_VERSION_NUMBER")))
    assert (failed.tls_ms, failed.tls_failure) == (None, "WRONG_VERSION_NUMBER")
    summary = tally.summary()
    assert (summary.tls.median, summary.certificate_days, summary.tls_failure) == (3.0, 10.0, "WRONG_VERSION_NUMBER")
