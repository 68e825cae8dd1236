"""Connections tried in bulk without any right: one pool of non-blocking sockets, each used again as soon as it was refused.

On Linux a refused socket forgets its port and can connect again, so that a scan of closed ports needs a handful of sockets; its error must be
fetched by connect() itself, since reading SO_ERROR first makes the next connect() fail. Where the answer is there before connect() returns (this host,
or one next door) it is fetched at once; else by an edge-triggered epoll, where a socket is registered once in its life.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from errno import (
    EADDRNOTAVAIL,
    EAGAIN,
    EALREADY,
    ECONNREFUSED,
    ECONNRESET,
    EINPROGRESS,
    EISCONN,
    EMFILE,
    ENFILE,
    ENOBUFS,
    ENOMEM,
)

from portulan.errors import CannotTell, failed
from portulan.model.record import Record
from portulan.model.scan import Reason
from portulan.system.descriptors import raise_limit, restore_limit
from portulan.system.error_queue import listen_for_errors, queued_bytes, read_complaint, reason_of_errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portulan.system.error_queue import Complaint

    Target = tuple[str, int] | tuple[str, int, int, int]
    Flight = tuple[int, int, float, Target]

LEAST = 16
"""Fewer sockets than that are no pool."""
FEW = 512
"""A pool below this makes a scan slow where answers take long."""
_LINUX = sys.platform == "linux"
_SELF_CONNECTS = 3
_SAMPLE = 4
_EVENTS = 8192
_LINGER_NOT = struct.pack("ii", 1, 0)
_TCP_INFO_SIZE, _PEERS_WINDOW = 256, 228
"""struct tcp_info of Linux 6.2 and later, as far as its field tcpi_snd_wnd (include/uapi/linux/tcp.h)."""
_FEW_BYTES = 128
"""No host works with a smaller window."""
_WAIT_ABOUT = (EADDRNOTAVAIL, EAGAIN, ENOBUFS, ENOMEM, EMFILE, ENFILE)


class Outcomes(Record):
    """What became of attempts: columns of one length."""

    keys: list[int]
    """As `attempt` was given them."""
    tags: list[int]
    reasons: list[Reason]
    """SYN_ACK (SYN_PROXY, TARPIT where its window says so), REFUSED, or why the packet did not arrive."""
    times: list[float]
    """Seconds since the epoch."""
    offenders: list[bytes]
    """Packed address of who said so; empty: the address asked."""


class Connections:
    """Attempts to connect to addresses of one family, many at a time."""

    def __init__(self, version: int, most: int, own_addresses: frozenset[bytes] = frozenset()) -> None:
        """Of at most `most` sockets. Raises CannotTell where not even 16 may be opened, MachineFailed."""
        self._version = version
        self._family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._own = own_addresses
        self.most, self._limit_before = raise_limit(most)
        if self.most < LEAST:
            restore_limit(self._limit_before)
            raise CannotTell("scan.descriptors", room=self.most, needed=LEAST)
        self.self_connects = 0
        """How often the kernel chose the port asked as the source port too, and the socket met itself."""
        self.unroutable = 0
        """How often this host had no way to an address."""
        self._sockets: dict[int, socket.socket] = {}
        self._dial: dict[int, Callable[[Target], int]] = {}
        self._free: list[int] = []
        self._flying: dict[int, Flight] = {}  # in the order of sending
        self._ready = Outcomes([], [], [], [], [])
        self._prompt = True
        try:
            self._poll = _Poll()
        except OSError as error:
            restore_limit(self._limit_before)
            raise failed("open", "epoll", error) from error

    @property
    def room(self) -> int:
        """How many attempts may be begun now."""
        return max(0, self.most - len(self._flying))

    def attempt(self, targets: Iterable[Target], keys: Iterable[int], tag: int) -> tuple[int, float, float]:  # noqa: C901 - one loop, as hot as can be
        """Begin one attempt for each target. Returns how many were begun, the first ones, and when that began and ended.

        Raises MachineFailed when none can be, now or later.
        """
        started = time.time()
        free, dial, flying, now = self._free, self._dial, self._flying, time.time
        refused: list[int] = []
        times: list[float] = []
        stuck = 0
        prompt, tried, hit, begun = self._prompt, 0, 0, 0
        for target, key in zip(targets, keys, strict=False):
            fd = free.pop() if free else self._open()
            if fd < 0:
                stuck = EMFILE
                break
            code = dial[fd](target)
            if code == EINPROGRESS:
                if prompt or tried < _SAMPLE:
                    tried += 1
                    code = dial[fd](target)
                    if code != EALREADY:
                        hit += 1
                    elif tried > 2 * _SAMPLE and hit * 2 < tried:
                        prompt = False
                if code in (EINPROGRESS, EALREADY):
                    flying[fd] = (key, tag, now(), target)
                    self._poll.watch(fd)
                    begun += 1
                    continue
            if code == ECONNREFUSED:
                refused.append(key)
                times.append(now())
                self._release(fd)
            elif not self._settle(fd, (key, tag, now(), target), code, now()):
                stuck = code
                break
            begun += 1
        if stuck and not begun and not flying:
            raise failed("connect to", target[0], OSError(stuck, os.strerror(stuck)))
        if tried:
            self._prompt = hit * 2 >= tried
        ready = self._ready
        ready.keys.extend(refused)
        ready.times.extend(times)
        ready.tags.extend([tag] * len(refused))
        ready.reasons.extend([Reason.REFUSED] * len(refused))
        ready.offenders.extend([b""] * len(refused))
        return begun, started, now()

    def collect(self, wait_s: float) -> Outcomes | None:
        """What has been answered; waits for the first answer if there is none yet. None: nothing."""
        flying, dial = self._flying, self._dial
        settle, land = self._settle, flying.pop
        answered = self._poll.answered(0.0 if self._ready.keys else wait_s)
        at = time.time()  # of all of them: what it takes us to look at each is no part of its round trip
        for fd in answered:
            flight = flying.get(fd)
            if flight is None:
                continue
            code = dial[fd](flight[3])
            if code == EALREADY and not self._has_complaint(fd):
                continue  # still under way
            land(fd)
            if code == ECONNREFUSED and not self._has_complaint(fd):
                self._tell(flight, Reason.REFUSED, at)
                self._release(fd)
            else:
                settle(fd, flight, code, at)
        if not self._ready.keys:
            return None
        ready, self._ready = self._ready, Outcomes([], [], [], [], [])
        return ready

    def drop(self, begun_before: float) -> int:
        """Give up attempts that were begun before then; returns how many."""
        late = []
        for fd, flight in self._flying.items():
            if flight[2] >= begun_before:
                break
            late.append(fd)
        for fd in late:
            del self._flying[fd]
            self._close(fd)
        return len(late)

    def close(self) -> None:
        """Close every socket; twice does no harm."""
        for fd in list(self._sockets):
            self._close(fd)
        self._flying.clear()
        self._free.clear()
        self._poll.close()
        restore_limit(self._limit_before)
        self._limit_before = None

    # One socket

    def _open(self) -> int:
        """A new socket's descriptor; -1 when there is no room for one."""
        if len(self._sockets) >= self.most:
            return -1
        try:
            one = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            if error.errno in _WAIT_ABOUT:  # others opened what we counted on
                self.most = max(1, len(self._sockets))
                return -1
            raise failed("open", "a socket", error) from error
        one.setblocking(False)
        if _LINUX:
            listen_for_errors(one, self._version)
        fd = one.fileno()
        self._sockets[fd], self._dial[fd] = one, one.connect_ex
        return fd

    def _release(self, fd: int) -> None:
        """Take a refused socket for the next attempt, where a system can."""
        if _LINUX:
            self._free.append(fd)
        else:
            self._close(fd)

    def _close(self, fd: int) -> None:
        self._poll.forget(fd)
        del self._dial[fd]
        self._sockets.pop(fd).close()

    def _has_complaint(self, fd: int) -> bool:
        if not _LINUX:
            return False
        return queued_bytes(self._sockets[fd]) > 0

    # What an attempt came to

    def _tell(self, flight: Flight, reason: Reason, at: float, offender: bytes = b"") -> None:
        ready = self._ready
        ready.keys.append(flight[0])
        ready.tags.append(flight[1])
        ready.reasons.append(reason)
        ready.times.append(at)
        ready.offenders.append(offender)

    def _settle(self, fd: int, flight: Flight, code: int, at: float) -> bool:
        """Take note of what is not a plain refusal, and close the socket. False: nothing was sent, and it should be tried again later."""
        if code in (0, EISCONN, ECONNRESET):
            self._opened(fd, flight, code, at)
            return True
        complaint = self._complaint(fd, flight[3][1])
        self._close(fd)
        if complaint is not None:
            reason = complaint.error.reason
            offender = complaint.error.offender
            if offender == socket.inet_pton(self._family, flight[3][0].partition("%")[0]):
                offender = b""
            elif offender in self._own and reason is Reason.HOST_UNREACHABLE:
                reason, offender = Reason.HOST_DOWN, b""  # our own kernel: nobody answered to its question for the neighbour
            if reason is not None:
                self._tell(flight, reason, at, offender)
        elif code == ECONNREFUSED:
            self._tell(flight, Reason.REFUSED, at)
        elif (reason_here := reason_of_errno(code)) is not None:
            self.unroutable += 1
            self._tell(flight, reason_here, at)
        elif code in _WAIT_ABOUT:
            return False
        return True  # what is left (ETIMEDOUT) is no answer

    def _complaint(self, fd: int, port: int) -> Complaint | None:
        """The newest ICMP error about this port, as long as it says something of it: a late one may be about what the socket was used for before."""
        if not _LINUX:
            return None
        found = None
        with suppress(OSError):
            while (complaint := read_complaint(self._sockets[fd])) is not None:
                if complaint.error.reason is not None and complaint.port == port:
                    found = complaint
        return found

    def _opened(self, fd: int, flight: Flight, code: int, at: float) -> None:
        """Report an open port, unless the socket met itself or another of ours."""
        met_ourselves = code != ECONNRESET and self._met_ourselves(self._sockets[fd])
        reason = _who_answered(self._sockets[fd])
        self._abort(fd)
        if not met_ourselves:
            self._tell(flight, reason, at)
            return
        self.self_connects += 1
        key, tag, _, target = flight
        for _ in range(_SELF_CONNECTS):  # each time the kernel takes the next source port
            fd = self._open()
            if fd < 0:
                break
            code = self._dial[fd](target)
            if code == EINPROGRESS:
                code = self._dial[fd](target)
            flight = (key, tag, time.time(), target)
            if code in (EINPROGRESS, EALREADY):
                self._flying[fd] = flight
                self._poll.watch(fd)
                return
            if code not in (0, EISCONN):
                if not self._settle(fd, flight, code, at):
                    break
                return
            met_ourselves = self._met_ourselves(self._sockets[fd])
            self._abort(fd)
            if not met_ourselves:
                self._tell(flight, Reason.SYN_ACK, at)
                return
            self.self_connects += 1
        self._tell(flight, Reason.REFUSED, at)  # the kernel gives a socket no port that somebody listens on

    def _met_ourselves(self, one: socket.socket) -> bool:
        try:
            here, there = one.getsockname(), one.getpeername()
        except OSError:
            return False
        if here[0] != there[0]:
            return False
        if here[1] == there[1]:
            return True
        # Two SYNs of ours that cross open a connection too (RFC 9293, section 3.5).
        return any(self._sockets[fd].getsockname()[1] == there[1] for fd in self._flying)

    def _abort(self, fd: int) -> None:
        """Close by a reset: nothing is left waiting on either side."""
        with suppress(OSError):  # reset by the peer meanwhile, on systems that mind
            self._sockets[fd].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._close(fd)


