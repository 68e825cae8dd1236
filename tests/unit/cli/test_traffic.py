"""`portulan traffic` and `portulan scanners` on captures of a few packets, and the options that do not go together."""

import io
import struct
import time

import msgspec
import pytest

from portulan.cli.face import Face
from portulan.cli.main import main
from portulan.cli.patience import Patience
from portulan.cli.traffic import seconds, whole
from portulan.errors import BadInput
from portulan.text.voice import Voice


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
