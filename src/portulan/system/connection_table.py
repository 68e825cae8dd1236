"""How many more connections this host's table may take from us, while a scan goes on."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SHARE = 0.5
"""Of what was free in the beginning, so much is ours at most."""
PLENTY = 1 << 30
_LOOK_S = 0.02


class TableRoom:
    """Keeps a scan by sockets within half of what was free in the kernel's table of connections: a full one would lose other programs' packets."""

    def __init__(self, most: int, read_count: Callable[[], int]) -> None:
        """Of a table that may have `most` entries in all, ours and others'."""
        self._most = most
        self._read_count = read_count
        self._left = 0
        self._looked = 0.0
        self.short = False
        """Whether the scan was ever held back."""

    def room(self) -> int:
        """How many entries we may make now. The kernel is asked every now and then; between, what was taken is taken off."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            self._left = max(0, self._most - self._read_count())
        self.short |= not self._left
        return self._left

    def took(self, count: int) -> None:
        """So many were made."""
        self._left = max(0, self._left - count)


def watch_table() -> TableRoom | None:
    """The room in this network namespace's table; None where no connections are tracked."""
    if sys.platform != "linux":
        return None
    from portulan.system.linux.conntrack import read_count, read_tracking

    tracking = read_tracking()
    return None if tracking is None else TableRoom(tracking.held + int(tracking.free * SHARE), read_count)
