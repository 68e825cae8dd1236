"""What `portulan trace` and `portulan ping` show, in both languages and three widths."""

import argparse
import io
from datetime import UTC, datetime

import jsonschema
import msgspec
import pytest

from portulan.cli import ping as ping_face
from portulan.cli import trace as trace_face
from portulan.cli.contract import schema_of
from portulan.cli.envelope import as_row, encode
from portulan.cli.face import Face
from portulan.cli.ping_live import page
from portulan.model.path import Answer, Clock, Compared, Flow, Kind, PathMtu, Secure, Target, Trace
from portulan.model.scan import Reason, State
from portulan.probe.monitor import Monitor
from portulan.probe.tally import Tally
from portulan.probe.verdict import Heard, judge
from portulan.text.ping import probe_line
from portulan.text.voice import LANGUAGES, Voice

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOST = "203.0.113.9"
WEB = Target("web-01:443", "web-01", HOST, 443, Kind.TCP)
DNS = Target("[2001:db8::9]:53/udp", "2001:db8::9", "2001:db8::9", 53, Kind.UDP)
NAMES = {"198.51.100.1": "gw.example", HOST: "web-01.example"}
OTHER = Compared(22, Kind.TCP, State.OPEN, Reason.SYN_ACK, 4, ((2, "198.51.100.2"), (3, "198.51.100.3")))


def answer(key, reason, by, ms, icmp=None):
    return Answer(key, reason, by, rtt_ns=int(ms * 1e6), early_ns=20_000, late_ns=20_000, clock=Clock.HALF, icmp=icmp)


def path(*hops, target=WEB, compared=(), rounds=1, mtu=None, flow=Flow.ONE, names=NAMES):
    """A trace whose hops said so: an address is "too far", (reason, address) something else, None silence."""
    monitor, answers, tries = Monitor(), {}, {}
    for turn in range(rounds):
        for hop, said in enumerate(hops, 1):
            key = turn * 100 + hop
            monitor.sent(key, hop, 0.0)
            tries[hop] = tries.get(hop, 0) + 1
            if said is None or (hop == 2 and rounds > 1 and turn % 2):
                continue
            reason, by = said if isinstance(said, tuple) else (Reason.TIME_EXCEEDED, said)
            one = answer(key, reason, by, hop + turn / 10, (3, 13))
            monitor.take(one)
            answers.setdefault(hop, []).append(one)
    monitor.expire(0.0)
    verdict = judge(Heard(target.kind, target.address, answers, tries), compared)
    return Trace(
        target, NOW, verdict, monitor.hops(len(hops), names, {"198.51.100.1": "AS64500 EXAMPLE"}), verdict.hop, flow, mtu, compared, rounds, rounds * len(hops), 12.5
    )  # fmt: skip


ONE, TWO, THREE = "198.51.100.1", "198.51.100.2", "198.51.100.3"
TRACES = {
    "open": path(ONE, TWO, THREE, (Reason.SYN_ACK, HOST), mtu=PathMtu(1400, sure=True, hop_address=TWO)),
    "open behind silence": path(ONE, None, None, (Reason.SYN_ACK, HOST), flow=Flow.EACH, mtu=PathMtu(1500, sure=False)),
    "closed next door": path((Reason.RESET, HOST)),
    "closed": path(ONE, TWO, THREE, (Reason.RESET, HOST), compared=(OTHER,)),
    "closed, distance unknown": path(ONE, (Reason.RESET, HOST), compared=(Compared(80, Kind.TCP, State.FILTERED, Reason.NONE, None),)),
    "forged": path(ONE, (Reason.RESET, HOST), compared=(OTHER,)),
    "rejected": path(ONE, TWO, (Reason.ADMIN_PROHIBITED, TWO)),
    "rejected by host": path(ONE, (Reason.ADMIN_PROHIBITED, HOST)),
    "unreachable": path(ONE, TWO, (Reason.HOST_UNREACHABLE, TWO)),
    "filtered": path(ONE, None, compared=(OTHER,)),
    "filtered at the host": path(ONE, TWO, THREE, None, compared=(OTHER,)),
    "filtered before all": path(None, None, compared=(OTHER,)),
    "silent": path(
        ONE,
        None,
        None,
        compared=(Compared(443, Kind.TCP, State.FILTERED, Reason.NONE, None), Compared(None, Kind.ICMP, State.FILTERED, Reason.NONE, None)),
    ),
    "nothing": path(None, None, None),
    "loop": path(ONE, TWO, THREE, TWO, THREE, TWO, THREE),
    "not sent": path((Reason.LOCAL_FIREWALL, None)),
    "mute": path(ONE, TWO, THREE, None, target=DNS, compared=(OTHER,)),
    "rounds": path(ONE, TWO, THREE, (Reason.SYN_ACK, HOST), rounds=10),
    "hostile names": path(ONE, (Reason.SYN_ACK, HOST), names={ONE: "evil\x1b[2J\u202e.example"}),
}


