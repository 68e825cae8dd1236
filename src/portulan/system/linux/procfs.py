"""/proc: processes and what they are called."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache

from portulan.errors import ParseError
from portulan.model.chart import Ancestor, Owner
from portulan.model.record import Record
from portulan.system.linux.containers import container_name
from portulan.wire.cgroup import parse_cgroup_path
from portulan.wire.procfs import TICKS_PER_SECOND, Stat, parse_cgroup, parse_command, parse_stat, parse_status_capabilities

COMMAND_BYTES = 4096
"""How much of a command line is kept."""
_DEEPEST = 64
"""Steps of a parent chain, against a table that changes into a circle while it is read."""


def read_file(path: str, size: int = 1 << 16) -> bytes:
    """The first bytes of a small file; empty where it cannot be read (gone, forbidden): /proc changes while we look."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, size)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def read_whole(path: str) -> bytes:
    """A file of any length (mount tables, process lists); empty where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def effective_capabilities() -> int:
    """This process's effective capabilities, a bit set."""
    return parse_status_capabilities(read_file("/proc/self/status"))


def list_pids() -> list[int]:
    """The processes that /proc shows us. Empty when /proc cannot be read."""
    try:
        return [int(name) for name in os.listdir("/proc") if name[0] in "123456789" and name.isdigit()]
    except OSError:
        return []


@cache
def user_name(uid: int) -> str | None:
    """The user's name, or None for a uid without one."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def has_user(name: str) -> bool:
    """Whether a user of this name exists."""
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@cache
def boot_time_s() -> float:
    """Seconds since the epoch at which this machine was started, by its clock of today."""
    import time

    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def start_time(ticks: int) -> datetime:
    """The moment that many ticks after this machine was started: the same ticks give the same moment for as long as this process lives."""
    return datetime.fromtimestamp(round(boot_time_s() + ticks / TICKS_PER_SECOND, 2), UTC)


def read_stat(pid: int) -> Stat | None:
    """/proc/PID/stat, or None when the process is gone."""
    try:
        return parse_stat(read_file(f"/proc/{pid}/stat"))
    except ParseError:
        return None


def is_kernel_thread(pid: int) -> bool:
    """Whether the process is the kernel's own: it has no files. True for one that is gone."""
    stat = read_stat(pid)
    return stat is None or stat.kernel_thread


class Seen(Record):
    """What was learnt of a process when it was met: it may have ended when it is described."""

    name: str
    start_ticks: int
    uid: int


def read_seen(pid: int) -> Seen | None:
    """The process now, or None when it is gone."""
    stat = read_stat(pid)
    return None if stat is None else Seen(stat.name, stat.start_ticks, _effective_uid(f"/proc/{pid}/"))


def read_owner(pid: int, seen: Seen | None = None) -> Owner | None:
    """Everything /proc tells of a process (`fd` None); None when it is gone and nothing was `seen` of it. What may not be read stays None."""
    folder = f"/proc/{pid}/"
    seen = seen or read_seen(pid)
    if seen is None:
        return None
    meaning = parse_cgroup_path(parse_cgroup(read_file(folder + "cgroup", 4096)))
    return Owner(
        pid=pid, fd=None, name=seen.name, command=parse_command(read_file(folder + "cmdline", COMMAND_BYTES + 1), COMMAND_BYTES),
        executable=_link(folder + "exe"), cwd=_link(folder + "cwd"), uid=seen.uid, user=user_name(seen.uid), unit=meaning.unit,
        user_unit=meaning.user_unit, container=container_name(meaning),
        started_at=start_time(seen.start_ticks),
    )  # fmt: skip


def _effective_uid(folder: str) -> int:
    """The folder belongs to the process's user, but /proc gives the folders of undumpable processes to root (proc(5)): then ask again."""
    try:
        uid = os.stat(folder).st_uid
    except OSError:
        uid = 0
    if uid:
        return uid
    line = read_file(folder + "status", 1024).partition(b"\nUid:\t")[2].split(b"\n", 1)[0].split()
    return int(line[1]) if len(line) > 1 else 0


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def read_parents(pid: int) -> tuple[Ancestor, ...]:
    """The parent, its parent, … up to the first process we can see."""
    chain: list[Ancestor] = []
    seen = {pid}
    stat = read_stat(pid)
    while stat is not None and stat.parent and stat.parent not in seen and len(chain) < _DEEPEST:
        pid = stat.parent
        seen.add(pid)
        stat = read_stat(pid)
        if stat is not None:
            chain.append(Ancestor(pid=pid, name=stat.name))
    return tuple(chain)


def hides_processes() -> bool:
    """Whether /proc is mounted so that other users' processes do not even appear (hidepid, proc(5)). Of mounts on one another the last is seen."""
    hides = False
    for line in read_whole("/proc/self/mountinfo").decode("utf-8", "backslashreplace").splitlines():
        left, _, right = line.partition(" - ")
        if left.split(" ")[4:5] == ["/proc"] and right.startswith("proc "):
            options = right.split(" ")[-1].split(",")
            asked = [option[8:] for option in options if option.startswith("hidepid=")]
            hides = any(value not in ("0", "off") for value in asked) and not _in_proc_group(options)
    return hides


def _in_proc_group(options: list[str]) -> bool:
    """Root, and the members of the mount's gid=, see everything all the same."""
    group = next((option[4:] for option in options if option.startswith("gid=")), "0")
    return os.geteuid() == 0 or (group.isdigit() and int(group) in (os.getegid(), *os.getgroups()))
