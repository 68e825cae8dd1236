"""`portulan trace` against mtr, tcptraceroute and traceroute on the same path, as whole processes; and what `portulan ping` of 1,000 ports costs.

python benchmarks/bench_path.py [--runs 7] [--delay 50] [--ping-seconds 20]

Answers are checked first: every tool must have found every hop. Then medians of interleaved runs, as ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from itertools import pairwise

from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import PrivateRoot, open_root
from timing import ROOT, Timed, interleaved, user_environment, user_install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from portulan.system.sandbox.host import Host

ROUTERS, PORT = 6, 443
TARGETS, ASKED_SHARE = 1_000, 0.15
ASKED = {"mtr": 3.0, "tcptraceroute": 3.0, "traceroute -T -N 1": 2.0}
ASKED_TRIPS = 1.15
SERVER = """
import select, socket, sys
doors = [socket.create_server(("", port), backlog=1024) for port in range(int(sys.argv[1]), int(sys.argv[2]))]
epoll, by_number = select.epoll(), {door.fileno(): door for door in doors}
for door in doors:
    door.setblocking(False)
    epoll.register(door, select.EPOLLIN)
while True:
    for number, _ in epoll.poll():
        try:
            while True:
                by_number[number].accept()[0].close()
        except OSError:
            pass
"""


class Path:
    """client - delay - r1 - … - r6 - server."""

    def __init__(self, sandbox: Sandbox, root: PrivateRoot, delay_ms: float) -> None:
        self.client, self.server = sandbox.host("client", root=root), sandbox.host("server")
        routers = [sandbox.router(f"r{at}") for at in range(1, ROUTERS + 1)]
        hosts = [self.client, *routers, self.server]
        for near, far in pairwise(hosts):
            if near is self.client:
                sandbox.delayed_link(near, far, delay_ms=delay_ms / 2)
            else:
                sandbox.link(near, far)
        sandbox.route_all()
        for host in (*routers, self.server):
            host.set("net.ipv4.icmp_ratemask", 0)
            host.set("net.ipv4.icmp_msgs_per_sec", 1_000_000)
        self.address = self.server.address
        self.hops = [*(router.address for router in routers), self.address]


def serve(host: Host, first: int, last: int) -> None:
    """Accept on a span of ports."""
    host.start([sys.executable, "-c", SERVER, str(first), str(last)])
    host.wait_for_port(last - 1)


def on(host: Host, words: Sequence[str], root: PrivateRoot | None = None) -> Callable[[], str]:
    """A command there; gives what it said."""

    def run() -> str:
        options = {} if root is None else {"root": root}
        return host.run(list(words), timeout_s=60, environment=_clean(), **options).stdout

    return run


def _clean() -> dict[str, str]:
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONUNBUFFERED": ""}


def check(name: str, said: str, hops: Sequence[str]) -> None:
    """Every hop, in its order."""
    found = [address for address in re.findall(r"\b198\.1[89]\.\d+\.\d+\b", said) if address in hops]
    if list(dict.fromkeys(found)) not in (list(hops), [hops[-1], *hops[:-1]]):  # some name the target first
        sys.exit(f"{name} did not find the path: {said}")


def trips(path: Path, portulan: str, delay_ms: float, runs: int) -> None:
    """How many round trips the path itself takes."""
    took, round_trips = [], []
    for _ in range(runs):
        answer = json.loads(on(path.client, [portulan, "trace", f"{path.address}:{PORT}", "-n", "--json"])())
        took.append(answer["took_ms"])
        round_trips.append(answer["items"][-1]["times"]["last"])
    ratio = statistics.median(took) / statistics.median(round_trips)
    print(
        f"  {len(path.hops)} hops at {delay_ms:g} ms: {statistics.median(took):.1f} ms, the host's round trip {statistics.median(round_trips):.1f} ms"
    )
    print(f"  round trips: {ratio:.2f}   asked: {ASKED_TRIPS} at most, and start-up{'' if ratio <= ASKED_TRIPS else '   MISSED'}")


def report(timed: dict[str, Timed], ours: str) -> None:
    """Medians and ratios."""
    base = timed[ours].median_ms
    for name, times in timed.items():
        asked = next((least for tool, least in ASKED.items() if f"{name} ".startswith((f"{tool} ", f"{tool}-"))), None)
        ratio = times.median_ms / base
        verdict = "" if asked is None else f"   asked: {asked:g}x at least{'' if ratio >= asked else '   MISSED'}"
        print(f"  {name:<46} {times.median_ms:8.1f} ms   {ratio:5.2f}x{verdict}")


def ping_share(portulan: str, seconds: int) -> None:
    """CPU time of a ping of many ports at one a second each, of one core; the same of the server's own work besides, which is not ours."""
    with Sandbox() as sandbox:
        client, server = sandbox.host("client"), sandbox.host("server")
        sandbox.delayed_link(client, server, delay_ms=5.0)
        serve(server, 10_000, 10_000 + TARGETS)
        targets = [f"{server.address}:{port}" for port in range(10_000, 10_000 + TARGETS)]
        shares = []
        for count in (1, seconds):
            before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            with client.enter():
                done = subprocess.run(
                    [portulan, "ping", *targets, "-c", str(count), "--json"], capture_output=True, check=False, env=user_environment()
                )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            answer = json.loads(done.stdout)
            answered = sum(item["answered"] for item in answer["items"])
            if answered != count * TARGETS or {item["state"] for item in answer["items"]} != {"open"}:
                sys.exit(f"{answered} of {count * TARGETS} probes were answered: {done.stderr.decode()}")
            shares.append((used_s, time.monotonic() - begun_s))
    (first_s, first_wall_s), (all_s, all_wall_s) = shares
    running = (all_s - first_s) / (all_wall_s - first_wall_s)
    print(f"\nping of {TARGETS:,} open ports, one a second each, {seconds} s, every probe answered")
    print(f"  all in all {all_s:.2f} s of CPU in {all_wall_s:.1f} s: {all_s / all_wall_s:.1%} of one core; while running {running:.1%}")
    print(f"  asked: under {ASKED_SHARE:.0%}{'' if all_s / all_wall_s < ASKED_SHARE else '   MISSED'}")


