"""`portulan traffic --read` against ndpiReader, tshark, nfpcapd and tcpdump. The answer is checked first; then medians of interleaved runs, as ratios.

python benchmarks/bench_traffic.py [--runs 5] [--packets 4200000] [--skip tshark]

A capture of mixed traffic (TLS, HTTP, SSH, SMTP, DNS, QUIC, NTP; IPv6, VLAN tags, ARP) of more than 1 GB is made by lot and kept in .cache/bench; one of
10 MB; and one of as many SYNs from spoofed sources as it has packets, for memory. Everybody runs in the private root with the other programs.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
from pathlib import Path

import numpy as np

from portulan.system.sandbox.root import open_root
from timing import ROOT, Timed, interleaved, user_environment, user_install
from traffic_capture import make

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portulan.system.sandbox.quarters import Quarters

FOLDER = ROOT / ".cache" / "bench"
ASKED_PPS, ASKED_MB = 2_000_000, 600
ASKED = {"ndpiReader": 4.0, "tshark -z conv,tcp": 20.0, "nfpcapd": 1.5, "tcpdump -w /dev/null tcp port 443": 1 / 2.5}
"""Their time, as a multiple of ours, at least."""
ASKED_SMALL = {"tshark -z conv,tcp": 1.0, "python -c pass": 1 / 15}
PATIENCE_S = 3600.0
_PEAK = """
import os, resource, subprocess, sys, threading, time
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
def kin(pid):
    try:
        own = [int(word) for task in os.listdir(f"/proc/{pid}/task") for word in open(f"/proc/{pid}/task/{task}/children").read().split()]
    except OSError:
        return []
    return own + [each for child in own for each in kin(child)]
