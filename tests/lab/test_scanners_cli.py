"""`portulan scanners` as it happens: a real scan of a sandbox host, noticed by it."""

import subprocess

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
    ears = here.start([PORTULAN, "scanners", "--duration", "6", "--all", "--lang", "en"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert "Listening" in ears.stderr.readline()
    done = there.run(["nmap", "-n", "-Pn", "-F", "-r", "--disable-arp-ping", here.address])
    assert done.returncode == 0, done.stderr
    out, err = ears.communicate(timeout=60)
    assert ears.returncode == 1, err
    assert f" {there.address}   tried " in out
    assert "1 source was trying the doors." in out


def test_as_json_lines(sandbox, peers):
    there, here = sandbox.host("there", root=peers), sandbox.host("web-01", root=peers)
    sandbox.link(there, here)
    ears = here.start([PORTULAN, "scanners", "--duration", "6", "--jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done = there.run(["sh", "-c", f"sleep 2; nmap -n -Pn -F --disable-arp-ping {here.address}"])
    assert done.returncode == 0, done.stderr
    out, err = ears.communicate(timeout=60)
    assert ears.returncode == 1, err
    row, last = map(msgspec.json.decode, out.splitlines())
    assert row["sources"] == [there.address]
    assert row["sure_after"] <= 6
    assert last["schema"] == "portulan.scanners/1"
