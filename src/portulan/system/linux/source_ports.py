"""Source ports that nobody else uses: an aligned block of them, bound and held.

A SYN from a port that some program connects from would disturb it; and a port that is bound without a connection makes the kernel reset what answers there,
which is what a scan wants: nothing stays half-open at the target.
"""

from __future__ import annotations

import errno
import resource
from contextlib import suppress
from socket import AF_INET, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_STREAM, socket

from portulan.errors import CannotTell, failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST, _LAST = 16_384, 60_928
"""Blocks lie between the ports that servers like and the dynamic ones; whatever is in use there is passed over."""


class SourcePorts:
    """A block of consecutive ports, bound on all addresses of both families."""

    def __init__(self, count: int, dice: Iterable[int]) -> None:
        """Of `count` ports (a power of two), tried where the dice (numbers, as many as there are tries) say. Raises CannotTell, MachineFailed."""
        self.count = count
        self._held: list[socket] = []
        _make_room(count)
        places = range(_FIRST // count * count, _LAST, count)
        for number in dice:
            self.first = places[number % len(places)]
            if self._take():
                return
        raise CannotTell("scan.no-source-ports", count=count)

    def _take(self) -> bool:
        try:
            for port in range(self.first, self.first + self.count):
                self._held.append(_bind(port))
        except OSError as error:
            self.close()
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise CannotTell("scan.few-descriptors", needed=self.count) from error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                raise failed("bind", f"port {self.first}", error) from error
            return False
        return True

    def close(self) -> None:
        """Give them back."""
        for each in self._held:
            each.close()
        self._held.clear()


def _bind(port: int) -> socket:
    try:
        held = socket(AF_INET6, SOCK_STREAM)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        held = socket(AF_INET, SOCK_STREAM)
    try:
        if held.family == AF_INET6:
            held.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
        held.bind(("", port))
    except OSError:
        held.close()
        raise
    return held


def _make_room(count: int) -> None:
    """Raise the soft limit of open files where it is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