def size(pid):
    try:
        return next(int(line.split()[1]) for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0
most = 0
while process.poll() is None:
    most = max(most, sum(map(size, [process.pid, *kin(process.pid)])))
    time.sleep(0.05)
print(most)
"""


def ours(portulan: str, path: Path) -> list[str]:
    """The command."""
    return [portulan, "traffic", "--read", str(path)]


def check(here: Quarters, portulan: str, path: Path, truth: Mapping[str, int]) -> None:
    """The table is that of the capture's maker, and as many packets go through port 443 as tcpdump finds."""
    done = here.run([*ours(portulan, path), "--json"], timeout_s=PATIENCE_S, environment=user_environment())
    answer = json.loads(done.stdout)
    told = {
        "packets": answer["packets"], "bytes": answer["bytes"], "flows": answer["flows"], "aside": sum(each["packets"] for each in answer["aside"]),
    }  # fmt: skip
    if told != dict(truth):
        print(f"told {told}, made {dict(truth)}", file=sys.stderr)
        sys.exit(1)
    ports = answer["items"]
    if sum(each["packets"] for each in ports) + told["aside"] != told["packets"] or sum(each["flows"] for each in ports) != told["flows"]:
        print("ports do not add up", file=sys.stderr)
        sys.exit(1)
    found = here.run(
        ["sh", "-c", f"tcpdump -n -r {path} 'tcp port 443 or (vlan and tcp port 443)' 2>/dev/null | wc -l"], timeout_s=PATIENCE_S
    )
    mine = sum(each["packets"] for each in ports if (each["transport"], each["port"]) == ("tcp", 443))
    if int(found.stdout) != mine:
        print(f"443/tcp: {mine} packets; tcpdump: {found.stdout.strip()}", file=sys.stderr)
        sys.exit(1)
    print(f"checked: {told}, {mine} packets on 443/tcp as tcpdump finds")


def flood(path: Path, packets: int) -> None:
    """SYNs, each from another source."""
    if path.exists():
        return
    dice, number = np.random.default_rng(3), np.arange(packets)
    records = np.zeros((packets, 76), np.uint8)
    head = np.stack((1_700_000_000 + number // 10_000, number % 10_000 * 100, np.full(packets, 60), np.full(packets, 60)), 1)
    records[:, :16] = head.astype("<u4").view(np.uint8).reshape(packets, 16)
    frame = records[:, 16:]
    frame[:, 12], frame[:, 14], frame[:, 17], frame[:, 22], frame[:, 23] = 8, 0x45, 40, 64, 6
    frame[:, 26:30], frame[:, 30:34] = dice.integers(0, 256, (packets, 4)), (10, 0, 0, 1)
    frame[:, 34:36], frame[:, 37], frame[:, 46], frame[:, 47] = dice.integers(0, 256, (packets, 2)), 80, 0x50, 2
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        records.tofile(file)


def inside(here: Quarters, words: list[str]) -> Callable[[], None]:
    """A command in the private root."""

    def run() -> None:
        here.run(words, timeout_s=PATIENCE_S, environment=user_environment())

    return run


def peak_mb(here: Quarters, words: list[str]) -> float:
    """Most memory of a command and of all that it begins, at one time, shared pages counted once."""
    done = here.run([sys.executable, "-I", "-S", "-c", _PEAK, *words], timeout_s=PATIENCE_S, environment=user_environment())
    return int(done.stdout) * 1024 / 1e6


def report(title: str, timed: Mapping[str, Timed], asked: Mapping[str, float]) -> None:
    """Medians and ratios."""
    print(f"\n{title}")
    mine = timed["portulan"].median_ms
    for name, runs in timed.items():
        ratio = runs.median_ms / mine
        wanted = asked.get(name)
        verdict = "" if wanted is None else f"  asked: {wanted:.2f}  {'holds' if ratio >= wanted else 'MISSED'}"
        print(f"  {name:<36} {runs.median_ms:10.1f} ms   {ratio:7.2f} x ours{verdict}")


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--packets", type=int, default=4_200_000)
    parser.add_argument("--skip", action="append", default=[], help="a peer to leave out")
    options = parser.parse_args()
    os.chdir(ROOT)
    portulan = str(user_install())
    large, small, spoofed = (
        FOLDER / f"mixed-{options.packets}.pcap",
        FOLDER / "mixed-small.pcap",
        FOLDER / f"spoofed-{options.packets}.pcap",
    )
    truth = make(large, options.packets, options.packets // 17)
    make(small, 37_000, 1_500)
    flood(spoofed, options.packets)
    print(
        f"{os.uname().sysname} {os.uname().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, median of {options.runs} interleaved runs"
    )
    print(f"{large.name}: {large.stat().st_size:,} bytes; {small.name}: {small.stat().st_size:,} bytes; page-cached")
    with open_root(ROOT / ".cache" / "roots" / "watchers").open() as here:
        check(here, portulan, large, truth)
        peers = {
            "ndpiReader": ["ndpiReader", "-q", "-i", str(large)],
            "tshark -z conv,tcp": ["tshark", "-n", "-q", "-z", "conv,tcp", "-r", str(large)],
            "nfpcapd": ["sh", "-c", f"rm -rf /tmp/nf && mkdir /tmp/nf && exec nfpcapd -r {large} -l /tmp/nf"],
            "tcpdump -w /dev/null tcp port 443": ["tcpdump", "-r", str(large), "-w", "/dev/null", "tcp port 443"],
        }
        commands = {
            "portulan": ours(portulan, large),
            **{name: words for name, words in peers.items() if not any(name.startswith(skip) for skip in options.skip)},
        }
        timed = interleaved({name: inside(here, words) for name, words in commands.items()}, options.runs)
        report(f"{large.name}, whole processes", timed, ASKED)
        rate = options.packets / timed["portulan"].median_ms * 1000
        print(f"  {rate / 1e6:.2f} million packets a second; asked: {ASKED_PPS / 1e6:.2f}  {'holds' if rate >= ASKED_PPS else 'MISSED'}")
        tiny = {
            "portulan": ours(portulan, small), "tshark -z conv,tcp": ["tshark", "-n", "-q", "-z", "conv,tcp", "-r", str(small)],
            "python -c pass": [sys.executable, "-c", "pass"],
        }  # fmt: skip
        report(f"{small.name}", interleaved({name: inside(here, words) for name, words in tiny.items()}, 2 * options.runs), ASKED_SMALL)
        for path in (large, spoofed):
            most = peak_mb(here, ours(portulan, path))
            print(
                f"\n{path.name}: {most:.0f} MB at most, of all processes together; asked: {ASKED_MB}  {'holds' if most <= ASKED_MB else 'MISSED'}"
            )


if __name__ == "__main__":
    main()
