"""Scans whose parts are done by other processes: of this host, and of a real Dask cluster of which a worker is killed in the middle."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proofs_scan import said_of
from proofs_scan_resume import packets, read
from scan_lab import serve, settle

pytestmark = pytest.mark.lab

PORTS = range(10_000, 50_000)
OPEN = 150
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "DASK_LOGGING__DISTRIBUTED": "critical"}
SCHEDULER_PORT = 8_786


@pytest.fixture
def star(sandbox):
    """(router, target, listening): more hosts may be linked with the router."""
    router, target = sandbox.router("router"), sandbox.host("target")
    sandbox.link(router, target)
    settle(target)
    settle(router)
    listening = sorted(random.Random("fleet").sample(PORTS, OPEN))
    serve(target, listening)
    return router, target, listening


def command_of(target, *arguments):
    return list(map(str, [sys.executable, "-m", "portulan", "scan", target.address, "-p", f"{PORTS[0]}-{PORTS[-1]}", *arguments]))


def check(report, listening):
    said = said_of(report)
    assert sorted(port for port, (state, _) in said.items() if state == "open") == listening
    assert {state for state, _ in said.values()} == {"open", "closed"}
    assert set(said) == set(PORTS)
    assert report["states"] == {"open": OPEN, "closed": len(PORTS) - OPEN}
    assert len(report["rows"]) == len({row["port"] for row in report["rows"]})
    assert report["complete"]
    (one,) = report["passes"]
    assert one["certainty"]["exact"]
    assert one["certainty"]["goal"] == 1e-6
    return one


def start_cluster(boss, hosts, folder):
    """A scheduler and a worker on each host; returns its address and the workers' processes."""
    address = f"tcp://{boss.address}:{SCHEDULER_PORT}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "environment": ENVIRONMENT, "folder": folder}
    dask = [sys.executable, "-m", "dask"]
    boss.start([*dask, "scheduler", "--host", boss.address, "--port", str(SCHEDULER_PORT), "--no-dashboard", "--no-show"], **quiet)
    boss.wait_for_port(SCHEDULER_PORT)
    options = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0", "--local-directory", str(folder)]
    return address, [host.start([*dask, "worker", address, "--host", host.address, *options], **quiet) for host in hosts]


def wait_until(true, what, timeout_s=40):
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.timeout(180)
def test_a_cluster_of_three_of_which_one_is_killed(sandbox, star, tmp_path):
    router, target, listening = star
    boss, *hosts = [sandbox.host(name) for name in ("boss", "one", "two", "three")]
    for host in (boss, *hosts):
        sandbox.link(router, host)
    sandbox.route_all()
    address, workers = start_cluster(boss, hosts, tmp_path)
    answer = tmp_path / "answer.json"
    command = command_of(target, "--cluster", address, "--rate", "10000", "-o", answer, "--resume", tmp_path / "journal")
    before = packets(target)
    scan = boss.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, environment=ENVIRONMENT)
    wait_until(
        lambda: (packets(target) - before > len(PORTS) // 3 and min(map(packets, hosts)) > 1000) or scan.poll() is not None,
        "not all take part",
    )
    assert scan.poll() is None, scan.stderr.read()
    workers[1].send_signal(signal.SIGKILL)
    scan.wait(60)
    assert scan.returncode == 0, scan.stderr.read()
    one = check(read(answer), listening)
    assert one["effort"]["probes"] >= len(PORTS)
    assert packets(target) - before < 1.6 * len(PORTS), "a death costs a part, not the scan"
    finished = packets(target)
    again = boss.run(command, environment=ENVIRONMENT, timeout_s=60)
    assert again.returncode == 0, again.stderr
    check(read(answer), listening)
    assert packets(target) - finished < 50


@pytest.mark.parametrize("method", ["syn", "connect"])
def test_processes_of_this_host_share_the_work_in_its_namespace(sandbox, star, tmp_path, method):
    router, target, listening = star
    scanner = sandbox.host("scanner")
    sandbox.link(router, scanner)
    sandbox.route_all()
    done = scanner.run(command_of(target, "--jobs", "2", "--method", method, "--json"), environment=ENVIRONMENT, timeout_s=100)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    check(report | {"rows": report["items"]}, listening)
    assert not done.stderr


def children(process):
    return [int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_the_workers_of_a_killed_scan_end_with_it(sandbox, star, tmp_path):
    router, target, listening = star
    scanner = sandbox.host("scanner")
    sandbox.link(router, scanner)
    sandbox.route_all()
    command = command_of(target, "--jobs", "2", "--rate", "4000", "--resume", tmp_path / "journal", "-o", tmp_path / "answer.json")
    before = packets(target)
    scan = scanner.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, environment=ENVIRONMENT)
    wait_until(lambda: packets(target) - before > 4000, "nothing is asked")
    scan.kill()
    scan.wait()
    time.sleep(0.5)
    asked = packets(target)
    time.sleep(1)
    assert packets(target) - asked < 20, "somebody goes on asking"
    done = scanner.run(command, environment=ENVIRONMENT, timeout_s=100)
    assert done.returncode == 0, done.stderr
    check(read(tmp_path / "answer.json"), listening)
