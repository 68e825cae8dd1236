"""Parts of one scan that are begun by themselves, and scans of networks that are gone on with: who is there is found once, and counted alike everywhere."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from proofs_scan_resume import packets, read
from scan_lab import serve, settle

pytestmark = pytest.mark.lab

ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def network(sandbox):
    """(scanner, target, listening): a /28 of neighbours, of which four are there."""
    scanner, target = sandbox.host("scanner"), sandbox.host("target")
    sandbox.link(scanner, target, "198.19.0.17/28", "198.19.0.18/28")
    target.answer_for("198.19.0.24/31")
    target.answer_for("198.19.0.29/32")
    settle(target)
    listening = sorted(random.Random("shards").sample(range(20_000, 22_000), 40))
    serve(target, listening)
    return scanner, target, listening


def portulan(*words):
    return [sys.executable, "-m", "portulan", "scan", *map(str, words)]


def opened(report):
    return [(row["address"], row["port"]) for row in report["rows"] if row["state"] == "open"]


def alive(listening):
    return sorted((f"198.19.0.{last}", port) for last in (18, 24, 25, 29) for port in listening)


@pytest.mark.parametrize("method", ["syn", "connect"])
def test_shards_are_a_whole_where_nobody_tells_them_anything(network, method):
    scanner, _, listening = network
    found, states, patience = [], {}, ["--max-rtt", "300ms"]
    for number in (1, 2, 3):
        command = portulan(
            "198.19.0.24/29", "198.19.0.18", "-p", "20000-21999", "--shard", f"{number}/3", "--method", method, "--json", *patience
        )
        done = scanner.run(command, environment=ENVIRONMENT, timeout_s=100)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        found += opened(report | {"rows": report["items"]})
        for host in report["hosts"]:
            assert method == "connect" or host["up"] is False or host["states"].keys() <= {"open", "closed"}
            for state, count in host["states"].items():
                states[host["address"], state] = states.get((host["address"], state), 0) + count
    assert sorted(found) == alive(listening)
    for last in (18, 24, 25, 29):
        assert states[f"198.19.0.{last}", "open"] == 40
        assert states[f"198.19.0.{last}", "closed"] == 1960


def test_who_is_there_is_found_once_and_kept(network, tmp_path):
    scanner, target, listening = network
    journal, answer = tmp_path / "journal", tmp_path / "answer.json"
    command = portulan(
        "198.19.0.16/28", "-p", "20000-21999", "--exclude", "198.19.0.17", "--rate", "3000", "--resume", journal, "-o", answer
    )
    before = packets(target)
    scan = scanner.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, environment=ENVIRONMENT)
    deadline = time.monotonic() + 40
    while packets(target) - before < 3000:
        assert scan.poll() is None, scan.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    scan.kill()
    scan.wait()
    done = scanner.run(command, environment=ENVIRONMENT, timeout_s=60)
    assert done.returncode == 0, done.stderr
    report = read(answer)
    assert sorted(opened(report)) == alive(listening)
    hosts = {host["address"]: host for host in report["hosts"]}
    assert all(hosts[f"198.19.0.{last}"]["up"] for last in (18, 24, 25, 29))
    assert sum(report["states"].values()) == 8000


def test_ctrl_c_tells_the_command_that_goes_on(network, tmp_path):
    scanner, target, listening = network
    command = portulan(
        "198.19.0.18", "-p", "20000-21999", "--rate", "500", "--resume", tmp_path / "the journal", "-o", tmp_path / "answer.json"
    )
    before = packets(target)
    scan = scanner.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, environment=ENVIRONMENT)
    while packets(target) - before < 500:
        assert scan.poll() is None
        time.sleep(0.02)
    scan.send_signal(signal.SIGINT)
    _, errors = scan.communicate(timeout=30)
    assert scan.returncode == 130, errors
    report = read(tmp_path / "answer.json")
    assert not report["complete"]
    assert 0 < sum(report["states"].values()) < 2000
    told = next(line for line in errors.splitlines() if "to go on:" in line)
    assert f"--resume '{tmp_path}/the journal'" in told
    done = scanner.run(command, environment=ENVIRONMENT, timeout_s=60)
    assert done.returncode == 0, done.stderr
    assert opened(read(tmp_path / "answer.json")) == [("198.19.0.18", port) for port in listening]
