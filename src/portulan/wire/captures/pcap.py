"""The records of a pcap file: a time, the captured length, the length on the wire, the packet (draft-ietf-opsawg-pcap section 5)."""

from __future__ import annotations

from struct import Struct, pack

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from portulan.wire.captures.chain import STRIDE, Form, Window, walk
from portulan.wire.captures.gather import words_at
from portulan.wire.captures.packets import Packets, Taken
from portulan.wire.captures.resync import AHEAD, find, seem_pcap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.wire.captures.magic import Pcap

_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_SECOND = np.uint64(10**9)
_STEP = 2048
_TRIES = 12
"""Places looked at for one guess."""


class PcapReader:
    """Reads windows of a pcap file. It keeps nothing from one to the next."""

    state = None

    def __init__(self, head: Pcap) -> None:
        self.head = head
        self.form = Form(head.order, head.captured_at, head.header, head.header, head.header, head.limit + head.header, blocks=False)
        self._four = Struct(head.order + "IIII").unpack_from
        self._upper = 0

    def take(self, buffer: NDArray[np.uint8], start: int, stop: int, have: int) -> Taken:
        """Records that begin in [start, stop) and are there as a whole; `have` bytes of the buffer are of the file."""
        window = Window(self.form, buffer, have, self._guesses)
        if have - start >= self.form.head:  # times of a capture have the upper half of their seconds in common for 18 hours
            self._upper = self._four(window.memory, start)[0] >> 16
        offsets, end, sound = walk(window, start, stop)
        return Taken(self._packets(buffer, offsets, end), end, sound)

    def find(self, buffer: NDArray[np.uint8], low: int, have: int, *, at_end: bool, ahead: int = AHEAD) -> tuple[int, int]:
        """Where from `low` on a chain of records can be proved, or -1; and up to where that is sure."""
        header = self.head.header
        return find(seem_pcap(self.head, buffer, have), low, have, at_end=at_end, ahead=ahead, head=header, kind_at=lambda _, kind: kind)

    def _packets(self, buffer: NDArray[np.uint8], offsets: NDArray[np.int64], end: int) -> Packets:
        head = self.head
        seconds, part, *sizes = self._numbers(buffer, offsets)
        seconds *= _SECOND
        if head.tick_ns != 1:
            part *= np.uint64(head.tick_ns)
        seconds += part
        length = sizes[1] if head.captured_at == 8 else sizes[0]
        captured = np.empty(len(offsets), np.int64)
        if len(offsets):
            np.subtract(offsets[1:], offsets[:-1], out=captured[:-1])
            captured[-1] = end - offsets[-1]
            captured -= head.header
        return Packets(offsets + head.header, captured, length.view(np.int64), seconds.view(np.int64), head.link, offsets)

    def _numbers(self, buffer: NDArray[np.uint8], at: NDArray[np.int64]) -> tuple[NDArray[np.uint64], ...]:
        """The four numbers that records begin with."""
        pairs = words_at(buffer, at, 2)
        if self.head.order == ">":
            for pair in pairs:
                pair.byteswap(inplace=True)
            return pairs[0] >> _32, pairs[0] & _LOW, pairs[1] >> _32, pairs[1] & _LOW
        return pairs[0] & _LOW, pairs[0] >> _32, pairs[1] & _LOW, pairs[1] >> _32

    def _guesses(self, window: Window, lows: NDArray[np.int64], last: int) -> list[int]:
        """All of them at a glance; who sees nothing looks closely."""
        found = self._glance(window, lows, last)
        for which in np.flatnonzero(found < 0).tolist():
            low = int(lows[which])
            found[which] = self._guess(window, low, min(low + STRIDE, last + 1))
        answer: list[int] = found.tolist()
        return answer

    def _glance(self, window: Window, lows: NDArray[np.int64], last: int) -> NDArray[np.int64]:
        """The first record that seems to begin in _STEP bytes from each place on, or -1."""
        found = np.full(len(lows), -1, np.int64)
        near = lows[: np.searchsorted(lows, min(last, len(window.buffer) - _STEP - 8), "right")]
        if len(near) < 2:
            return found
        one, other = pack(self.form.order + "H", self._upper)
        back = 2 if self.form.order == "<" else 0
        rows = sliding_window_view(window.buffer, _STEP + 1)[near + back]
        row, column = np.divmod(np.flatnonzero((rows[:, :-1] == one) & (rows[:, 1:] == other)), _STEP)
        at = near[row] + column
        fits = (at <= last) & self._may_be(window, at)
        row, at = row[fits][::-1], at[fits][::-1]
        found[row] = at  # of several the first is written last
        return found

    def _may_be(self, window: Window, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """As `_agree`, of many places."""
        most, limit, last = 10**9 // self.head.tick_ns, self.head.limit, window.have - self.form.head
        yes = np.ones(len(at), bool)
        for _ in range(2):
            there = at <= last
            _, part, *sizes = self._numbers(window.buffer, np.minimum(at, last))
            captured, length = sizes if self.form.length_at == 8 else sizes[::-1]
            yes &= ~there | (part < most) & (captured <= length) & (captured <= limit)
            at = at + self.head.header + captured.view(np.int64)
        return yes

    def _guess(self, window: Window, low: int, high: int) -> int:
        for upper in (self._upper, self._upper + 1 & 0xFFFF):
            at = self._seek(window, low, high, pack(self.form.order + "H", upper))
            if at >= 0:
                self._upper = upper
                return at
        return -1

    def _seek(self, window: Window, low: int, high: int, pattern: bytes) -> int:
        memory, left = window.memory, _TRIES
        back = 2 if self.form.order == "<" else 0
        for part in range(low, high, _STEP):
            piece = bytes(memory[part : min(part + _STEP, high) + back + 1])
            at = piece.find(pattern)
            while at >= 0:
                if at >= back and self._agree(window, part + at - back):
                    return part + at - back if part + at - back < high else -1
                left -= 1
                if not left:
                    return -1
                at = piece.find(pattern, at + 1)
        return -1

    def _agree(self, window: Window, at: int) -> bool:
        """Whether a few records in a row, as far as they are there, seem to be some."""
        form, most, last = self.form, 10**9 // self.head.tick_ns, window.have - self.form.head
        for _ in range(2):
            if at > last:
                return True
            _, part, captured, length = self._four(window.memory, at)
            if form.length_at != 8:
                captured, length = length, captured
            if part >= most or captured > length or captured + form.extra > form.most:
                return False
            at += captured + form.extra
        return True
