"""A scan written in any form and read again says the same; any other bytes are an error of ours."""

import csv
import io
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import portulan
from portulan.cli.face import Face
from portulan.cli.scan_outputs import Outputs
from portulan.errors import ParseError
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.scan import Basis, Certainty, Effort, HostSeen, Loss, Method, Others, Pass, PortSeen, Reason, ScanReport, State
from portulan.scan.reports.columns import HEADERS, cells
from portulan.scan.reports.grepable import grepable
from portulan.scan.reports.nmap_xml import nmap_xml
from portulan.scan.reports.reading import read_scan, snapshot_of
from portulan.text.voice import Voice
from scan_samples import SAMPLES

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMES = st.none() | st.text(min_size=1, max_size=8) | st.sampled_from(("web-01", '<&">', "a\x00b", "\ud800", "x--y", "=1+1"))
ADDRESSES = st.sampled_from(("198.18.0.1", "198.18.0.2", "10.0.0.1", "::1", "fd00::1", "127.0.0.1"))
CELL = st.tuples(st.sampled_from(tuple(State)), st.sampled_from(tuple(Reason)))
LOSS = Loss(0, 0, 1.0)
SURE = Certainty(True, 1e-6, 0.0, Basis.ANSWERED, LOSS, LOSS)
EFFORT = Effort(0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0)


@st.composite
def reports(draw, transports=(Transport.TCP, Transport.UDP)):
    hosts, rows, total = [], [], {}
    for address in sorted(draw(st.sets(ADDRESSES, max_size=4))):
        states, others = {}, []
        for transport in transports:
            edges = sorted(draw(st.sets(st.integers(0, 65_535), max_size=5)))
            for first, second in pairwise(edges):
                state, reason = draw(CELL)
                if draw(st.booleans()) and state is not State.OPEN:
                    others.append(Others(transport, state, reason, second - first, str(PortSet((PortRange(first, second - 1),)))))
                    states[state.value] = states.get(state.value, 0) + second - first
                else:
                    rows.append(
                        PortSeen(address, first, transport, state, reason, draw(NAMES), draw(st.none() | st.floats(0, 1e4)), None, None)
                    )
                    states[state.value] = states.get(state.value, 0) + 1
        hosts.append(HostSeen(address, draw(NAMES), draw(st.sampled_from((True, False, None))), states, tuple(others)))
        for name, amount in states.items():
            total[name] = total.get(name, 0) + amount
    passes = tuple(
        Pass(transport, Method.SYN if transport is Transport.TCP else Method.UDP, "0-65535", SURE, EFFORT) for transport in transports
    )
    return ScanReport(("x",), len(hosts), NOW, 1.0, passes, tuple(hosts), tuple(rows), total)


def written(report, form):
    page = io.StringIO()
    out = Outputs((), Face(Voice(), page, page), lambda *_: None)
    return b"".join(
        part.encode("utf-8", "backslashreplace") if isinstance(part, str) else bytes(part) for part in out._form(form, report, [])
    )


def told(snapshot):
    return {address: {key: ports for key, ports in said.items() if ports.ranges} for address, said in snapshot.hosts.items()}


@given(reports())
def test_json_is_read_as_it_was_written(report):
    for form in ("json", "jsonl"):
        assert told(read_scan(written(report, form), "f")) == told(snapshot_of(report))


@given(reports())
def test_nmaps_xml_is_read_as_it_was_written(report):
    found = read_scan("".join(nmap_xml(report, "portulan scan x", portulan.__version__)).encode(), "f")
    assert told(found) == told(snapshot_of(report))


@given(reports())
def test_csv_is_read_as_it_was_written(report):
    page = io.StringIO()
    Face(Voice(), page, page).csv(HEADERS, cells(report))
    assert all(len(row) == len(HEADERS) for row in csv.reader(io.StringIO(page.getvalue())))
    expected = {address: said for address, said in told(snapshot_of(report)).items() if said}
    assert told(read_scan(page.getvalue().encode("utf-8", "backslashreplace"), "f")) == expected


@given(reports(transports=(Transport.TCP,)))
def test_grepable_lines_are_read_as_they_were_written(report):
    found = read_scan("".join(grepable(report, "portulan scan x", "1")).encode("utf-8", "backslashreplace"), "f")
    expected = told(snapshot_of(report))
    for address, said in told(found).items():
        rows = {key: ports for key, ports in said.items() if key[1] is State.OPEN}
        assert rows == {key: ports for key, ports in expected[address].items() if key[1] is State.OPEN}
    assert found.hosts.keys() == expected.keys()


SEEDS = [written(report, form) for report in SAMPLES.values() for form in ("json", "jsonl", "csv", "xml", "grepable")]


@given(
    st.binary(max_size=60) | st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3)), max_size=4),
)
@example(b"", [])
@example(b'{"schema":"portulan.ls/1","hosts":[],"items":[]}', [])
@example(b"address,transport,port,state\nx,tcp,1,open\n", [])
@example(b"{" * 100_000, [])
@example(b"<a>" * 100_000, [])
def test_any_bytes_are_a_scan_or_an_error_of_ours(data, changes):
    for place, text, gone in changes:
        at = place % (len(data) + 1)
        data = data[:at] + text + data[at + gone :]
    try:
        snapshot = read_scan(data, "f")
    except ParseError:
        return
    for said in snapshot.hosts.values():
        for ports in said.values():
            assert isinstance(ports, PortSet)


@given(st.integers(1, 5))
def test_xml_that_declares_anything_is_not_read(depth):
    entities = "".join(f'<!ENTITY e{at + 1} "{f"&e{at};" * 10}">' for at in range(depth))
    hostile = [
        f'<!DOCTYPE nmaprun [<!ENTITY e0 "x">{entities}]><nmaprun args="&e{depth};"/>',
        '<!DOCTYPE nmaprun [<!ENTITY x SYSTEM "file:///etc/passwd">]><nmaprun>&x;</nmaprun>',
        '<!DOCTYPE nmaprun [<!ENTITY % x SYSTEM "http://198.18.0.1/x"> %x;]><nmaprun/>',
    ]
    for text in hostile:
        with pytest.raises(ParseError, match=r"diff\.xml"):
            read_scan(text.encode(), "f")
