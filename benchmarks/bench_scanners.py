#!/usr/bin/env python3
"""A doorkeeper under a flood: a million senders that were made up, and a slow scan among them that must be found; time, memory, and what was forgotten.

.venv/bin/python benchmarks/bench_scanners.py [SENDERS]
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import numpy as np

from portulan.model.scanner import Verdict
from portulan.traffic.flows import Flows, Way
from portulan.traffic.scanners import Doorkeeper, Settings

SECOND = 10**9
BEGIN = 1_750_000_000 * SECOND
TICK = 20_000
"""Flows of a second."""
SCANNER = bytes(10) + b"\xff\xff" + bytes((198, 18, 0, 66))
TARGET = bytes(10) + b"\xff\xff" + bytes((198, 18, 0, 2))
MOST_MB = 250


def way(count: int, at_ns: np.ndarray, flags: int, opened: int, *, there: bool) -> Way:
    """One packet each, or none."""
    one, none = np.full(count, int(there)), np.zeros(count, np.int64)
    times = at_ns if there else none
    marks = [np.full(count, mark if there else 0, np.uint8) for mark in (flags, opened, 0)]
    return Way(one, one * 60, times, times, none, *marks)


def second(number: int, dice: np.random.Generator) -> Flows:
    """What comes in one second: strangers who try a port each, every other refused; each minute one try of the scanner."""
    at_ns = BEGIN + number * SECOND + np.arange(TICK) * (SECOND // TICK)
    octets = dice.integers(0, 256, (TICK, 16), dtype=np.uint8)
    octets[:, :12] = np.frombuffer(TARGET[:12], np.uint8)
    octets[:, 12] = 1 + octets[:, 12] % 200
    ports = dice.integers(1, 1024, TICK).astype(np.uint16)
    if number % 3 == 0:
        octets[0] = np.frombuffer(SCANNER, np.uint8)
        ports[0] = 1 + number
    forward, reverse = way(TICK, at_ns, 2, 1, there=True), way(TICK, at_ns + 1000, 20, 4, there=True)
    return Flows(
        octets.view("V16").reshape(-1), np.frombuffer(TARGET * TICK, "V16"), np.full(TICK, 6, np.uint8), np.full(TICK, 40000, np.uint16), ports,
        np.arange(TICK), forward, reverse, np.zeros(TICK, np.uint8),
    )  # fmt: skip


def main() -> int:
    """Print it; 1 where the scan was missed or memory grew past what is stated."""
    senders = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    dice = np.random.default_rng(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    keeper, begin_s = Doorkeeper(settings=Settings(both_ways=True)), time.perf_counter()
    for number in range(senders // TICK):
        keeper.see(second(number, dice), BEGIN + (number + 1) * SECOND)
    answer = keeper.end(BEGIN + (senders // TICK + 1) * SECOND)
    took_s = time.perf_counter() - begin_s
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    caught = any(row.sources == ("198.18.0.66",) and row.verdict is Verdict.SCANNER for row in answer.rows)
    print(
        f"{senders:,} senders in {took_s:.1f} s ({senders / took_s:,.0f} a second), {grown:.0f} MB more; "
        f"{len(keeper.sources.known):,} remembered, {answer.forgotten:,} forgotten; the scan among them {'found' if caught else 'MISSED'}; {len(answer.rows)} rows"
    )
    for row in answer.rows:
        print(f"  {row.kind}: {len(row.sources)} sources, sure after {row.sure_after}, {row.first_contacts} contacts")
    return 0 if caught and grown < MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
