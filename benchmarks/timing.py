"""Fair timing of whole commands: interleaved runs, medians, ratios."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
USER = ROOT / ".cache" / "user"


@dataclass(frozen=True, slots=True)
class Timed:
    """The runs of one command."""

    wall_ms: tuple[float, ...]
    peak_kib: int

    @property
    def median_ms(self) -> float:
        """The middle run."""
        return statistics.median(self.wall_ms)


def user_install() -> Path:
    """An environment as a user has it (not this one, whose test tools slow every start), in .cache/user; the program in it."""
    python = USER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(USER)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", str(ROOT / "requirements" / "run.txt")], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", str(ROOT)], check=True)
    return USER / "bin" / "portulan"


def interleaved(commands: Mapping[str, Callable[[], int]], runs: int) -> dict[str, Timed]:
    """Run every command in turn, `runs` times after one warm-up; each callable returns the peak memory in KiB (0: unknown)."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    peaks = dict.fromkeys(commands, 0)
    for turn in range(runs + 1):
        for name, command in commands.items():
            begun_s = time.perf_counter()
            peak = command()
            if turn:
                times[name].append((time.perf_counter() - begun_s) * 1000)
                peaks[name] = max(peaks[name], peak)
    return {name: Timed(tuple(times[name]), peaks[name]) for name in commands}


def command(words: Sequence[str]) -> Callable[[], int]:
    """A command whose output is thrown away; with the environment a user has."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run() -> int:
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        return usage.ru_maxrss

    return run
