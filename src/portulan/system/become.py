"""Become another program and hand it sockets: the same process goes on, so its number, its signals and its terminal stay what they are."""

from __future__ import annotations

import os
import signal
import sys

from portulan.errors import BadInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

_FAR = 200
"""Sockets that are only to stay open go up here, where programs and shell scripts do not use descriptors by number."""


def become(
    words: Sequence[str], environment: Mapping[str, str], *, handed: Sequence[int] = (), first: int = 3, kept: Sequence[int] = ()
) -> NoReturn:
    """Become a program. `handed` descriptors are its `first`, `first` + 1, …; `kept` ones stay open, out of its way.

    Raises BadInput where it cannot be started; descriptors may have moved then.
    """
    for number in kept:
        _move_far(number)
    _move(handed, first)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    ignored = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    before = [
        signal.signal(number, signal.SIG_DFL) for number in ignored
    ]  # Python ignores them, and what is ignored stays so in the program
    try:
        os.execvpe(words[0], list(words), {**os.environ, **environment})  # noqa: S606 - the user's own command, word by word, without a shell
    except (OSError, ValueError) as error:
        for number, handler in zip(ignored, before, strict=True):
            signal.signal(number, handler)
        raise BadInput("lease.not-started", program=words[0], reason=getattr(error, "strerror", None) or str(error)) from error


def _move(handed: Sequence[int], first: int) -> None:
    """Put descriptors at consecutive numbers. First all of them out of the way, so that none is overwritten by another."""
    from fcntl import F_DUPFD_CLOEXEC, fcntl

    away = [fcntl(number, F_DUPFD_CLOEXEC, first + len(handed)) for number in handed]
    for at, number in enumerate(away):
        os.dup2(number, first + at, inheritable=True)


def _move_far(number: int) -> None:
    from fcntl import F_DUPFD, fcntl

    try:
        fcntl(number, F_DUPFD, _FAR)
    except OSError:  # the limit on descriptors is lower than that
        os.set_inheritable(number, True)
