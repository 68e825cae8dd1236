"""Pings in bulk: over a raw socket where that is allowed, else over the kernel's own ping socket (net.ipv4.ping_group_range)."""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys
import time

from portulan.errors import NotPermitted, failed
from portulan.model.record import Record
from portulan.system.error_queue import (
    IP_RECVTTL,
    IPV6_RECVHOPLIMIT,
    SO_TIMESTAMPNS,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    read_stamps,
    reason_of_errno,
)
from portulan.wire.echo import parse_echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Destination = tuple[str, int] | tuple[str, int, int, int]

_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1
_ICMP, _ICMPV6 = 1, 58
_REPLY6 = 129
_SO_RCVBUFFORCE = 33
_BUFFER = 1 << 22
_ROOM, _ANCILLARY = 512, 256
_DRAIN_EVERY = 128
_STUCK_S = 5.0
_BUSY = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)


class Echo(Record):
    """A reply."""

    address: str
    sequence: int
    cookie: int
    ttl: int
    """0: the kernel did not say."""
    at: float
    """Seconds since the epoch."""


class Echoes:
    """One socket that pings many of one family."""

    def __init__(self, version: int) -> None:
        """Raises NotPermitted where neither kind of socket may be opened, MachineFailed."""
        self._version = version
        self._one, self._raw = _open(version)
        self._poll = select.poll()
        self._poll.register(self._one, select.POLLIN)
        self._found: list[Echo] = []
        self.unroutable = 0
        """How often this host had no way to an address."""

    def send(self, identifier: int, destinations: Iterable[Destination], messages: Iterable[bytes]) -> tuple[int, float, float]:
        """Send each message; returns how many were handed over, all of them, and when that began and ended. Raises MachineFailed.

        `identifier` is the one in the messages; answers to others are not taken. (A ping socket puts its own in its place.)
        """
        self._identifier = identifier
        sendto = self._one.sendto
        begun, sent = time.time(), 0
        for destination, message in zip(destinations, messages, strict=True):
            if not sent % _DRAIN_EVERY:
                self._drain()
            try:
                sendto(message, destination)
            except OSError:
                self._insist(destination, message)
            sent += 1
        return sent, begun, time.time()

    def receive(self, wait_s: float) -> list[Echo]:
        """Replies; waits for the first at most that long."""
        if self._poll.poll(0 if self._found else wait_s * 1000):
            self._drain()
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        """Close the socket; twice does no harm."""
        self._one.close()

    _identifier = 0

    def _insist(self, destination: Destination, message: bytes) -> None:
        deadline = time.monotonic() + _STUCK_S
        while True:
            try:
                self._one.sendto(message, destination)
            except OSError as error:
                if error.errno in _BUSY and time.monotonic() < deadline:
                    self._drain()
                    select.select([], [self._one], [], 0.01)
                    continue
                if reason_of_errno(error.errno or 0) is not None:
                    self.unroutable += 1
                elif error.errno not in (errno.EPERM, errno.ECONNREFUSED):  # our own firewall; an earlier one's error
                    raise failed("send to", destination[0], error) from error
            return

    def _drain(self) -> None:
        while True:
            try:
                message, ancillary, _, name = self._one.recvmsg(_ROOM, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error that a ping socket tells this way
            if self._raw and self._version == 4:
                message = message[(message[0] & 15) * 4 :] if message else b""
            found = parse_echo(self._version, message)
            if found is None or (self._raw and found[0] != self._identifier):
                continue
            at, ttl = read_stamps(ancillary)
            self._found.append(Echo(name[0], found[1], found[2], ttl, at or time.time()))


def _open(version: int) -> tuple[socket.socket, bool]:
    """(the socket, whether it is raw)."""
    family, protocol = (socket.AF_INET, _ICMP) if version == 4 else (socket.AF_INET6, _ICMPV6)
    for raw in (True, False):
        try:
            one = socket.socket(family, socket.SOCK_RAW if raw else socket.SOCK_DGRAM, protocol)
        except PermissionError:
            continue
        except OSError as error:
            if not raw and error.errno == errno.EPROTONOSUPPORT:
                continue
            raise failed("open", "a socket for pings", error) from error
        try:
            _prepare(one, version, raw=raw)
        except OSError as error:
            one.close()
            raise failed("prepare", "a socket for pings", error) from error
        return one, raw
    raise NotPermitted("echo.forbidden", needs="CAP_NET_RAW")


def _prepare(one: socket.socket, version: int, *, raw: bool) -> None:
    one.setblocking(False)
    if sys.platform != "linux":
        return
    one.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, 1)
    if version == 4:
        one.setsockopt(SOL_IP, IP_RECVTTL, 1)
    else:
        one.setsockopt(SOL_IPV6, IPV6_RECVHOPLIMIT, 1)
    if raw and version == 4:
        one.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFF_FFFE))  # all but replies, which are type 0
    elif raw:
        blocked = bytearray(b"\xff" * 32)
        struct.pack_into("=I", blocked, _REPLY6 // 32 * 4, 0xFFFF_FFFF & ~(1 << _REPLY6 % 32))
        one.setsockopt(_ICMPV6, _ICMP6_FILTER, bytes(blocked))
    try:
        one.setsockopt(SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        one.setsockopt(SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
