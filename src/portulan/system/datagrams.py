"""Datagrams sent in bulk without any right, and what comes back: answers, and the ICMP errors that the kernel keeps for the socket.

One unconnected socket for each round, each on a source port of its own. The error queue names the address and port that an error is about; the error
that sendto() itself returns is that of an earlier packet, and only means that the queue has news.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys
import time

from portulan.errors import failed
from portulan.model.record import Record
from portulan.system.error_queue import SO_MEMINFO, SOL_SOCKET, Complaint, listen_for_errors, read_complaint, read_stamps, reason_of_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.scan import Reason
    from portulan.system.connecting import Target

_LINUX = sys.platform == "linux"
_SO_RCVBUFFORCE = 33
_BUFFER = 1 << 22
_LARGEST, _ANCILLARY = 2048, 256
_DRAIN_EVERY = 64
_NEARLY = 4096
"""An ICMP error takes less of the queue than this."""
_RETRIES = 4
_STUCK_S = 5.0
_BUSY = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
# SK_MEMINFO_*: memory of what was received and its limit, and how many packets were dropped (include/uapi/linux/sock_diag.h).
_MEMORY = struct.Struct("=9I")
_USED, _LIMIT, _DROPPED = 0, 1, 8


class Answer(Record):
    """A datagram that came back."""

    socket: int
    """Which one received it, as `Datagrams.send` numbers them."""
    address: str
    port: int
    payload: bytes
    ttl: int
    at: float
    """Seconds since the epoch."""


class Datagrams:
    """Sockets of one family that send to many."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._number: dict[int, int] = {}
        self._answers: list[Answer] = []
        self._complaints: list[tuple[int, Complaint]] = []
        self._refusals: list[tuple[int, Reason, float]] = []
        self._crowded = 0
        self._dropped: dict[int, int] = {}
        self.unroutable = 0
        """How often this host had no way to an address."""
        self.own_ports: dict[int, int] = {}
        """Source port -> the socket that has it."""
        self.kept_back = 0
        """How often this host's own firewall, or its full table of connections, let a packet not go."""

    def send(self, number: int, targets: Iterable[Target], payloads: Iterable[bytes], keys: Iterable[int]) -> tuple[int, float, float]:
        """Send from socket `number`. Returns how many were handed over, the first ones, and when that began and ended. Raises MachineFailed."""
        one = self._sockets.get(number) or self._open(number)
        sendto = one.sendto
        begun, sent = time.time(), 0
        for target, payload, key in zip(targets, payloads, keys, strict=False):
            if not sent % _DRAIN_EVERY:
                self._drain(number, one)
            try:
                sendto(payload, target)
            except OSError:
                self._insist(number, one, target, payload, key)
            sent += 1
        return sent, begun, time.time()

    def receive(self, wait_s: float) -> tuple[list[Answer], list[tuple[int, Complaint]], list[tuple[int, Reason, float]]]:
        """(answers, (socket, error) for each ICMP error, (key, reason, time) for each packet that this host would not send).

        Waits for the first at most that long.
        """
        waiting = not (self._answers or self._complaints or self._refusals)
        for fd, _ in self._poll.poll(wait_s * 1000 if waiting else 0):
            number = self._number[fd]
            self._drain(number, self._sockets[number])
        found = self._answers, self._complaints, self._refusals
        self._answers, self._complaints, self._refusals = [], [], []
        return found

    def overflowed(self) -> int:
        """How many answers were dropped before they were read; for ICMP errors, which nobody counts, how often there was no room for another."""
        return self._crowded + sum(self._dropped.values())

    def close(self) -> None:
        """Close every socket; twice does no harm."""
        for one in self._sockets.values():
            one.close()
        self._sockets.clear()
        self._number.clear()

    def _open(self, number: int) -> socket.socket:
        try:
            one = socket.socket(self._family, socket.SOCK_DGRAM)
        except OSError as error:
            raise failed("open", "a socket", error) from error
        try:
            one.setblocking(False)
            if _LINUX:
                listen_for_errors(one, self._version, stamps=True)
                try:
                    one.setsockopt(SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
                except PermissionError:
                    one.setsockopt(SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            if self._version == 6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(("", 0))
        except OSError as error:
            one.close()
            raise failed("bind", "a socket", error) from error
        self._sockets[number] = one
        self.own_ports[one.getsockname()[1]] = number
        self._number[one.fileno()] = number
        self._poll.register(one, select.POLLIN | select.POLLERR)
        return one

    def _insist(self, number: int, one: socket.socket, target: Target, payload: bytes, key: int) -> None:
        """Send once more what could not be sent: an error may be that of an earlier packet. Raises MachineFailed when nothing can be sent for long."""
        deadline = time.monotonic() + _STUCK_S
        left = _RETRIES
        while True:
            self._drain(number, one)
            try:
                one.sendto(payload, target)
            except OSError as error:
                if error.errno in _BUSY:
                    if time.monotonic() > deadline:
                        raise failed("send to", target[0], error) from error
                    select.select([], [one], [], 0.01)
                    continue
                left -= 1
                if left:
                    continue
                reason = reason_of_errno(error.errno or 0)
                if reason is not None:
                    self.unroutable += 1
                    self._refusals.append((key, reason, time.time()))
                elif error.errno == errno.EPERM:
                    self.kept_back += 1
                elif error.errno != errno.ECONNREFUSED:  # that is of an earlier one, however often: they come fast
                    raise failed("send to", target[0], error) from error
            return

    def _drain(self, number: int, one: socket.socket) -> None:
        """Take everything that waits at a socket."""
        if _LINUX:
            memory = _MEMORY.unpack(one.getsockopt(SOL_SOCKET, SO_MEMINFO, _MEMORY.size))
            self._dropped[number] = memory[_DROPPED]
            if not memory[_USED]:
                return
            if memory[_USED] + _NEARLY > memory[_LIMIT]:
                self._crowded += 1
            while (complaint := read_complaint(one)) is not None:
                self._complaints.append((number, complaint if complaint.at else complaint._replace(at=time.time())))
        while True:
            try:
                payload, ancillary, _, name = one.recvmsg(_LARGEST, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error that the queue has told, or will
            at, ttl = read_stamps(ancillary)
            self._answers.append(Answer(number, name[0], name[1], payload, ttl, at or time.time()))
