"""Guard: a policy compiled and loaded against the smallest text that does the same, and packets through its rules against one rule and a thousand. Answers are checked first.

python benchmarks/bench_guard.py [--runs 7] [--packets 400000]
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.policy import Policy
    from portulan.system.sandbox import Sandbox
    from portulan.system.sandbox.host import Host

ROOT = Path(__file__).resolve().parent.parent
TODAY = date(2026, 11, 22)
NETWORKS, DOORS, LINEAR = 10_000, 50, 1_000
SENDER, HOST, PORT, FLOWS = "198.18.0.1", "198.18.0.2", 5000, 16
LATE = "table inet late { chain c { type filter hook input priority 2147483647; policy accept; udp dport 5000 counter drop; }; }\n"
"""What comes through is counted and goes no further: all rules have the same behind them."""
QUIET = "table inet quiet { chain c { type filter hook input priority -500; policy drop; meta l4proto icmpv6 accept; }; }\n"


def networks() -> list[str]:
    """Ten thousand that are apart, the sender's among them."""
    dice, found = random.Random(11), {"198.18.0.0/24"}
    while len(found) < NETWORKS:
        found.add(
            f"{dice.randrange(11, 190)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(0, 256, 16)}/{dice.choice((28, 29, 32))}"
        )
    return sorted(found)


def policy_text(file: str) -> str:
    """Fifty doors for one source, and one for everyone."""
    doors = "".join(f'"{port}/udp" = "partners"\n' for port in range(PORT, PORT + DOORS - 1))
    return f'[sources]\npartners = "file {file}"\n[doors]\n"443/tcp" = "everyone"\n{doors}'


def smallest_text(sources: list[str]) -> str:
    """What does the same for new packets, and no more."""
    ports = ", ".join(str(port) for port in range(PORT, PORT + DOORS - 1))
    return (
        "add table inet portulan\ndelete table inet portulan\n"
        f"table inet portulan {{ set s {{ type ipv4_addr; flags interval; elements = {{ {', '.join(sources)} }}; }}\n"
        "chain c { type filter hook input priority 0; policy drop; ct state established,related accept; tcp dport 443 accept; "
        f"udp dport {{ {ports} }} ip saddr @s accept; }}; }}\n"
    )


def load(host: Host, text: str) -> float:
    """The seconds that nft takes."""
    begun = time.perf_counter()
    done = host.run(["nft", "-f", "-"], text=text)
    took = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stderr)
    return took


def read(folder: Path) -> Policy:
    """The policy, from its file and the file of its networks."""
    from portulan.verbs.guard_policy import load_policy

    return load_policy(str(folder / "portulan.toml"))


def compiled(policy: Policy) -> str:
    """The whole text."""
    from portulan.guard.policy.compile import compile_policy
    from portulan.guard.policy.compile_text import permanent
    from portulan.model.guard_compiled import Terrain

    return permanent(compile_policy(policy, TODAY, Terrain(("eth0",))))


def bench_load(sandbox: Sandbox, folder: Path, runs: int) -> tuple[str, str]:
    """Read, compile, load; against the smallest text. Returns both texts."""
    from portulan.system.sandbox.root import open_root

    host = sandbox.host("load", root=open_root(ROOT / ".cache/roots/peers"))
    sources = networks()
    (folder / "partners.txt").write_text("\n".join(sources) + "\n", "utf-8")
    (folder / "portulan.toml").write_text(policy_text("partners.txt"), "utf-8")
    small, policy = smallest_text(sources), read(folder)
    times: dict[str, list[float]] = {"small": [], "read": [], "compile": [], "load": [], "whole": []}
    for turn in range(runs + 1):
        found = {"small": load(host, small)}
        begun = time.perf_counter()
        policy = read(folder)
        found["read"] = time.perf_counter() - begun
        begun = time.perf_counter()
        text = compiled(policy)
        found["compile"] = time.perf_counter() - begun
        found["load"] = load(host, text)
        found["whole"] = found["compile"] + found["load"]
        if turn:
            for name, took in found.items():
                times[name].append(took)
    middle = {name: statistics.median(each) * 1000 for name, each in times.items()}
    print(f"\n{NETWORKS:,} networks x {DOORS} doors")
    print(f"  nft -f of the smallest text          {middle['small']:8.1f} ms   {len(small):,} bytes")
    print(
        f"  compiled and loaded                  {middle['whole']:8.1f} ms   x {middle['whole'] / middle['small']:.2f}   asked: under 1.5"
    )
    print(f"    of that: compiled {middle['compile']:.1f} ms, nft -f {middle['load']:.1f} ms of {len(text):,} bytes")
    print(f"  reading the policy before that       {middle['read']:8.1f} ms")
    return text, small