@contextlib.contextmanager
def laid(root: PrivateRoot, delay_ms: float) -> Iterator[Path]:
    """A path, and a server at its end."""
    with Sandbox() as sandbox:
        path = Path(sandbox, root, delay_ms)
        serve(path.server, PORT, PORT + 1)
        yield path


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--delay", type=float, default=50.0, help="ms there and back, to every hop")
    parser.add_argument("--ping-seconds", type=int, default=20)
    options = parser.parse_args()
    os.chdir(ROOT)
    portulan = str(user_install())
    root = open_root(os.environ.get("PORTULAN_PEERS") or ROOT / ".cache" / "roots" / "peers")
    print(
        f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, median of {options.runs} interleaved runs"
    )
    with laid(root, options.delay) as path:
        host, port = path.address, str(PORT)
        ours = f"portulan trace {host}:{port} -n"
        commands = {
            ours: on(path.client, [portulan, "trace", f"{host}:{port}", "-n", "-m", "30"]),
            "mtr -c1, TCP, smallest intervals": on(
                path.client, ["mtr", "-n", "-T", "-P", port, "-c", "1", "-i", "0.01", "-G", "0.1", "-Z", "1", "--report", host], root
            ),
            "mtr -c1, ICMP, smallest intervals": on(
                path.client, ["mtr", "-n", "-c", "1", "-i", "0.01", "-G", "0.1", "-Z", "1", "--report", host], root
            ),
            "mtr -c1 -i 1 (an ordinary user's smallest)": on(
                path.client, ["mtr", "-n", "-c", "1", "-i", "1", "-G", "0.1", "-Z", "1", "--report", host], root
            ),
            "tcptraceroute -q 1": on(path.client, ["tcptraceroute", "-n", "-q", "1", host, port], root),
            "traceroute -T -N 1": on(path.client, ["traceroute", "-n", "-T", "-p", port, "-N", "1", host], root),
            "traceroute -T -N 1 -q 1": on(path.client, ["traceroute", "-n", "-T", "-p", port, "-N", "1", "-q", "1", host], root),
            "traceroute -T -N 30 -q 1 (all at once)": on(
                path.client, ["traceroute", "-n", "-T", "-p", port, "-N", "30", "-q", "1", host], root
            ),
            "python -c pass": on(path.client, [sys.executable, "-c", "pass"]),
        }
        for name, command in commands.items():
            if not name.startswith("python"):
                check(name, command(), path.hops)
        print(f"checked: every tool finds all {len(path.hops)} hops\n\ntrace of an open port, whole processes")
        report(interleaved({name: _quiet(command) for name, command in commands.items()}, options.runs), ours)
        print(
            f"  (a path of {options.delay:g} ms takes one round trip at the least: no tool can be three times faster than mtr where that is less)"
        )
        print("\nthe path itself")
        trips(path, portulan, options.delay, options.runs)
    ping_share(portulan, options.ping_seconds)


def _quiet(command: Callable[[], str]) -> Callable[[], None]:
    def run() -> None:
        command()

    return run


if __name__ == "__main__":
    main()
