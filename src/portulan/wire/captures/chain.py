"""Where the records of a capture begin: a chain, each telling only where the next one begins, walked by many cursors at once.

The window is cut at places that look like the beginning of a record. From each of these a cursor goes along the chain, all in step, so that one
operation of numpy moves all of them by a record. A place is a guess and stays one until the cursor before it, itself believed, lands exactly there. Where
it does not, a plain loop goes on from the last record that is sure until it meets a guessed place after all. So the outcome is always that of the
plain loop, whatever the bytes are; guesses decide about speed alone.
"""

from __future__ import annotations

from struct import Struct

import numpy as np

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from numpy.typing import NDArray

    Offsets = NDArray[np.int64]

STRIDE = 48 << 10
"""One cursor for so many bytes."""
FEW = 12
"""Cursors below which a loop is faster than columns."""
STEPS = 16
"""Records that cursors go between two looks at who has come to its end."""
_SHIFTS = np.array([0, 8, 16, 24], np.uint32)
_32 = np.uint32(32)


class Form(Record):
    """How records of one kind of file follow one another."""

    order: str
    length_at: int
    """Where in a record the number stands that says how long it is."""
    extra: int
    """By how much it is longer than that number."""
    head: int
    """Bytes that must be there for that to be known."""
    least: int
    most: int
    """Bytes of a record, with all that belongs to it: one that says otherwise can not be one."""
    blocks: bool
    """pcapng: lengths are multiples of 4 and stand at both ends."""


class Walk(Record):
    """What was found."""

    offsets: Offsets
    """Where records begin that are there as a whole."""
    end: int
    """Where the next one begins, or would."""
    sound: bool
    """False: what begins there says of its length what can not be."""


class Window:
    """A part of a capture in memory, and how its records follow one another."""

    def __init__(self, form: Form, buffer: NDArray[np.uint8], have: int, guesses: Callable[[Window, Offsets, int], list[int]]) -> None:
        """`have`: bytes of the buffer that are of the file; what follows is never believed.

        `guesses(window, lows, last)`: where a record seems to begin in the STRIDE bytes from each of `lows` on, and not behind `last`; or -1.
        """
        self.form, self.buffer, self.have, self.guesses = form, buffer, have, guesses
        self.memory = memoryview(buffer)  # type: ignore[arg-type]
        self._number = Struct(form.order + "I").unpack_from

    def size(self, at: int) -> int:
        """Bytes of the record at `at`, of which the head is there; 0: it can not be one. This is what damage means."""
        form = self.form
        size: int = self._number(self.memory, at + form.length_at)[0] + form.extra
        if not form.least <= size <= form.most:
            return 0
        if form.blocks and (size & 3 or (at + size <= self.have and self._number(self.memory, at + size - 4)[0] != size)):
            return 0
        return size

    def plain(self, at: int, below: int, until: Container[int] = ()) -> tuple[list[int], int, bool]:
        """The loop that defines the truth: records from `at` that begin below, up to a place in `until`; where it ends, and whether that is sound.

        A record that is not there as a whole is the last in the list, and the loop ends behind it.
        """
        found: list[int] = []
        last, size_of = self.have - self.form.head, self.size
        while at < below and at <= last and at not in until:
            size = size_of(at)
            if not size:
                return found, at, False
            found.append(at)
            at += size
        return found, at, True


def walk(window: Window, start: int, stop: int) -> Walk:
    """The chain from `start` on, of records that begin below `stop` and are there as a whole."""
    if stop - start <= 4 * STRIDE:
        found, end, sound = window.plain(start, stop)
        return _whole(window, np.array(found, np.int64), end, sound=sound)
    starts = _guess_starts(window, start, stop)
    offsets, end = _prove(window, starts, stop, *_march(window, np.array(starts, np.int64), stop))
    return _judge(window, offsets, end)


