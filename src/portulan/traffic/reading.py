"""Captures from files and pipes, as batches of packets; in pieces, if need be, that several processes read at once.

A piece begins at a guess. `meets` says whether the piece before proves it: its chain of records lands exactly there, with the interfaces that the
piece took for granted. Where it does not, the piece is read once more, from where the one before ended and with what it knew then:
`batches(before.next, until, state=before.after)`. So pieces give what one walk over the whole file gives.
"""

from __future__ import annotations

from itertools import accumulate

from portulan.errors import BadInput
from portulan.model.record import Record
from portulan.model.traffic import Ended, Skipped
from portulan.system.capture_file import CaptureFile, CaptureStream, allocate, give_back, open_capture_file
from portulan.traffic.batch import SLACK, Batch
from portulan.wire.captures.magic import HEAD, LARGEST_RECORD, Pcap, parse_head
from portulan.wire.captures.pcap import PcapReader
from portulan.wire.captures.pcapng import PcapngReader
from portulan.wire.captures.resync import AHEAD, CHUNK
from portulan.wire.captures.section import Section

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from portulan.wire.captures.packets import Taken

    Stopped = Callable[[], bool]

WINDOW = 32 << 20
_LEAST_WINDOW = 64
GLANCE = 1 << 20
"""Bytes looked at for a guess of where a piece begins, and for what the first blocks say."""
_BEYOND = 1 << 18
"""How far behind the end of a piece is read at once: its last record ends there."""


class PieceEnd(Record):
    """How a piece ended."""

    first: int
    next: int
    """Where the record begins that follows, or would."""
    ended: Ended
    """COMPLETE: the piece, or the file, was read to its end."""
    at: int | None
    """Where it is truncated or damaged."""
    skipped: tuple[Skipped, ...]
    packets: int
    bytes: int
    """Of the file, read as records."""
    before: Section | None = None
    """pcapng: what the piece took for granted of the blocks before it."""
    after: Section | None = None
    """pcapng: what the blocks behind it depend on."""
    broken_at: int | None = None
    """Where compressed data is broken or ends too soon: the offset in the compressed file, rounded up to what was read at once. `ended` is then
    not COMPLETE."""


def meets(before: PieceEnd, after: PieceEnd) -> bool:
    """Whether the first of two pieces proves the second: then that one is what one walk would have read."""
    return before.ended is Ended.COMPLETE and before.next == after.first and before.after == after.before


