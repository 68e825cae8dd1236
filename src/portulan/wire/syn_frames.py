"""SYNs in bulk: rows of a numpy matrix, from the IP header on, checksums included (RFC 791, 8200, 9293, 1071; RFC 6691 for the MSS option).

What all frames of a sender share is written once; a batch only fills in destination, ports, sequence number and the two checksums.
"""

from __future__ import annotations

from struct import pack

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.uint32]

ROW = 64
"""Bytes from one frame to the next: an IPv6 header, a TCP header and an MSS option are 64."""
_SYN, _DO_NOT_FRAGMENT = 2, 0x4000
_HOPS, _WINDOW = 64, 64_240
_TCP = 6
_LOW, _WORD = np.uint32(0xFFFF), np.uint32(16)
_LOW_64 = np.uint64(0xFFFF)


def _sum_words(data: bytes) -> int:
    return sum(data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))


def _fold(total: Numbers) -> Numbers:
    total = (total & _LOW) + (total >> _WORD)
    return (total & _LOW) + (total >> _WORD)


def _fold_number(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _add_words(number: NDArray[np.uint64]) -> Numbers:
    """The sum of the four 16-bit words of 64-bit numbers."""
    total = (number & _LOW_64) + (number >> np.uint64(16) & _LOW_64) + (number >> np.uint64(32) & _LOW_64) + (number >> np.uint64(48))
    words: Numbers = total.astype(np.uint32)
    return words


class SynFrames:
    """A matrix of SYNs from one source address. `rows` is uint8 (batch, ROW); the first `length` bytes of a row are the packet."""

    def __init__(self, source: bytes, batch: int) -> None:
        """Of a packed source address (4 or 16 bytes)."""
        ipv4 = len(source) == 4
        segment = pack("!HHIIBBHHHBBH", 0, 0, 0, 0, 0x60, _SYN, _WINDOW, 0, 0, 2, 4, 1460 if ipv4 else 1440)
        if ipv4:
            header = pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, _DO_NOT_FRAGMENT, _HOPS, _TCP, 0) + source + bytes(4)
        else:
            header = pack("!IHBB", 0x6000_0000, len(segment), _TCP, _HOPS) + source + bytes(16)
        self.ipv4 = ipv4
        self.length = len(header) + len(segment)
        self.rows: NDArray[np.uint8] = np.zeros((batch, ROW), np.uint8)
        self.rows[:, : self.length] = np.frombuffer(header + segment, np.uint8)
        self._header_sum = np.uint32(_fold_number(_sum_words(header)))
        self._segment_sum = np.uint32(_fold_number(_sum_words(source) + _TCP + len(segment) + _sum_words(segment)))
        at = len(header)
        names = ["check", "low", "source port", "port", "sequence", "tcp check"]
        formats = [">u2", ">u4" if ipv4 else ">u8", ">u2", ">u2", ">u4", ">u2"]
        offsets = [10, at - (4 if ipv4 else 8), at, at + 2, at + 4, at + 16]
        if not ipv4:
            names, formats, offsets = [*names, "high"], [*formats, ">u8"], [*offsets, at - 16]
        self._fields = self.rows.view(np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": ROW}))[:, 0]

    def fill(
        self, high: NDArray[np.uint64], low: NDArray[np.uint64], port: NDArray[np.uint16], sequence: Numbers, source_port: int
    ) -> None:
        """Write the first rows: destinations as the upper and lower 64 bits of their addresses, ports, sequence numbers."""
        fields = self._fields[: len(low)]
        fields["low"], fields["source port"], fields["port"], fields["sequence"] = low, source_port, port, sequence
        if self.ipv4:
            place = low.astype(np.uint32)
            destination = (place >> _WORD) + (place & _LOW)
            fields["check"] = ~_fold(destination + self._header_sum)
        else:
            fields["high"] = high
            destination = _add_words(low) + _add_words(high)
        total = destination + self._segment_sum + np.uint32(source_port) + port + (sequence >> _WORD) + (sequence & _LOW)
        fields["tcp check"] = ~_fold(total)
