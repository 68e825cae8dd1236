"""Packets as they pass, in bulk: a ring of blocks in memory that the kernel fills (TPACKET_V3, Documentation/networking/packet_mmap.rst) and numpy reads.

Packets lie in a block one behind the other, each saying how far the next is: cursors walk all blocks that are ready in lock-step. One socket hears
every interface, so that there is one order; what it shall not hear is for its filter (`wire.socket_filter`).
"""

from __future__ import annotations

import mmap
import os
import select
from contextlib import suppress
from errno import ENOMEM
from socket import AF_PACKET, SO_ERROR, SOCK_RAW, SOL_SOCKET, htons, socket
from struct import pack, unpack

import numpy as np

from portulan.errors import NotPermitted, failed
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    I8 = NDArray[np.int64]

SLACK = 4096
"""Bytes behind the ring that may be read, and mean nothing."""
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _RESERVE = 1, 5, 6, 10, 12
_TPACKET_V3, _PROMISCUOUS = 2, 1
_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_RETIRE_MS = 20
"""A block that is not full is handed over after so long."""
_TAG = 4
"""Bytes of a VLAN tag, kept free before each frame."""
_FRAME = 2048
"""What the kernel counts a ring's size in; frames may be longer."""
# tpacket_block_desc, in 32-bit words: its status, how many packets, and where the first is.
_STATUS_AT, _COUNT_AT, _FIRST_AT = 2, 3, 4
# tpacket3_hdr and the sockaddr_ll behind it (linux/if_packet.h), in bytes.
_SEC, _NSEC, _CAPTURED, _LENGTH, _STATUS, _MAC, _NET, _TCI, _TPID, _PROTOCOL, _INTERFACE, _HARDWARE, _KIND = (
    4, 8, 12, 16, 20, 24, 26, 32, 36, 50, 52, 56, 58,
)  # fmt: skip
_TAGGED, _TPID_KNOWN, _MERGED = 1 << 4, 1 << 6, 1 << 8
_OUTGOING = 4
ETHERNET, LOOPBACK = 1, 772
"""ARPHRD numbers of links whose frames begin with an Ethernet header."""
LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_NONE = 1, 101, 147
"""What a frame is told as: Ethernet, an IP packet, or (of other links) something else, which no decoder knows."""
_WORTH_STEPS = 8
"""Blocks from which on cursors in lock-step are faster than one after the other."""
_MOST_BLOCKS = 512
"""Blocks handed out at once."""


class Packets(Record):
    """What came, as columns over the ring itself: good until the next `read`."""

    buffer: NDArray[np.uint8]
    start: I8
    captured: I8
    length: I8
    """On the wire; VLAN tags count, though the hardware or the kernel had taken them off."""
    time_ns: I8
    link: I8 | int
    """LINKTYPE of each, or of all."""
    interface: I8
    """The kernel's index."""
    outgoing: NDArray[np.bool_]
    merged: int
    """How many of them are several segments in one (GRO, or GSO on their way out), as the kernel says."""