class Capture:
    """A file of packets, or a stream of them. Close it at the end, or use it in `with`."""

    def __init__(self, source: CaptureFile | CaptureStream) -> None:
        """Raises BadInput."""
        self._source = source
        self.name = source.name
        self._begun = _read_begin(source)
        self._head = parse_head(self._begun, self.name)
        self.format = "pcap" if isinstance(self._head, Pcap) else "pcapng"
        self.size: int | None = source.size
        """Bytes; None: it can be read once only, from its beginning: a pipe, or a compressed file."""
        self._ending: PieceEnd | None = None
        self._early_state: Section | None = None

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more is wanted."""
        self._source.close()

    @property
    def ending(self) -> PieceEnd:
        """How the batches that were read last ended: they are exhausted."""
        assert self._ending is not None
        return self._ending

    def cuts(self, pieces: int | Sequence[int]) -> tuple[int, ...]:
        """Where to cut the file into so many pieces, or such shares of it, or fewer. The first is where its first record begins, the others are guesses."""
        shares = [1] * pieces if isinstance(pieces, int) else pieces
        found = [self._head.first]
        if isinstance(self._source, CaptureFile):
            length = self._source.size - self._head.first
            buffer = _allocate(GLANCE)
            for before in list(accumulate(shares))[:-1]:
                at = self._head.first + length * before // sum(shares) & ~3
                have = self._source.fill(memoryview(buffer)[:GLANCE], at)  # type: ignore[arg-type]
                place, _ = self._reader(self._early() if self.format == "pcapng" else None).find(
                    buffer, 0, have, at_end=have < GLANCE, ahead=GLANCE >> 1
                )
                if place >= 0 and at + place > found[-1]:
                    found.append(at + place)
        return tuple(found)

    def _reader(self, state: Section | None) -> PcapReader | PcapngReader:
        return PcapReader(self._head) if isinstance(self._head, Pcap) else PcapngReader(state)

    def _early(self) -> Section:
        """What the first blocks say: later pieces take it for granted, until that is proved."""
        if self._early_state is None:
            buffer, reader = _allocate(GLANCE), PcapngReader()
            have = self._source.fill(memoryview(buffer)[:GLANCE], 0)  # type: ignore[arg-type]
            reader.take(buffer, 0, have, have)
            self._early_state = reader.state
        return self._early_state

    def batches(
        self,
        first: int | None = None,
        until: int | None = None,
        *,
        window: int = WINDOW,
        resync: bool = False,
        state: Section | None = None,
        stopped: Stopped | None = None,
    ) -> Iterator[Batch]:
        """The packets of records that begin in [first, until); all by default. Each batch is valid until the next is asked for.

        `state`: what the piece before knew at its end (`PieceEnd.after`), where the cut is not one of `cuts`. `stopped`: asked again and again
        whether nobody waits for more; then it ends as STOPPED. Raises MachineFailed.
        """
        self._ending = None
        first = self._head.first if first is None else first
        if state is None and first > self._head.first and self.format == "pcapng":
            state = self._early()
        return _Piece(self._source, self._reader(state), self._begun, first, until, window, stopped).read(self, resync=resync)


class _Piece:
    """One walk over a part of a capture: a window of memory, moved along it."""

    def __init__(
        self,
        source: CaptureFile | CaptureStream,
        reader: PcapReader | PcapngReader,
        begun: bytes,
        first: int,
        until: int | None,
        window: int,
        stopped: Stopped | None = None,
    ) -> None:
        self.source, self.reader, self.first, self.until = source, reader, first, until
        self.stopped = stopped or (lambda: False)
        self.before = reader.state
        if source.size is not None:
            window = min(window, max(source.size - first, 0))
        self.buffer = _allocate(max(window, _LEAST_WINDOW))
        self.room = max(window, _LEAST_WINDOW)
        self.base, self.have, self.at_end = first, 0, False
        self.packets = 0
        self.skipped: list[Skipped] = []
        if isinstance(source, CaptureStream):  # what told the format was read already
            begun = begun[first:]
            self.buffer[: len(begun)] = memoryview(begun)
            self.have = len(begun)

    def read(self, capture: Capture, *, resync: bool) -> Iterator[Batch]:
        """Batches; then how it ended is told to the capture."""
        ended = Ended.COMPLETE
        while self.until is None or self.base < self.until:
            if self.stopped():
                ended = Ended.STOPPED
                break
            self._fill()
            stop = self.have if self.until is None else min(self.have, self.until - self.base)
            taken = self.reader.take(self.buffer, 0, stop, self.have)
            if len(taken.packets.place):
                self.packets += len(taken.packets.place)
                yield self._batch(taken)
            self._move(taken.end)
            if not taken.sound:
                ended = Ended.DAMAGED
            elif self.source.given_up:
                ended = Ended.STOPPED
                break
            elif self.at_end and self.have and taken.end < stop:
                ended = Ended.TRUNCATED
            elif self.at_end and not self.have:
                ended = Ended.TRUNCATED if self._broken_at is not None else ended
                break
            if ended is not Ended.COMPLETE:
                if not (resync and self._find()):
                    break
                ended = Ended.COMPLETE
        capture._ending = self._end(ended)  # noqa: SLF001
        give_back(self.buffer)
        del self.buffer

    def _end(self, ended: Ended) -> PieceEnd:
        passed = sum(each.last + 1 - each.first for each in self.skipped)
        return PieceEnd(
            self.first, self.base, ended, None if ended is Ended.COMPLETE else self.base, tuple(self.skipped), self.packets,
            self.base - self.first - passed, self.before, self.reader.state, self._broken_at,
        )  # fmt: skip

    @property
    def _broken_at(self) -> int | None:
        return self.source.broken_at

    def _find(self) -> bool:
        """Go on where records can be proved again, if anywhere."""
        damaged = self.base
        low = 1
        if self.room < AHEAD + CHUNK:
            self._grow(AHEAD + CHUNK)
        while True:
            self._read_to(self.room)
            place, sure = self.reader.find(self.buffer, low, self.have, at_end=self.at_end)
            if place >= 0:
                self._move(place)
                self.skipped.append(Skipped(damaged, self.base - 1))
                return True
            if self.at_end:
                self.base = damaged
                return False
            self._move(sure)
            low = 0

    def _fill(self) -> None:
        if self.have == self.room:  # a record longer than all of it
            self._grow(min(2 * self.room, 2 * LARGEST_RECORD))
        self._read_to(self.room if self.until is None else min(self.room, max(self.until - self.base + _BEYOND, 2 * self.have)))

    def _read_to(self, wanted: int) -> None:
        if not self.at_end and self.have < wanted:
            got = self.source.fill(memoryview(self.buffer)[self.have : wanted], self.base + self.have)  # type: ignore[arg-type]
            self.at_end = got < wanted - self.have
            self.have += got

    def _grow(self, room: int) -> None:
        larger = _allocate(room)
        larger[: self.have] = self.buffer[: self.have]
        self.buffer, self.room = larger, room

    def _move(self, end: int) -> None:
        """What was read goes; what was not comes to the front."""
        self.have = max(self.have - end, 0)
        if self.have:
            self.buffer[: self.have] = self.buffer[end : end + self.have]
        self.base += end

    def _batch(self, taken: Taken) -> Batch:
        start, captured, length, time_ns, link, place = taken.packets
        return Batch(self.buffer, start, captured, length, time_ns, link, place + self.base)


def _allocate(size: int) -> NDArray[np.uint8]:
    return allocate(size + SLACK)


def _read_begin(source: CaptureFile | CaptureStream) -> bytes:
    begun = bytearray(HEAD)
    got = source.fill(memoryview(begun), 0)
    broken_at = source.broken_at
    if got < HEAD and source.given_up:
        raise KeyboardInterrupt
    if got < HEAD and broken_at is not None:
        raise BadInput("capture.compression-broken", name=source.name, format=source.compression, offset=broken_at)
    return bytes(begun[:got])


def open_capture(path: str, stopped: Stopped | None = None) -> Capture:
    """A file of packets; `-`: standard input. Raises BadInput: it is none; NotPermitted, CannotTell: it cannot be read.

    `stopped`: whether nobody waits for a pipe any more. KeyboardInterrupt: it was so before anything came.
    """
    source = open_capture_file(path, stopped)
    try:
        return Capture(source)
    except BaseException:
        source.close()
        raise
