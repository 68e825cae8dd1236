"""Processes that keep leases: who we are, whether another still lives, and how one of ours that does nothing else is started and ended."""

from __future__ import annotations

import os
import select
import signal
from functools import cache

from portulan.errors import failed
from portulan.model.lease import Keeper
from portulan.system.linux.procfs import read_file
from portulan.wire.procfs import parse_life

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_POLITE_S = 5.0
"""How long a process may take to end before it is killed."""


def keeper_of(pid: int, *, detached: bool = False) -> Keeper:
    """A process as a keeper. Raises MachineFailed where it cannot be told from a later one of the same number."""
    start = _start_of(pid)
    if start is None:
        raise failed("read", f"/proc/{pid}/stat", FileNotFoundError(2, os.strerror(2)))
    return Keeper(pid, start, pid_namespace(), boot_name(), detached)


def lives(keeper: Keeper) -> bool | None:
    """Whether a keeper still lives; None for one in another PID namespace, whose number means somebody else here."""
    if keeper.boot != boot_name():
        return False
    return None if keeper.pid_namespace != pid_namespace() else _start_of(keeper.pid) == keeper.start_ticks


def _start_of(pid: int) -> int | None:
    if os.path.exists("/proc/self/stat"):
        return parse_life(read_file(f"/proc/{pid}/stat"))
    return _start_by_psutil(pid)


def _start_by_psutil(pid: int) -> int | None:
    """Where there is no /proc: hundredths of a second since 1970."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time() * 100)
    except psutil.Error:
        return None


@cache
def boot_name() -> str:
    """The kernel's random name of this boot; empty where it has none."""
    return read_file("/proc/sys/kernel/random/boot_id").strip().decode("ascii", "replace")


def pid_namespace() -> int:
    """Inode of our PID namespace, 0 where there are none."""
    return _inode("/proc/self/ns/pid")


def network_namespace() -> int:
    """Inode of this thread's network namespace, 0 where there are none."""
    return _inode("/proc/thread-self/ns/net")


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


class Detached:
    """A process of ours that holds what it inherits until it is told to end.

    It lives on only if `let_live` is called: whoever is killed before that takes it along.
    """

    def __init__(self, kept: Sequence[int]) -> None:
        """Start it. All descriptors but `kept` are closed in it. Raises MachineFailed."""
        reader, self._writer = os.pipe()
        try:
            self.pid = os.fork()
        except OSError as error:
            raise failed("start", "a process", error) from error
        if not self.pid:
            _hold(reader, kept)
        os.close(reader)

    def let_live(self) -> None:
        """It may live without us now. Raises MachineFailed where it was ended already."""
        try:
            os.write(self._writer, b"1")
        except OSError as error:
            raise failed("keep", f"process {self.pid}", error) from error
        finally:
            os.close(self._writer)

    def give_up(self) -> None:
        """It ends."""
        os.close(self._writer)
        os.waitpid(self.pid, 0)


def _hold(told: int, kept: Sequence[int]) -> None:
    """In the child: away from the terminal, and wait. Never returns, whatever happens."""
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        _close_all_but({0, 1, 2, told, *kept})
        os.chdir("/")
        if os.read(told, 1) == b"1":
            os.close(told)
            while True:
                signal.pause()
    finally:
        os._exit(0)


def _close_all_but(kept: set[int]) -> None:
    low = 0
    for number in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        if low < number:  # to Python 3.11, nothing below 0 means everything
            os.closerange(low, number)
        low = number + 1


def end(keeper: Keeper) -> bool:
    """End a keeper politely, then by force, and wait until it is gone: True. False when it may not be ended. Never hits another process."""
    try:
        handle = os.pidfd_open(keeper.pid)
    except ProcessLookupError:
        return True
    except (OSError, AttributeError):  # no pidfd_open: before Linux 5.3, or no Linux
        return _end_by_number(keeper)
    try:
        # The handle is of whoever had the number when it was opened: only now is it certain who that is.
        if not lives(keeper):
            return True
        return _end(handle, signal.pidfd_send_signal)
    finally:
        os.close(handle)


def _end(handle: int, send: Callable[[int, int], Any]) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            send(handle, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        if poll.poll(_POLITE_S * 1000):
            return True
    return False


def _end_by_number(keeper: Keeper) -> bool:
    from time import monotonic, sleep

    for number in (signal.SIGTERM, signal.SIGKILL):
        if not lives(keeper):
            return True
        try:
            os.kill(keeper.pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        deadline = monotonic() + _POLITE_S
        while monotonic() < deadline:
            if not lives(keeper):
                return True
            sleep(0.01)
    return False
