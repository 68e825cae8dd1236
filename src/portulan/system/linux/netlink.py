"""A netlink socket: ask, and get the payloads that answer."""

from __future__ import annotations

import errno
import os
from _socket import SO_RCVBUF, SOL_SOCKET, socket  # socket.py spends 9 ms on enums that nobody here needs

from portulan.wire.netlink import (
    ACK,
    DONE,
    DUMP,
    DUMP_INTERRUPTED,
    ERROR,
    REQUEST,
    build_message,
    ends_with_answer,
    iterate_messages,
    parse_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

AF_NETLINK, SOCK_RAW = 16, 3
ROUTE, SOCK_DIAG, GENERIC = 0, 4, 16
RECEIVE_SIZE = 1 << 16
SOL_NETLINK, NETLINK_EXT_ACK = 270, 11


class Netlink:
    """One netlink socket of one protocol, bound to the network namespace it was opened in. A context manager."""

    def __init__(self, protocol: int) -> None:
        """Raises OSError where the kernel lacks the protocol."""
        self._socket = socket(AF_NETLINK, SOCK_RAW, protocol)
        self._socket.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 20)
        self._sequence = 0
        self.interrupted = False
        """Whether the kernel said of a dump that things changed while it went on (NLM_F_DUMP_INTR): it may lack or repeat a row."""

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; twice does no harm."""
        self._socket.close()

    def dump(self, kind: int, payload: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Ask for a dump and yield (buffer, start, end) of every payload. Raises OSError with the kernel's error."""
        self._sequence += 1
        self._socket.send(build_message(kind, REQUEST | DUMP, payload, self._sequence))
        while True:
            data = self._socket.recv(RECEIVE_SIZE)
            for message, flags, start, end in iterate_messages(data):
                if message in (DONE, ERROR):
                    self._finish(message, data, start, end)
                    return
                if flags & DUMP_INTERRUPTED:
                    self.interrupted = True
                yield data, start, end

    def collect(self, kind: int, payload: bytes) -> list[bytes]:
        """Ask for a dump and return what each receive brought, headers, DONE and all, unparsed. Raises OSError with the kernel's error."""
        self._sequence += 1
        self._socket.send(build_message(kind, REQUEST | DUMP, payload, self._sequence))
        buffers = []
        while True:
            data = self._socket.recv(RECEIVE_SIZE)
            buffers.append(data)
            if not ends_with_answer(data):
                for message, _, start, end in iterate_messages(data):
                    if message in (DONE, ERROR):
                        self._finish(message, data, start, end)
                        return buffers

    def request(self, kind: int, payload: bytes, flags: int = 0) -> None:
        """Ask for a change and wait for its acknowledgement. Raises OSError with the kernel's error."""
        self._sequence += 1
        self._socket.send(build_message(kind, REQUEST | ACK | flags, payload, self._sequence))
        data = self._socket.recv(RECEIVE_SIZE)
        for message, _, start, end in iterate_messages(data):
            if message == ERROR:
                self._finish(message, data, start, end)
                return
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))

    def get(self, kind: int, payload: bytes) -> tuple[bytes, int, int]:
        """Ask for one object and return (buffer, start, end) of its payload. Raises OSError with the kernel's error."""
        self._sequence += 1
        self._socket.send(build_message(kind, REQUEST, payload, self._sequence))
        data = self._socket.recv(RECEIVE_SIZE)
        for message, _, start, end in iterate_messages(data):
            if message == ERROR:
                self._finish(message, data, start, end)
            return data, start, end
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))

    @staticmethod
    def _finish(message: int, data: bytes, start: int, end: int) -> None:
        code = parse_error(data, start, end) if message == ERROR or end - start >= 4 else 0
        if code > 0:
            raise OSError(code, os.strerror(code))
