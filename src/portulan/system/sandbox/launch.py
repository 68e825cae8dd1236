"""Start processes somewhere else: in other namespaces, under another root folder, as another user."""

from __future__ import annotations

import os
import select
import subprocess
from dataclasses import dataclass

from portulan.errors import BadInput, CannotTell, NotPermitted, failed
from portulan.system.linux.syscall import CLONE_NEWNET, CLONE_NEWNS, prctl, setns, unshare
from portulan.system.sandbox.errand import in_thread
from portulan.system.sandbox.sweep import CLONE_NEWUTS
from portulan.system.sandbox.watch import ensure_watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

    Stream = int | IO[str] | IO[bytes] | None

_CLONE_FS = 0x0000_0200
_NO_NEW_PRIVILEGES = 38
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a process lives: open descriptors of its namespaces; None means ours."""

    net: int | None = None
    uts: int | None = None
    mount: int | None = None
    """Its root folder is the process's."""


def move(place: Place) -> None:
    """Take this thread (an errand's, or the only one of a process) to the place. Raises OSError."""
    if place.mount is not None:
        unshare(_CLONE_FS)  # root and working folder are shared between threads until one asks for its own
        setns(place.mount, CLONE_NEWNS)
    if place.net is not None:
        setns(place.net, CLONE_NEWNET)
    if place.uts is not None:
        setns(place.uts, CLONE_NEWUTS)


def start(
    place: Place,
    command: Sequence[str | os.PathLike[str]],
    *,
    user: int | str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[str]:
    """Start a program at a place. `environment` is added to ours; `user` (number or name) runs it without any rights of root.

    Raises BadInput for a program or user that does not exist, NotPermitted, MachineFailed.
    """
    ensure_watcher()
    uid, gid = (None, None) if user is None else _identity(user)
    settings = {**os.environ, **({"PATH": _PATH} if place.mount is not None else {}), **(environment or {})}

    def launch() -> subprocess.Popen[str]:
        move(place)
        if user is not None:
            prctl(_NO_NEW_PRIVILEGES, 1)  # not even through a set-user-id program
        return subprocess.Popen(
            command, env=settings, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=pass_fds, text=True, errors="replace",
            user=uid, group=gid, extra_groups=None if uid is None else [],
        )  # fmt: skip

    try:
        return in_thread(launch)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput("sandbox.no-program", program=str(command[0]), reason=error.strerror) from error
    except PermissionError as error:
        raise NotPermitted("sandbox.not-started", program=str(command[0]), reason=error.strerror) from error
    except OSError as error:
        raise failed("start", str(command[0]), error) from error


def _identity(user: int | str) -> tuple[int, int]:
    """User and first group. Raises BadInput for a name that nobody has."""
    import pwd

    try:
        entry = pwd.getpwnam(user) if isinstance(user, str) else pwd.getpwuid(user)
    except KeyError:
        if isinstance(user, str):
            raise BadInput("user.unknown", user=user) from None
        return user, user
    return entry.pw_uid, entry.pw_gid


def ended(process: subprocess.Popen[str], timeout_s: float | None) -> bool:
    """Wait, without asking again and again, until a process has ended; False when the time is up first."""
    if process.poll() is None:
        descriptor = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if not poll.poll(None if timeout_s is None else timeout_s * 1000):
                return False
        finally:
            os.close(descriptor)
        process.wait()
    return True


def run(
    place: Place,
    command: Sequence[str | os.PathLike[str]],
    *,
    timeout_s: float,
    text: str = "",
    user: int | str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with `text` as its input; the answer holds both outputs and the exit status.

    Outputs go through memory files, not pipes: a program that leaves a daemon behind ends when it ends, not when the daemon does.
    Raises CannotTell when it has not ended in time (it is killed), and all that `start` raises.
    """
    files = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
    try:
        os.pwrite(files[0], text.encode(), 0)
        process = start(
            place, command, user=user, environment=environment, folder=folder, pass_fds=pass_fds,
            stdin=files[0], stdout=files[1], stderr=files[2],
        )  # fmt: skip
        if not ended(process, timeout_s):
            process.kill()
            process.wait()
            raise CannotTell("sandbox.timeout", command=" ".join(map(str, command)), timeout_s=timeout_s)
        output, errors = (os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace") for file in files[1:])
        return subprocess.CompletedProcess(list(map(str, command)), process.returncode, output, errors)
    finally:
        for file in files:
            os.close(file)
