"""The user's list of leases: one small file, changed under a lock on its folder, written beside its place and renamed over it.

At every moment, whatever is killed, there is a whole list, and the lock is the kernel's: it goes with the process that has it. A list that is
damaged all the same is kept beside, and a new one begun.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager

from portulan.errors import CannotTell, ParseError, PortulanError, failed
from portulan.model.lease import Lease
from portulan.system.places import state_folder
from portulan.wire.leases import format_leases, parse_leases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "leases"
_PATIENCE_S = 30.0
_LONGEST_WAIT_S = 0.02
_last: tuple[bytes, tuple[Lease, ...]] = b"", ()
"""What was last read or written, as bytes and as values: whoever takes one lease after the other reads what it wrote itself."""


class Book:
    """The list while nobody else changes it."""

    def __init__(self, path: str, leases: tuple[Lease, ...], folder: int | None, fault: PortulanError | None) -> None:
        self.path = path
        self.leases = leases
        self.fault = fault
        """What was wrong with the list; where it is only unreachable, nothing can be written either."""
        self._folder = folder

    def write(self, leases: Sequence[Lease]) -> None:
        """Put another list in its place, whole or not at all. Raises MachineFailed; does nothing where the list is unreachable."""
        global _last  # noqa: PLW0603 - a cache of what stands in the file
        leases = tuple(leases)
        if self._folder is None or leases == self.leases:
            return
        data = format_leases(leases)
        fresh = self.path + ".new"  # under the lock nobody else writes it; a killed writer's leftover is written over
        try:
            with open(fresh, "wb") as file:
                file.write(data)
                _give_to_owner(self._folder, file.fileno())
                file.flush()
                if any(lease.noted for lease in leases):  # what a process keeps does not outlive the machine's fall anyway
                    os.fsync(file.fileno())
            os.replace(fresh, self.path)
        except OSError as error:
            raise failed("write", self.path, error) from error
        self.leases = leases
        _last = data, leases


@contextmanager
def open_book(*, needed: bool) -> Iterator[Book]:
    """The list, ours alone for as long as the context lasts.

    Where it cannot be reached, raises MachineFailed if it is `needed`; else an empty list comes, with the reason. Raises CannotTell when somebody
    else does not let go of it.
    """
    path = os.path.join(state_folder(), NAME)
    try:
        folder = _lock(os.path.dirname(path))
    except OSError as error:
        fault = failed("open", path, error)
        if needed:
            raise fault from error
        yield Book(path, (), None, fault)
        return
    try:
        book, unreachable = _read(path, folder)
        if unreachable is not None and needed:
            raise unreachable
        yield book
    finally:
        os.close(folder)


def _read(path: str, folder: int) -> tuple[Book, PortulanError | None]:
    global _last  # noqa: PLW0603 - as above
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        fault = failed("read", path, error)
        return Book(path, (), None, fault), fault
    if data != _last[0]:
        try:
            _last = data, parse_leases(data)
        except ParseError:
            return Book(path, (), folder, _set_aside(path)), None
    return Book(path, _last[1], folder, None), None


def _set_aside(path: str) -> PortulanError:
    """Keep a damaged list beside, under a name that nothing has."""
    number = 1
    while os.path.lexists(kept := f"{path}.damaged-{number}"):
        number += 1
    try:
        os.rename(path, kept)
    except OSError as error:
        return failed("rename", path, error)
    return CannotTell("leases.set-aside", path=path, kept=kept)


def _lock(folder: str) -> int:
    """The folder, opened and locked against others until it is closed. Raises OSError, and CannotTell when it stays locked."""
    from fcntl import LOCK_EX, LOCK_NB, flock

    os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline, wait_s = time.monotonic() + _PATIENCE_S, 0.0005
    try:
        while True:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CannotTell("leases.locked", path=folder, seconds=round(_PATIENCE_S)) from None
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                return descriptor
    except BaseException:
        os.close(descriptor)
        raise


def _give_to_owner(folder: int, file: int) -> None:
    """Whoever works as root in a user's folder leaves the list readable to the user."""
    if os.geteuid() == 0 and (status := os.fstat(folder)).st_uid:
        os.fchown(file, status.st_uid, status.st_gid)