def said(function, *arguments, width=80, language="en", colour=False, **more):
    face = Face(Voice(language), io.StringIO(), io.StringIO(), width=width, colour=colour)
    function(face, *arguments, **more)
    return face.out.getvalue()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TRACES)
def test_traces(snapshot, name, language):
    assert said(trace_face.show, TRACES[name], language=language) == snapshot


@pytest.mark.parametrize("width", [40, 132])
@pytest.mark.parametrize("name", ["filtered", "rounds"])
def test_traces_in_other_widths(snapshot, name, width):
    assert said(trace_face.show, TRACES[name], width=width) == snapshot


def test_a_trace_in_colour(snapshot):
    assert said(trace_face.show, TRACES["open"], colour=True) == snapshot


@pytest.mark.parametrize("name", ["open", "rounds", "silent"])
def test_traces_as_csv(snapshot, name):
    assert said(trace_face._csv, TRACES[name]) == snapshot


@pytest.mark.parametrize("name", TRACES)
def test_traces_as_json_keep_to_the_schema(name):
    data = said(trace_face._envelope, TRACES[name])
    jsonschema.validate(msgspec.json.decode(data), schema_of("trace"), format_checker=jsonschema.FormatChecker())


def tallies():
    web, shut, silent, dns = (
        Tally(target) for target in (WEB, WEB._replace(text="web-01:444", port=444), WEB._replace(text="web-01:5432", port=5432), DNS)
    )
    for at in range(1, 9):
        secure = (
            Secure(int((3 + at / 10) * 1e6), "TLSv1.3", NOW.replace(day=12)) if at < 8 else Secure(None, failure="WRONG_VERSION_NUMBER")
        )
        web.take(at, NOW, Answer(at, Reason.SYN_ACK, HOST, rtt_ns=at * 250_000, early_ns=1000, late_ns=1000, secure=secure))
        shut.take(at, NOW, Answer(at, Reason.RESET, HOST, rtt_ns=at * 300_000, early_ns=200_000, clock=Clock.PROCESS))
        silent.take(at, NOW, Answer(None, Reason.NONE, None) if at % 2 else answer(at, Reason.ADMIN_PROHIBITED, ONE, 0.4))
        dns.take(at, NOW, Answer(None, Reason.NONE, None))
    return [web, shut, silent, dns]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pings(snapshot, language):
    summaries = [tally.summary() for tally in tallies()]
    parts = [said(ping_face.show, [one], each=True, language=language) for one in summaries]
    assert "\n".join([*parts, said(ping_face.show, summaries, each=False, language=language)]) == snapshot
    for one in summaries:
        data = encode(
            {"schema": "portulan.ping/1", "taken_at": "2026-01-02T03:04:05Z", "complete": True, "missing": [], "items": [as_row(one)]}
        )
        jsonschema.validate(msgspec.json.decode(data), schema_of("ping"), format_checker=jsonschema.FormatChecker())


def test_pings_as_csv(snapshot):
    assert said(ping_face.csv, [tally.summary() for tally in tallies()]) == snapshot


@pytest.mark.parametrize("language", LANGUAGES)
def test_probes_line_by_line(snapshot, language):
    voice, tally = Voice(language), Tally(WEB)
    answers = (
        Answer(1, Reason.SYN_ACK, HOST, rtt_ns=312_000, early_ns=1000, late_ns=1000), Answer(1, Reason.SYN_ACK, HOST, resent=True),
        Answer(1, Reason.SYN_ACK, HOST, rtt_ns=400_000, secure=Secure(5_000_000, "TLSv1.3", NOW)),
        Answer(1, Reason.SYN_ACK, HOST, rtt_ns=400_000, secure=Secure(None, failure="evil\x1b[2J")),
        Answer(1, Reason.RESET, HOST, rtt_ns=500_000, early_ns=500_000, clock=Clock.PROCESS), answer(1, Reason.ADMIN_PROHIBITED, ONE, 0.7),
        Answer(None, Reason.NONE, None), Answer(1, Reason.LINK_DOWN, None),
    )  # fmt: skip
    lines = [probe_line(voice, tally.take(at, NOW, one), several=at % 2 == 0) for at, one in enumerate(answers, 1)]
    assert "\n".join(lines) == snapshot


@pytest.mark.parametrize(("language", "plain"), [("en", False), ("ja", False), ("en", True)])
def test_a_small_graph_of_many(snapshot, language, plain):
    assert "\n".join(page(Voice(language), tallies(), 80, plain=plain)) == snapshot


def test_the_exit_status_is_the_worst():
    web, shut, _, dns = (tally.summary() for tally in tallies())
    assert [ping_face.status(some) for some in ([web], [web, dns], [web, dns, shut])] == [0, 3, 1]


@pytest.mark.parametrize("run", [ping_face.run, trace_face.run])
def test_two_forms_are_not_one_answer(run):
    from portulan.errors import BadInput

    options = argparse.Namespace(json=True, csv=True, jsonl=False, live=False, icmp=False, tls=False, wait=None)
    with pytest.raises(BadInput) as raised:
        run(options, Face(Voice("en"), io.StringIO(), io.StringIO()))
    assert raised.value.code == "form.two"
