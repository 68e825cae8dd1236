"""What is scanned: ranges of addresses times ports, each pair a number, both ways, in bulk.

Pair number = place of the address * number of ports + place of the port. Addresses are packed, as fixed-length byte strings, which numpy compares as
the network orders them.
"""

from __future__ import annotations

import numpy as np

from portulan.errors import BadInput
from portulan.model.address import format_address
from portulan.model.port import PORTS
from portulan.scan.order import LARGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Space:
    """The pairs of one address family. Memory grows with the number of ranges, not with that of addresses."""

    def __init__(self, version: int, ranges: Sequence[tuple[int, int]], ports: Sequence[int]) -> None:
        """Of ranges (first, last) of addresses as numbers, sorted and disjoint, and sorted ports. Raises BadInput for more than 2**62 pairs."""
        self.version = version
        self.size = 4 if version == 4 else 16
        self.ranges = tuple(ranges)
        self.ports: NDArray[np.uint16] = np.asarray(ports, np.uint16)
        counts = [last - first + 1 for first, last in ranges]
        self.hosts = sum(counts)
        self.pairs = self.hosts * len(ports)
        if self.pairs > LARGEST:
            raise BadInput("scan.too-many", count=self.pairs)
        self._ends = np.cumsum(np.array(counts, np.int64)) if counts else np.zeros(0, np.int64)
        self._begins = self._ends - np.array(counts, np.int64)
        self._firsts = np.array([first.to_bytes(self.size) for first, _ in ranges], f"V{self.size}")
        self._low = np.array([first & 0xFFFF_FFFF_FFFF_FFFF for first, _ in ranges], np.uint64)
        self._high = np.array([first >> 64 for first, _ in ranges], np.uint64)
        self._keys = self._firsts.view(f"S{self.size}")
        self._place_of_port = np.full(PORTS, -1, np.int32)
        self._place_of_port[self.ports] = np.arange(len(self.ports))

    def split(self, index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """(places of the addresses, port numbers) of pairs."""
        count = len(self.ports)
        if count == 1:
            return index, np.broadcast_to(self.ports, index.shape)
        host = index // count
        return host, self.ports[index - host * count]

    def numbers(self, host: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The upper and the lower 64 bits of addresses (the upper are 0 of IPv4)."""
        if len(self.ranges) == 1:
            low = self._low[0] + host.astype(np.uint64)
            return self._high[0] + (low < self._low[0]), low
        part = np.searchsorted(self._ends, host, "right")
        low = self._low[part] + (host - self._begins[part]).astype(np.uint64)
        return self._high[part] + (low < self._low[part]), low

    def packed(self, host: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Addresses as rows of 4 or 16 bytes, in network order."""
        high, low = self.numbers(host)
        if self.version == 4:
            return low.astype(">u4").view(np.uint8).reshape(-1, 4)
        rows = np.empty((len(host), 2), ">u8")
        rows[:, 0], rows[:, 1] = high, low
        return rows.view(np.uint8).reshape(-1, 16)

    def address(self, host: int) -> str:
        """The written address at a place."""
        return format_address(self.packed(np.array([host])).tobytes())

    def places(self, addresses: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The places of packed addresses (rows of bytes); -1 for one that is not scanned."""
        if not len(self.ranges):
            return np.full(len(addresses), -1)
        rows = np.ascontiguousarray(addresses)
        part = np.searchsorted(self._keys, rows.view(f"S{self.size}")[:, 0], "right") - 1
        part = np.maximum(part, 0)
        low = rows.view(">u4")[:, 0].astype(np.uint64) if self.version == 4 else rows.view(">u8")[:, 1].astype(np.uint64)
        host = (low - self._low[part]).astype(np.int64) + self._begins[part]
        # A far address may wrap round to a place that looks right: only one that leads back to the same address is ours.
        host[(host < self._begins[part]) | (host >= self._ends[part])] = -1
        found = np.flatnonzero(host >= 0)
        strange = (self.packed(host[found]) != rows[found]).any(axis=1)
        host[found[strange]] = -1
        return host

    def pairs_of(self, host: NDArray[np.int64], port: NDArray[np.uint16]) -> NDArray[np.int64]:
        """The numbers of pairs; -1 where the address (-1) or the port is not scanned."""
        place = self._place_of_port[port].astype(np.int64)
        index = host * len(self.ports) + place
        index[(host < 0) | (place < 0)] = -1
        return index
