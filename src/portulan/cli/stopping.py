"""Ctrl-C as a wish: what listens ends its step, and tells what it has."""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


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
