"""One epoll for all probes, and what the kinds of probes share: options, local errors, the error queue."""

from __future__ import annotations

import errno
import select
from _socket import (
    AF_INET,
    AF_INET6,
    CMSG_SPACE,
    IPPROTO_IP,
    IPPROTO_IPV6,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOL_SOCKET,
)
from _socket import socket as Socket  # noqa: N812 - the class keeps its C name
from time import time_ns

from portulan.errors import failed
from portulan.model.address import format_address
from portulan.model.path import Answer, Clock
from portulan.model.record import Record
from portulan.model.scan import Reason
from portulan.wire.icmp import fate_of
from portulan.wire.icmp_errors import FROM_CLOCK, FROM_ICMP, FROM_ICMP6, QueuedError, parse_queued_error
from portulan.wire.stamps import parse_stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.model.path import Target

    Handler = Callable[[int], None]

# include/uapi/linux/in.h, in6.h, asm-generic/socket.h, net_tstamp.h
IP_TTL, IP_RECVERR, IP_MTU_DISCOVER = 2, 11, 10
IPV6_UNICAST_HOPS, IPV6_RECVERR, IPV6_MTU_DISCOVER, IPV6_HOPLIMIT = 16, 25, 23, 52
MSG_ERRQUEUE = 0x2000
SO_TIMESTAMPNS, SO_TIMESTAMPING = 35, 37
_TX_SOFTWARE, _RX_SOFTWARE, _SOFTWARE, _OPT_ID, _OPT_TSONLY = 1 << 1, 1 << 3, 1 << 4, 1 << 7, 1 << 11
STAMPS = _TX_SOFTWARE | _RX_SOFTWARE | _SOFTWARE | _OPT_ID | _OPT_TSONLY
ARRIVALS = _RX_SOFTWARE | _SOFTWARE
"""SO_TIMESTAMPNS would do, but where the kernel has no stamp it makes one up when the message is read."""
IN, OUT, ERR, HUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP
_ANCILLARY = CMSG_SPACE(48) + 2 * CMSG_SPACE(64)
_MOST_EVENTS = 1024

_LOCAL = {
    errno.ENETUNREACH: Reason.NO_ROUTE, errno.EHOSTUNREACH: Reason.NO_ROUTE, errno.EADDRNOTAVAIL: Reason.NO_ROUTE, errno.EAFNOSUPPORT: Reason.NO_ROUTE,
    errno.EINVAL: Reason.NO_ROUTE, errno.EPERM: Reason.LOCAL_FIREWALL, errno.EACCES: Reason.LOCAL_FIREWALL, errno.ENETDOWN: Reason.LINK_DOWN,
    errno.ENODEV: Reason.LINK_DOWN, errno.ENXIO: Reason.LINK_DOWN,
}  # fmt: skip


