"""Processes that help to read captures, begun before this one loads what it needs for that: they load the same meanwhile."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.system.workers import LocalWorkers

WORTH_A_WORKER = 192 << 20
"""Bytes of captures below which one process is done before another one has begun: that takes a third of a second."""
_IN_ONE_PIECE = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""What gzip and Zstandard files begin with: they are read from their beginning on, by one."""


def begin_early(paths: Sequence[str], workers: int | None = None) -> LocalWorkers | None:
    """Who helps with these files, as `traffic` takes it; None where nobody does, or where that is not known yet. To be closed by the caller."""
    if workers == 1 or max(map(_size, paths), default=0) < (WORTH_A_WORKER if workers is None else 1):
        return None
    from portulan.system.workers import LocalWorkers, processors

    count = processors() if workers is None else workers
    if count < 2:
        return None
    crew = LocalWorkers(count - 1, once=True)
    crew.prepare("portulan.verbs.traffic_piece")
    return crew


def _size(path: str) -> int:
    """Bytes that can be read in pieces."""
    try:
        if not os.path.isfile(path):  # to open a pipe would take from it
            return 0
        with open(path, "rb", buffering=0) as file:
            return 0 if file.read(4).startswith(_IN_ONE_PIECE) else os.fstat(file.fileno()).st_size
    except OSError:
        return 0
