"""Text of /proc (Linux Documentation/filesystems/proc.rst, proc(5))."""

from __future__ import annotations

from typing import NamedTuple

from portulan.errors import ParseError

TICKS_PER_SECOND = 100
"""USER_HZ, the unit of times in /proc/PID/stat on every Linux that Python runs on."""


class Stat(NamedTuple):
    """What we need of /proc/PID/stat."""

    name: str
    parent: int
    """pid; 0 for the first process and for kernel threads' root."""
    start_ticks: int
    """Ticks between boot and the start. Pid and start name a process beyond the reuse of pids."""
    kernel_thread: bool


def parse_stat(data: bytes) -> Stat:
    """/proc/PID/stat. The name stands in parentheses and may hold any byte, `) (` included. Raises ParseError."""
    head, _, tail = data.rpartition(b")")
    fields = tail.split()
    try:
        return Stat(
            head.partition(b"(")[2].decode("utf-8", "backslashreplace"), int(fields[1]), int(fields[19]), bool(int(fields[6]) & 0x0020_0000)
        )
    except (IndexError, ValueError):
        raise ParseError("proc.damaged", what="stat") from None


def parse_command(data: bytes, longest: int) -> tuple[str, ...]:
    """/proc/PID/cmdline, as read up to `longest` bytes; a longer one ends with an ellipsis. Empty for kernel threads and zombies.

    Programs may overwrite it with anything (setproctitle): then it is one text, perhaps with blanks or zeros at its end.
    """
    if not data:
        return ()
    cut = len(data) > longest
    parts = [part.decode("utf-8", "backslashreplace") for part in data[:longest].rstrip(b"\0 ").split(b"\0")]
    if cut:
        parts[-1] += "…"
    return tuple(parts)


def parse_cgroup(data: bytes) -> str:
    """/proc/PID/cgroup -> the path in the unified hierarchy, or in systemd's own where the unified one is not used (hybrid); `/` if neither."""
    named = ""
    for line in data.decode("utf-8", "backslashreplace").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers and path != "/":
            return path
        if controllers == "name=systemd":
            named = path
    return named or "/"


def parse_nsfs_mounts(data: bytes) -> dict[int, str]:
    """/proc/self/mountinfo -> inode of each network namespace that is kept by a mount (`ip netns`, container runtimes) -> its path."""
    found: dict[int, str] = {}
    for line in data.decode("utf-8", "backslashreplace").splitlines():
        fields = line.split(" ")
        if len(fields) > 6 and fields[3].startswith("net:[") and fields[3][5:-1].isdigit():
            found.setdefault(int(fields[3][5:-1]), _unescape(fields[4]))
    return found


def parse_cgroup2_mount(data: bytes) -> str | None:
    """/proc/self/mountinfo -> where the unified cgroup hierarchy is mounted, from its root; None if nowhere."""
    for line in data.decode("utf-8", "backslashreplace").splitlines():
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup2 "):
            return _unescape(left.split(" ")[4])
    return None


def _unescape(path: str) -> str:
    """Blank, tab, newline and backslash stand as octal escapes in mount tables."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path


def parse_status_capabilities(data: bytes) -> int:
    """/proc/PID/status -> the effective capabilities, a bit set; 0 where it does not say."""
    value = data.partition(b"\nCapEff:\t")[2][:16]
    try:
        return int(value, 16)
    except ValueError:
        return 0


def parse_range(data: bytes) -> tuple[int, int] | None:
    """`32768 60999` -> both numbers (ip_local_port_range); None if it is not that."""
    fields = data.split()
    return (int(fields[0]), int(fields[1])) if len(fields) == 2 and all(field.isdigit() for field in fields) else None


def parse_protocol_counts(data: bytes) -> dict[str, int]:
    """/proc/net/protocols -> protocol name -> sockets in use in that namespace (columns `protocol`, `sockets`); empty for another text."""
    counts = {}
    for line in data.decode("ascii", "replace").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 2 and fields[2].isdigit():
            counts[fields[0]] = int(fields[2])
    return counts