class Loop:
    """Waits for all probes at once. `wait` gives the answers since the last time."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        # The kernel begins to stamp packets a moment after the first socket asks for it: let it begin now.
        self._stamper = Socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC)
        self._stamper.setsockopt(SOL_SOCKET, SO_TIMESTAMPING, ARRIVALS)
        self._handlers: dict[int, Handler] = {}
        self.answers: list[Answer] = []
        self.clear_ns = 0
        """What is found now had not come by then: when it was looked for the last time before, and was not there."""
        self._looked_ns = 0

    def add(self, descriptor: int, events: int, handler: Handler) -> None:
        """Let a descriptor's events be handled."""
        self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def change(self, descriptor: int, events: int) -> None:
        """Wait for other events of a descriptor."""
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Wait for a descriptor no more; it is still open."""
        if self._handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def wait(self, timeout_s: float) -> list[Answer]:
        """What came, after at most so long. Raises MachineFailed."""
        if self.answers:
            timeout_s = 0.0
        self.clear_ns, self._looked_ns = self._looked_ns, time_ns()
        try:
            events = self._epoll.poll(max(0.0, timeout_s), _MOST_EVENTS)
        except OSError as error:
            raise failed("wait for", "answers", error) from error
        if len(events) == _MOST_EVENTS:
            self._looked_ns = self.clear_ns  # there may have been more
        handlers = self._handlers
        for descriptor, mask in events:
            handler = handlers.get(descriptor)
            if handler is not None:  # an earlier event of this batch may have ended it
                handler(mask)
        found, self.answers = self.answers, []
        return found

    def close(self) -> None:
        """Let go of the epoll itself."""
        self._stamper.close()
        self._epoll.close()


class Entry(Record):
    """One message of an error queue."""

    error: QueuedError
    stamp_ns: int | None
    data: bytes


def family_of(version: int) -> int:
    """AF_INET or AF_INET6."""
    return AF_INET if version == 4 else AF_INET6


def place_of(target: Target, port: int | None = None) -> tuple[str, int] | tuple[str, int, int, int]:
    """The address as `connect` takes it."""
    number = (target.port or 0) if port is None else port
    return (target.address, number) if target.version == 4 else (target.address, number, 0, target.scope)


def set_hops(one: Socket, version: int, hops: int) -> None:
    """How far packets go."""
    if version == 4:
        one.setsockopt(IPPROTO_IP, IP_TTL, hops)
    else:
        one.setsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops)


def keep_errors(one: Socket, version: int) -> None:
    """Let the kernel keep ICMP errors with who sent them."""
    if version == 4:
        one.setsockopt(IPPROTO_IP, IP_RECVERR, 1)
    else:
        one.setsockopt(IPPROTO_IPV6, IPV6_RECVERR, 1)


def hops_message(version: int, hops: int) -> list[tuple[int, int, bytes]]:
    """The control message that lets one datagram go so far."""
    from struct import pack

    return [(IPPROTO_IP, IP_TTL, pack("=i", hops))] if version == 4 else [(IPPROTO_IPV6, IPV6_HOPLIMIT, pack("=i", hops))]


def read_queue(one: Socket, size: int = 1) -> Entry | None:
    """The next message of the error queue; None where there is none."""
    try:
        data, messages, _, _ = one.recvmsg(size, _ANCILLARY, MSG_ERRQUEUE)
    except OSError:
        return None
    error, stamp_ns = None, None
    for level, kind, content in messages:
        if level == SOL_SOCKET and kind in (SO_TIMESTAMPNS, SO_TIMESTAMPING):
            stamp_ns = parse_stamp(content) or stamp_ns
        elif (level, kind) in ((IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR)):
            error = parse_queued_error(content)
    return None if error is None else Entry(error, stamp_ns, data)


def read_stamp(messages: list[tuple[int, int, bytes]]) -> int | None:
    """When a packet arrived, by its control messages."""
    for level, kind, content in messages:
        if level == SOL_SOCKET and kind in (SO_TIMESTAMPNS, SO_TIMESTAMPING):
            stamp_ns = parse_stamp(content)
            if stamp_ns:
                return stamp_ns
    return None


def is_stamp(entry: Entry) -> bool:
    """Whether it tells when a datagram left."""
    return entry.error.origin == FROM_CLOCK


def local_answer(key: int, error: OSError) -> Answer:
    """Why a probe did not go out. Raises MachineFailed for what says nothing about the network."""
    reason = _LOCAL.get(error.errno or 0)
    if reason is None:
        raise failed("send", "a probe", error) from error
    return Answer(key, reason, None)


def icmp_answer(key: int | None, entry: Entry, departed: Departure, not_yet_ns: int) -> Answer | None:
    """What an ICMP error says; None where it is none, or says nothing of the probe's fate. It was not there yet at `not_yet_ns`."""
    error = entry.error
    if error.origin not in (FROM_ICMP, FROM_ICMP6):
        return None
    reason = fate_of(4 if error.origin == FROM_ICMP else 6, error.kind, error.code)
    if reason is None:
        return None
    mtu = error.info if reason is Reason.TOO_BIG else None
    by = format_address(error.offender) if error.offender else None
    if entry.stamp_ns is None:
        return departed.by_process(Answer(key, reason, by, icmp=(error.kind, error.code), mtu=mtu), time_ns(), not_yet_ns)
    return departed.by_kernel(Answer(key, reason, by, icmp=(error.kind, error.code), mtu=mtu), entry.stamp_ns)


class Departure(Record):
    """When a probe left: by the kernel's stamp, or between two looks at the clock."""

    before_ns: int
    after_ns: int
    stamp_ns: int | None = None

    def by_kernel(self, answer: Answer, arrived_ns: int) -> Answer:
        """The answer with its time, where the kernel stamped the arrival."""
        if self.stamp_ns is not None:
            return answer._replace(rtt_ns=max(0, arrived_ns - self.stamp_ns))
        least, most = max(0, arrived_ns - self.after_ns), max(0, arrived_ns - self.before_ns)
        middle = (least + most) // 2
        return answer._replace(rtt_ns=middle, early_ns=middle - least, late_ns=most - middle, clock=Clock.HALF)

    def by_process(self, answer: Answer, now_ns: int, not_yet_ns: int) -> Answer:
        """The answer with its time, where only this process took it: it was not there yet at `not_yet_ns`."""
        most = max(0, now_ns - self.before_ns)
        least = max(0, not_yet_ns - self.after_ns)
        return answer._replace(rtt_ns=most, early_ns=max(0, most - least), clock=Clock.PROCESS)
