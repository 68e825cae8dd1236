"""Text of /proc (Linux Documentation/filesystems/proc.rst, proc(5))."""

from __future__ import annotations

from portulan.errors import ParseError
from portulan.model.record import Record

TICKS_PER_SECOND = 100
"""USER_HZ, the unit of times in /proc/PID/stat on every Linux that Python runs on."""


class Stat(Record):
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
    if data.startswith(b"0::") and data.count(b"\n") == 1:  # the unified hierarchy alone: most machines
        return data[3:-1].decode("utf-8", "backslashreplace") or "/"
    named = ""
    for line in _lines(data):
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
    for line in _lines(data):
        fields = line.split(" ")
        if len(fields) > 6 and fields[3].startswith("net:[") and (inode := _number(fields[3][5:-1])) is not None:
            found.setdefault(inode, _unescape(fields[4]))
    return found


def parse_cgroup2_mount(data: bytes) -> str | None:
    """/proc/self/mountinfo -> where the unified cgroup hierarchy is mounted, from its root; None if nowhere."""
    for line in _lines(data):
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if right.startswith("cgroup2 ") and len(fields) > 4:
            return _unescape(fields[4])
    return None


def _lines(data: bytes) -> list[str]:
    """Text as lines. Only a newline ends one: whatever else splitlines() takes for an end may stand in a name that somebody chose."""
    return data.decode("utf-8", "backslashreplace").split("\n")


def _number(text: str) -> int | None:
    """A number of at most 64 bits, or None for another text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


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
    numbers = [_number(field.decode("ascii", "replace")) for field in data.split()]
    match numbers:
        case [int(first), int(last)]:
            return first, last
    return None


def parse_port_list(data: bytes) -> tuple[tuple[int, int], ...]:
    """`8080,9148-9150` -> ranges, first and last (ip_local_reserved_ports); what is not of that form is passed over."""
    ranges = []
    for part in data.decode("ascii", "replace").strip().split(","):
        first, dash, last = part.partition("-")
        low, high = _number(first), _number(last if dash else first)
        if low is not None and high is not None:
            ranges.append((low, high))
    return tuple(ranges)


def parse_protocol_counts(data: bytes) -> dict[str, int]:
    """/proc/net/protocols -> protocol name -> sockets in use in that namespace (columns `protocol`, `sockets`); empty for another text."""
    counts = {}
    for line in _lines(data)[1:]:
        fields = line.split()
        if len(fields) > 2 and (sockets := _number(fields[2])) is not None:
            counts[fields[0]] = sockets
    return counts


def parse_life(data: bytes) -> int | None:
    """/proc/PID/stat -> the start (as `Stat.start_ticks`) of a process that lives; None for a dead one that nobody has waited for yet.

    A zombie holds nothing any more, unless it is only the first thread of several: the others have its files still.
    """
    fields = data.rpartition(b")")[2].split()
    try:
        return None if fields[0] in b"ZXx" and int(fields[17]) <= 1 else int(fields[19])
    except (IndexError, ValueError):
        return None
