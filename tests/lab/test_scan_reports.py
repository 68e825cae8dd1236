"""Our XML before its judges (nmap's DTD, ndiff), nmap's own answers read by us, and a scan against what the machine itself knows."""

import socket
import sys
from contextlib import ExitStack

import pytest

from labs import listen, open_socket
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.scan import HostSeen, Others, PortSeen, Reason, ScanReport, State
from portulan.model.scan_diff import Side
from portulan.scan.compare import differences
from portulan.scan.reports.nmap_xml import nmap_xml
from portulan.scan.reports.reading import read_scan
from portulan.verbs.diff import compare_host, diff
from scan_samples import NOW, SAMPLES, SEVERAL

pytestmark = pytest.mark.lab
TCP = Transport.TCP
DTD = "/usr/share/nmap/nmap.dtd"


@pytest.fixture
def bench(sandbox, peers):
    return sandbox.host("bench", root=peers)


@pytest.mark.peer
@pytest.mark.parametrize("name", SAMPLES)
def test_xml_keeps_to_nmaps_dtd(bench, tmp_path, name):
    (tmp_path / "a.xml").write_text("".join(nmap_xml(SAMPLES[name], 'portulan scan "<x>" --y', "1.2")))
    done = bench.run(["xmllint", "--noout", "--dtdvalid", DTD, str(tmp_path / "a.xml")])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.peer
def test_ndiff_finds_what_we_find(bench, tmp_path):
    before = SEVERAL
    after = before._replace(
        rows=tuple(row._replace(state=State.OPEN, reason=Reason.SYN_ACK) if row.port == 80 else row for row in before.rows)
    )
    for name, report in (("a", before), ("b", before._replace(took_s=5.0)), ("c", after)):
        (tmp_path / f"{name}.xml").write_text("".join(nmap_xml(report, "portulan scan x", "1.2")))
    same = bench.run(["ndiff", str(tmp_path / "a.xml"), str(tmp_path / "b.xml")])
    assert (same.returncode, same.stderr) == (0, "")
    changed = bench.run(["ndiff", str(tmp_path / "a.xml"), str(tmp_path / "c.xml")])
    assert changed.returncode == 1
    assert [line.split()[:2] for line in changed.stdout.splitlines() if line.startswith(("-80", "+80"))] == [
        ["-80/tcp", "closed"], ["+80/tcp", "open"], ["-80/tcp", "closed"], ["+80/tcp", "open"],
    ]  # fmt: skip
    ours = differences(*(read_scan((tmp_path / f"{name}.xml").read_bytes(), name) for name in "ac"), lambda *_: None)
    assert [(each.address, each.ports, each.before, each.after) for each in ours] == [
        ("127.0.0.1", "80", "closed", "open"), ("198.18.0.3", "80", "closed", "open"),
    ]  # fmt: skip


@pytest.mark.peer
def test_nmaps_own_answers_are_read(bench, tmp_path):
    servers = [listen(bench, "127.0.0.1", port) for port in (22, 8080)]
    done = bench.run(["nmap", "-sT", "-n", "-v", "-p1-9000", "-oX", str(tmp_path / "n.xml"), "-oG", str(tmp_path / "n.gnmap"), "127.0.0.1"])
    assert done.returncode == 0, done.stderr
    by_xml, by_lines = (read_scan((tmp_path / name).read_bytes(), name) for name in ("n.xml", "n.gnmap"))
    told = {state: str(ports) for (_, state), ports in by_xml.hosts["127.0.0.1"].items()}
    assert told == {"open": "22,8080", "closed": "1-21,23-8079,8081-9000"}
    assert by_lines.hosts["127.0.0.1"] == by_xml.hosts["127.0.0.1"]
    for server in servers:
        server.close()


def seen_from(address, ports):
    """What connections to some ports say: a scan by the plainest means."""
    rows = []
    for port in ports:
        with socket.socket() as one:
            one.settimeout(1.0)
            try:
                one.connect((address, port))
                state = State.OPEN, Reason.SYN_ACK
            except ConnectionRefusedError:
                state = State.CLOSED, Reason.REFUSED
            except TimeoutError:
                state = State.FILTERED, Reason.NONE
        rows.append(PortSeen(address, port, TCP, *state))
    return rows


