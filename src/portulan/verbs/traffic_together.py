"""One capture, read from both ends: by this process from the front, where each piece goes on where the one before it ended, and by workers from the back."""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor, CancelledError, wait
from threading import Lock

from portulan.errors import PortulanError
from portulan.model.traffic import Ended
from portulan.traffic.reading import meets
from portulan.verbs.traffic_piece import Piece, read_piece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from portulan.system.workers import ClusterWorkers, LocalWorkers
    from portulan.traffic.reading import Capture, PieceEnd
    from portulan.traffic.table import FlowTable
    from portulan.verbs.traffic_piece import Asked, Done

    Workers = LocalWorkers | ClusterWorkers

_LARGE, _SMALL = 4, 1
"""Shares of the file: a large piece for each process, and as many small ones between them: so the last to finish is not waited for long."""
_LOOK_S = 0.2
"""How often somebody who waits for a worker looks whether it is still wanted."""


def read_together(
    capture: Capture, path: str, asked: Asked, table: FlowTable, workers: Workers, stopped: Callable[[], bool] | None = None
) -> list[PieceEnd]:
    """How each piece ended, in order; no more are read once `stopped` says so. Raises what `read_piece` raises."""
    cuts = capture.cuts([_LARGE, *[_SMALL] * (workers.at_once + 1), *[_LARGE] * workers.at_once])
    helpers = _Helpers(workers, [Piece(asked, path, first, until) for first, until in zip(cuts, (*cuts[1:], None), strict=True)])
    endings: list[PieceEnd] = []
    piece: Piece | None = helpers.take()
    while piece is not None:
        done = helpers.done(piece, stopped)
        if done is not None and meets(endings[-1], done.ending):
            table.merge(done.table)
            endings.append(done.ending)
        else:
            first, state = (endings[-1].next, endings[-1].after) if endings else (piece.first, None)
            for batch in capture.batches(first, piece.until, resync=asked.resync, state=state, stopped=stopped):
                table.add(batch)
            endings.append(capture.ending)
        del done
        if endings[-1].ended is not Ended.COMPLETE:
            break
        piece = helpers.take()
    helpers.stop()
    return endings


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

    def done(self, piece: Piece, stopped: Callable[[], bool] | None) -> Done | None:
        """What a worker made of it; None where none did, or could, or nobody waits for it."""
        if not self._given or self._given[0][0] is not piece:
            return None
        future = self._given.popleft()[1]
        while stopped is not None and not wait((future,), _LOOK_S).done:
            if stopped():
                future.cancel()
                return None
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
            del self._workers  # what they share by name is given back only when nobody holds them, and what they have not done yet holds us
