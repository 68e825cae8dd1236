"""`portulan traffic` and `portulan scanners` on captures of a few packets, and the options that do not go together."""

import fcntl
import io
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from portulan.cli import scanners as cli_scanners
from portulan.cli.face import Face
from portulan.cli.main import main
from portulan.cli.patience import Patience
from portulan.cli.traffic import seconds, whole
from portulan.cli.traffic_tables import show
from portulan.errors import BadInput
from portulan.model.traffic import Ended, FlowRow, Origin, Traffic
from portulan.text.traffic import origin_lines, rate, span
from portulan.text.voice import Voice
from portulan.verbs.scanners import scanners


def frame(source, destination, source_port, port, payload=b"", flags=0x18):
    """Ethernet, IPv4, TCP."""
    tcp = struct.pack(">HHIIBBHHH", source_port, port, 1, 1, 5 << 4, flags, 1024, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp) + len(payload), 1, 0, 64, 6, 0, bytes(source), bytes(destination))
    return bytes(12) + b"\x08\x00" + ip + tcp + payload


def pcap(path, frames):
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
    for at, one in enumerate(frames):
        data += struct.pack("<IIII", 1_700_000_000 + at, 0, len(one), len(one)) + one
    path.write_bytes(data)
    return str(path)


ANN, WEB = (10, 0, 0, 7), (203, 0, 113, 80)
CONVERSATIONS = (
    frame(ANN, WEB, 50_000, 443, flags=2), frame(WEB, ANN, 443, 50_000, flags=0x12), frame(ANN, WEB, 50_000, 443, b"SSH-2.0-OpenSSH_9.2\r\n"),
    frame(ANN, WEB, 50_001, 80, b"GET / HTTP/1.1\r\nHost: shop.example.org\r\n\r\n"), frame(WEB, ANN, 80, 50_001, b"HTTP/1.1 200 OK\r\n\r\n"),
)  # fmt: skip
KNOCKING = [
    one
    for port in range(1, 13)
    for one in (frame(ANN, WEB, 50_000 + port, port, flags=2), frame(WEB, ANN, port, 50_000 + port, flags=0x14))
]


@pytest.fixture
def capture(tmp_path):
    return pcap(tmp_path / "office.pcap", CONVERSATIONS)


def said(capsys, *words):
    status = main([*words, "--lang", "en", "--color", "never"])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_table(capsys, capture):
    status, out, err = said(capsys, "traffic", "--read", capture)
    assert (status, err) == (0, "")
    assert "5 packets" in out
    assert "! ssh on 443, 10.0.0.7 -> 203.0.113.80" in out


def test_one_port(capsys, capture):
    _, out, _ = said(capsys, "traffic", "80", "--read", capture, "--json")
    answer = msgspec.json.decode(out)
    assert [(row["port"], row["protocols"]) for row in answer["items"]] == [(80, {"http": 1})]
    assert answer["complete"]


def test_flows_name_their_server(capsys, capture):
    _, out, _ = said(capsys, "traffic", "--read", capture, "--by", "flow", "--csv")
    assert "shop.example.org" in out


def test_a_cut_file_is_told_and_its_answer_is_not_complete(capsys, capture, tmp_path):
    cut = tmp_path / "cut.pcap"
    with open(capture, "rb") as file:
        cut.write_bytes(file.read()[:-10])
    status, out, _ = said(capsys, "traffic", "--read", str(cut))
    assert status == 0
    assert "ends in the middle of a packet" in " ".join(out.split())
    _, out, _ = said(capsys, "traffic", "--read", str(cut), "--json")
    answer = msgspec.json.decode(out)
    assert not answer["complete"]
    assert answer["missing"]


@pytest.mark.parametrize("name", ["plot.png", "plot.svg"])
def test_a_picture(capsys, capture, tmp_path, name):
    status, _, err = said(capsys, "traffic", "--read", capture, "--plot", str(tmp_path / name))
    assert status == 0
    assert "Written" in err
    assert (tmp_path / name).read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")


