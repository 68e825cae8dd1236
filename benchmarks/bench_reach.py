"""Reach: reading rules against `nft -j list ruleset | python -m json.tool`, all verdicts, one query, and what reach adds to the chart. Answers are checked first.

python benchmarks/bench_reach.py [--runs 5]
python benchmarks/bench_reach.py --inside …   used by itself, in a closed sandbox that has nft and the rules
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from portulan.guard.reach import Reach
    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset

ASKED = {1_000: (60, 0), 10_000: (700, 1_300)}
"""Rules -> milliseconds for all verdicts, and with the summary in words."""
_CHECKED = 3_000


# --- inside: in a namespace with rules, with what a user has installed ---


def inside(runs: int) -> dict[str, Any]:
    """All measurements in this process."""
    from portulan.system.firewall.read import read_ruleset
    from portulan.system.linux.network import read_network

    ruleset, network = read_ruleset(), read_network()
    found: dict[str, Any] = {"rules": sum(len(chain.rules) for chain in ruleset.chains), "checked": check(ruleset, network)}
    peer = f"nft -j list ruleset | {sys.executable} -m json.tool"
    ours = f"{sys.executable} -c 'from portulan.system.firewall.read import read_ruleset; read_ruleset()'"
    found |= _interleaved({"list+parse": lambda: _shell(ours), "nft -j | json.tool": lambda: _shell(peer)}, runs)
    found |= measure(ruleset, network, runs)
    with open("/proc/self/status", encoding="ascii") as file:
        found["peak_mib"] = next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    return found


def check(ruleset: Ruleset, network: Network) -> int:
    """Packets drawn at and around what the rules name: the answer for all at once must be the one of the packet followed by itself."""
    from portulan.guard.trace import Tracer
    from portulan.model.network import Address
    from portulan.model.port import Transport
    from portulan.model.reach import Outcome, Packet

    reach, tracer, dice = _simulate(ruleset, network), Tracer(ruleset, network), random.Random(7)
    reach.prepare()
    for version, doors in reach.doors.items():
        edges = sorted({edge for edges in doors.rows.edges for edge in edges})
        ports = sorted({edge for edges in doors.ports.edges for edge in edges if edge < 65_536})
        lanes = [lane for lane in doors.paths.lanes if lane.parent is None and not lane.entry.local]
        done = 0
        while done < _CHECKED // 2:
            lane, sender = dice.choice(lanes), dice.choice(edges) + dice.choice((-1, 0, 1))
            if not 0 <= sender < doors.rows.size or not doors.rows.holds(lane.senders, sender):
                continue
            port = min(65_535, max(0, dice.choice(ports) + dice.choice((-1, 0, 0, 1))))
            transport = Transport.TCP if lane.transport == 6 else Transport.UDP
            address = Address(version, dice.choice(lane.entry.addresses))
            packet = Packet(transport, Address(version, sender), address, port, None, dice.choice(lane.entry.links).name)
            one, other = reach.query(packet), tracer.trace(packet)
            if one.outcome is not other.outcome or (one.outcome is Outcome.DROP and one.rule != other.rule):
                sys.exit(f"not the same: {packet} {one} {other.outcome} {other.rule}")
            done += 1
    return _CHECKED


def _simulate(ruleset: Ruleset, network: Network) -> Reach:
    from portulan.guard.reach import simulate

    return simulate(ruleset, network)


def _verdicts(ruleset: Ruleset, network: Network) -> Reach:
    """Every verdict of every class of senders at every port, as packed bits."""
    reach = _simulate(ruleset, network)
    reach.prepare()
    return reach


def _in_words(ruleset: Ruleset, network: Network) -> int:
    """The lines that `portulan reach --matrix` prints."""
    from portulan.guard.senders import brief
    from portulan.text.reach import networks
    from portulan.text.voice import Voice

    voice = Voice("en")
    groups, _ = _simulate(ruleset, network).matrix(40)
    return sum(len(networks(voice, [name for each in brief(group.accepted, network) for name in each.networks], 5)) for group in groups)


def measure(ruleset: Ruleset, network: Network, runs: int) -> dict[str, float]:
    """In process, each in turn."""
    from portulan.model.network import Address
    from portulan.model.port import Transport
    from portulan.model.reach import Packet

    found = _interleaved({"verdicts": lambda: _verdicts(ruleset, network), "in words": lambda: _in_words(ruleset, network)}, runs)
    reach, dice = _simulate(ruleset, network), random.Random(3)
    reach.prepare()
    link = next(link for link in network.links if link.name != "lo" and link.addresses)
    own = next(address for address, _ in link.addresses if address.version == 4)
    packets = [
        Packet(Transport.TCP, Address(4, dice.randrange(1 << 24, 0x7F000000)), own, dice.randrange(65_536), None, link.name)
        for _ in range(2_000)
    ]
    begun = time.perf_counter()
    for packet in packets:
        reach.query(packet)
    found["query"] = (time.perf_counter() - begun) * 1000 / len(packets)
    return found


def _interleaved(ways: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            if turn:
                times[name].append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(each) for name, each in times.items()}


def _shell(line: str) -> None:
    subprocess.run(line, shell=True, check=True, stdout=subprocess.DEVNULL)


# --- outside ---


def bench_rules(count: int, runs: int) -> None:
    """One size of rule set."""
    from measured_rules import rules
    from timing import USER

    with _host() as host:
        _load(host, rules(count))
        done = host.run([str(USER / "bin" / "python"), os.path.abspath(__file__), "--inside", "--runs", str(runs)], timeout_s=900)
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout)
    verdicts, words = ASKED[count]
    print(f"\n{found['rules']} rules; {found['checked']} packets followed one by one: all as in the answer for all at once")
    ratio = found["nft -j | json.tool"] / found["list+parse"]
    print(
        f"  listing and parsing, whole process   {found['list+parse']:8.1f} ms   nft -j | json.tool {found['nft -j | json.tool']:8.1f} ms  x {ratio:5.2f}   asked: 0.77"
    )
    print(f"  all verdicts                         {found['verdicts']:8.1f} ms   asked: under {verdicts}")
    print(f"  with the summary in words            {found['in words']:8.1f} ms" + (f"   asked: under {words}" if words else ""))
    print(f"  one query with its rule              {found['query']:8.3f} ms   asked: under 1")
    print(f"  peak memory of all of this           {found['peak_mib']:8.1f} MiB   asked: under 250 at 10,000 rules")


def bench_chart(portulan: str, runs: int) -> None:
    """What reach adds to the chart on a machine with 100 rules and a ban list."""
    from measured_rules import ban_list, rules
    from timing import USER

    script = (
        "import subprocess, sys, time, statistics, json\n"
        "ways = json.loads(sys.argv[1]); times = {name: [] for name in ways}\n"
        "for turn in range(int(sys.argv[2]) + 1):\n"
        "    for name, words in ways.items():\n"
        "        begun = time.perf_counter(); subprocess.run(words, stdout=subprocess.DEVNULL, check=True)\n"
        "        if turn: times[name].append((time.perf_counter() - begun) * 1000)\n"
        "print(json.dumps({name: statistics.median(each) for name, each in times.items()}))"
    )
    python = str(USER / "bin" / "python")
    ways = {"python -c pass": [python, "-c", "pass"], "portulan": [portulan], "portulan --no-reach": [portulan, "ls", "--no-reach"]}
    for title, more in (("no rules at all", None), ("100 rules and a ban list of 100,000 addresses", rules(100) + ban_list())):
        with _host() as host:
            if more is not None:
                _load(host, more)
            host.start([sys.executable, "-c", "import socket, time; s = socket.create_server(('', 8080)); time.sleep(600)"])
            shown = host.run([portulan]).stdout
            done = host.run([python, "-c", script, json.dumps(ways), str(runs)], timeout_s=600)
        if done.returncode:
            sys.exit(done.stderr)
        if "8080/tcp" not in shown:
            sys.exit(f"the chart does not show the listener:\n{shown}")
        found = json.loads(done.stdout)
        added = (found["portulan"] - found["portulan --no-reach"]) / found["python -c pass"]
        print(f"\nthe chart with reach, {title}")
        for name, took in found.items():
            print(f"  {name:<36} {took:8.1f} ms")
        print(f"  reach adds {added:.1f} times python -c pass   asked: 12 at most")


def _host() -> Any:
    from contextlib import contextmanager
    from pathlib import Path

    from portulan.system.sandbox import Sandbox
    from portulan.system.sandbox.root import open_root
    from timing import ROOT

    @contextmanager
    def made() -> Any:
        with Sandbox() as sandbox:
            host = sandbox.router("host", root=open_root(Path(os.environ.get("PORTULAN_PEERS") or ROOT / ".cache/roots/peers")))
            neighbour = sandbox.host("neighbour")
            sandbox.link(neighbour, host)
            for line in (
                "ip link add docker0 type bridge", "ip addr add 172.17.0.1/16 dev docker0", "ip link set docker0 up",
                f"ip route add default via {neighbour.address}",
            ):  # fmt: skip
                host.run(line.split())
            yield host

    return made()


def _load(host: Any, text: str) -> None:
    done = host.run(["nft", "-f", "-"], text=text, timeout_s=300)
    if done.returncode:
        sys.exit(done.stderr[:2000])


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--inside", action="store_true")
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(inside(options.runs)))
        return
    from timing import ROOT, user_environment, user_install

    os.chdir(ROOT)
    portulan = str(user_install())
    os.environ.clear()
    os.environ.update(user_environment())
    print(
        f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, median of {options.runs} interleaved runs"
    )
    for count in ASKED:
        bench_rules(count, options.runs)
    bench_chart(portulan, options.runs)


if __name__ == "__main__":
    main()
