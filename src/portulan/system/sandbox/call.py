"""Call a Python function in a child process that lives at another place."""

from __future__ import annotations

import os
import pickle
import reprlib
import select
import signal
import sys
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from portulan.errors import CannotTell
from portulan.system.sandbox.launch import Place, move
from portulan.system.sandbox.watch import ensure_watcher

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")
_LENGTH_SIZE = 8


def call(place: Place, timeout_s: float, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Return what the function returns, or raise what it raises, when a forked child calls it at the place; both must be picklable.

    Raises CannotTell when it takes too long (the child is killed), dies, or its answer cannot be carried over.
    """
    ensure_watcher()
    read_end, write_end = os.pipe()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Python 3.12 warns of forks beside other threads; ours only hold locks that the child does not take.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            _serve(place, write_end, lambda: function(*arguments, **options))
        os.close(write_end)
        write_end = -1
        name = getattr(function, "__qualname__", repr(function))
        kind, value = _receive(pid, read_end, timeout_s, name)
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
    if kind == "returned":
        return value  # type: ignore[no-any-return] # the function's own type, from the other side
    if kind == "raised":
        error, trace = value
        error.add_note(trace)
        raise error
    raise CannotTell("sandbox.call-lost", command=name, reason=value)


def _serve(place: Place, write_end: int, work: Callable[[], object]) -> None:
    """Live the child's whole life. Leaves by os._exit, so that nothing of the parent's runs a second time."""
    status = 1
    try:
        try:
            move(place)
            answer = _pack("returned", work())
        except BaseException as error:  # noqa: BLE001 - carried over to the caller
            answer = _pack("raised", (error, traceback.format_exc()))
        with os.fdopen(write_end, "wb", closefd=False) as pipe:
            pipe.write(len(answer).to_bytes(_LENGTH_SIZE) + answer)
        sys.stdout.flush()
        sys.stderr.flush()
        status = 0
    finally:
        os._exit(status)


def _pack(kind: str, value: object) -> bytes:
    try:
        answer = pickle.dumps((kind, value))
        pickle.loads(answer)  # noqa: S301 - our own bytes; some exceptions pickle but do not come back
    except Exception as error:  # noqa: BLE001 - whatever a value's own __reduce__ raises
        return pickle.dumps(("lost", f"{error}: {reprlib.repr(value)}"))
    return answer


def _receive(pid: int, read_end: int, timeout_s: float, name: str) -> tuple[str, Any]:
    """Read the child's answer, as long as it says it is: a grandchild may hold the pipe open. The child is gone afterwards."""
    data = bytearray()
    deadline = time.monotonic() + timeout_s
    poll = select.poll()
    poll.register(read_end, select.POLLIN)
    try:
        while len(data) < _LENGTH_SIZE or len(data) < _LENGTH_SIZE + int.from_bytes(data[:_LENGTH_SIZE]):
            part = os.read(read_end, 1 << 20) if poll.poll(max(0.0, deadline - time.monotonic()) * 1000) else None
            if not part:
                code = "sandbox.timeout" if part is None else "sandbox.call-died"
                raise CannotTell(code, command=name, timeout_s=timeout_s)  # noqa: TRY301 - the child is ended below, whatever happened
            data += part
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.waitpid(pid, 0)
    return pickle.loads(data[_LENGTH_SIZE:])  # type: ignore[no-any-return] # noqa: S301 - written by our own child