def _who_answered(one: socket.socket) -> Reason:
    """Whether the peer has the window of a host, of a box that does not know yet whether there is one (none), or of one that keeps us waiting."""
    if _LINUX:
        with suppress(OSError):
            info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
            if len(info) >= _PEERS_WINDOW + 4:
                (window,) = struct.unpack_from("=I", info, _PEERS_WINDOW)
                return Reason.SYN_ACK if window >= _FEW_BYTES else Reason.TARPIT if window else Reason.SYN_PROXY
    return Reason.SYN_ACK


class _Poll:
    """Which sockets have news: epoll where there is one, else poll(2)."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._edge = hasattr(select, "epoll")
        self._epoll = select.epoll() if self._edge else None
        self._poll = None if self._edge else select.poll()

    def watch(self, fd: int) -> None:
        if fd in self._known:
            return
        self._known.add(fd)
        if self._epoll is not None:
            self._epoll.register(fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        elif self._poll is not None:
            self._poll.register(fd, select.POLLIN | select.POLLOUT)

    def forget(self, fd: int) -> None:
        if fd in self._known:
            self._known.discard(fd)
            if self._epoll is not None:
                self._epoll.unregister(fd)
            elif self._poll is not None:
                self._poll.unregister(fd)

    def answered(self, wait_s: float) -> list[int]:
        if self._epoll is not None:
            return [fd for fd, _ in self._epoll.poll(wait_s, _EVENTS)]
        assert self._poll is not None
        return [fd for fd, _ in self._poll.poll(wait_s * 1000)]

    def close(self) -> None:
        self._known.clear()
        if self._epoll is not None:
            self._epoll.close()
