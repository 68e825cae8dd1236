"""`portulan scanners` as it happens: a real scan of a sandbox host, noticed by it."""

import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from labs import PORTULAN

pytestmark = [pytest.mark.lab, pytest.mark.peer]
SERVE = "import socket, time; doors = [socket.create_server(('', port), backlog=64) for port in (22, 443)]; time.sleep(60)"


def test_a_scan_is_noticed_while_it_runs(sandbox, peers):
    there, here = sandbox.host("there", root=peers), sandbox.host("web-01", root=peers)
    sandbox.link(there, here)
    here.start(["/usr/bin/python3", "-c", SERVE])
    here.wait_for_port(443)
    with listening(here, "--all", "--lang", "en") as ears:
        scan(there, here, "-r")
    assert ears.status == 1, ears.said
    assert f" {there.address}   tried 100 ports in " in ears.told  # however many it were when it was noticed
    assert "it now knows 22 and 443" in ears.told
    assert "1 source was trying the doors." in ears.told


def test_as_json_lines(sandbox, peers):
    there, here = sandbox.host("there", root=peers), sandbox.host("web-01", root=peers)
    sandbox.link(there, here)
    with listening(here, "--jsonl") as ears:
        scan(there, here)
    assert ears.status == 1, ears.said
    *rows, last = map(msgspec.json.decode, ears.told.splitlines())
    assert {tuple(row["sources"]) for row in rows} == {(there.address,)}
    assert {row["sure_after"] <= 6 for row in rows} == {True}
    assert rows[-1]["first_contacts"] == 100
    assert last["schema"] == "portulan.scanners/1"


def scan(there, here, *words):
    done = there.run(["nmap", "-n", "-Pn", "-F", "--disable-arp-ping", *words, here.address])
    assert done.returncode == 0, done.stderr


@contextmanager
def listening(here, *words):
    """`portulan scanners` from when it hears until it has told what it heard; afterwards `.told`, `.said` and `.status`."""
    ears = here.start([PORTULAN, "scanners", "--duration", "120", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not hears(here):
        assert ears.poll() is None, ears.stderr.read()
        time.sleep(0.05)
    yield ears
    first = ears.stdout.readline()  # it is told while it listens
    time.sleep(1.5)
    ears.send_signal(signal.SIGINT)
    rest, ears.said = ears.communicate(timeout=60)
    ears.told, ears.status = first + rest, ears.returncode


def hears(host):
    """Whether anybody has a packet socket there."""
    with host.enter():
        return len(Path("/proc/thread-self/net/packet").read_text("ascii").splitlines()) > 1
