"""Where processes of a sandbox live: namespaces of their own, marked as ours, and what was started in them."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from portulan.errors import failed
from portulan.system.linux.syscall import CLONE_NEWNET, set_domain_name, unshare
from portulan.system.sandbox import call, launch
from portulan.system.sandbox.errand import in_thread
from portulan.system.sandbox.mark import Mark
from portulan.system.sandbox.sweep import CLONE_NEWUTS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

P = ParamSpec("P")
T = TypeVar("T")
PATIENCE_S = 30.0
_LAST_WORDS_S = 5.0


class Root(Protocol):
    """A root folder for programs: `root.PrivateRoot`."""

    def open_mounts(self, place: launch.Place) -> int:
        """Make a mount namespace in which it is `/`, seen from the place's other namespaces; returns an open descriptor."""


class Quarters:
    """A network and a host name of their own, or the machine's, and the processes there. `close` does not end daemons: that is the sweep's."""

    def __init__(self, name: str, mark: Mark, *, network: bool, root: Root | None = None) -> None:
        """Open the namespaces. Raises MachineFailed."""
        self.name = name
        self.root = root
        """The private root that programs run in, unless they are started with another."""
        self.patience_s = PATIENCE_S
        """How long `run`, `call` and waiting may take unless told otherwise."""
        self.used = False
        """Whether anything was ever started here: only then can there be something to end."""
        self._processes: list[subprocess.Popen[str]] = []
        self._mounts: dict[Root, int] = {}
        self._uts, self._net = in_thread(lambda: _open_namespaces(name if network else None, mark, network=network))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _place(self, root: Root | None) -> launch.Place:
        self.used = True
        root = root or self.root
        if root is not None and root not in self._mounts:
            self._mounts[root] = root.open_mounts(launch.Place(net=self._net, uts=self._uts))
        return launch.Place(net=self._net, uts=self._uts, mount=None if root is None else self._mounts[root])

    def start(self, command: Sequence[str | os.PathLike[str]], *, root: Root | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start a program here; it is ended with the sandbox, and so is every daemon it leaves. Options and errors as of `launch.start`."""
        process = launch.start(self._place(root), command, **options)
        self._processes.append(process)
        return process

    def run(
        self, command: Sequence[str | os.PathLike[str]], *, root: Root | None = None, timeout_s: float | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a program here to its end. Options and errors as of `launch.run`."""
        timeout_s = self.patience_s if timeout_s is None else timeout_s
        return launch.run(self._place(root), command, timeout_s=timeout_s, **options)

    def call(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call a Python function in a forked child here and return what it returns, by pickle. Errors as of `call.call`.

        It sees the machine's own files, also where programs have a private root.
        """
        self.used = True
        return call.call(launch.Place(net=self._net, uts=self._uts), self.patience_s, function, *arguments, **options)

    def close(self) -> None:
        """End what was started here, its daemons not included, and close what was opened."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            launch.ended(process, _LAST_WORDS_S)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with suppress(OSError):  # what was still to be written has no reader any more
                        stream.close()
        self._processes.clear()
        for descriptor in (self._uts, self._net, *self._mounts.values()):
            if descriptor is not None:
                os.close(descriptor)
        self._mounts.clear()


def _open_namespaces(name: str | None, mark: Mark, *, network: bool) -> tuple[int, int | None]:
    """In a thread of its own: make the namespaces and return their descriptors. Without a name, the machine's stays."""
    try:
        unshare(CLONE_NEWUTS | (CLONE_NEWNET if network else 0))
        set_domain_name(str(mark))
        if name is not None:
            socket.sethostname(name)
        uts = os.open("/proc/thread-self/ns/uts", os.O_RDONLY | os.O_CLOEXEC)
        return uts, os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC) if network else None
    except OSError as error:
        raise failed("make", "namespaces", error) from error
