"""How many packets a second can be counted by flow before the kernel has to drop some: against tcpdump, which only writes them away, and tshark.

python benchmarks/bench_traffic_live.py [--seconds 1.5] [--runs 1]

Each tool hears the same interface. Counts are checked first: at a low rate every one must have got every frame. Then the highest rate is searched at
which a tool gets all of them.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from portulan.system.linux.links import read_interfaces
from portulan.system.sandbox import Sandbox
from portulan.system.sandbox.root import PrivateRoot, open_root
from timing import ROOT, user_install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


RATES = [round(20_000 * 1.25**step) for step in range(22)]
"""Frames a second, 20,000 to 2.2 million."""
ASKED = {"tshark -q -z conv,tcp": 2.0, "tcpdump -w /dev/null": 1.0}


class Tool:
    """A program that counts on the listening host until it is interrupted."""

    def __init__(self, name: str, words: Sequence[str], ready: str, root: PrivateRoot | None = None) -> None:
        self.name, self.words, self.ready, self.root = name, words, ready, root

    def run(self, scene: Scene, rate: int, seconds: float) -> tuple[int, int]:
        """(frames sent, frames it got)."""
        options = {} if self.root is None else {"root": self.root}
        process = scene.listener.start(list(self.words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        assert process.stderr is not None
        said = ""
        while self.ready not in said:
            line = process.stderr.readline()
            if not line:
                sys.exit(f"{self.name}: {said}")
            said += line
        time.sleep(0.5)
        count = max(1000, int(rate * seconds))
        scene.send(count, rate)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=120)
        return count, self.got(out, said + error)

    def got(self, out: str, error: str) -> int:
        """What it says it got."""
        if self.name.startswith("tshark"):
            # Frames to the left, bytes, frames to the right, bytes, and all frames: numbers alone, or with a unit behind the bytes.
            conversations = [re.sub(r" (bytes|kB|MB)\b", "", line).split() for line in out.splitlines() if "<->" in line]
            dropped = re.search(r"(\d+) packets? dropped", error)
            return sum(int(words[7].replace(",", "")) for words in conversations) - (int(dropped[1]) if dropped else 0)
        found = re.search(r"([\d,]+) packets?", out) if self.name.startswith("portulan") else re.search(r"(\d+) packets? captured", error)
        return int(found[1].replace(",", "")) if found else 0


class Scene:
    """Two hosts, and a sender of frames that nobody answers: they are addressed to no network card."""

    def __init__(self, sandbox: Sandbox, root: PrivateRoot, compiler: PrivateRoot) -> None:
        self.sender, self.listener = sandbox.host("sender", root=compiler), sandbox.host("listener", root=root)
        sandbox.link(self.sender, self.listener)
        self.program = ROOT / ".cache" / "sendmmsg_loop"
        self.sender.run(["gcc", "-O2", "-o", str(self.program), str(Path(__file__).parent / "sendmmsg_loop.c")])
        links = read_interfaces(self.sender.netlink)
        self.hardware = next(each.hardware_address for each in links if each.name == "eth0").hex(":")

    def send(self, count: int, rate: int) -> None:
        """So many, so fast."""
        words = [str(self.program), "eth0", self.hardware, "02:00:00:00:00:01", self.sender.address, self.listener.address]
        done = self.sender.run([*words, str(count), str(rate)])
        if done.returncode or float(done.stdout) > 1.2 * count / rate:
            raise TooFastError(done.stderr)


class TooFastError(Exception):
    """The sender cannot keep up with the rate itself."""


def highest(tool: Tool, scene: Scene, seconds: float) -> tuple[int, bool]:
    """The highest of the rates at which it gets all, and whether the sender knew no higher one."""
    low, high = -1, len(RATES)
    capped = False
    while high - low > 1:
        middle = (low + high) // 2
        try:
            sent, got = tool.run(scene, RATES[middle], seconds)
        except TooFastError:
            high, capped = middle, True
            continue
        if got >= sent:
            low = middle
        else:
            high, capped = middle, False
    return (RATES[low] if low >= 0 else 0), capped


def main() -> None:
    """Check, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    os.chdir(ROOT)
    root, compiler = (open_root(ROOT / ".cache" / "roots" / name) for name in ("watchers", "bench"))
    tools = [
        Tool("portulan traffic", [str(user_install()), "traffic", "-i", "eth0"], "Listening on"),
        Tool("tcpdump -w /dev/null", ["tcpdump", "-i", "eth0", "-n", "-w", "/dev/null"], "listening on", root),
        Tool("tshark -q -z conv,tcp", ["tshark", "-i", "eth0", "-n", "-q", "-z", "conv,tcp"], "Capturing on", root),
    ]
    with Sandbox() as sandbox:
        scene = Scene(sandbox, root, compiler)
        for tool in tools:
            sent, got = tool.run(scene, 5_000, 1.0)
            if got < sent:
                sys.exit(f"{tool.name} got {got} of {sent} at 5,000 a second")
        print("checked: each gets every frame at 5,000 a second\n")
        rates: dict[str, float] = {}
        for tool in tools:
            found = [highest(tool, scene, options.seconds) for _ in range(options.runs)]
            rates[tool.name] = statistics.median(rate for rate, _ in found)
            note = "   (the sender can do no more)" if any(capped for _, capped in found) else ""
            print(f"  {tool.name:<26} {rates[tool.name]:>12,.0f} packets a second{note}", flush=True)
        ours = rates[tools[0].name]
        for name, least in ASKED.items():
            ratio = ours / rates[name] if rates[name] else float("inf")
            print(f"  against {name:<26} {ratio:5.2f}x   asked: {least:g}x at least{'' if ratio >= least else '   MISSED'}")


if __name__ == "__main__":
    main()
