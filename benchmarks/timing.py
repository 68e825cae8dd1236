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

    @property
    def median_ms(self) -> float:
        """The middle run."""
        return statistics.median(self.wall_ms)


def user_install() -> Path:
    """An environment as a user has it (not this one, whose test tools slow every start), in .cache/user; the program in it."""
    python = USER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(USER)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--upgrade", "pip>=25.1"], check=True)
        subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "setuptools"], check=False, stderr=subprocess.DEVNULL)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", str(ROOT / "requirements" / "run.txt")], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", str(ROOT)], check=True)
    return USER / "bin" / "portulan"


def interleaved(commands: Mapping[str, Callable[[], None]], runs: int) -> dict[str, Timed]:
    """Run every command in turn, `runs` times after one warm-up."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            begun_s = time.perf_counter()
            command()
            if turn:
                times[name].append((time.perf_counter() - begun_s) * 1000)
    return {name: Timed(tuple(times[name])) for name in commands}


def user_environment() -> dict[str, str]:
    """The environment a user has: without the settings of this workshop that slow every start of Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def command(words: Sequence[str]) -> Callable[[], None]:
    """A command whose output is thrown away."""
    environment = user_environment()

    def run() -> None:
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, check=False)

    return run


_PEAK = """
import os, sys
null = os.open("/dev/null", os.O_WRONLY)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)])
print(os.wait4(pid, 0)[2].ru_maxrss)
"""


def peak_mib(words: Sequence[str]) -> float:
    """Peak memory of a command. Started from a small process: the kernel counts what a process was before it became the command."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PEAK, *words], capture_output=True, text=True, check=True, env=user_environment()
    )
    return int(done.stdout) / 1024