def _guess_starts(window: Window, start: int, stop: int) -> list[int]:
    starts = [start]
    last = min(stop, window.have - window.form.head) - 1
    for at in window.guesses(window, np.arange(start + STRIDE, stop - STRIDE // 2, STRIDE), last):
        if at > starts[-1]:
            starts.append(at)
    return starts


def _march(window: Window, starts: Offsets, stop: int) -> tuple[list[Offsets], list[Offsets], Offsets]:
    """All cursors go on until each comes to the start of the next. Gives places, the cursor of each, and where each cursor landed.

    They go some steps before it is looked who has come to its end: what it found beyond is then left out.
    """
    last = window.have - window.form.head
    cursors, who, ends = starts, np.arange(len(starts)), np.append(starts[1:], min(stop, last + 1))
    lands = np.full(len(starts), -1, np.int64)
    places: list[Offsets] = []
    owners: list[Offsets] = []
    while len(cursors) > FEW:
        board = _steps(window, cursors)
        inside = board[:-1] < ends
        ahead = board[-1]
        owner = np.broadcast_to(who, inside.shape)
        if inside[-1].all():
            places.append(board[:-1].ravel())
            owners.append(owner.ravel())
        else:
            places.append(board[:-1][inside])
            owners.append(owner[inside])
        going = (ahead < ends) & (ahead > board[-2])  # a length of 0 stands still
        if going.all():
            cursors = ahead
            continue
        done = np.flatnonzero(~going)
        lands[who[done]] = board[inside[:, done].sum(0), done]
        cursors, who, ends = ahead[going], who[going], ends[going]
    for at, cursor, end in zip(cursors.tolist(), who.tolist(), ends.tolist(), strict=True):
        found, lands[cursor], _ = window.plain(at, end)
        places.append(np.array(found, np.int64))
        owners.append(np.full(len(found), cursor))
    return places, owners, lands


def _steps(window: Window, cursors: Offsets) -> NDArray[np.int64]:
    """Where each cursor is after 0, 1, … STEPS records. One that is past the end reads anything, and only goes further."""
    form = window.form
    words = window.buffer.view("<u4")
    here, after = words[form.length_at // 4 :], words[form.length_at // 4 + 1 :]
    board = np.empty((STEPS + 1, len(cursors)), np.int64)
    board[0] = cursors
    index = np.empty(len(cursors), np.int64)
    for step in range(STEPS):
        row, following = board[step], board[step + 1]
        np.right_shift(row, 2, out=index)
        size = here.take(index, mode="clip")
        if not form.blocks:
            shift = _SHIFTS.take(row & 3)
            size >>= shift
            size |= after.take(index, mode="clip") << (_32 - shift)
        if form.order == ">":
            size.byteswap(inplace=True)
        np.add(size, row, out=following)
        if form.extra:
            following += form.extra
    return board


def _prove(
    window: Window, starts: list[int], stop: int, places: list[Offsets], owners: list[Offsets], lands: Offsets
) -> tuple[Offsets, int]:
    """The places that the chain from the first start really comes to, in order, and where it goes from the last of them."""
    if (lands[:-1] == starts[1:]).all():
        offsets = np.concatenate(places)
        offsets.sort()
        return offsets, int(lands[-1])
    cursor_of = {at: cursor for cursor, at in enumerate(starts)}
    believed = np.zeros(len(starts), bool)
    repaired: list[Offsets] = []
    last = window.have - window.form.head
    at = starts[0]
    while at < stop and at <= last:
        cursor = cursor_of.get(at)
        if cursor is not None:
            believed[cursor] = True
            landed = int(lands[cursor])
            if landed <= at:  # it stands still: what begins here is damaged
                break
            at = landed
            continue
        found, at, sound = window.plain(at, stop, cursor_of)
        repaired.append(np.array(found, np.int64))
        if not sound:
            break
    offsets = np.concatenate([np.concatenate(places)[believed[np.concatenate(owners)]], *repaired])
    offsets.sort()
    return offsets, at


def _judge(window: Window, offsets: Offsets, end: int) -> Walk:
    """Cursors do not look at what lengths they follow: the first that can not be ends the chain."""
    form = window.form
    behind = np.append(offsets[1:], end)
    size = behind - offsets
    bad = (size < form.least) | (size > form.most)
    if form.blocks:
        bad |= size & 3 != 0
        whole = len(offsets) - (end > window.have)  # all are there that something follows
        trailer = window.buffer.view("<u4").take((behind[:whole] >> 2) - 1, mode="clip")
        bad[:whole] |= (trailer.byteswap() if form.order == ">" else trailer) != size[:whole]
    if bad.any():
        first = int(bad.argmax())
        return Walk(offsets[:first], int(offsets[first]), sound=False)
    sound = end > window.have - form.head or window.size(end) > 0
    return _whole(window, offsets, end, sound=sound)


def _whole(window: Window, offsets: Offsets, end: int, *, sound: bool) -> Walk:
    """Without a last record of which the rest is not there."""
    if end > window.have and len(offsets):
        return Walk(offsets[:-1], int(offsets[-1]), sound=True)
    return Walk(offsets, end, sound)


def agree(window: Window, at: int, fits: Callable[[int, int], bool]) -> bool:
    """Whether a few records in a row, as far as they are there, seem to be some: lengths that can be, and `fits(at, size)`."""
    for _ in range(2):
        if at > window.have - window.form.head:
            return True
        size = window.size(at)
        if not size or not fits(at, size):
            return False
        at += size
    return True
