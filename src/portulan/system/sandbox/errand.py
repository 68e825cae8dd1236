"""Work for a thread of its own.

Linux keeps namespaces, the root folder and some rights per thread. A thread that changes these things and then ends leaves nothing to put
back, so the rest of the process, and its other threads, never notice. Processes started by such a thread inherit what it changed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def in_thread(work: Callable[[], T]) -> T:
    """Do the work in a new thread, wait, and hand on what it returns or raises."""
    done: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller
            raised.append(error)

    thread = threading.Thread(target=run, name="portulan-errand", daemon=True)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return done[0]
