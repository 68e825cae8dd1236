"""Find the processes that sandboxes left behind, and end them.

The kernel itself removes a network namespace, its links and its mounts when the last process and descriptor is gone. What can outlive an
owner that was killed are processes: servers it started, above all those that became daemons. They are known by their mark (`mark`), never
by name or by pid alone.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from portulan.errors import MachineFailed
from portulan.system.linux.procfs import list_pids, read_stat
from portulan.system.linux.syscall import setns
from portulan.system.sandbox.errand import in_thread
from portulan.system.sandbox.mark import DOMAIN_NAME, Mark, owner_is_gone, parse_mark, pid_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CLONE_NEWUTS = 0x0400_0000
PATIENCE_S = 10.0
"""How long killed processes may take to end: the kernel may have to write back their memory or close thousands of sockets."""


def _inode(pid: int) -> int | None:
    """Tell the UTS namespace of a process. Of one whose first thread has ended while others run, that of another thread."""
    try:
        return os.stat(f"/proc/{pid}/ns/uts").st_ino  # asked of every process there is: a Path would double the cost
    except OSError:
        pass
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                return Path(thread, "ns/uts").stat().st_ino
    return None


def _read_mark(namespace: int) -> Mark | None:
    def look() -> Mark | None:
        setns(namespace, CLONE_NEWUTS)
        return parse_mark(DOMAIN_NAME.read_text(encoding="utf-8", errors="replace"))

    return in_thread(look)


def _pass(wanted: Callable[[Mark], bool]) -> list[int]:
    """Kill every process with a wanted mark, once round. Returns descriptors of those killed."""
    killed: list[int] = []
    with ExitStack() as stack:
        # Each namespace stays open while we work: its inode cannot be given to another one meanwhile.
        known: dict[int, bool] = {Path("/proc/self/ns/uts").stat().st_ino: False}
        for pid in list_pids():
            inode = _inode(pid)
            if inode is None:
                continue
            if inode not in known:
                with suppress(OSError):
                    namespace = os.open(f"/proc/{pid}/ns/uts", os.O_RDONLY | os.O_CLOEXEC)
                    stack.callback(os.close, namespace)
                    mark = _read_mark(namespace)
                    known[os.fstat(namespace).st_ino] = mark is not None and wanted(mark)
            if not known.get(inode, False):
                continue
            with suppress(ProcessLookupError):
                process = os.pidfd_open(pid)
                # The pid may have ended and be another's by now; the descriptor holds fast, so look again before the blow.
                if _inode(pid) == inode:
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                    killed.append(process)
                else:
                    os.close(process)
    return killed


def end_processes(wanted: Callable[[Mark], bool]) -> int:
    """Kill until a whole round finds nobody with a wanted mark; returns how many there were.

    Raises MachineFailed when some would not end (uninterruptible sleep).
    """
    count = 0
    deadline = time.monotonic() + PATIENCE_S
    while killed := _pass(wanted):
        count += len(killed)
        try:
            for process in killed:
                if not _ends(process, deadline):
                    raise MachineFailed("sandbox.survivors", count=len(killed))
        finally:
            for process in killed:
                os.close(process)
    return count


def _ends(process: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def running_since(pid: int) -> int | None:
    """When a process started, in ticks after boot; None when it has ended, though its parent may not have noticed yet."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        stat = read_stat(pid)
        return None if stat is None or _ends(process, 0) else stat.start_ticks
    finally:
        os.close(process)


def sweep() -> int:
    """End every process of every sandbox whose owner is gone; returns how many there were. Raises MachineFailed."""
    here = pid_namespace()
    return end_processes(lambda mark: owner_is_gone(mark, here, running_since))
