"""A line on standard error while something is read, on a terminal only, and only when it takes longer than a second."""

from __future__ import annotations

import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from portulan.cli.face import Face

_AFTER_S, _EVERY_S = 1.0, 0.5


class Patience:
    """Says again and again how long it has taken. As a context it clears its line away."""

    def __init__(self, face: Face, text: Callable[[float], str]) -> None:
        """`text`: what to say after so many seconds."""
        self.face, self._text = face, text
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True) if face.err.isatty() else None

    def __enter__(self) -> Patience:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _speak(self) -> None:
        began_s = time.monotonic()
        wait_s, said = _AFTER_S, False
        while not self._done.wait(wait_s):
            self.face.err.write(f"\r\x1b[K{self._text(time.monotonic() - began_s)}")
            self.face.err.flush()
            wait_s, said = _EVERY_S, True
        if said:
            self.face.err.write("\r\x1b[K")
            self.face.err.flush()
