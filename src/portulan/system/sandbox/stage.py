"""A stage: a process with processes, mounts and, for an ordinary user, rights of its own, in which a story is told step by step.

Two processes make it. The keeper waits; the player is the first process of a PID namespace and tells the story. When the player ends, the kernel ends everything that it
started, whatever it is; and the player ends when the story is over, when nobody listens any more (the one who asked was killed, however), or when the keeper is killed.
Nothing is on disk: what is written goes into memory file systems that only the player's mount namespace has.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import stat
import sys
import traceback
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from portulan.errors import CannotTell, NotPermitted
from portulan.system.linux.procfs import effective_capabilities
from portulan.system.linux.syscall import CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, mount, prctl, unshare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import NoReturn, Self

T = TypeVar("T")
_CAP_NET_ADMIN, _CAP_SYS_ADMIN = 12, 21
_NO_SUID, _NO_DEVICES, _NO_PROGRAMS, _BIND, _RECURSIVE, _PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 1 << 18
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG."""
_OWN = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET
"""The network is an empty one: from a host of a sandbox one may go back to it, which an ordinary user may not to the machine's own."""
_LENGTH_SIZE = 8
_NEXT = b"."


class Stage(Generic[T]):
    """A context manager and an iterator: `with Stage(story) as stage: for one in stage: …`. What the story yields comes over by pickle, each when it is asked for."""

    def __init__(self, story: Callable[[], Iterator[T]], *, fresh: Mapping[str, Sequence[str]] | None = None) -> None:
        """`fresh`: folder -> names in it that the story finds absent, and may make; all else in that folder it sees as it is. What it makes there nobody else sees."""
        self._story = story
        self._fresh = fresh or {}

    def __enter__(self) -> Self:
        """Begin. What cannot be had is told by the first step."""
        self._near, far = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Python 3.12 warns of forks beside other threads; ours only hold locks that the child does not take.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._keeper = os.fork()
        if not self._keeper:
            self._near.close()
            _keep(far, self._story, self._fresh)
        far.close()
        return self

    def __exit__(self, *_: object) -> None:
        """End everything, and wait until it has ended."""
        self._near.close()
        os.waitpid(self._keeper, 0)

    def __iter__(self) -> Stage[T]:
        return self

    def __next__(self) -> T:
        """Let the story go on to its next step.

        Raises what the story raises; NotPermitted where namespaces may not be made, CannotTell when the stage was ended from outside.
        """
        with suppress(BrokenPipeError):  # it has ended, and may have said why
            self._near.sendall(_NEXT)
        try:
            size = int.from_bytes(self._receive(_LENGTH_SIZE))
            kind, value = pickle.loads(self._receive(size))  # noqa: S301 - written by our own child
        except (ConnectionResetError, EOFError):
            raise CannotTell("stage.died") from None
        if kind == "raised":
            error, trace = value
            error.add_note(trace)
            raise error
        if kind == "over":
            raise StopIteration
        return value  # type: ignore[no-any-return] # what the story yields

    def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._near.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)


def may_build() -> bool:
    """Whether namespaces may be made without a user namespace around them."""
    held = effective_capabilities()
    return bool(held >> _CAP_NET_ADMIN & 1 and held >> _CAP_SYS_ADMIN & 1)


# The keeper


def _keep(far: socket.socket, story: Callable[[], Iterator[Any]], fresh: Mapping[str, Sequence[str]]) -> NoReturn:
    """Live the keeper's whole life: begin the player, and end it when the other side is gone."""
    try:
        os.setsid()  # Ctrl-C is for whoever asked
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        alive, held = os.pipe()
        ordinary = os.getuid() != 0
        try:
            _leave_home()
            player = os.fork()
        except OSError as error:
            _send(far, "raised", (_forbidden(error, ordinary=ordinary), ""))
            os._exit(1)
        if not player:
            os.close(held)
            _play(far, alive, story, fresh, ordinary=ordinary)
        process = os.pidfd_open(player)
        poll = select.poll()
        poll.register(process, select.POLLIN)
        poll.register(far, 0)  # a hang-up is always told
        poll.poll()
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.waitpid(player, 0)  # the first process of a PID namespace is gone when all others are
    finally:
        os._exit(0)


def _leave_home() -> None:
    """Namespaces for what comes next; for whoever has no rights, in a user namespace in which this user is root. Raises OSError."""
    if may_build():
        unshare(_OWN)
        return
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER | _OWN)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _forbidden(error: OSError, *, ordinary: bool) -> NotPermitted:
    reason = error.strerror or str(error)
    if ordinary:
        return NotPermitted("stage.forbidden", reason=reason)
    return NotPermitted("stage.forbidden-root", reason=reason, needs="CAP_SYS_ADMIN, CAP_NET_ADMIN")


# The player


def _play(
    far: socket.socket, alive: int, story: Callable[[], Iterator[Any]], fresh: Mapping[str, Sequence[str]], *, ordinary: bool
) -> NoReturn:
    """Live the player's whole life: tell one step each time that it is asked for."""
    try:
        prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        poll = select.poll()
        poll.register(alive, 0)
        if poll.poll(0):  # the keeper was gone before that
            os._exit(1)
        try:
            _furnish(fresh)
        except OSError as error:
            _send(far, "raised", (_forbidden(error, ordinary=ordinary), ""))
            os._exit(1)
        steps = story()
        while far.recv(1):
            try:
                answer = ("value", next(steps))
            except StopIteration:
                _send(far, "over", None)
                break
            _send(far, *answer)
    except BaseException as error:  # noqa: BLE001 - carried over to whoever asked
        with suppress(OSError):
            _send(far, "raised", (error, traceback.format_exc()))
    finally:
        os._exit(0)


def _send(far: socket.socket, kind: str, value: object) -> None:
    data = pickle.dumps((kind, value))
    far.sendall(len(data).to_bytes(_LENGTH_SIZE) + data)


def _furnish(fresh: Mapping[str, Sequence[str]]) -> None:
    """A /proc that shows the stage's own processes, and folders that may be written. Raises OSError."""
    mount("none", "/", flags=_RECURSIVE | _PRIVATE)
    mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_PROGRAMS)
    for folder, names in fresh.items():
        _overlay(os.path.realpath(folder), names)


def _show(old: str, new: str) -> None:
    kind = os.lstat(old).st_mode
    if stat.S_ISLNK(kind):
        os.symlink(os.readlink(old), new)
        return
    if stat.S_ISDIR(kind):
        os.mkdir(new)
    else:
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
    mount(old, new, flags=_BIND | _RECURSIVE)


def _overlay(folder: str, fresh: Sequence[str]) -> None:
    """Lay a memory file system over a folder, and in it, by mounts, all that was there but `fresh`. Works for ordinary users on any kernel, which overlayfs does not."""
    below = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        hidden = f"/proc/self/fd/{below}"
        names = [name for name in os.listdir(hidden) if name not in fresh]
        mount("tmpfs", folder, "tmpfs", _NO_SUID | _NO_DEVICES, "mode=755")
        for name in names:
            with suppress(FileNotFoundError):  # it went meanwhile
                _show(f"{hidden}/{name}", f"{folder}/{name}")
    finally:
        os.close(below)
