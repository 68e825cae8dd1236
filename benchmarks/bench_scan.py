"""Scans against nmap, zmap, masscan and a C loop, in closed sandboxes. What each found is checked before what it took; runs are interleaved.

python benchmarks/bench_scan.py [--runs 5] [--only WORD …]

Peers get the options that their own manuals advise: nmap -T4 -n -Pn, zmap and masscan the hardware addresses, an unlimited or high rate, a short wait at the end.
Where a peer would take minutes it is ended as soon as it has missed what was asked by far, and the share that it had done is told.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path

from timing import ROOT, user_environment, user_install

sys.path.insert(0, str(ROOT / "tests"))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from portulan.system.sandbox import Host

PLAIN = {"family": 4, "method": "syn", "loss": 0, "delay": 0, "limit": "none", "firewall": "none", "oddity": "none", "path": "direct"}
SEED = 1
NETWORK, ONE_PORT = "198.19.0.0/16", 8_443
HOSTS = 1 << 16
MOST_S = 900
_NMAP_PHASE = re.compile(r"Completed (?:SYN Stealth|Connect) Scan at \S+ ([\d.]+)s elapsed")
_NMAP_OPEN = re.compile(r"^\d+/tcp +open ", re.MULTILINE)
_NMAP_DONE = re.compile(r"About ([\d.]+)% done")
_ZMAP_SENT = re.compile(r"send: (\d+) done \(([\d.]+) ([KM]?)p/s avg\)")


class Run:
    """One run of one program."""

    def __init__(self, whole_s: float, phase_s: float | None, found: int, *, right: bool, more: float = 0.0) -> None:
        """Seconds of the whole process and of its scan phase; how many open ports it found; whether all is right; a figure besides (share done, rate)."""
        self.whole_s, self.phase_s, self.found, self.right, self.more = whole_s, phase_s, found, right, more


class Bench:
    """What every row needs."""

    def __init__(self, portulan: Path, peers: Any, runs: int) -> None:
        """`portulan`: the program as a user has it; `peers`: the private root."""
        self.portulan, self.peers, self.runs = portulan, peers, runs

    def ours(self, host: Host, *arguments: object, judge: Callable[[dict[str, Any]], tuple[int, bool]]) -> Run:
        """One scan by Portulan; a wrong answer ends the benchmark."""
        begun = time.perf_counter()
        done = host.run([self.portulan, "scan", *map(str, arguments), "--json"], timeout_s=MOST_S)
        whole = time.perf_counter() - begun
        if not done.stdout:
            sys.exit(done.stderr)
        report = json.loads(done.stdout)
        found, right = judge(report)
        effort = report["passes"][0]["effort"]
        if not right:
            sys.exit(f"Portulan's answer is wrong: {arguments}: {found} open; {report['passes']}")
        return Run(whole, effort["took_s"], found, right=right, more=effort["rate"])

    def nmap(self, host: Host, *arguments: object, most_s: float) -> Run:
        """One scan by nmap, ended after `most_s`."""
        limit = ["timeout", "-k", "5", f"{most_s:.0f}"]
        begun = time.perf_counter()
        done = host.run(
            [*limit, "nmap", "-T4", "-n", "-Pn", "-p-", "-v", "--stats-every", "1s", *map(str, arguments)], timeout_s=most_s + 30
        )
        whole = time.perf_counter() - begun
        phase = _NMAP_PHASE.search(done.stdout)
        share = 1.0 if phase else max([float(each) for each in _NMAP_DONE.findall(done.stdout)] or [0.0]) / 100
        return Run(whole, float(phase[1]) if phase else None, len(_NMAP_OPEN.findall(done.stdout)), right=bool(phase), more=share)


def tests_module(name: str) -> Any:
    """The lab and its truth, which tests and benchmarks share."""
    return import_module(name)


def middle(runs: Sequence[Run], what: str = "whole_s") -> float:
    values: list[float] = [getattr(run, what) for run in runs]
    return statistics.median(values)


def alternate(ways: Mapping[str, Callable[[], Run]], runs: int) -> dict[str, list[Run]]:
    """Each in turn, after one round that warms everything up."""
    done: dict[str, list[Run]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            one = way()
            if turn:
                done[name].append(one)
    return done


def tell(work: str, ours: str, peer: str, ratio: float, asked: str) -> None:
    print(f"  {work:<46} {ours:>12}   {peer:>34}   x {ratio:7.2f}   asked: {asked}", flush=True)


def seconds(value: float) -> str:
    return f"{value:.3f} s"


# One host


@contextmanager
def scene(bench: Bench, **more: Any) -> Iterator[Any]:
    with tests_module("scan_lab").Scene({**PLAIN, **more}, SEED, bench.peers) as built:
        yield built


def judged(truth: Any) -> Callable[[dict[str, Any]], tuple[int, bool]]:
    """Open ports found, and whether every state is right."""
    said_of = tests_module("proofs_scan").said_of

    def judge(report: dict[str, Any]) -> tuple[int, bool]:
        said = said_of(report)
        wrong, _ = truth.judge(said)
        for each in wrong:
            print(f"    {each}")
        return sum(state == "open" for state, _ in said.values()), not wrong

    return judge


def one_host(bench: Bench) -> None:
    """65,536 ports, nothing in the way."""
    for family in (4, 6):
        with scene(bench, family=family) as built:
            more = ["-6"] if family == 6 else []
            ways: dict[str, Callable[[], Run]] = {
                "ours": partial(bench.ours, built.scanner, built.address, "-p-", "--method", "syn", judge=judged(built.truth)),
                "nmap": partial(bench.nmap, built.scanner, "-sS", *more, built.address, most_s=120),
            }
            done = alternate(ways, bench.runs)
        complete(done["nmap"], len(built.truth.reachable))
        for what, asked, title in (("phase_s", "2", "scan phase"), ("whole_s", "1.15", "whole process")):
            mine, theirs = middle(done["ours"], what), middle(done["nmap"], what)
            tell(f"65,536 ports, IPv{family}, {title}", seconds(mine), f"nmap -sS {theirs:.3f} s", theirs / mine, asked)


def complete(runs: Sequence[Run], wanted: int) -> None:
    """What a peer missed is told, not hidden."""
    short = [wanted - run.found for run in runs if run.right and run.found != wanted]
    if short:
        print(f"    the peer missed open ports in {len(short)} of {len(runs)} runs: {short}")


def hard(bench: Bench, title: str, asked: float, **more: Any) -> float:
    """A network that nmap is slow in: it is run once, until it has missed what was asked by a third. Returns our seconds."""
    with scene(bench, **more) as built:
        runs = [
            bench.ours(built.scanner, built.address, "-p-", "--method", "syn", judge=judged(built.truth)) for _ in range(bench.runs + 1)
        ][1:]
        mine = middle(runs)
        peer = bench.nmap(built.scanner, "-sS", built.address, most_s=max(20.0, 1.33 * asked * mine))
        complete([peer], len(built.truth.reachable))
    # Unfinished: at least as long as it ran, and no more is claimed.
    told = f"nmap -sS {peer.whole_s:.1f} s" + ("" if peer.right else f", {peer.more:.1%} done")
    tell(title, seconds(mine), told, peer.whole_s / mine, f"{asked:g}" + ("" if peer.right else ", at least"))
    return mine


def losses(bench: Bench) -> None:
    hard(bench, "5 % lost each way", 50, loss=5)


def losing_a_fifth(bench: Bench) -> None:
    times = {}
    for loss in (0, 20):
        with scene(bench, loss=loss) as built:
            runs = [
                bench.ours(built.scanner, built.address, "-p-", "--method", "syn", judge=judged(built.truth)) for _ in range(bench.runs + 1)
            ][1:]
            times[loss] = middle(runs, "phase_s")
    tell("20 % lost each way, scan phase", seconds(times[20]), f"ours without loss {times[0]:.3f} s", times[20] / times[0], "3 at most")


def walled(bench: Bench) -> None:
    hard(bench, "all but 10 ports dropped", 20, firewall="wall")


def far(bench: Bench) -> None:
    hard(bench, "100 ms round trip", 10, delay=100)


# Whole networks


@contextmanager
def network(bench: Bench) -> Iterator[tuple[Host, Host, dict[str, str]]]:
    """A scanner and a target that is a whole /16; and their hardware addresses."""
    from portulan.system.linux.links import read_interfaces
    from portulan.system.sandbox import Sandbox

    lab = tests_module("scan_lab")
    with Sandbox() as sandbox:
        scanner, target = sandbox.host("scanner", root=bench.peers), sandbox.host("target", root=bench.peers)
        sandbox.link(scanner, target)
        target.answer_for(NETWORK)
        scanner.route(NETWORK, target.address)
        lab.settle(target)
        lab.serve(target, [ONE_PORT])
        hardware = {
            host.name: next(each.hardware_address for each in read_interfaces(host.netlink) if each.name == "eth0").hex(":")
            for host in (scanner, target)
        }
        yield scanner, target, hardware


def zmap(host: Host, hardware: dict[str, str], *more: str) -> Run:
    """As zmap(1) advises where there is no gateway to ask: interface, hardware address, source."""
    command = [
        "zmap",
        "-p",
        str(ONE_PORT),
        "-b",
        "/dev/null",
        "-i",
        "eth0",
        "-G",
        hardware["target"],
        "-S",
        host.address,
        "-c",
        "1",
        "-o",
        "-",
        *more,
        NETWORK,
    ]
    begun = time.perf_counter()
    done = host.run(command, timeout_s=120)
    whole = time.perf_counter() - begun
    sent = _ZMAP_SENT.search(done.stderr)
    if sent is None:
        sys.exit(f"zmap: {done.stderr[-1000:]}")
    rate = float(sent[2]) * {"": 1, "K": 1e3, "M": 1e6}[sent[3]]
    found = len(set(done.stdout.split()))
    return Run(whole, int(sent[1]) / rate, found, right=found == HOSTS)


def masscan(host: Host, hardware: dict[str, str], rate: int) -> Run:
    """As masscan(8) advises: its own address settings, a rate, a short wait. It may hang at its end (its issue 813): ended then."""
    out = f"{ROOT}/.cache/masscan.{os.getpid()}"
    command = [
        "timeout", "-k", "1", "10", "masscan", NETWORK, f"-p{ONE_PORT}", "--rate", str(rate), "--wait", "1", "--interface", "eth0", "--adapter-ip", host.address,
        "--adapter-mac", hardware["scanner"], "--router-mac", hardware["target"], "-oL", out,
    ]  # fmt: skip
    begun = time.perf_counter()
    host.run(command, timeout_s=60)
    whole = time.perf_counter() - begun
    found = host.run(["grep", "-c", "open", out]).stdout.strip()
    host.run(["rm", "-f", out])
    return Run(whole, whole, int(found or 0), right=found == str(HOSTS))


def whole_network(bench: Bench) -> None:
    """A /16, one port."""

    def judge(report: dict[str, Any]) -> tuple[int, bool]:
        opened = {row["address"] for row in report["items"] if row["state"] == "open"}
        return len(opened), len(opened) == HOSTS

    with network(bench) as (scanner, _, hardware):
        ways: dict[str, Callable[[], Run]] = {
            "ours": lambda: bench.ours(scanner, NETWORK, "-p", ONE_PORT, "--method", "syn", judge=judge),
            "zmap -r 0": lambda: zmap(scanner, hardware, "-r", "0"),
            "zmap -r 120000": lambda: zmap(scanner, hardware, "-r", "120000"),
            "zmap -r 120000 -P 2": lambda: zmap(scanner, hardware, "-r", "120000", "-P", "2"),
            "masscan --rate 130000": lambda: masscan(scanner, hardware, 130_000),
        }
        done = alternate(ways, bench.runs)
    mine = middle(done["ours"], "phase_s")
    for name, runs in done.items():
        if name == "ours":
            continue
        found = sorted(run.found for run in runs)
        what = "whole" if name.startswith("masscan") else "sending"
        theirs = middle(runs, "phase_s")
        tell(
            f"/16, one port, scan phase ({name} {what})",
            seconds(mine),
            f"{theirs:.3f} s, found {found[0]:,}-{found[-1]:,}",
            theirs / mine,
            "1.3" if name.startswith("zmap") else "beside",
        )
    print("    whole processes: " + ", ".join(f"{name} {middle(runs):.2f} s" for name, runs in done.items()))


# connect


def connections(bench: Bench) -> None:
    for delay, asked in ((None, 2.0), (10, 1.5)):
        with scene(bench, method="connect", delay=delay or 0) as built:
            host, address = (built.target, "127.0.0.1") if delay is None else (built.scanner, built.address)
            ways: dict[str, Callable[[], Run]] = {
                "ours": partial(bench.ours, host, address, "-p-", "--method", "connect", judge=judged(built.truth)),
                "nmap": partial(bench.nmap, host, "-sT", address, most_s=120),
            }
            done = alternate(ways, bench.runs)
        complete(done["nmap"], len(built.truth.reachable))
        mine, theirs = middle(done["ours"]), middle(done["nmap"])
        where = "loopback" if delay is None else f"{delay} ms round trip"
        tell(f"connect, {where}, whole process", seconds(mine), f"nmap -sT {theirs:.3f} s", theirs / mine, f"{asked:g}")


# Rates, memory, growth


def rate(bench: Bench) -> None:
    """Our sending against a C loop to the same live target, which answers."""
    from portulan.system.linux.links import read_interfaces

    with scene(bench) as built:
        program = ROOT / ".cache/sendmmsg_loop"
        source = Path(__file__).parent / "sendmmsg_loop.c"
        built.scanner.run(["gcc", "-O2", "-o", str(program), str(source)])
        hardware = [
            next(each.hardware_address for each in read_interfaces(host.netlink) if each.name == "eth0").hex(":")
            for host in (built.scanner, built.target)
        ]

        def loop() -> Run:
            command = [str(program), "eth0", *hardware, built.scanner.address, built.target.address, str(1 << 16)]
            done = built.scanner.run(command)
            if done.returncode:
                sys.exit(f"the C loop: {done.stderr}")
            return Run(0.0, None, 0, right=True, more=(1 << 16) / float(done.stdout))

        ways: dict[str, Callable[[], Run]] = {
            "ours": partial(bench.ours, built.scanner, built.address, "-p-", "--method", "syn", judge=judged(built.truth)),
            "C": loop,
        }
        done = alternate(ways, max(bench.runs, 9))
    mine, theirs = middle(done["ours"], "more"), middle(done["C"], "more")
    tell("sending, probes a second", f"{mine:,.0f}", f"C sendmmsg loop {theirs:,.0f}", mine / theirs, "0.75")


def memory(bench: Bench) -> None:
    """10^9 pairs, with answers made by arithmetic (SIMULATE_PAIRS: fewer of them): what is held does not grow with them."""
    import scan_memory

    found = scan_memory.measure(int(os.environ.get("SIMULATE_PAIRS", scan_memory.PAIRS)), bench.portulan.parent / "python")
    print(
        f"  memory, {found['pairs']:,} address-port pairs, {found['ns_per_pair']:.0f} ns each: {found['peak_mib']:.0f} MiB   asked: under 150"
        + ("" if found["right"] else "   WRONG"),
        flush=True,
    )


def growth(bench: Bench) -> None:
    """1 to 4,096 hosts, 1,000 ports each."""
    per_probe = {}
    with network(bench) as (scanner, _, _):
        for hosts in (1, 16, 256, 4_096):
            target = f"198.19.0.0/{32 - hosts.bit_length() + 1}"

            def judge(report: dict[str, Any], hosts: int = hosts) -> tuple[int, bool]:
                opened = sum(row["state"] == "open" for row in report["items"])
                closed = sum(host["states"].get("closed", 0) for host in report["hosts"])
                return opened, opened == hosts and opened + closed == 1000 * hosts

            runs = [
                bench.ours(scanner, target, "-p", f"{ONE_PORT - 500}-{ONE_PORT + 499}", "--method", "syn", judge=judge)
                for _ in range(min(bench.runs, 3) if hosts > 1000 else bench.runs)
            ]
            per_probe[hosts] = middle(runs, "phase_s") / hosts / 1000 * 1e6
    print(
        "  growth, microseconds a probe: "
        + ", ".join(f"{hosts:,} hosts {took:.2f}" for hosts, took in per_probe.items())
        + "   asked: within 20 %",
        flush=True,
    )


ROWS: dict[str, Callable[[Bench], None]] = {
    "host": one_host, "loss": losses, "fifth": losing_a_fifth, "wall": walled, "far": far, "network": whole_network, "connect": connections, "rate": rate,
    "memory": memory, "growth": growth,
}  # fmt: skip


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="WORD", help=", ".join(ROWS))
    options = parser.parse_args()
    from portulan.system.sandbox.root import open_root

    os.chdir(ROOT)
    portulan = user_install()
    os.environ.clear()
    os.environ.update(user_environment())
    bench = Bench(portulan, open_root(ROOT / ".cache/roots/bench"), options.runs)
    print(
        f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, medians of {options.runs} interleaved runs, each answer checked"
    )
    for name in options.only:
        ROWS[name](bench)


if __name__ == "__main__":
    main()
