"""Packets out in bulk: a matrix of frames leaves by one sendmmsg(2), from the IP header on.

Two ways. By a packet socket the kernel adds the link's own header, for the link-layer address we name, and nothing else looks at the packet: as fast as it
goes. By a raw IP socket the kernel routes it, as it must to this host's own addresses, where a packet from a packet socket would be a martian.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from socket import AF_INET, AF_INET6, AF_PACKET, IPPROTO_IPV6, IPPROTO_RAW, SO_BINDTODEVICE, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET, htons, socket
from struct import pack

import numpy as np

from portulan.errors import MachineFailed, NotPermitted, failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

_SOL_PACKET, _QDISC_BYPASS = 263, 20
_SNDBUF_FORCE = 32
_IPV6_HDRINCL = 36
_ETH_P_IP, _ETH_P_IPV6 = 0x0800, 0x86DD
_NAME_SIZE = 32
"""Bytes from one address to the next in a table of names: a sockaddr_in6 has 28."""
_BUSY = (errno.EINTR, errno.EAGAIN, errno.ENOBUFS)
_GONE = (errno.ENODEV, errno.ENXIO, errno.ENETDOWN)
_PATIENCE_S = 2.0
_SEND_BUFFER = 4 << 20


class Outlet:
    """Sends the first rows of a frame matrix, which must stay where it is in memory."""

    def __init__(
        self, rows: NDArray[np.uint8], length: int, *, version: int, link: str = "", raw: bool = False, bound: bool = False
    ) -> None:
        """By a packet socket, or with `raw` by a raw IP socket, `bound` to the link or not. `link` is named in errors. Raises NotPermitted, MachineFailed."""
        import ctypes

        self._link, self._raw, self._bound, self._version = link, raw, bound, version
        try:
            if raw:
                self._socket = socket(AF_INET if version == 4 else AF_INET6, SOCK_RAW, IPPROTO_RAW)
                if version == 6:
                    self._socket.setsockopt(IPPROTO_IPV6, _IPV6_HDRINCL, 1)
                if bound:
                    self._socket.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, link.encode())
            else:
                self._socket = socket(AF_PACKET, SOCK_DGRAM, 0)
                self._socket.setsockopt(_SOL_PACKET, _QDISC_BYPASS, 1)
        except PermissionError as error:
            raise NotPermitted("scan.raw-forbidden", needs="CAP_NET_RAW") from error
        except OSError as error:
            raise failed("open", "a packet socket", error) from error
        with suppress(PermissionError):  # CAP_NET_RAW alone does not allow it; what the kernel gives is enough for most
            self._socket.setsockopt(SOL_SOCKET, _SNDBUF_FORCE, _SEND_BUFFER)
        batch = len(rows)
        numbers = np.arange(batch, dtype=np.uint64)
        self._rows = rows
        # struct iovec and struct mmsghdr, one of each for a row (linux/socket.h): their fields are 8 bytes wide on every 64-bit system.
        self._parts = np.empty((batch, 2), np.uint64)
        self._parts[:, 0] = rows.ctypes.data + rows.shape[1] * numbers
        self._parts[:, 1] = length
        self._messages = np.zeros((batch, 8), np.uint64)
        self._messages[:, 2] = self._parts.ctypes.data + 16 * numbers
        self._messages[:, 3] = 1
        self._names: NDArray[np.uint8] = np.zeros((1, _NAME_SIZE), np.uint8)
        call = ctypes.CDLL(None, use_errno=True).sendmmsg
        call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
        self._call, self._errno = call, ctypes.get_errno

    def name_links(self, index: int, macs: NDArray[np.uint8]) -> None:
        """Where packets go: rows of 6 bytes (or of none, on a link without addresses), which `send` picks from by row."""
        kind = _ETH_P_IP if self._version == 4 else _ETH_P_IPV6
        header = pack("=HHiHBB", AF_PACKET, htons(kind), index, 1, 0, macs.shape[1])
        self._names = np.zeros((len(macs), _NAME_SIZE), np.uint8)
        self._names[:, : len(header)] = np.frombuffer(header, np.uint8)
        self._names[:, len(header) : len(header) + macs.shape[1]] = macs
        self._name(20)

    def name_addresses(self, packed: NDArray[np.uint8], scope: int = 0) -> None:
        """Where packets go by a raw socket: rows of packed addresses."""
        self._names = np.zeros((len(packed), _NAME_SIZE), np.uint8)
        if self._version == 4:
            self._names[:, :2] = np.frombuffer(pack("=H", AF_INET), np.uint8)
            self._names[:, 4:8] = packed
            self._name(16)
        else:
            self._names[:, :2] = np.frombuffer(pack("=H", AF_INET6), np.uint8)
            self._names[:, 8:24] = packed
            self._names[:, 24:28] = np.frombuffer(pack("=I", scope), np.uint8)
            self._name(28)

    def _name(self, size: int) -> None:
        self._messages[:, 0] = self._names.ctypes.data
        self._messages[:, 1] = size

    def send(self, count: int, names: NDArray[np.int64] | None = None) -> None:
        """Send the first `count` rows, each to the name at its place in `names`, or all to the first. Raises MachineFailed."""
        if names is not None:
            self._messages[:count, 0] = self._names.ctypes.data + _NAME_SIZE * names.astype(np.uint64)
        done, descriptor, since = 0, self._socket.fileno(), 0.0
        while done < count:
            sent = self._call(descriptor, self._messages.ctypes.data + 64 * done, count - done, 0)
            if sent > 0:
                done, since = done + sent, 0.0
                continue
            code = self._errno()
            if code == errno.EPERM and self._bound:
                done += 1
                continue
            if code not in _BUSY:
                raise self._failure(code)
            # A full queue of the link: it drains while we look away for a moment.
            now = time.monotonic()
            since = since or now
            if now - since > _PATIENCE_S:
                raise self._failure(code)
            time.sleep(0.0002)

    def _failure(self, code: int) -> MachineFailed:
        if code in _GONE:
            return MachineFailed("scan.link-gone", link=self._link, reason=os.strerror(code))
        return failed("send", "probes", OSError(code, os.strerror(code)))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