def test_what_the_outside_sees_and_the_inside_does_not_know(sandbox, peers, tmp_path, monkeypatch):
    inside, outside = sandbox.host("web-01", root=peers), sandbox.host("outside")
    sandbox.link(inside, outside, "198.19.217.1/30", "198.19.217.2/30")  # which no other test has at the same time
    open_here = [listen(inside, "", 80), listen(inside, inside.address, 443), listen(inside, "127.0.0.1", 5432), listen(inside, "::", 9000)]
    open_here.append(open_socket(inside, "", 7000))  # holds the port, and does not listen
    with ExitStack() as stack:
        for one in open_here:
            stack.enter_context(one)
        check(inside, outside, tmp_path, monkeypatch)


def check(inside, outside, tmp_path, monkeypatch):
    rules = (
        "table ip t { chain input { type filter hook input priority 0; tcp dport 443 drop; };"
        "chain out { type nat hook prerouting priority dstnat; tcp dport 8080 redirect to :80; }; }"
    )
    done = inside.run(["nft", rules])
    assert done.returncode == 0, done.stderr
    rows = tuple(outside.call(seen_from, inside.address, [80, 443, 5432, 7000, 8080, 9000]))
    address = inside.address
    others = (Others(TCP, State.CLOSED, Reason.REFUSED, 10, str(PortSet((PortRange(1, 10),)))),)
    host = HostSeen(address, None, True, {}, others)
    report = ScanReport((address,), 1, NOW, 1.0, (), (host, HostSeen("198.18.99.99", None, None, {})), rows, {})
    answer = compare_host(report)
    assert answer.addresses == (address,)
    assert answer.foreign == ("198.18.99.99",)
    assert answer.agreed == 2
    assert [(each.port, each.side, each.outside) for each in answer.items] == [
        (8080, Side.OUTSIDE, State.OPEN),
        (443, Side.INSIDE, State.FILTERED),
    ]
    assert answer.items[1].bound_to == (address,)
    (tmp_path / "scan.xml").write_text("".join(nmap_xml(report, "x", "1")))
    monkeypatch.chdir(tmp_path)
    known = diff("scan.xml", "host")
    assert [(each.ports, each.before, each.after) for each in known.items] == [("443", "filtered", "open"), ("8080", "open", "closed")]
    assert [(each.ports, each.before, each.after) for each in diff("host", "scan.xml").items] == [
        ("443", "open", "filtered"), ("8080", "closed", "open"),
    ]  # fmt: skip
    assert known.skipped == ("198.18.99.99",)


@pytest.mark.peer
@pytest.mark.parametrize("method", ["syn", "connect"])
def test_our_scan_and_nmaps_are_the_same_to_each_others_readers(sandbox, peers, tmp_path, method):
    inside, outside = sandbox.host("web-01", root=peers), sandbox.host("outside", root=peers)
    sandbox.link(inside, outside)
    program = [sys.executable, "-m", "portulan"]
    with ExitStack() as stack:
        for port in (22, 80, 443, 3306):
            stack.enter_context(listen(inside, "", port))
        theirs = ["nmap", "-sT", "-n", "-Pn", "-p1-65535", "-oX", str(tmp_path / "nmap.xml"), inside.address]
        assert outside.run(theirs).returncode == 0
        files = [word for form in ("xml", "json", "jsonl", "csv", "gnmap") for word in ("-o", str(tmp_path / f"ours.{form}"))]
        ours = outside.run([*program, "scan", inside.address, "-p", "1-65535", "--method", method, *files])
        assert (ours.returncode, ours.stderr) == (0, "")
        assert "4 open · 65,531 closed" in ours.stdout
    for form in ("xml", "json", "jsonl", "csv", "gnmap"):
        same = outside.run([*program, "diff", str(tmp_path / "nmap.xml"), str(tmp_path / f"ours.{form}")])
        assert (same.returncode, same.stderr) == (0, ""), same.stdout
    assert outside.run(["xmllint", "--noout", "--dtdvalid", DTD, str(tmp_path / "ours.xml")]).returncode == 0
    told = outside.run(["ndiff", str(tmp_path / "nmap.xml"), str(tmp_path / "ours.xml")]).stdout
    assert [line for line in told.splitlines() if line[:1] in "+-" and (line[1:2].isdigit() or "shown" in line)] == []
