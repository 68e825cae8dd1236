"""A watcher beside each process that starts servers in sandboxes: when that process ends, however it ends, the watcher sweeps.

It is a process of its own in a session of its own, so that neither `kill -9` nor Ctrl-C to its owner reaches it. Should it be killed too,
the next sandbox sweeps instead.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

from portulan.system.linux.procfs import read_stat
from portulan.system.sandbox.sweep import running_since, sweep

_watched = 0
"""The process that has a watcher: after a fork the child is another one."""


def ensure_watcher() -> None:
    """Start the watcher of this process, unless it has one. Does not wait for it to be ready: it asks first whether we still live."""
    global _watched  # noqa: PLW0603 - one per process is what it means
    pid = os.getpid()
    if _watched == pid:
        return
    stat = read_stat(pid)
    assert stat is not None
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    quiet = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in range(3)]
    command = [sys.executable, "-P", "-m", "portulan.system.sandbox.watch", str(pid), str(stat.start_ticks)]
    os.posix_spawn(sys.executable, command, environment, file_actions=quiet, setsid=True, setsigmask=[])
    _watched = pid


def watch(pid: int, start_ticks: int) -> int:
    """Wait until the process has ended, then sweep; returns how many processes were left."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        if running_since(pid) == start_ticks:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            poll.poll()
        os.close(process)
    return sweep()


if __name__ == "__main__":
    watch(int(sys.argv[1]), int(sys.argv[2]))
