"""Choosing a port that is free, against portpicker and ephemeral-port-reserve: calls with calls, commands with commands, answers checked first.

python benchmarks/bench_free.py [--runs 15] [--calls 300]

The peers are installed into the environment of the benchmarks (.cache/user), never into the one that Portulan is developed or used in. They give a number
and let go of it; `portulan.lease` holds it and lists it besides.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import USER, command, interleaved, user_environment, user_install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PEERS = ("portpicker", "ephemeral-port-reserve")
CHOOSE = "portulan: choose and try"
FREE = "free(), tried and judged by the rule"
LEASE = "portulan.lease(), held and listed"
_CALLS = r"""
import json, os, socket, statistics, sys, time
import ephemeral_port_reserve, portpicker, portulan
from portulan.host.free import candidates
from portulan.model.port import Transport
from portulan.system.seats import seize
from portulan.verbs.free import free
from portulan.verbs.numbers import what_is_known

def choose():
    known = what_is_known()
    for number in candidates(os.urandom(8).hex(), known):
        seat = seize(number, (Transport.TCP, Transport.UDP))
        if seat is not None:
            seat.close()
            return number

def find():
    return free(transport="both")[0].port

def lease():
    with portulan.lease(transport="both") as number:
        return number

def can_serve(number):
    # as servers do: with SO_REUSEADDR, on all addresses
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.bind(("::", number))
            one.listen()
        return True
    except OSError:
        return False

ways = {WAYS}
calls = int(sys.argv[1])
first, last = map(int, open("/proc/sys/net/ipv4/ip_local_port_range").read().split())
numbers, times = {name: [] for name in ways}, {name: [] for name in ways}
for name, way in ways.items():
    way()
for _ in range(calls):
    for name, way in ways.items():
        begun = time.perf_counter()
        number = way()
        times[name].append((time.perf_counter() - begun) * 1e6)
        numbers[name].append((number, can_serve(number)))
print(json.dumps({name: {
    "median_us": statistics.median(times[name]), "low_us": min(times[name]), "high_us": sorted(times[name])[int(calls * 0.95)],
    "served": sum(served for _, served in numbers[name]), "distinct": len({number for number, _ in numbers[name]}),
    "ephemeral": sum(first <= number <= last for number, _ in numbers[name]),
} for name in ways}))
""".replace(
    "WAYS",
    f"{CHOOSE!r}: choose, {FREE!r}: find, {LEASE!r}: lease, 'portpicker': portpicker.pick_unused_port, 'ephemeral-port-reserve': ephemeral_port_reserve.reserve",
)
_NOBODYS = 2
"""A port to ask about: to start up and answer takes no longer."""
_CAN_SERVE = """
import socket, sys
one = socket.socket()
one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
one.bind(("127.0.0.1", int(sys.argv[1])))
one.listen()
"""


def bench_calls(calls: int) -> None:
    """One process, each way in turn."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**user_environment(), "XDG_STATE_HOME": folder}
        done = subprocess.run(
            [USER / "bin" / "python", "-c", _CALLS, str(calls)], capture_output=True, text=True, check=True, env=environment
        )
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    print(f"{calls} calls of each, in turn, in one process: median (least, 95 of 100); every number checked by a server of its own")
    base = found["portpicker"]["median_us"]
    for name, one in found.items():
        print(
            f"  {name:<34} {one['median_us']:8.0f} us  ({one['low_us']:.0f}, {one['high_us']:.0f})  x {one['median_us'] / base:5.2f}"
            f"   {one['served']} of {calls} can be served, {one['distinct']} different, {one['ephemeral']} of the clients' range"
        )
    if any(found[name]["served"] != calls for name in (CHOOSE, FREE, LEASE)):
        print("a number of ours could not be served", file=sys.stderr)
        sys.exit(1)


def bench_commands(portulan: str, runs: int) -> None:
    """Whole commands, start-up included."""
    python = str(USER / "bin" / "python")
    peers = {"portpicker": [python, "-m", "portpicker"], "ephemeral-port-reserve": [str(USER / "bin" / "ephemeral-port-reserve")]}
    ours = {"portulan free": [portulan, "free"], "portulan free --for NAME": [portulan, "free", "--for", "bench"]}
    ways = {"portulan lease NAME": [portulan, "lease", "bench"], **ours, **peers}
    for name, words in ways.items():
        answer = subprocess.run(words, capture_output=True, text=True, check=True, env=user_environment()).stdout.split()[0]
        if subprocess.run([python, "-c", _CAN_SERVE, answer], check=False).returncode:
            print(f"{name} gave {answer}, which cannot be served", file=sys.stderr)
            sys.exit(1)
    compared = {"python -c pass": command([python, "-c", "pass"]), f"portulan {_NOBODYS}": command([portulan, str(_NOBODYS)])}
    timed = interleaved({**compared, **{name: command(words) for name, words in ways.items()}}, runs)
    print(f"\nwhole commands, median of {runs} interleaved runs")
    for name, one in timed.items():
        ratio = one.median_ms / timed["portulan lease NAME"].median_ms
        print(f"  {name:<34} {one.median_ms:8.1f} ms  ({min(one.wall_ms):.0f}-{max(one.wall_ms):.0f})  x {ratio:5.2f}")
    subprocess.run([portulan, "release", "bench"], check=True, capture_output=True, env=user_environment())


def main() -> None:
    """Install, check, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    portulan = user_install()
    subprocess.run([USER / "bin" / "python", "-m", "pip", "install", "-q", *PEERS], check=True)
    assert Path(portulan).exists()
    bench_calls(options.calls)
    bench_commands(str(portulan), options.runs)


if __name__ == "__main__":
    main()