class PacketBlocks:
    """Receives what a socket filter keeps, on one interface or on all. A context manager."""

    def __init__(self, program: bytes, *, interface: int = 0, snap: int = 1 << 18, megabytes: int = 32, promiscuous: bool = False) -> None:
        """`program` is the filter, packed; it also cuts packets to `snap` bytes. `interface` 0 is all of them. Raises NotPermitted, MachineFailed."""
        # Small blocks make many cursors; a packet must fit into one (segments that are merged have 64 KiB, or more by BIG TCP).
        self._block = 1 << 15 if snap <= 4096 else 1 << 17 if snap <= 1 << 16 else 1 << 19
        self._head = 0
        self._handed: NDArray[np.int64] | None = None
        self._received = self._dropped = 0
        try:
            # Protocol 0: nothing is received before the filter and the ring are in place.
            self._socket = socket(AF_PACKET, SOCK_RAW, 0)
        except PermissionError as error:
            raise NotPermitted("traffic.forbidden", needs="CAP_NET_RAW") from error
        except OSError as error:
            raise failed("open", "a packet socket", error) from error
        try:
            self.attach(program)
            self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
            self._socket.setsockopt(_SOL_PACKET, _RESERVE, _TAG)
            self._map = self._make_ring(megabytes << 20)
            if promiscuous and interface:
                self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, pack("=iHH8x", interface, _PROMISCUOUS, 0))
            _bind(self._socket.fileno(), interface)
        except OSError as error:
            self._socket.close()
            raise failed("make", "a packet ring", error) from error
        self._buffer: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)
        words: NDArray[np.uint32] = self._buffer[: self._blocks * self._block].view(np.uint32)
        self._table = words.reshape(self._blocks, self._block // 4)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def __enter__(self) -> PacketBlocks:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def attach(self, program: bytes) -> None:
        """Put a filter in the place of the last. Raises OSError."""
        import ctypes

        steps = ctypes.create_string_buffer(program, len(program))
        self._socket.setsockopt(SOL_SOCKET, _ATTACH_FILTER, pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(steps)))

    def _make_ring(self, size: int) -> mmap.mmap:
        """The ring, or as much of it as there is memory for, mapped before a page of nothing. Raises OSError."""
        while True:
            self._blocks = max(4, size // self._block)
            request = pack("=7I", self._block, self._blocks, _FRAME, self._blocks * self._block // _FRAME, _RETIRE_MS, 0, 0)
            try:
                self._socket.setsockopt(_SOL_PACKET, _RX_RING, request)
                return _mapped(self._socket.fileno(), self._blocks * self._block)
            except OSError as error:
                if error.errno != ENOMEM or self._blocks == 4:
                    raise
                size //= 2

    def fileno(self) -> int:
        """The socket, to wait for together with others."""
        return self._socket.fileno()

    def wait(self, wait_s: float) -> None:
        """Wait until a block is ready, at most that long."""
        if self._table[self._head, _STATUS_AT] & 1:
            return
        for _, events in self._poll.poll(max(0, int(wait_s * 1000 + 0.999))):
            if (
                events & select.POLLERR
            ):  # its interface was switched off, which is told once: whoever asks reads it from the list of interfaces
                self._socket.getsockopt(SOL_SOCKET, SO_ERROR)

    @property
    def fill(self) -> float:
        """How much of the ring is waiting to be read, 0 to 1."""
        return float(np.count_nonzero(self._table[:, _STATUS_AT] & 1)) / self._blocks

    def read(self) -> Packets | None:
        """What is ready; None without any. What was handed out before goes back to the kernel."""
        self.release()
        most = min(_MOST_BLOCKS, max(1, self._blocks // 4))  # the kernel goes on writing into the rest
        blocks = (self._head + np.arange(most)) % self._blocks
        ready = self._table[blocks, _STATUS_AT] & 1
        count = most if ready.all() else int(ready.argmin())
        if not count:
            return None
        blocks = blocks[:count]
        self._head = int(blocks[-1] + 1) % self._blocks
        self._handed = blocks
        counts = self._table[blocks, _COUNT_AT].astype(np.int64)
        first = blocks * self._block + self._table[blocks, _FIRST_AT]
        return columns(self._buffer, positions(self._buffer, first, counts))

    def release(self) -> None:
        """Give the kernel back what was handed out."""
        if self._handed is not None:
            self._table[self._handed, _STATUS_AT] = 0
            self._handed = None

    def counts(self) -> tuple[int, int]:
        """(packets that passed the filter, those of them that found the ring full), so far."""
        with suppress(OSError):  # reading sets them back
            received, dropped, _ = unpack("=III", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
            self._received += received
            self._dropped += dropped
        return self._received, self._dropped

    def close(self) -> None:
        """Close the socket; the memory goes with the last view of it."""
        self._socket.close()


def _mapped(descriptor: int, size: int) -> mmap.mmap:
    """The ring in memory with some more behind it; both go when nobody looks at them any more. Raises OSError."""
    import ctypes

    whole = mmap.mmap(-1, size + SLACK)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    place = ctypes.addressof(ctypes.c_char.from_buffer(whole))
    fixed = 0x10  # MAP_FIXED: over our own pages
    if libc.mmap(place, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | fixed, descriptor, 0) != place:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return whole


def _bind(descriptor: int, interface: int) -> None:
    """Begin to receive, on one interface or on all: the library's own bind knows no "all". Raises OSError."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    name = pack("=HHiHBB8x", AF_PACKET, htons(_ETH_P_ALL), interface, 0, 0, 0)
    if libc.bind(descriptor, ctypes.create_string_buffer(name, len(name)), len(name)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def positions(buffer: NDArray[np.uint8], first: I8, counts: I8) -> I8:
    """Where each packet's header is, block after block: `first` of each block, and how many it has."""
    words = buffer.view(np.uint32)
    if len(first) < _WORTH_STEPS:
        return _one_by_one(words, first.tolist(), counts.tolist())
    order = np.argsort(-counts, kind="stable")
    at, most = first[order], int(counts[order[0]])
    # Cursors whose block is at its end are the last ones: fewer and fewer go on.
    going = np.searchsorted(-counts[order], -np.arange(most), side="left").tolist()
    trail = np.empty((most, len(first)), np.int64)
    for step, count in enumerate(going):
        now = at[:count]
        trail[step, :count] = now
        now += words[now >> 2]
    trail = trail.T[np.argsort(order, kind="stable")]
    return trail[np.arange(most) < counts[:, None]]


def _one_by_one(words: NDArray[np.uint32], first: list[int], counts: list[int]) -> I8:
    steps = words.data
    found: list[int] = []
    for at, count in zip(first, counts, strict=True):
        for _ in range(count):
            found.append(at)
            at += steps[at >> 2]  # noqa: PLW2901 - a cursor
    return np.array(found, np.int64)


def columns(buffer: NDArray[np.uint8], at: I8) -> Packets:
    """The packets whose headers are there. VLAN tags that were taken off are put back into the frames."""
    words, halves = buffer.view(np.uint32), buffer.view(np.uint16)
    word, half = at >> 2, at >> 1
    status = words[word + _STATUS // 4]
    start = at + halves[half + _MAC // 2]
    captured = words[word + _CAPTURED // 4].astype(np.int64)
    length = words[word + _LENGTH // 4].astype(np.int64)
    time_ns = words[word + _SEC // 4].astype(np.int64)
    time_ns *= 1_000_000_000
    time_ns += words[word + _NSEC // 4]
    hardware = halves[half + _HARDWARE // 2]
    ethernet = (hardware == ETHERNET) | (hardware == LOOPBACK)
    link: I8 | int = LINKTYPE_ETHERNET
    if not ethernet.all():
        link = _from_network_header(buffer, at, ~ethernet, start, captured, length)
    tagged = np.flatnonzero((status & _TAGGED != 0) & ethernet & (captured >= 12))
    if tagged.size:
        kinds = np.where(status[tagged] & _TPID_KNOWN, halves[half[tagged] + _TPID // 2], 0x8100)
        put_back(buffer, start[tagged], kinds, halves[half[tagged] + _TCI // 2])
        start[tagged] -= _TAG
        captured[tagged] += _TAG
        length[tagged] += _TAG
    return Packets(
        buffer, start, captured, length, time_ns, link, words[word + _INTERFACE // 4].astype(np.int64), buffer[at + _KIND] == _OUTGOING,
        int(np.count_nonzero(status & _MERGED)),
    )  # fmt: skip


def _from_network_header(buffer: NDArray[np.uint8], at: I8, which: NDArray[np.bool_], start: I8, captured: I8, length: I8) -> I8:
    """Let frames of links without Ethernet headers begin where the packet does, in place; the LINKTYPE of all."""
    halves, half = buffer.view(np.uint16), at >> 1
    off = np.where(which, halves[half + _NET // 2].astype(np.int64) - halves[half + _MAC // 2], 0).clip(0)
    start += off
    np.maximum(captured - off, 0, out=captured)
    np.maximum(length - off, 0, out=length)
    protocol = buffer[at + _PROTOCOL].astype(np.int64) << 8 | buffer[at + _PROTOCOL + 1]
    is_ip = (protocol == 0x0800) | (protocol == 0x86DD)
    return np.where(which, np.where(is_ip, LINKTYPE_RAW, LINKTYPE_NONE), LINKTYPE_ETHERNET)


def put_back(buffer: NDArray[np.uint8], start: I8, kinds: NDArray[np.integer], tags: NDArray[np.integer]) -> None:
    """VLAN tags (IEEE 802.1Q) behind the addresses of the Ethernet frames that begin at `start`, which begin 4 bytes earlier then."""
    addresses = np.arange(12)
    moved = buffer[start[:, None] + addresses]
    buffer[(start - _TAG)[:, None] + addresses] = moved
    for offset, values in ((8, kinds), (10, tags)):
        buffer[start + offset] = values >> 8
        buffer[start + offset + 1] = values & 0xFF
