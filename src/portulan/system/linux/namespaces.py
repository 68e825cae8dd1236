"""Network namespaces: which there are, and sockets opened inside them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from errno import EBADF, EINVAL, ENOENT, ENOTSOCK, ENOTTY, ESRCH

from portulan.model.record import Record
from portulan.system.linux.procfs import list_pids, read_whole
from portulan.system.linux.syscall import CLONE_NEWNET, setns, syscall
from portulan.wire.procfs import parse_nsfs_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = "/proc/thread-self/ns/net"


class Place(Record):
    """A network namespace and a path that enters it."""

    inode: int | None
    """None for our own where /proc does not tell it."""
    path: str
    name: str | None = None
    """The name `ip netns` or a container runtime gave it, if any."""


def list_places() -> tuple[list[Place], list[int]]:
    """Every network namespace that can be found, our own first, and the processes that may not be looked into (so do not tell theirs).

    One that is kept by a mount is entered through it, since processes may end. One that only an open descriptor keeps is not found here.
    """
    own = _own()
    found: dict[int | None, Place] = {own: Place(own, OWN)}
    for inode, path in parse_nsfs_mounts(read_whole("/proc/self/mountinfo")).items():
        name = os.path.basename(path)
        if inode in found:
            found[inode] = Place(inode, found[inode].path, name)
        else:
            found[inode] = Place(inode, path, name)
    silent = []
    for pid in list_pids():
        path = f"/proc/{pid}/ns/net"
        try:
            inode = int(os.readlink(path)[5:-1])  # net:[4026531833]; half the price of stat
        except PermissionError:
            if os.path.exists(f"/proc/{pid}"):  # one that has just ended gives the same error for a moment
                silent.append(pid)
        except OSError:
            continue  # gone
        else:
            found.setdefault(inode, Place(inode, path))
    return list(found.values()), silent


def _own() -> int | None:
    """The namespace that this thread is in; None without /proc."""
    try:
        return os.stat(OWN).st_ino
    except OSError:
        return None


@contextmanager
def inside(place: Place) -> Iterator[None]:
    """This thread is in the namespace; it is home again afterwards. Raises OSError when it may not be entered, or is gone."""
    if _own() == place.inode:
        yield
        return
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = open_place(place)
        try:
            setns(there, CLONE_NEWNET)
        finally:
            os.close(there)
        try:
            yield
        finally:
            setns(home, CLONE_NEWNET)
    finally:
        os.close(home)


def open_place(place: Place) -> int:
    """A descriptor of the namespace. The process that its path goes through may have ended or moved since: then any other that is in it will do."""
    failure: OSError = FileNotFoundError(ENOENT, os.strerror(ENOENT), place.path)
    for path in _paths(place):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            if os.path.lexists(path):
                failure = error
        except OSError:
            continue
        else:
            if os.fstat(descriptor).st_ino == place.inode:
                return descriptor
            os.close(descriptor)
    raise failure


def _paths(place: Place) -> Iterator[str]:
    yield place.path
    for pid in list_pids():
        path = f"/proc/{pid}/ns/net"
        try:
            inode = int(os.readlink(path)[5:-1])
        except OSError:
            continue
        if inode == place.inode and path != place.path:
            yield path


_SIOCGSKNS = 0x894C
_NO_SUCH_SOCKET = (ESRCH, EBADF, ENOTTY, ENOTSOCK, EINVAL)
"""The process has ended, has closed it, or has something else under that number by now."""


@contextmanager
def place_of_socket(inode: int, pid: int, descriptor: int) -> Iterator[Place | None]:
    """The namespace that a process's socket lives in, for as long as the block runs; None when that socket is not there any more. Raises OSError (no right).

    The only way to a namespace that no process is in and no mount keeps: a socket alone holds it (pidfd_getfd(2), then SIOCGSKNS of
    include/uapi/linux/sockios.h).
    """
    try:
        there = _namespace_of(pid, descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_SOCKET:
            raise
        yield None
        return
    try:
        yield Place(inode, f"/proc/self/fd/{there}") if os.fstat(there).st_ino == inode else None
    finally:
        os.close(there)


def _namespace_of(pid: int, descriptor: int) -> int:
    """A descriptor of the namespace that a process's socket lives in. Raises OSError.

    The socket is borrowed for one question and given back at once: as long as we have it, we hold its port, and whoever looks beside us says so.
    """
    import fcntl

    process = os.pidfd_open(pid)
    try:
        socket = syscall("pidfd_getfd", process, descriptor, 0)
        try:
            return fcntl.ioctl(socket, _SIOCGSKNS)
        finally:
            os.close(socket)
    finally:
        os.close(process)
