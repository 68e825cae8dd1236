"""Run another program to its end, in the namespaces of this thread. subprocess would cost 12 ms of every start."""

from __future__ import annotations

import os

from portulan.errors import CannotTell, failed
from portulan.model.record import Record

_PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/bin")
"""Where the tools of an administrator are; the PATH of other users lacks them."""
_TIMEOUT_S = 60.0


class Ended(Record):
    """What a program left."""

    status: int
    """Its exit status; negative: the signal that ended it."""
    out: bytes
    err: bytes

    @property
    def reason(self) -> str:
        """The first line of what it complained of."""
        return self.err.decode(errors="replace").strip().partition("\n")[0] or f"exit status {self.status}"


def find_program(name: str) -> str | None:
    """The path of a program, by PATH and where administrators' tools are; None when it is not installed."""
    for folder in (*os.environ.get("PATH", "").split(":"), *_PLACES):
        path = os.path.join(folder, name)
        if folder.startswith("/") and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return None


def run_program(path: str, arguments: tuple[str, ...], given: bytes = b"", *, timeout_s: float = _TIMEOUT_S) -> Ended:
    """Run it, with `given` as its input, speaking English. Raises CannotTell when it does not end in time (it is killed), MachineFailed."""
    files = [os.memfd_create(name) for name in ("in", "out", "err")]
    try:
        _write(files[0], given)
        try:
            pid = os.posix_spawn(
                path,
                (path, *arguments),
                {**os.environ, "LC_ALL": "C"},
                file_actions=[(os.POSIX_SPAWN_DUP2, file, number) for number, file in enumerate(files)],
            )
        except OSError as error:
            raise failed("start", path, error) from error
        status = _wait(pid, path, timeout_s)
        return Ended(status, *(os.pread(file, os.fstat(file).st_size, 0) for file in files[1:]))
    finally:
        for file in files:
            os.close(file)


def _write(file: int, data: bytes) -> None:
    at = 0
    while at < len(data):
        at += os.pwrite(file, data[at:], at)


def _wait(pid: int, path: str, timeout_s: float) -> int:
    import select

    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        in_time = bool(poll.poll(timeout_s * 1000))
    finally:
        os.close(descriptor)
    if not in_time:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    if not in_time:
        raise CannotTell("program.timeout", program=path, timeout_s=timeout_s)
    return os.waitstatus_to_exitcode(status)