def test_nothing_to_draw(capsys, tmp_path):
    status, _, err = said(capsys, "traffic", "--read", pcap(tmp_path / "none.pcap", ()), "--plot", str(tmp_path / "a.png"))
    assert status == 0
    assert "nothing to plot" in err
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--csv", "--json"), ("--filter", "tcp"), ("--write", "a.pcap"), ("--interface", "eth0"), ("--duration", "3"), ("--top", "0"), ("--top", "x"), ("--cap", "-1"), ("--bucket", "soon"),
        ("--workers", "0"), ("--plot", "a.gif"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(capsys, capture, words):
    status, out, err = said(capsys, "traffic", "--read", capture, *words)
    assert (status, out) == (2, "")
    assert err.startswith("portulan: ")
    assert "Traceback" not in err


def test_what_belongs_to_files(capsys):
    status, _, err = said(capsys, "traffic", "--resync")
    assert status == 2
    assert "portulan traffic --read FILE --resync" in err


def test_intervals_are_for_what_is_told_at_intervals(capsys):
    status, out, err = said(capsys, "traffic", "--interval", "2")
    assert (status, out) == (2, "")
    assert "portulan traffic --jsonl --interval SECONDS" in err


def test_a_file_that_is_none(capsys, tmp_path):
    status, _, err = said(capsys, "traffic", "--read", str(tmp_path / "none"))
    assert status == 2
    assert "there is no file" in err


@pytest.mark.parametrize(("text", "value"), [("10", 10.0), ("500ms", 0.5), ("1m", 60.0), ("1.5h", 5400.0), ("2d", 172_800.0), (None, None)])
def test_times(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "1w", "1e3", "nan", "9" * 400, "٣"])
def test_no_times(text):
    with pytest.raises(BadInput):
        seconds(text)
    with pytest.raises(BadInput):
        whole(text, "--top")


def test_scanners_are_found(capsys, tmp_path):
    path = pcap(tmp_path / "night.pcap", KNOCKING)
    status, out, _ = said(capsys, "scanners", "--read", path, "--all")
    assert status == 1
    assert "10.0.0.7   tried 12 ports" in out
    assert "203.0.113.80:1/tcp  refused" in out
    status, out, _ = said(capsys, "scanners", "--read", path, "--jsonl")
    row, last = map(msgspec.json.decode, out.splitlines())
    assert status == 1
    assert row["sources"] == ["10.0.0.7"]
    assert last["judged"] == 1


def test_nobody(capsys, capture):
    status, out, _ = said(capsys, "scanners", "--read", capture)
    assert status == 0
    assert "Nobody was seen" in out


@pytest.mark.parametrize("words", [("--json", "--jsonl"), ("--interface", "lo"), ("--duration", "3")])
def test_options_of_scanners_that_do_not_go_together(capsys, capture, words):
    assert said(capsys, "scanners", "--read", capture, *words)[0] == 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_patience_speaks_after_a_while_and_clears_its_line(monkeypatch):
    monkeypatch.setattr("portulan.cli.patience._AFTER_S", 0.01)
    face = Face(Voice("en"), io.StringIO(), Terminal())
    with Patience(face, lambda passed_s: f"reading {passed_s >= 0}"):
        while "reading" not in face.err.getvalue():
            time.sleep(0.005)
    assert face.err.getvalue().endswith("\r\x1b[K")


def test_patience_keeps_silent_where_nobody_waits_and_where_it_is_quick():
    for err in (io.StringIO(), Terminal()):
        with Patience(Face(Voice("en"), io.StringIO(), err), str):
            pass
        assert err.getvalue() == ""


@pytest.mark.parametrize(("command", "begins"), [("traffic", " 24 packets"), ("scanners", " 1 source was trying the doors.")])
def test_ctrl_c_ends_a_pipe_and_what_came_is_told(tmp_path, command, begins):
    path = pcap(tmp_path / "knocks.pcap", KNOCKING)
    process = subprocess.Popen(
        [sys.executable, "-m", "portulan", command, "--read", "-", "--lang", "en", "--color", "never"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.write(process.stdin.fileno(), Path(path).read_bytes())
    while struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)))[0]:  # until all of it was taken out of the pipe
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.stdout.read(), process.stderr.read()  # nothing more comes, and the pipe stays open
    assert (process.wait(20), err) == (130, "")
    assert out.startswith(begins)
    assert "- was read up to byte 1,704 only: reading was interrupted." in out
    process.stdin.close()
    process.stdout.close()
    process.stderr.close()


