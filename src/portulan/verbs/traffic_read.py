"""Captures read into one table of flows: here, or in pieces by several processes at once.

This process reads from the front, where each piece goes on where the one before it ended. Workers read pieces from the back, which begin at guesses. When
both meet, each guess is proved by the end of the piece before it, or that piece is read here once more.
"""

from __future__ import annotations

from portulan.model.traffic import Ended, Origin
from portulan.traffic.reading import Capture, PieceEnd, open_capture
from portulan.verbs.traffic_hands import WORTH_A_WORKER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.system.workers import ClusterWorkers, LocalWorkers
    from portulan.traffic.table import FlowTable
    from portulan.verbs.traffic_piece import Asked

    Workers = LocalWorkers | ClusterWorkers


def read_captures(
    paths: Sequence[str], asked: Asked, workers: int | Workers | None = None, stopped: Callable[[], bool] | None = None
) -> tuple[FlowTable, tuple[Origin, ...]]:
    """All files as one capture; `workers`: how many processes, or those; None: as many as pay. Raises what `open_capture` raises, MachineFailed.

    `stopped`: asked again and again whether nobody waits for the rest.
    """
    table = asked.table()
    origins: list[Origin] = []
    crew: Workers | None = None
    try:
        for path in paths:
            if stopped is not None and origins and stopped():
                origins.append(Origin(path, "", 0, 0, Ended.STOPPED, 0))
                continue
            with open_capture(path, stopped) as capture:
                if crew is None and capture.size is not None:
                    crew = _crew(workers, capture.size)
                if crew is None or capture.size is None:
                    origins.append(_read_here(capture, asked, table, stopped))
                else:
                    from portulan.verbs.traffic_together import read_together

                    endings = read_together(capture, path, asked, table, crew, stopped)
                    origins.append(_origin(capture.name, capture.format, endings))
    finally:
        if crew is not None and crew is not workers:
            crew.close()
        elif crew is not None and crew.once:
            crew.close(wait=False)
    return table, tuple(origins)


def _crew(workers: int | Workers | None, size: int) -> Workers | None:
    """Who helps with a file of this size."""
    if workers is None:
        from portulan.system.workers import processors

        workers = processors() if size >= WORTH_A_WORKER else 1
    if not isinstance(workers, int):
        return workers
    if workers < 2:
        return None
    from portulan.system.workers import LocalWorkers

    return LocalWorkers(workers - 1)


def _read_here(capture: Capture, asked: Asked, table: FlowTable, stopped: Callable[[], bool] | None) -> Origin:
    for batch in capture.batches(resync=asked.resync, stopped=stopped):
        table.add(batch)
    return _origin(capture.name, capture.format, [capture.ending])


def _origin(name: str, format_: str, endings: Sequence[PieceEnd]) -> Origin:
    last = endings[-1]
    return Origin(
        name, format_, sum(one.packets for one in endings), sum(one.bytes for one in endings), last.ended, last.at,
        tuple(skipped for one in endings for skipped in one.skipped),
    )  # fmt: skip
