"""Ordinary connections as probes: one socket each, no rights needed. The kernel's handshake takes the time; ICMP errors wait in the error queue."""

from __future__ import annotations

import errno
from _socket import IPPROTO_TCP, SO_ERROR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, TCP_INFO, TCP_SYNCNT
from _socket import socket as Socket  # noqa: N812 - the class keeps its C name
from time import time_ns

from portulan.model.path import Answer, Clock
from portulan.model.scan import Reason
from portulan.system.linux.probing.loop import (
    ARRIVALS,
    ERR,
    HUP,
    IN,
    OUT,
    SO_TIMESTAMPING,
    Departure,
    family_of,
    icmp_answer,
    keep_errors,
    local_answer,
    place_of,
    read_queue,
    set_hops,
)
from portulan.system.linux.probing.own_sockets import OwnSockets, Waiting
from portulan.wire.tcp_info import SIZE, parse_tcp_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Target

_US = 1000
_SOON = (errno.EINPROGRESS, errno.EAGAIN)


class TcpConnects(OwnSockets):
    """Makes connections and closes them as soon as they stand."""

    def send(self, target: Target, key: int, hops: int | None = None) -> None:
        """Ask for a connection; the SYN goes at most `hops` far. Raises MachineFailed."""
        version = target.version
        try:
            one = Socket(family_of(version), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
        except OSError as error:
            self.loop.answers.append(local_answer(key, error))
            return
        try:
            keep_errors(one, version)
            one.setsockopt(SOL_SOCKET, SO_TIMESTAMPING, ARRIVALS)
            one.setsockopt(IPPROTO_TCP, TCP_SYNCNT, 1)
            if hops is not None:
                set_hops(one, version, hops)
            before_ns = time_ns()
            code = one.connect_ex(place_of(target))
            after_ns = time_ns()
        except OSError as error:
            one.close()
            self.loop.answers.append(local_answer(key, error))
            return
        attempt = Attempt(self, one, key, target, Departure(before_ns, after_ns))
        if code in _SOON:
            self.waiting[key] = attempt
            self.loop.add(one.fileno(), OUT | ERR, attempt.on_event)
        elif code in (0, errno.ECONNREFUSED):
            attempt.on_event(OUT)  # at once: this very host
        else:
            attempt.failed(code)

    def finish(self, attempt: Attempt, answer: Answer | None) -> None:
        """An attempt's end."""
        if answer is not None:
            self.loop.answers.append(answer)
        if self.waiting.pop(attempt.key, None) is not None:
            self.loop.remove(attempt.socket.fileno())
        attempt.socket.close()


class Attempt(Waiting):
    """One connection in the making."""

    __slots__ = ("owner",)

    def __init__(self, owner: TcpConnects, one: Socket, key: int, target: Target, departed: Departure) -> None:
        super().__init__(one, key, target, departed)
        self.owner = owner

    def on_event(self, mask: int) -> None:
        """The kernel has something for it."""
        if mask & (ERR | HUP):
            entry = read_queue(self.socket)
            answer = None if entry is None else icmp_answer(self.key, entry, self.departed, self.owner.loop.clear_ns)
            if answer is not None and answer.reason is not Reason.TOO_BIG:
                self.owner.finish(self, answer)
                return
        code = self.socket.getsockopt(SOL_SOCKET, SO_ERROR)
        if code:
            self.failed(code)
        elif mask & OUT:
            self._connected()

    def failed(self, code: int) -> None:
        """The kernel gave up."""
        if code == errno.ECONNREFUSED:
            answer = Answer(self.key, Reason.RESET, self.target.address)
            self.owner.finish(self, self.departed.by_process(answer, time_ns(), self.owner.loop.clear_ns))
        elif code == errno.ETIMEDOUT:
            self.owner.finish(self, None)
        else:
            self.owner.finish(self, local_answer(self.key, OSError(code, "")))

    def _connected(self) -> None:
        if self.socket.getsockname()[:2] == self.socket.getpeername()[:2]:
            # RFC 9293, section 3.5: two sides that open at once. Here both are this socket: nobody listens.
            answer = Answer(self.key, Reason.RESET, self.target.address)
            self.owner.finish(self, self.departed.by_process(answer, time_ns(), self.owner.loop.clear_ns))
            return
        info = parse_tcp_info(self.socket.getsockopt(IPPROTO_TCP, TCP_INFO, SIZE))
        # The kernel takes the time when it makes the SYN, not when it leaves: between the two this process may have been interrupted.
        kept_ns = max(_US, self.departed.after_ns - self.departed.before_ns)
        answer = Answer(
            self.key, Reason.SYN_ACK, self.target.address, rtt_ns=None if info.resent else info.rtt_us * _US, early_ns=kept_ns, late_ns=_US,
            clock=Clock.KERNEL, resent=info.resent > 0,
        )  # fmt: skip
        if not self.target.tls:
            self.owner.finish(self, answer)
            return
        from portulan.system.linux.probing.tls import Handshake

        handshake = Handshake(self.socket, self.target.host, lambda secure: self.owner.finish(self, answer._replace(secure=secure)))
        if handshake.step():
            self.owner.loop.remove(self.socket.fileno())
            self.owner.loop.add(self.socket.fileno(), IN | ERR | HUP, handshake.on_event)
