"""The mark of a sandbox, which the kernel keeps for us: the NIS domain name of the UTS namespace that its processes live in.

Nobody sets that name on today's machines, every child inherits it, daemons too, and even a new UTS namespace begins as a copy of it. So a
process tells by itself which sandbox it belongs to and who owns that sandbox: no list on disk can be lost, stale or wrong.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from portulan.system.linux.procfs import read_stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "portulan"
DOMAIN_NAME = Path("/proc/sys/kernel/domainname")
"""The domain name of the UTS namespace that the reading thread is in."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose sandbox, and which of its sandboxes."""

    pid_namespace: int
    """Inode of the PID namespace in which `pid` means the owner."""
    pid: int
    start_ticks: int
    """With the pid, names the owner beyond the reuse of pids."""
    token: str

    def __str__(self) -> str:
        """At most 64 characters, the kernel's limit (__NEW_UTS_LEN)."""
        return f"{_PREFIX}.{self.pid_namespace}.{self.pid}.{self.start_ticks}.{self.token}"


def parse_mark(text: str) -> Mark | None:
    """Find the mark in a domain name, None where there is none."""
    parts = text.strip().split(".")
    if len(parts) != 5 or parts[0] != _PREFIX or not all(part.isascii() and part.isdigit() for part in parts[1:4]):
        return None
    return Mark(int(parts[1]), int(parts[2]), int(parts[3]), parts[4])


def pid_namespace() -> int:
    """Tell the inode of our own PID namespace."""
    return Path("/proc/self/ns/pid").stat().st_ino


def new_mark() -> Mark:
    """Make a mark for a sandbox owned by this process."""
    stat = read_stat(os.getpid())
    assert stat is not None
    return Mark(pid_namespace(), os.getpid(), stat.start_ticks, os.urandom(4).hex())


def owner_is_gone(mark: Mark, here: int, running_since: Callable[[int], int | None]) -> bool:
    """Whether the owner has ended. Of another PID namespace than `here` we cannot know, so we say no."""
    return mark.pid_namespace == here and running_since(mark.pid) != mark.start_ticks
