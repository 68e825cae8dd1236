"""A file that packets are kept in while they pass: pcapng, whole after every batch, so that what stops us takes nothing that was written."""

from __future__ import annotations

import os
from time import time_ns as clock_ns

from portulan.errors import BadInput, MachineFailed, failed
from portulan.wire.captures.write import build_interface, build_packets, build_section, build_statistics

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    I8 = NDArray[np.int64]

_SNAP = 1 << 18


class PacketFile:
    """A context manager. "-" is standard output."""

    def __init__(self, path: str) -> None:
        """Opened, and emptied. Raises BadInput."""
        self.path = path
        self.packets = self.bytes = 0
        self._numbers: dict[int, int] = {}
        self._counts: list[int] = []
        try:
            self._descriptor = os.dup(1) if path == "-" else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as error:
            raise BadInput("traffic.cannot-write", path=path, reason=getattr(error, "strerror", None) or str(error)) from error
        try:
            self._write(build_section("portulan"))
        except MachineFailed:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> PacketFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interface(self, number: int, name: str, link: int) -> None:
        """Make an interface known: once, before its first packet. Raises MachineFailed."""
        if number not in self._numbers:
            self._numbers[number] = len(self._counts)
            self._counts.append(0)
            self._write(build_interface(name, link, _SNAP))

    def write(self, buffer: NDArray[np.uint8], interface: I8, time_ns: I8, start: I8, captured: I8, length: I8) -> None:
        """Keep these packets, of interfaces that are known. Raises MachineFailed."""
        import numpy as np

        numbers, which = np.unique(interface, return_inverse=True)
        places = np.array([self._numbers[number] for number in numbers.tolist()])
        for place, count in zip(places.tolist(), np.bincount(which).tolist(), strict=True):
            self._counts[place] += count
        self._write(build_packets(buffer, places[which], time_ns, start, captured, length))
        self.packets += len(start)

    def lost(self, number: int, packets: int) -> None:
        """How many packets of an interface the kernel could not hand over. Raises MachineFailed."""
        if number in self._numbers:
            place = self._numbers[number]
            self._write(build_statistics(place, clock_ns(), self._counts[place], packets))

    def close(self) -> None:
        """End it; twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, data: bytes | bytearray) -> None:
        left = memoryview(data)
        self.bytes += len(left)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            raise failed("write", self.path, error) from error
