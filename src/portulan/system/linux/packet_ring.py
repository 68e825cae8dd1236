"""Packets in, in bulk: a ring in memory that the kernel writes (TPACKET_V2, Documentation/networking/packet_mmap.rst) and numpy reads as one view."""

from __future__ import annotations

import mmap
import os
import select
from contextlib import suppress
from socket import AF_PACKET, SOCK_DGRAM, SOL_SOCKET, htons, if_nametoindex, socket
from struct import pack, unpack

import numpy as np

from portulan.errors import NotPermitted, failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

_SOL_PACKET = 263
_RX_RING, _STATISTICS, _VERSION, _IGNORE_OUTGOING = 5, 6, 10, 23
_TPACKET_V2 = 1
_ATTACH_FILTER = 26
_ETH_P_IP, _ETH_P_IPV6 = 0x0800, 0x86DD
_BLOCK = 1 << 18
_AT_ONCE = 8192


class PacketRing:
    """Receives what a socket filter keeps of one IP version, on one interface or on all."""

    def __init__(self, slot: np.dtype[np.void], program: bytes, *, version: int, link: str = "", slots: int = 16_384) -> None:
        """`slots` of `slot` (a power of two of both); `program` is the filter, packed. Raises NotPermitted, MachineFailed."""
        import ctypes

        size = slot.itemsize
        kind = _ETH_P_IP if version == 4 else _ETH_P_IPV6
        try:
            # Protocol 0: nothing is received before the filter and the ring are in place.
            self._socket = socket(AF_PACKET, SOCK_DGRAM, 0)
        except PermissionError as error:
            raise NotPermitted("scan.raw-forbidden", needs="CAP_NET_RAW") from error
        except OSError as error:
            raise failed("open", "a packet socket", error) from error
        try:
            steps = ctypes.create_string_buffer(program, len(program))
            self._socket.setsockopt(SOL_SOCKET, _ATTACH_FILTER, pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(steps)))
            with suppress(OSError):  # Linux before 4.20: what we send ourselves is seen too, and matches no filter of ours but on lo
                self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
            self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V2)
            self._socket.setsockopt(_SOL_PACKET, _RX_RING, pack("=IIII", _BLOCK, slots * size // _BLOCK, size, slots))
            self._map = mmap.mmap(self._socket.fileno(), slots * size)
            _bind(self._socket.fileno(), link, kind)
        except OSError as error:
            self._socket.close()
            raise failed("make", "a packet ring", error) from error
        self._ring: NDArray[np.void] = np.frombuffer(self._map, slot)
        self._status: NDArray[np.uint32] = self._ring["status"]
        self._head, self._slots = 0, slots
        self._lost = 0
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def wait(self, wait_s: float) -> None:
        """Wait until something has come, at most that long."""
        if not self._status[self._head] & 1:
            self._poll.poll(max(0, int(wait_s * 1000 + 0.999)))

    def read(self) -> NDArray[np.void] | None:
        """A copy of the slots that are ready, which are given back to the kernel; None without any."""
        ready = self._status[self._head : self._head + _AT_ONCE] & 1
        count = len(ready) if ready.all() else int(ready.argmin())
        if not count:
            return None
        slots = self._ring[self._head : self._head + count].copy()
        self._status[self._head : self._head + count] = 0
        self._head = (self._head + count) % self._slots
        return slots

    def lost(self) -> int:
        """How many packets found the ring full, so far."""
        try:
            _, dropped = unpack("=II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))  # reading sets it back
        except OSError:
            dropped = 0
        self._lost += dropped
        return self._lost

    def close(self) -> None:
        """Close the socket; the memory goes with the last view of it."""
        self._socket.close()
        del self._ring, self._status
        with suppress(BufferError):
            self._map.close()


def _bind(descriptor: int, link: str, kind: int) -> None:
    """Begin to receive, on one interface or on all: the library's own bind knows no "all"."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    name = pack("=HHiHBB8x", AF_PACKET, htons(kind), if_nametoindex(link) if link else 0, 0, 0, 0)
    if libc.bind(descriptor, ctypes.create_string_buffer(name, len(name)), len(name)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