def test_ctrl_c_before_anything_came(tmp_path):
    process = subprocess.Popen([sys.executable, "-m", "portulan", "traffic", "--read", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.6)
    process.send_signal(signal.SIGINT)
    assert (process.wait(20), process.stderr.read()) == (130, b"")
    process.stdin.close()
    process.stderr.close()


def test_files_that_were_not_read_are_told_in_one_line():
    origins = [Origin("a", "pcap", 9, 900, Ended.STOPPED, 924), *(Origin(name, "", 0, 0, Ended.STOPPED, 0) for name in "bcd")]
    voice = Voice("en")
    assert origin_lines(voice, origins) == [
        "! a was read up to byte 924 only: reading was interrupted.", "! 3 files were not read: reading was interrupted.",
    ]  # fmt: skip
    assert origin_lines(voice, [Origin("eth0", "live", 9, 900, Ended.STOPPED, None)]) == []


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("address", ["203.0.113.188", "2001:db8:1234:5678:9abc:def0:1234:5678"])
def test_a_narrow_window_keeps_the_port_that_was_asked(width, address):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    row = FlowRow(
        transport="tcp", source=address, source_port=51_234, destination=address, destination_port=13_443, service=None, packets=9, bytes=9_000,
        reverse_packets=9, reverse_bytes=9_000, first_at=at, last_at=at, protocol="tls", name="a-long-name.of-a-server.example",
    )  # fmt: skip
    answer = Traffic((), 18, 18_000, 1, at, at, (), (), (row,), (), (), 10)
    text = io.StringIO()
    show(Face(Voice("en"), text, text, width=width, colour=False), answer, by="flow", top=10, names={})
    *_, line = text.getvalue().splitlines()
    assert len(line) <= width
    assert ":13443/tcp" in line
    assert "tls" in line


def test_no_flow_has_that_port(capsys, capture):
    status, out, err = said(capsys, "traffic", "9", "--read", capture)
    assert (status, err) == (0, " No flow has one of these ports.\n")
    assert "0 flows" in out
    assert said(capsys, "traffic", "80", "--read", capture)[2] == ""


def test_a_file_where_a_port_was_meant(capsys, capture):
    status, _, err = said(capsys, "traffic", capture)
    assert status == 2
    assert f"portulan traffic --read {capture}" in err


def test_moments_show_no_digits_that_are_all_zeros(capsys, capture):
    assert " 22:13:20  " in said(capsys, "traffic", "--by", "time", "--bucket", "1", "--read", capture)[1]
    assert " 22:13:20.0  " in said(capsys, "traffic", "--by", "time", "--bucket", "500ms", "--read", capture)[1]


def test_small_amounts_are_not_nothing():
    voice = Voice("en")
    assert [span(voice, seconds) for seconds in (0, 0.00001, 0.0006, 2)] == ["0 ms", "<1 ms", "1 ms", "2.0 s"]
    assert [rate(voice, *each) for each in ((0, 10), (5, 10), (15, 10))] == ["0 B/s", "<1 B/s", "2 B/s"]


def test_who_went_on_after_he_was_told_is_told_again(tmp_path):
    answer = scanners([pcap(tmp_path / "knocks.pcap", KNOCKING)])
    (whole,) = answer.rows
    early = whole._replace(ports=whole.ports[:4], first_contacts=4)
    for told, times in (((), 1), ((early,), 1), ((whole,), 0)):
        text = io.StringIO()
        cli_scanners.show(Face(Voice("en"), text, text, width=80, colour=False), answer, told=told)
        assert text.getvalue().count("tried 12 ports") == times


def test_a_table_for_programs_tells_people_what_it_lacks(capsys, capture, tmp_path):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(capture).read_bytes()[:-3])
    status, out, err = said(capsys, "traffic", "--csv", "--read", str(cut))
    assert (status, out.count("\n")) == (0, 3)
    assert "cut.pcap is not whole" in err
    assert said(capsys, "traffic", "--csv", "--read", capture)[2] == ""


def test_stretches_that_would_be_too_many(capsys, tmp_path):
    frames = [frame(ANN, WEB, 50_000, 80, b"x")] * 2
    path = tmp_path / "years.pcap"
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
    for at, one in zip((1_000_000_000, 1_700_000_000), frames, strict=True):
        data += struct.pack("<IIII", at, 0, len(one), len(one)) + one
    path.write_bytes(data)
    _, out, err = said(capsys, "traffic", "--by", "time", "--bucket", "1ms", "--read", str(path))
    assert err.startswith(" Stretches of 1 ms would be too many: these are of ")
    assert out.count("http 80/tcp") == 2
    assert said(capsys, "traffic", "--by", "time", "--bucket", "2d", "--read", str(path))[2] == ""


@pytest.mark.parametrize(("words", "told"), [((), "(--inner looks in)"), (("--inner",), "that cannot be looked into")])
def test_a_tunnel_that_is_not_looked_into(capsys, tmp_path, words, told):
    gre = b"\x00\x00\x00\x01" + bytes(8)  # what is inside is no EtherType (RFC 2784 2.4)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(gre), 1, 0, 64, 47, 0, bytes(ANN), bytes(WEB))
    path = pcap(tmp_path / "gre.pcap", [bytes(12) + b"\x08\x00" + ip + gre])
    assert told in " ".join(said(capsys, "traffic", *words, "--read", path)[1].split())