class Road:
    """A sender, a cable, and a host with the rules."""

    def __init__(self, sandbox: Sandbox) -> None:
        from portulan.system.linux.links import read_interfaces
        from portulan.system.sandbox.root import open_root

        peers = open_root(ROOT / ".cache/roots/peers")
        self.sender, self.host = sandbox.host("sender", root=peers), sandbox.host("host", root=peers)
        sandbox.link(self.sender, self.host, f"{SENDER}/24", f"{HOST}/24")
        own, other = (
            {each.name: each.hardware_address for each in read_interfaces(host.netlink)}["eth0"] for host in (self.sender, self.host)
        )
        self.program = ROOT / ".cache" / "udp_flood"
        subprocess.run(["gcc", "-O2", "-o", str(self.program), str(Path(__file__).parent / "udp_flood.c")], check=True)
        self.words = ["eth0", _text(own), _text(other), SENDER, HOST, str(PORT), str(FLOWS)]
        load(self.sender, QUIET)

    def flood(self, count: int) -> float:
        """Packets a second of a processor's work; checks that all of them came through."""
        load(self.host, "add table inet late\ndelete table inet late\n" + LATE)
        done = self.sender.run([str(self.program), *self.words, str(count)])
        if done.returncode:
            sys.exit(done.stderr)
        listed = self.host.run(["nft", "list", "table", "inet", "late"]).stdout
        if f"counter packets {count} " not in listed:
            sys.exit(f"not every packet came through:\n{listed}")
        return count / float(done.stdout.split()[1])

    def answer(self) -> None:
        """Every flow is answered once, so that connection tracking takes it for established."""
        self.host.run(["nft", "delete", "table", "inet", "late"])
        with self.host.enter():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with server:
            server.bind((HOST, PORT))
            server.settimeout(5)
            self.sender.run([str(self.program), *self.words, str(FLOWS)])
            for _ in range(FLOWS):
                _, peer = server.recvfrom(100)
                server.sendto(b"!", peer)


def _text(address: bytes | str) -> str:
    return address if isinstance(address, str) else ":".join(f"{each:02x}" for each in address)


def bench_packets(sandbox: Sandbox, text: str, small: str, runs: int, count: int) -> None:
    """The same flood through each set of rules, in turn."""
    road = Road(sandbox)
    head = "add table inet portulan\ndelete table inet portulan\n"
    one = f"{head}table inet portulan {{ chain c {{ type filter hook input priority 0; policy drop; %sudp dport {PORT} accept; }}; }}\n"
    other = "".join(f"udp dport {port} accept; " for port in range(10_000, 10_000 + LINEAR - 1))
    tracked = "ct state established,related accept; "
    ways = {
        "one accept rule, no tracking": one % "",
        "one accept rule, with tracking": one % tracked,
        "the smallest text that does the same": small,
        "ours": text,
        f"{LINEAR:,} linear rules, with tracking": one % (tracked + other),
        f"{LINEAR:,} linear rules, no tracking": one % other,
    }
    for title, established in (("flows that were answered", True), ("flows that were never answered: every packet asks all rules", False)):
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(runs + 1):
            for name, rules in ways.items():
                load(road.host, rules)
                if established and "no tracking" not in name:
                    road.answer()
                rate = road.flood(count if "linear" not in name else count // 4)
                if turn:
                    rates[name].append(rate)
                _forget(road.host)
        middle = {name: statistics.median(each) for name, each in rates.items()}
        print(f"\npackets through the rules, {title}")
        for name, rate in middle.items():
            print(f"  {name:<38} {rate / 1000:8.0f} thousand packets/s   ours x {middle['ours'] / rate:.2f}")
    print("\n  of a processor's time; asked: 0.9 of one accept rule, 4 times a thousand linear ones")


def _forget(host: Host) -> None:
    """No connection is known any more."""
    load(host, "add table inet portulan\ndelete table inet portulan\nadd table inet late\ndelete table inet late\n")
    with host.enter():
        from portulan.system.linux.tracked import forget, read_tracked

        forget(read_tracked())


def main() -> None:
    """All of it."""
    from portulan.system.sandbox import Sandbox

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--packets", type=int, default=400_000)
    parser.add_argument("--only", choices=("load", "packets"))
    options = parser.parse_args()
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        text, small = bench_load(sandbox, Path(folder), options.runs if options.only != "packets" else 1)
        if options.only != "load":
            bench_packets(sandbox, text, small, options.runs, options.packets)


if __name__ == "__main__":
    main()
