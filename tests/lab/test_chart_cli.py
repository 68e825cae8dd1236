"""The real program on a host of its own: what it prints, how it ends."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import jsonschema
import pytest

from labs import PORTULAN, as_user, connect, datagrams, hold, inhabit, listen, own, port_of, portulan, wait_for

pytestmark = pytest.mark.lab
SCHEMAS = Path(__file__).resolve().parent.parent.parent / "docs/schema"


@pytest.fixture
def host(sandbox):
    made = sandbox.host("shop")
    inhabit(made)
    return made


@pytest.fixture
def server(host):
    """`sleep` holds 127.0.0.1:8080."""
    with listen(host, "127.0.0.1", 8080) as one:
        yield hold(host, one)


def valid(answer, name):
    """The JSON of an answer, checked against the schema that is published."""
    value = json.loads(answer.stdout)
    jsonschema.validate(value, json.loads((SCHEMAS / f"{name}.json").read_text("utf-8")), format_checker=jsonschema.FormatChecker())
    return value


def test_the_chart_as_a_table(host, server):
    with datagrams(host, "::", 5353):
        answer = portulan(host, "ls", *own(host))
        assert answer.returncode == 0
        lines = answer.stdout.splitlines()
        assert lines[0].startswith("shop   2 ports")
        tcp, udp = lines[-2:]
        assert re.match(r" *5353/udp +mdns ", tcp + udp) or "5353/udp" in tcp + udp
        row = next(line for line in lines if "8080/tcp" in line)
        assert "http-alt" in row
        assert "sleep" in row
        assert "127.0.0.1" in row
        assert all(len(line) <= 80 for line in lines)
        assert "\x1b" not in answer.stdout
    bare = portulan(host)
    assert bare.returncode == 0
    assert "8080/tcp" in bare.stdout


def test_who(host, server):
    answer = portulan(host, "8080/tcp")
    assert answer.returncode == 0
    assert answer.stdout.startswith("8080/tcp")
    assert f"pid {server.pid}" in answer.stdout
    assert "stop it" in answer.stdout
    assert portulan(host, "who", 8080).stdout.splitlines()[0] == answer.stdout.splitlines()[0]
    told = valid(portulan(host, "who", 8080, "--json"), "who")
    holders = {owner["pid"] for item in told["items"] if item["netns"] == host.netns_inode for owner in item["owners"]}
    assert holders == {os.getpid(), server.pid}
    parents = next(owner["parents"] for item in told["items"] for owner in item["owners"] if owner["pid"] == server.pid)
    assert parents[0]["pid"] == os.getpid()


def test_nobody(host):
    # Another test's namespace that may not be entered just now makes the answer another: then it is asked again.
    assert wait_for(lambda: portulan(host, "1/udp").returncode, 1) == 1
    answer = portulan(host, "1/udp")
    assert "Nobody" in answer.stdout or "nobody" in answer.stdout
    assert valid(portulan(host, "who", "1/udp", "--json"), "who")["items"] == []


def test_a_namespace_that_may_not_be_entered_is_no_nobody(host):
    """Whoever may look into processes but not enter their namespaces cannot tell that nobody is there."""
    answer = host.run(as_user([PORTULAN, "1/udp"], capabilities=("sys_ptrace",)))
    assert answer.returncode == 3
    assert "may not be entered" in answer.stderr
    assert "See all:  sudo " in answer.stderr
    told = host.run(as_user([PORTULAN, "who", "1/udp", "--json"], capabilities=("sys_ptrace",)))
    assert (told.returncode, valid(told, "who")["complete"]) == (3, False)


def test_bpf_where_it_may_not_be_used(host):
    answer = portulan(host, "ls", "--source", "bpf", user=65534)
    assert answer.returncode == 3
    assert "CAP_BPF" in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ["70000"],
        ["80/xyz"],
        ["ls", "8010-8000"],
        ["ls", "no-such-service"],
        ["ls", "--pid", "x"],
        ["ls", "--source", "x"],
        ["ls", "--watch", "no"],
    ],
)
def test_bad_input(host, words):
    answer = portulan(host, *words)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    assert answer.stderr.strip()


def ports(host, *words, **more):
    """The ports that a filter leaves."""
    answer = portulan(host, "ls", "--json", *own(host), *words, **more)
    assert answer.returncode == 0, answer.stderr
    return {item["port"] for item in valid(answer, "ls")["items"]}


def test_filters(host, server):
    with (
        datagrams(host, "", 5353),
        listen(host, "::", 9_000) as mine,
        connect(host, "::1", 9_000) as client,
        mine.accept()[0],
    ):
        assert ports(host) == {8080, 5353, 9_000}
        assert ports(host, "--all") == {8080, 5353, 9_000, port_of(client)}
        assert ports(host, "--name", "sleep") == ports(host, "--name", "SL?ep") == ports(host, "--pid", server.pid) == {8080}
        assert ports(host, "--name", "nginx") == ports(host, "--pid", 1) == set()
        assert ports(host, "--pid", os.getpid()) == {8080, 5353, 9_000}
        assert ports(host, "--user", "root") == ports(host, "--user", 0) == {8080, 5353, 9_000}
        assert ports(host, "--user", "nobody") == set()
        assert ports(host, "--service", "mdns") == ports(host, "mdns") == {5353}
        assert ports(host, "8000-9000/tcp") == {8080, 9_000}
        assert ports(host, "5353/tcp") == set()
        assert ports(host, 8080, "5353/udp") == {8080, 5353}
        assert ports(host, "5000-6000", "--name", "sleep") == set()
        answer = portulan(host, "ls", "--json", "--netns", f"net:[{host.netns_inode}]")
        assert {item["port"] for item in json.loads(answer.stdout)["items"]} == {8080, 5353, 9_000}
        assert portulan(host, "ls", "--netns", "no-such").returncode == 2


def test_json_and_csv_say_the_same(host, server):
    told = valid(portulan(host, "ls", "--json", *own(host)), "ls")
    assert (told["host"], told["source"]) == ("shop", "bpf")
    [item] = told["items"]
    assert (item["transport"], item["port"], item["address"], item["class"], item["state"]) == (
        "tcp",
        8080,
        "127.0.0.1",
        "user",
        "listening",
    )
    assert {owner["name"] for owner in item["owners"] if owner["pid"] == server.pid} == {"sleep"}
    rows = list(csv.DictReader(io.StringIO(portulan(host, "ls", "--csv", *own(host)).stdout)))
    assert {(int(row["pid"]), int(row["fd"]), row["name"]) for row in rows} == {
        (one["pid"], one["fd"], one["name"]) for one in item["owners"]
    }
    assert {(row["transport"], row["port"], row["address"], row["service"]) for row in rows} == {("tcp", "8080", "127.0.0.1", "http-alt")}
    bare = portulan(host, "ls", "--csv", "--no-header", *own(host)).stdout.splitlines()
    assert len(bare) == len(rows)
    assert "transport" not in bare[0]


def test_every_source_shows_the_port(host, server):
    for source in ("auto", "bpf", "proc", "psutil"):
        answer = portulan(host, "ls", "--json", "8080", "--source", source)
        items = [item for item in valid(answer, "ls")["items"] if item["netns"] in (None, host.netns_inode)]
        assert {item["port"] for item in items} == {8080}
        assert {owner["pid"] for item in items for owner in item["owners"]} <= {os.getpid(), server.pid}


def test_an_ordinary_user_is_told_what_is_missing(host, server):
    answer = portulan(host, user=65534)
    assert answer.returncode == 0
    row = next(line for line in answer.stdout.splitlines() if "8080/tcp" in line)
    assert "sleep" not in row
    assert "See all:  sudo " in answer.stderr
    assert valid(portulan(host, "ls", "--json", user=65534), "ls")["complete"] is False
    japanese = portulan(host, "--lang", "ja", user=65534)
    assert (japanese.returncode, "sudo " in japanese.stderr) == (0, True)
    assert not japanese.stderr.isascii()


def test_a_reader_that_has_had_enough(host):
    """`| head`: neither a traceback nor a failure."""
    servers = [listen(host, "127.0.0.1", 10_000 + at) for at in range(400)]
    for words in ("ls --json", "ls", "ls --csv", "ls --all --json", "ls --watch 0.1", "ls --watch 0.1 --json"):
        answer = host.run(["sh", "-c", f"{{ '{PORTULAN}' {words}; echo $? >&2; }} | head -c 20"])
        assert answer.stderr.splitlines()[-1] == "0", (words, answer.stderr)
        assert "Traceback" not in answer.stderr
        assert len(answer.stdout.encode()) == 20
    for one in servers:
        one.close()


def test_a_full_disk_is_said(host, server):
    answer = host.run(["sh", "-c", f"'{PORTULAN}' ls --json > /dev/full"])
    assert answer.returncode == 4
    assert "Traceback" not in answer.stderr
    assert "No space left" in answer.stderr


def read_until(terminal, wanted, timeout_s=20.0):
    """What a program wrote on a terminal, until it wrote that."""
    text = b""
    deadline = time.monotonic() + timeout_s
    while wanted not in text and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                text += os.read(terminal, 1 << 16)
            except OSError:  # the program has ended
                break
    return text


@pytest.mark.parametrize("when", ["at-once", "later"])
def test_watching_is_ended_by_ctrl_c_and_the_screen_is_as_before(host, server, when):
    ours, theirs = pty.openpty()
    process = host.start(
        [sys.executable, "-c", CONTROLLED, PORTULAN, "ls", "--watch", "0.1", *own(host)], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    text = read_until(ours, b"8080/tcp")
    if when == "later":
        text += read_until(ours, b"8080/tcp") + read_until(ours, b"8080/tcp")
    os.write(ours, b"\x03")
    text += read_until(ours, b"\x1b[?1049l")
    assert process.wait(timeout=20) == 130
    os.close(ours)
    assert b"8080/tcp" in text
    assert text.index(b"\x1b[?1049h") < text.index(b"8080/tcp")
    assert text.endswith(b"\x1b[?25h\x1b[?1049l")
    assert b"Traceback" not in text


def test_watching_is_ended_by_a_signal_and_the_screen_is_as_before(host, server):
    ours, theirs = pty.openpty()
    process = host.start([PORTULAN, "ls", "--watch", "0.1", *own(host)], stdout=theirs, stderr=theirs)
    os.close(theirs)
    read_until(ours, b"8080/tcp")
    process.terminate()
    assert read_until(ours, b"\x1b[?1049l").endswith(b"\x1b[?25h\x1b[?1049l")
    assert process.wait(timeout=20) == 128 + signal.SIGTERM
    os.close(ours)


def test_watching_shows_what_comes_and_goes_and_keeps_to_its_window(host, server):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 14, 90, 0, 0))
    more = [listen(host, f"127.0.0.{number}", 9_000 + number) for number in range(1, 31)]
    process = host.start([PORTULAN, "ls", "--watch", "0.1", *own(host)], stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = read_until(ours, b"more lines: the window is too low")
    for one in more:
        one.close()
    text += read_until(ours, b"- 9030/tcp")
    with listen(host, "127.0.0.1", 9_500):
        text += read_until(ours, b"+ 9500/tcp")
    process.terminate()
    text += read_until(ours, b"\x1b[?1049l")
    pages = text.split(b"\x1b[H\x1b[J")[1:]
    assert max(page.count(b"\n") for page in pages) == 13
    assert "… ".encode() in pages[0]
    assert b"- 9030/tcp" in pages[-1]
    process.wait(timeout=20)
    os.close(ours)


# In a session of its own, with the terminal as the one that Ctrl-C comes from.
CONTROLLED = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_watching_without_a_terminal(host, server):
    process = host.start([PORTULAN, "ls", "--watch", "0.1", "--json", *own(host)], stdout=subprocess.PIPE)
    told = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert [{item["port"] for item in one["items"]} for one in told] == [{8080}] * 3
    assert sorted(one["taken_at"] for one in told) == [one["taken_at"] for one in told]
