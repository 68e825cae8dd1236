"""Captures read into one table of flows: here, or in pieces by several processes at once.

This process reads from the front, where each piece goes on where the one before it ended. Workers read pieces from the back, which begin at guesses. When
both meet, each guess is proved by the end of the piece before it, or that piece is read here once more.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor, CancelledError
from threading import Lock

from portulan.errors import PortulanError
from portulan.model.record import Record
from portulan.model.traffic import Ended, Origin
from portulan.traffic.reading import Capture, PieceEnd, meets, open_capture
from portulan.traffic.table import FlowTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from portulan.system.workers import ClusterWorkers, LocalWorkers

    Workers = LocalWorkers | ClusterWorkers

WORTH_A_WORKER = 192 << 20
"""Bytes of captures below which one process is done before another one has begun: that takes a third of a second."""
_PIECES_EACH = 3
"""Pieces for each process: so the last to finish is not waited for long."""


class Asked(Record):
    """How to read."""

    cap: int
    inner: bool
    resync: bool
    bucket_s: float | None

    def table(self) -> FlowTable:
        """An empty one."""
        return FlowTable(self.cap, inner=self.inner, bucket_s=self.bucket_s)


class Piece(Record):
    """A part of a file, for a worker."""

    asked: Asked
    path: str
    first: int
    until: int | None


class Done(Record):
    """What came of it."""

    table: FlowTable
    ending: PieceEnd


def read_piece(piece: Piece) -> Done:
    """Read it, on a worker. Raises what `open_capture` raises."""
    table = piece.asked.table()
    with open_capture(piece.path) as capture:
        for batch in capture.batches(piece.first, piece.until, resync=piece.asked.resync):
            table.add(batch)
        table.rows()
        return Done(table, capture.ending)


def read_captures(paths: Sequence[str], asked: Asked, workers: int | Workers | None = None) -> tuple[FlowTable, tuple[Origin, ...]]:
    """All files as one capture; `workers`: how many processes, or those; None: as many as pay. Raises what `open_capture` raises, MachineFailed."""
    table, origins = asked.table(), []
    crew: Workers | None = None
    try:
        for path in paths:
            with open_capture(path) as capture:
                if crew is None and capture.size is not None:
                    crew = _crew(workers, capture.size)
                if crew is None or capture.size is None:
                    origins.append(_read_here(capture, asked, table))
                else:
                    origins.append(_read_together(capture, path, asked, table, crew))
    finally:
        if crew is not None and crew is not workers:
            crew.close()
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


def _read_here(capture: Capture, asked: Asked, table: FlowTable) -> Origin:
    for batch in capture.batches(resync=asked.resync):
        table.add(batch)
    return _origin(capture.name, capture.format, [capture.ending])


def _origin(name: str, format_: str, endings: Sequence[PieceEnd]) -> Origin:
    last = endings[-1]
    return Origin(
        name, format_, sum(one.packets for one in endings), sum(one.bytes for one in endings), last.ended, last.at,
        tuple(skipped for one in endings for skipped in one.skipped),
    )  # fmt: skip


def _read_together(capture: Capture, path: str, asked: Asked, table: FlowTable, workers: Workers) -> Origin:
    """One file, from both ends."""
    cuts = capture.cuts(_PIECES_EACH * (workers.at_once + 1))
    helpers = _Helpers(workers, [Piece(asked, path, first, until) for first, until in zip(cuts, (*cuts[1:], None), strict=True)])
    endings: list[PieceEnd] = []
    piece: Piece | None = helpers.take()
    while piece is not None:
        done = helpers.done(piece)
        if done is not None and meets(endings[-1], done.ending):
            table.merge(done.table)
            endings.append(done.ending)
        else:
            first, state = (endings[-1].next, endings[-1].after) if endings else (piece.first, None)
            for batch in capture.batches(first, piece.until, resync=asked.resync, state=state):
                table.add(batch)
            endings.append(capture.ending)
        del done
        if endings[-1].ended is not Ended.COMPLETE:
            break
        piece = helpers.take()
    helpers.stop()
    return _origin(capture.name, capture.format, endings)


class _Helpers:
    """Who reads from the back."""

    def __init__(self, workers: Workers, pieces: Sequence[Piece]) -> None:
        """Begin, with a piece for each; the first is ours."""
        self._workers = workers
        self._left = deque(pieces)
        self._given: deque[tuple[Piece, Future[Done]]] = deque()
        self._first: Piece | None = self._left.popleft()
        self._turn = Lock()
        self._stopped = False
        for _ in range(workers.at_once):
            self._give()

    def _give(self, _: object = None) -> None:
        """The last piece that nobody has to whoever is free. Called by the thread that hears of results, too."""
        with self._turn:
            if self._stopped or not self._left:
                return
            piece = self._left.pop()
            try:
                future = self._workers.submit(read_piece, piece)
            except (BrokenExecutor, RuntimeError):
                self._left.append(piece)  # we do it ourselves
                return
            self._given.appendleft((piece, future))
        future.add_done_callback(self._give)

    def take(self) -> Piece | None:
        """The next piece in order of the file."""
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        with self._turn:
            if self._left:
                return self._left.popleft()
            return self._given[0][0] if self._given else None

    def done(self, piece: Piece) -> Done | None:
        """What a worker made of it; None where none did, or could."""
        if not self._given or self._given[0][0] is not piece:
            return None
        future = self._given.popleft()[1]
        try:
            return future.result()
        except (BrokenExecutor, CancelledError, PortulanError, OSError, MemoryError):
            return None

    def stop(self) -> None:
        """What was begun is not wanted any more."""
        with self._turn:
            self._stopped = True
            while self._given:
                self._given.popleft()[1].cancel()
