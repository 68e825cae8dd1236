"""A part of a capture, and what a worker makes of it."""

from __future__ import annotations

from portulan.model.record import Record
from portulan.system.workers import give_back, unwanted
from portulan.traffic.reading import PieceEnd, open_capture
from portulan.traffic.table import FlowTable


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
        for batch in capture.batches(piece.first, piece.until, resync=piece.asked.resync, stopped=unwanted):
            table.add(batch)
            del batch
        table.rows()
        ending = capture.ending
    give_back()  # while this process waits, another one needs memory
    return Done(table, ending)
