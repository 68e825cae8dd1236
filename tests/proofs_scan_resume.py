"""Scans that are killed again and again, and gone on with: nothing missed, nothing doubled, and no more asked than was under way."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from portulan.system.sandbox import Sandbox
from proofs_scan import said_of
from scan_lab import serve, settle

PORTS = range(10_000, 30_000)
RATE = 2_500
KILLS = 5
# So short that at this rate no run comes to the last port before all the kills have been made.
LIVES_S = (0.3, 1.3)
OPEN = 200
PATIENCE_S = 100


def killed(seed):
    """One scan by SYNs or connections, killed with SIGKILL at moments drawn by lot until it has got through. Returns (differences, figures)."""
    dice = random.Random(f"resume {seed}")
    family, method = dice.choice((4, 6)), dice.choice(("syn", "connect"))
    loss = dice.choice((0, 0, 2))
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        scanner, target = sandbox.host("scanner"), sandbox.host("target")
        link = sandbox.link(scanner, target)
        settle(target)
        listening = sorted(dice.sample(PORTS, OPEN))
        serve(target, listening)
        if loss:
            link.lose(loss)
        address = target.address if family == 4 else target.address6
        journal, answer = Path(folder, "journal"), Path(folder, "answer.json")
        ports = f"{PORTS[0]}-{PORTS[-1]}"
        command = [
            sys.executable,
            "-m",
            "portulan",
            "scan",
            address,
            "-p",
            ports,
            "--method",
            method,
            "--rate",
            RATE,
            "--resume",
            journal,
            "-o",
            answer,
        ]
        runs, kills = 0, 0
        before = packets(target)
        while True:
            runs += 1
            process = scanner.start(
                list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, environment={"PYTHONDONTWRITEBYTECODE": "1"}
            )
            try:
                process.wait(PATIENCE_S if kills == KILLS else dice.uniform(*LIVES_S))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        words, after = process.stderr.read(), packets(target)
        found = [] if process.returncode == 0 else [f"status {process.returncode}: {words[-500:]}"]
        if found:
            return found, {}
        report = read(answer)
        found = judge(report, listening)
        asked = after - before
        # Uninterrupted and without loss each port is asked once; an open one costs up to three packets more, as its half or whole connection is ended.
        most = len(PORTS) + 3 * OPEN + 50 + kills * RATE
        if not loss and asked > most:
            found.append(f"{asked} packets for {len(PORTS)} ports with {kills} kills")
        again = scanner.run(list(map(str, command)), environment={"PYTHONDONTWRITEBYTECODE": "1"}, timeout_s=PATIENCE_S)
        if again.returncode or read(answer)["rows"] != report["rows"]:
            found.append(f"a finished journal gives another answer: {again.stderr[-300:]}")
        if not loss and packets(target) > after + 20:
            found.append(f"a finished journal made it ask again: {packets(target) - after} packets")
        left = sorted(path for path in os.listdir(folder) if path not in ("journal", "answer.json") and not path.endswith(".part"))
        found += [f"left behind: {left}"] if left else []
    case = f"{method} {family} loss {loss} seed {seed}"
    figures = {"scans": 1, "kills": kills, f"by {method}": 1, "ports": len(PORTS), "packets beyond one a port": max(0, asked - len(PORTS))}
    return [f"{each}; {case}" for each in found], Counter(figures)


def judge(report, listening):
    """What is missed, invented, doubled or lost."""
    said = said_of(report)
    opened = sorted(port for port, (state, _) in said.items() if state == "open")
    found = []
    if opened != listening:
        missed, invented = set(listening) - set(opened), set(opened) - set(listening)
        found.append(f"missed {sorted(missed)[:5]}, invented {sorted(invented)[:5]}")
    if any(state not in ("open", "closed") for state, _ in said.values()):
        found.append(f"states: {Counter(state for state, _ in said.values())}")
    total = sum(report["states"].values())
    if (
        total != len(PORTS)
        or set(said) != set(PORTS)
        or len(report["rows"]) != len({(row["port"], row["address"]) for row in report["rows"]})
    ):
        found.append(f"{total} ports counted, {len(said)} told, of {len(PORTS)}")
    if not report["passes"][0]["certainty"]["exact"]:
        found.append("not exact by its word")
    return found


def packets(host):
    """How many have come in."""
    text = host.call(Path("/proc/self/net/dev").read_text)
    return int(next(line.split()[2] for line in text.splitlines() if line.split()[0] == "eth0:"))


def read(path):
    """The report in a file."""
    report = json.loads(path.read_text())
    return report | {"rows": report["items"]}
