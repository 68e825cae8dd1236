"""The process of `delay`: two receive rings shared with the kernel, which are the wire. What has been in a ring for long enough is sent, without a copy, from where it lies.

Packet sockets with TPACKET_V2 rings (Documentation/networking/packet_mmap.rst): the kernel writes each frame into the next free slot, with its time of arrival.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import select
import socket
import sys
import time
from contextlib import suppress
from struct import pack, unpack

import numpy as np

from portulan.system.linux.syscall import prctl
from portulan.system.sandbox.delay import CONTROL_SIZE, DIRECTION_SIZE, INTERFACES, READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

# include/uapi/linux/if_packet.h, if_ether.h, prctl.h
_ALL_PROTOCOLS, _SOL_PACKET = 0x0003, 263
_RX_RING, _STATISTICS, _VERSION, _QDISC_BYPASS, _IGNORE_OUTGOING = 5, 6, 10, 20, 23
_TPACKET_V2, _STATUS_USER = 1, 1
_SET_TIMER_SLACK, _SET_DEATH_SIGNAL, _KILLED = 29, 1, 9
_HEADROOM, _LINK_HEADER = 66, 14
"""Where a frame begins in its slot, and what Ethernet adds to the MTU."""
_BATCH = 4_096
_QUANTUM_S = 0.00025
"""Frames whose time comes within this are sent together: a wake-up costs as much as thirty frames."""
_LONGEST_NAP_S = 0.02
"""A new, shorter delay is noticed after this at the latest."""
_ALLOWED_SOONER = -10


class Direction:
    """One way through the relay."""

    def __init__(self, arrives: str, leaves: str, control: NDArray[np.int64], slot_size: int, slots: int) -> None:
        """Open the ring of one interface and the way out of the other. Raises OSError."""
        self.control = control
        self.slots = slots
        self.head = 0
        self.inlet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.inlet.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V2)
        self.inlet.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        block = math.lcm(slot_size, mmap.PAGESIZE)
        self.inlet.setsockopt(_SOL_PACKET, _RX_RING, pack("=IIII", block, slots * slot_size // block, slot_size, slots))
        self.memory = mmap.mmap(self.inlet.fileno(), slots * slot_size)
        fields = {"status": ("=u4", 0), "length": ("=u4", 8), "seconds": ("=u4", 16), "nanoseconds": ("=u4", 20)}
        forms, places = [form for form, _ in fields.values()], [place for _, place in fields.values()]
        layout = np.dtype({"names": list(fields), "formats": forms, "offsets": places, "itemsize": slot_size})
        self.ring: NDArray[np.void] = np.frombuffer(self.memory, layout)
        self.inlet.bind((arrives, _ALL_PROTOCOLS))
        self.poll = select.poll()
        self.poll.register(self.inlet, select.POLLIN)

        self.outlet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.outlet.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        self.outlet.bind((leaves, 0))
        # One struct mmsghdr and one struct iovec for every slot, filled in once but for the lengths.
        number = np.arange(slots, dtype=np.uint64)
        self.vectors = np.zeros((slots, 2), np.uint64)
        self.vectors[:, 0] = self.ring.ctypes.data + _HEADROOM + number * slot_size
        self.messages = np.zeros((slots, 8), np.uint64)
        self.messages[:, 2] = self.vectors.ctypes.data + 16 * number
        self.messages[:, 3] = 1
        self.send_many = ctypes.CDLL(None, use_errno=True).sendmmsg
        self.send_many.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]

    def run(self) -> None:
        """Relay for ever."""
        while True:
            part = self.ring[self.head : self.head + _BATCH]
            arrived = self._arrived(part)
            if not arrived:
                self.poll.poll(1_000)
                self._count_lost()
                continue
            times = part["seconds"][:arrived] * np.int64(1_000_000_000) + part["nanoseconds"][:arrived]
            delay, now = int(self.control[0]), time.time_ns()
            due = np.minimum(times, now) + delay  # the clock may have been put back meanwhile
            ready = int(np.searchsorted(due, now, "right"))
            if ready:
                self._send(part, ready)
                self._count(ready, now - due[:ready])
                self.head = (self.head + ready) % self.slots
            until_s = (int(due[ready]) - time.time_ns()) / 1_000_000_000 if ready < arrived else 0.0
            if not ready or delay:
                time.sleep(min(_LONGEST_NAP_S, max(_QUANTUM_S, until_s)))

    @staticmethod
    def _arrived(part: NDArray[np.void]) -> int:
        """How many slots from the head on the kernel has filled."""
        if not part["status"][0] & _STATUS_USER:
            return 0
        filled = part["status"] & _STATUS_USER
        return len(filled) if filled.all() else int(filled.argmin())

    def _send(self, part: NDArray[np.void], count: int) -> None:
        """Pass frames on and give their slots back. A frame that the other side does not take (a cable pulled out) is gone, as on a wire."""
        self.vectors[self.head : self.head + count, 1] = part["length"][:count]
        done = 0
        while done < count:
            sent = self.send_many(self.outlet.fileno(), self.messages.ctypes.data + 64 * (self.head + done), count - done, 0)
            done += max(1, sent)
        part["status"][:count] = 0

    def _count(self, count: int, late: NDArray[np.int64]) -> None:
        self.control[1] += count
        self.control[3] = max(int(self.control[3]), int(late[0]))
        self.control[4] += int(late.sum())

    def _count_lost(self) -> None:
        self.control[2] += unpack("=II", self.inlet.getsockopt(_SOL_PACKET, _STATISTICS, 8))[1]


def main(page: int, mtu: int, packets: int) -> None:
    """Open both ways, say so, and relay, each way in a process of its own."""
    memory = mmap.mmap(page, CONTROL_SIZE)
    control = np.frombuffer(memory, np.int64).reshape(2, DIRECTION_SIZE // 8)
    slot_size = -(-(_HEADROOM + _LINK_HEADER + mtu) // 64) * 64
    per_block = math.lcm(slot_size, mmap.PAGESIZE) // slot_size
    slots = -(-packets // per_block) * per_block
    first, second = INTERFACES
    ways = [Direction(*names, part, slot_size, slots) for names, part in zip(((first, second), (second, first)), control, strict=True)]
    prctl(_SET_TIMER_SLACK, 1_000)
    with suppress(PermissionError):  # without it frames are later at times, under load
        os.nice(_ALLOWED_SOONER)
    parent = os.getpid()
    if os.fork() == 0:
        prctl(_SET_DEATH_SIGNAL, _KILLED)
        if os.getppid() == parent:
            ways[1].run()
    os.write(sys.stdout.fileno(), READY)
    ways[0].run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
