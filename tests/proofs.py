"""What `make prove` proves, one seed at a time, and `make test` samples. Each proof gives the differences it found and the figures it counted."""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import churning
from labs import SOURCES, as_user, ask_ss, call_as

LOOKS = 3
SERVERS, EVERYTHING = ("tcp", "udp"), ("tcp", "udp", "connection")


# Churn


def churn(seed):
    """Looks by both ways, of servers and of everything, while workers in two namespaces do all that can be done with sockets."""
    from portulan.system.sandbox import Sandbox
    from portulan.verbs.chart import chart

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        hosts = sandbox.host("a"), sandbox.host("b")
        workers = start_workers(hosts[0], seed, folder, hosts)
        places = [str(host.netns_inode) for host in hosts]
        reports, found, others = [], [], {}
        for at in range(LOOKS):
            for source in SOURCES:
                for every_state in (False, True):
                    name = f"look {at} by {source}, {'everything' if every_state else 'servers'}"
                    begin = time.monotonic_ns()
                    items = chart(namespaces=places, source=source, every_state=every_state).items
                    end = time.monotonic_ns()
                    report, twice = churning.report_of(items, begin, end, name, kinds=EVERYTHING if every_state else SERVERS)
                    reports.append(report)
                    found += twice
            for name, look in (("ss", by_ss), ("psutil", by_psutil)):
                others.setdefault(name, []).append(look(hosts[0]))
        stop_workers(workers)
        ledger = churning.read_ledger(folder)
    figures = Counter(looks=len(reports), sockets=len(ledger.holds))
    for report in reports:
        differences, judged = churning.judge(ledger, report)
        found += differences
        figures["judged"] += judged
    for name, looks in others.items():
        for report in filter(None, looks):
            missed, judged = churning.count_missed(ledger, report)
            figures[f"missed by {name}"] += missed
            figures[f"judged for {name}"] += judged
    return found, figures


def churn_as_user(seed):
    """The same for an ordinary user, whose own processes are the workers: nearly all other processes are closed to them."""
    from portulan.system.sandbox import Sandbox

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        host = sandbox.host("a")
        Path(folder).chmod(0o777)
        workers = start_workers(host, seed, folder, (), as_user)
        looks = call_as(host, look_as_user)
        stop_workers(workers)
        ledger = churning.read_ledger(folder)
    found, figures = [], Counter(looks=len(looks), sockets=len(ledger.holds))
    for report, twice in looks:
        differences, judged = churning.judge(ledger, report)
        found += twice + differences
        figures["judged"] += judged
    return found, figures


def look_as_user():
    """In a process of its own: what an ordinary user sees."""
    from portulan.verbs.chart import chart

    reports = []
    for at in range(2 * LOOKS):
        every_state = at % 2 == 1
        begin = time.monotonic_ns()
        items = chart(every_state=every_state).items
        end = time.monotonic_ns()
        name = f"look {at}, {'everything' if every_state else 'servers'}"
        reports.append(churning.report_of(items, begin, end, name, kinds=EVERYTHING if every_state else SERVERS))
    return reports


def start_workers(host, seed, folder, places, dress=list, number=5):
    command = [sys.executable, "-I", churning.__file__, str(seed), str(number), folder, *(place.netns_path for place in places)]
    process = host.start(dress(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    return process


def stop_workers(process):
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def by_ss(host):
    """What ss says of the host; None where there is no private root with it."""
    from portulan.errors import PortulanError
    from portulan.system.sandbox.root import open_root

    try:
        root = open_root(os.environ.get("PORTULAN_PEERS") or Path(__file__).resolve().parent.parent / ".cache/roots/peers")
    except PortulanError:
        return None
    begin = time.monotonic_ns()
    facts, owners = ask_ss(host, root)
    end = time.monotonic_ns()
    return churning.Report(begin, end, {fact.inode: owners[fact.endpoint] for fact in facts}, {}, "ss", SERVERS, (host.netns_inode,))


def by_psutil(host):
    """What psutil says of the host."""
    begin = time.monotonic_ns()
    held = host.call(ask_psutil)
    end = time.monotonic_ns()
    return churning.Report(begin, end, held, {}, "psutil", SERVERS, (host.netns_inode,))


def ask_psutil():
    import psutil

    return frozenset((one.pid, one.fd) for one in psutil.net_connections(kind="inet") if one.pid)
