"""What a scan of a thousand million address-port pairs holds in memory, and what it takes a pair, with answers made by arithmetic instead of packets.

All is real but the prober: the order, the blocks, the rounds, the stop rule, and what gathers the answer, whose rows stream out as `--jsonl` has them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAIRS = 10**9
PORTS = 60
_EACH_OPEN, _EACH_SILENT = 997, 499
"""Every so many-th pair is open, or answers nothing."""
_ROUND_TRIP_S, _PROBE_S = 2e-3, 1e-7


def measure(pairs: int = PAIRS, python: str | os.PathLike[str] = sys.executable) -> dict[str, Any]:
    """In a process of its own: `pairs`, `done`, `found`, `took_s`, `ns_per_pair` (of the processor's time), `peak_mib`, and whether all was `right`."""
    done = subprocess.run([python, __file__, str(pairs)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Arithmetic:
    """A prober that knows each pair's answer by its number, on a path that loses nothing."""

    rounds, controls = 64, 64

    def __init__(self) -> None:
        self.now, self.forged = 1e6, 0
        self.responders = ["address"]
        self._waiting: list[tuple[float, Any]] = []

    def clock(self) -> float:
        """Seconds, a microsecond more each time."""
        self.now += 1e-6
        return self.now

    def room(self) -> int:
        """Any number."""
        return 1 << 30

    def send(self, pair: Any, tag: int) -> tuple[int, float, float]:
        """See `Prober.send`."""
        import numpy as np

        from portulan.model.scan import REASONS, Answers, Reason, Verdict

        began = self.now
        self.now += len(pair) * _PROBE_S
        kept = pair[pair % _EACH_SILENT != 0]
        opened = kept % _EACH_OPEN == 0
        count = len(kept)
        answers = Answers(
            kept, np.full(count, tag, np.uint8), np.where(opened, np.uint8(Verdict.OPEN), np.uint8(Verdict.CLOSED)),
            np.where(opened, np.uint8(REASONS.index(Reason.SYN_ACK)), np.uint8(REASONS.index(Reason.RESET))), np.full(count, 64, np.uint8),
            np.full(count, self.now + _ROUND_TRIP_S), np.zeros(count, np.uint16),
        )  # fmt: skip
        self._waiting.append((self.now + _ROUND_TRIP_S, answers))
        return len(pair), began, self.now

    def receive(self, wait_s: float) -> Any:
        """See `Prober.receive`."""
        if wait_s and self._waiting:
            self.now = min(self.now + wait_s, max(self.now, self._waiting[0][0]))
        elif wait_s:
            self.now += wait_s
        if not self._waiting or self._waiting[0][0] > self.now:
            return None
        return self._waiting.pop(0)[1]

    def forget(self, sent_before: float) -> None:
        """Nothing is kept."""

    def overflowed(self) -> int:
        """None."""
        return 0

    def close(self) -> None:
        """Nothing is open."""


def simulate(pairs: int) -> dict[str, Any]:
    """Here and now."""
    from portulan.model.port import Transport
    from portulan.model.scan import STATES, State
    from portulan.scan.drive import drive
    from portulan.scan.engine import Engine
    from portulan.scan.gather import Gather
    from portulan.scan.space import Space
    from portulan.scan.stopping import Rules

    hosts = -(-pairs // PORTS)
    space = Space(4, [(10 << 24, (10 << 24) + hosts - 1)], range(1, PORTS + 1))
    prober, told = Arithmetic(), [0]

    def count(rows: Any) -> None:
        told[0] += len(rows)

    gather = Gather(space, Transport.TCP, service=lambda number, transport: None, on_rows=count)  # noqa: ARG005
    engine = Engine(space, (7, 11), Rules(), tags=(prober.rounds, prober.controls))
    begun, used = time.perf_counter(), time.process_time()
    for block in drive(engine, prober, prober.clock):
        gather.add(block)
    took_s, used_s = time.perf_counter() - begun, time.process_time() - used
    states = {state: int(gather.states[STATES.index(state)]) for state in (State.OPEN, State.FILTERED)}
    silent = -(-space.pairs // _EACH_SILENT)
    opened = -(-space.pairs // _EACH_OPEN) - -(-space.pairs // (_EACH_OPEN * _EACH_SILENT))
    done = int(gather.states.sum())
    with open("/proc/self/status", encoding="ascii") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    return {
        "pairs": space.pairs, "done": done, "found": told[0], "took_s": took_s, "ns_per_pair": used_s / space.pairs * 1e9, "peak_mib": peak,
        "probes": engine.counts.sent, "right": done == space.pairs and states == {State.OPEN: opened, State.FILTERED: silent} and told[0] == opened,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(simulate(int(sys.argv[1]))))
