"""A grip on processes: signals that can only hit the process that was seen, never another one that was given its number since.

A pidfd (pidfd_open(2), Linux 5.3) stands for one process for good. It is opened by number, so what it stands for is checked: when that process was
started and that it holds the socket. Both are read from /proc *after* the pidfd was opened; as long as the process behind the pidfd has not ended
then, its number cannot have been given to another, and what was read was read of it.
"""

from __future__ import annotations

import os
import select
from errno import EPERM, ESRCH

from portulan.errors import CannotTell, failed
from portulan.model.chart import Owner
from portulan.system.linux.procfs import read_stat, start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType


class Grip:
    """Processes that are held on to. A context manager: it lets go at its end, and ends nobody by that."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._ended: set[int] = set()

    def __enter__(self) -> Grip:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()

    def take(self, owner: Owner, sockets: Collection[int], descriptors: Collection[int]) -> bool:
        """Hold on to exactly this process, if it still holds one of these sockets (inodes) at one of these descriptors; whether it does.

        Raises CannotTell where the kernel has no pidfd, MachineFailed.
        """
        if owner.pid in self._held:
            return owner.pid not in self._ended
        try:
            descriptor = os.pidfd_open(owner.pid)
        except OSError as error:
            if error.errno == ESRCH:
                return False
            raise _refused(owner.pid, error) from error
        stat = read_stat(owner.pid)
        same = stat is not None and start_time(stat.start_ticks) == owner.started_at
        if not (same and _holds(owner.pid, sockets, descriptors)) or _has_ended(descriptor):
            os.close(descriptor)
            return False
        self._held[owner.pid] = descriptor
        return True

    def may_signal(self, pid: int) -> bool:
        """Whether the kernel would let us signal it. True for one that has ended."""
        return self._send(pid, 0) is not False

    def signal(self, pid: int, number: int) -> bool:
        """Send a signal; whether the kernel let us. One that has ended is not missed."""
        return self._send(pid, number) is not False

    def _send(self, pid: int, number: int) -> bool | None:
        import signal

        try:
            signal.pidfd_send_signal(self._held[pid], number)
        except OSError as error:
            if error.errno == EPERM:
                return False
            if error.errno == ESRCH:
                self._ended.add(pid)
                return None
            raise failed("signal", f"process {pid}", error) from error
        return True

    @property
    def taken(self) -> frozenset[int]:
        """All that were held on to, whether they have ended since or not."""
        return frozenset(self._held)

    def alive(self) -> frozenset[int]:
        """Those that have not ended."""
        self.wait(0)
        return frozenset(self._held.keys() - self._ended)

    def wait(self, timeout_s: float) -> None:
        """Until one of them ends, or the time is over."""
        poll = select.poll()
        waiting = {descriptor: pid for pid, descriptor in self._held.items() if pid not in self._ended}
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        self._ended |= {waiting[descriptor] for descriptor, _ in poll.poll(timeout_s * 1000)}


def _holds(pid: int, sockets: Collection[int], descriptors: Collection[int]) -> bool:
    """Whether one of the descriptors leads to one of the sockets. Where that may not be read, what the kernel said a moment ago holds."""
    wanted = {f"socket:[{inode}]" for inode in sockets}
    for descriptor in descriptors:
        try:
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") in wanted:
                return True
        except PermissionError:
            return True
        except OSError:
            continue
    return not descriptors


def _has_ended(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _refused(pid: int, error: OSError) -> Exception:
    from errno import ENOSYS

    if error.errno in (ENOSYS, EPERM):  # old kernels, and sandboxes whose filter knows no pidfd
        return CannotTell("stop.no-pidfd", reason=error.strerror or str(error))
    return failed("hold on to", f"process {pid}", error)
