"""Where parts of a work are done: processes of this host, or the workers of a Dask cluster; both as `concurrent.futures.Executor`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

from portulan.errors import CannotTell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future
    from threading import Thread
    from typing import Any, TypeVar

    A = TypeVar("A")
    T = TypeVar("T")

_REACH_S = 10.0
"""How long a scheduler may take to answer, and then to have a worker."""
_PARENT_DEATH = 1
"""PR_SET_PDEATHSIG (include/uapi/linux/prctl.h)."""
_stop: Any = None
"""In a worker process: the event that ends all work."""


class LocalWorkers:
    """Processes of this host, in the network namespace of the thread that hands them work. They end with this process, whatever ends it."""

    def __init__(self, count: int, *, afresh: bool = False, once: bool = False) -> None:
        """`afresh`: a new process for each piece of work, so that one that has given up its rights need not have them again.

        `once`: whoever has used them may let them go.
        """
        import multiprocessing

        self.at_once = count
        self.remote, self.once = False, once
        self._closing: Thread | None = None
        # Never by fork: other threads may hold locks. Nor from a fork server: it would stay in the namespace in which it was begun.
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self.afresh = afresh
        self._executor = self._open()

    def _open(self) -> Executor:
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(
            self.at_once, self._context, _begin, (self._stop, os.getpid()), max_tasks_per_child=1 if self.afresh else None
        )

    def submit(self, work: Callable[[A], T], about: A) -> Future[T]:
        """Have it done."""
        if sys.platform == "win32":
            return self._executor.submit(work, about)
        import signal

        # A process that is begun by this must not hear Ctrl-C before it knows what to do then: it would say so at length.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            return self._executor.submit(work, about)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def prepare(self, module: str) -> None:
        """Let the processes begin now, and load what they will need."""
        for _ in range(self.at_once):
            self.submit(_load, module)

    def renew(self) -> None:
        """After a worker died, which takes the others of its pool with it: a new pool."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._open()

    def close(self, *, wait: bool = True) -> None:
        """End all of it, what is under way too. `wait`: until the processes have ended; else that is waited for when it is closed once more, or at the end."""
        from threading import Thread

        self._stop.set()
        if self._closing is None:
            self._closing = Thread(target=self._executor.shutdown, kwargs={"wait": True, "cancel_futures": True})
            self._closing.start()
        if wait:
            self._closing.join()


class ClusterWorkers:
    """The workers of a Dask scheduler. One that dies is replaced by another: its tasks are done again."""

    def __init__(self, address: str) -> None:
        """Raises CannotTell: not installed, nobody there, no workers."""
        try:
            distributed = import_module("distributed")
        except ImportError as error:
            raise CannotTell("fleet.not-installed") from error
        import logging
        import warnings

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self.remote, self.afresh, self.once = True, False, False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions that differ a little: ours are compared where the work is done
                self._client = distributed.Client(address, timeout=_REACH_S, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:
            raise CannotTell("fleet.unreachable", address=address) from error
        try:
            self._client.wait_for_workers(1, timeout=_REACH_S)
        except (OSError, TimeoutError) as error:
            self._client.close()
            raise CannotTell("fleet.no-workers", address=address) from error
        self.at_once = max(1, sum(self._client.nthreads().values()))
        self._executor = self._client.get_executor(pure=False)

    def submit(self, work: Callable[[A], T], about: A) -> Future[T]:
        """Have it done."""
        future: Future[T] = self._executor.submit(work, about)
        return future

    def renew(self) -> None:
        """Nothing breaks here."""

    def close(self, *, wait: bool = True) -> None:  # noqa: ARG002 - they are not ours to wait for
        """End all of it: tasks that nobody wants any more see it (`unwanted`)."""
        with suppress(Exception):  # the scheduler may be gone
            self._executor.shutdown(wait=False)
        with suppress(Exception):
            self._client.close(timeout=2)


def _load(module: str) -> None:
    import_module(module)


def _begin(stop: Any, parent: int) -> None:
    """In a new worker process."""
    global _stop  # noqa: PLW0603 - one for the process
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who hands out the work
    _stop = stop
    if sys.platform == "linux":
        from portulan.system.linux.syscall import prctl

        prctl(_PARENT_DEATH, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def give_back() -> None:
    """Memory that is free already, and that the C library keeps for later, goes back to the system (malloc_trim(3); other libraries than glibc have no such call)."""
    import ctypes

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def unwanted() -> bool:
    """In a worker: whether nobody waits for what it does any more."""
    if _stop is not None:
        return bool(_stop.is_set())
    dask = sys.modules.get("distributed.worker")
    if dask is None:
        return False
    try:
        task = dask.get_worker().state.tasks.get(dask.thread_state.key)
    except (AttributeError, ValueError):
        return False
    return task is None or task.state == "cancelled"
