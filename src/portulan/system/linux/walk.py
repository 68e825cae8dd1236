"""A walk over /proc/PID/fd: who holds which socket, where BPF may not be used."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import EACCES, EPERM

from portulan.system.linux.procfs import Seen, list_pids, read_seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
        for pid in list_pids():
            names = self._look_into(pid)
            if threads:
                for table, other in _tables_of_threads(pid, names):
                    with suppress(OSError):
                        self._read(pid, table, other)

    def _look_into(self, pid: int) -> list[str]:
        """Returns the names of the process's descriptors."""
        names: list[str] = []
        try:
            table = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                names = os.listdir(table)
                self._read(pid, table, names)
            finally:
                os.close(table)
        except OSError as error:
            # One that has just ended gives the same errors for a moment (proc_fd_access_allowed in fs/proc/base.c).
            self.forbidden += error.errno in (EACCES, EPERM) and os.path.exists(f"/proc/{pid}")
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
