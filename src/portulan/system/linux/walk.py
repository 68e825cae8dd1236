"""A walk over /proc/PID/fd: who holds which socket, where BPF may not be used."""

from __future__ import annotations

import marshal
import os
from contextlib import suppress
from errno import EACCES, EPERM

from portulan.system.linux.procfs import Seen, list_pids, read_seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any


_WORTH_A_FORK = 5_000
"""Descriptors from which on a second process pays: 5 us each, and a fork takes 2 ms."""
_Share = tuple[int, slice]
"""A process, and which of its descriptors."""


class Walk:
    """One walk. `found` is what it is made for; it never raises, since processes end while it goes on."""

    def __init__(self, inodes: Iterable[int], *, threads: bool = False) -> None:
        """Go. With `threads` also into those that have descriptors of their own (unshare(2), CLONE_FILES) or whose first thread has ended."""
        self.found: dict[int, list[tuple[int, int]]] = {}
        """Inode of a wanted socket -> [(pid, descriptor)]."""
        self.seen: dict[int, Seen] = {}
        """The holders, as they were when they were met."""
        self.forbidden = 0
        """Processes that may not be looked into."""
        # Whole links are compared: taking 50,000 apart would cost a tenth of the walk.
        self._links = {f"socket:[{inode}]": inode for inode in inodes}
        self._threads = threads
        pids = list_pids()
        ours, theirs = _in_two(pids) if _may_fork() else ([(pid, _ALL) for pid in pids], [])
        if not theirs:
            self._go(ours)
            return
        child = _Child(lambda: self._result_of(theirs))
        self._go(ours)
        try:
            found, seen, forbidden = child.result()
        except (OSError, ValueError, EOFError, TypeError):  # it was ended by somebody: its share is ours then
            self._go(theirs)
            return
        for inode, held in found.items():
            self.found.setdefault(inode, []).extend(held)
        self.seen |= {pid: Seen(*facts) for pid, facts in seen.items()}
        self.forbidden += forbidden

    def _result_of(self, share: Iterable[_Share]) -> tuple[Any, ...]:
        """The share walked, in plain values."""
        self._go(share)
        return self.found, {pid: tuple(facts) for pid, facts in self.seen.items()}, self.forbidden

    def _go(self, share: Iterable[_Share]) -> None:
        for pid, part in share:
            names = self._look_into(pid, part)
            if self._threads and part.start != 1:
                for table, other in _tables_of_threads(pid, names):
                    with suppress(OSError):
                        self._read(pid, table, other)

    def _look_into(self, pid: int, part: slice) -> list[str]:
        """Returns the names of all the process's descriptors."""
        names: list[str] = []
        try:
            table = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                names = os.listdir(table)
                self._read(pid, table, names[part])
            finally:
                os.close(table)
        except OSError as error:
            # One that has just ended gives the same errors for a moment (proc_fd_access_allowed in fs/proc/base.c).
            self.forbidden += error.errno in (EACCES, EPERM) and part.start != 1 and os.path.exists(f"/proc/{pid}")
        return names

    def _read(self, pid: int, table: int, names: list[str]) -> None:
        """Read the links of one table. Raises OSError where they may not be read."""
        readlink, links = os.readlink, self._links
        refused = None
        for name in names:
            try:
                link = readlink(name, dir_fd=table)
            except OSError as error:
                if error.errno in (EACCES, EPERM):
                    refused = error
                continue
            if link in links:
                inode = links[link]
                self.found.setdefault(inode, []).append((pid, int(name)))
                if pid not in self.seen and (seen := read_seen(pid)) is not None:
                    self.seen[pid] = seen
        if refused is not None:
            raise refused


_ALL, _EVEN, _ODD = slice(None), slice(0, None, 2), slice(1, None, 2)


def _may_fork() -> bool:
    """Whether a second process helps, and does no harm: a copy of a program with threads may find their locks taken."""
    try:
        return len(os.sched_getaffinity(0)) > 1 and len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _in_two(pids: Iterable[int]) -> tuple[list[_Share], list[_Share]]:
    """Two shares of equal work, by the number of descriptors (which /proc tells since Linux 6.2); the second empty where it is not worth it."""
    sizes = []
    for pid in pids:
        try:
            sizes.append((os.stat(f"/proc/{pid}/fd").st_size, pid))
        except OSError:
            sizes.append((0, pid))
    total = sum(size for size, _ in sizes)
    if total < _WORTH_A_FORK:
        return [(pid, _ALL) for _, pid in sizes], []
    shares: tuple[list[_Share], list[_Share]] = ([], [])
    done = [0, 0]
    for size, pid in sorted(sizes, reverse=True):
        if size > total // 4:
            for at, part in enumerate((_EVEN, _ODD)):
                shares[at].append((pid, part))
                done[at] += size // 2
        else:
            lesser = done.index(min(done))
            shares[lesser].append((pid, _ALL))
            done[lesser] += size
    return shares


class _Child:
    """A copy of this process that computes one plain value and ends."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(writer)
            return
        try:  # nothing of the parent's may run a second time, nor be held open
            os.dup2(writer, 0)
            os.closerange(1, os.sysconf("SC_OPEN_MAX"))
            data = marshal.dumps(work())
            while data:
                data = data[os.write(0, data) :]
        finally:
            os._exit(0)

    def result(self) -> Any:
        """The value. Raises OSError, EOFError, ValueError, TypeError where the copy was ended before it had one."""
        try:
            with open(self._reader, "rb") as pipe:
                return marshal.loads(pipe.read())  # noqa: S302 - our own bytes
        finally:
            with suppress(ChildProcessError):  # whoever calls us may have its children buried by the kernel
                os.waitpid(self._pid, 0)


def _tables_of_threads(pid: int, firsts: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Open tables of the process's other threads, with the names in them, where they do not look like the first thread's."""
    folder = f"/proc/{pid}/task"
    try:
        if os.stat(folder).st_nlink <= 3:  # itself, its parent, one thread
            return
        threads = [name for name in os.listdir(folder) if name != str(pid)]
    except OSError:
        return
    for thread in threads:
        try:
            table = os.open(f"{folder}/{thread}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            names = os.listdir(table)
            if names != firsts:
                yield table, names
        except OSError:
            continue
        finally:
            os.close(table)
