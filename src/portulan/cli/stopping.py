"""Ctrl-C as a wish: what listens ends its step, and tells what it has."""

from __future__ import annotations

import signal

from portulan.model.traffic import Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from portulan.model.traffic import Origin

INTERRUPTED = 130
"""The exit status of what Ctrl-C ended before its end."""


class Stop:
    """Ctrl-C and SIGTERM end the counting, never a packet that is being written. A context manager."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Stop:
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.asked:  # asked twice: whatever is being done takes too long
            signal.signal(number, signal.SIG_DFL)
        self.asked = True


def cut_off(origins: Iterable[Origin]) -> bool:
    """Whether a file was not read to its end, since somebody did not wait for it.

    To stop listening is no interruption: it has no end of its own.
    """
    return any(one.ended is Ended.STOPPED and one.at is not None for one in origins)
