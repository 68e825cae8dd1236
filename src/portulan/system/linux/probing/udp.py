"""Datagrams as probes: a socket for each, or one flow in which every datagram goes its own distance. The kernel stamps both ends of the time."""

from __future__ import annotations

from _socket import SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOL_SOCKET
from _socket import socket as Socket  # noqa: N812 - the class keeps its C name
from time import time_ns

from portulan.model.path import Answer
from portulan.model.scan import Reason
from portulan.system.linux.probing.flow import Flow
from portulan.system.linux.probing.loop import (
    ERR,
    IN,
    SO_TIMESTAMPING,
    STAMPS,
    Departure,
    family_of,
    hops_message,
    icmp_answer,
    is_stamp,
    keep_errors,
    local_answer,
    place_of,
    read_queue,
    read_stamp,
)
from portulan.wire.hello_path import build_hello, nonce_at, nonce_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Target
    from portulan.system.linux.probing.loop import Loop

_ROOM = 2048
_ANCILLARY = 256
_NONCES = 65_536


class UdpFlow(Flow):
    """Datagrams to one port from one socket: to routers that share load by ports they are one flow (Augustin et al., Paris traceroute, 2006)."""

    def __init__(self, loop: Loop, target: Target) -> None:
        """Raises OSError where there is no way to the target."""
        assert target.port is not None
        self._key_of: dict[int, int] = {}
        self._port = target.port
        one = _open(target)
        super().__init__(loop, target, one)

    def build(self, key: int) -> bytes:
        """What the usual service of the port answers, with the probe's number in it."""
        self._key_of[key % _NONCES] = key
        return build_hello(self._port, key % _NONCES)

    def quoted(self, data: bytes) -> int | None:
        """By its number, if the quote has it: RFC 792 asks for eight bytes only, and those are the UDP header."""
        at = nonce_at(self._port)
        return self._key_of.get(int.from_bytes(data[at : at + 2])) if len(data) >= at + 2 else None

    def read(self, data: bytes) -> Answer | None:
        """Whatever the service says."""
        nonce = nonce_of(self._port, data)
        return Answer(None if nonce is None else self._key_of.get(nonce), Reason.ANSWER, self.target.address)


class UdpExchanges:
    """Datagrams to many ports, each from a socket of its own."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._open: dict[int, Exchange] = {}

    def send(self, target: Target, key: int, hops: int | None = None) -> None:
        """One datagram. Raises MachineFailed."""
        assert target.port is not None
        try:
            one = _open(target)
        except OSError as error:
            self._loop.answers.append(local_answer(key, error))
            return
        before_ns = time_ns()
        try:
            one.sendmsg([build_hello(target.port, key % _NONCES)], [] if hops is None else hops_message(target.version, hops))
        except OSError as error:
            one.close()
            self._loop.answers.append(local_answer(key, error))
            return
        exchange = Exchange(self, one, key, target, Departure(before_ns, time_ns()))
        self._open[key] = exchange
        self._loop.add(one.fileno(), IN | ERR, exchange.on_event)
        # The kernel's stamp is there as soon as the datagram is, as a rule: reading it now spares a wake-up.
        exchange.on_event(ERR)

    def forget(self, key: int) -> None:
        """Wait for this one no more."""
        exchange = self._open.pop(key, None)
        if exchange is not None:
            self._loop.remove(exchange.socket.fileno())
            exchange.socket.close()

    def finish(self, key: int, answer: Answer) -> None:
        """An exchange's end."""
        self._loop.answers.append(answer)
        self.forget(key)

    @property
    def loop(self) -> Loop:
        """Where it waits."""
        return self._loop

    def close(self) -> None:
        """Drop all that is under way."""
        for key in list(self._open):
            self.forget(key)


class Exchange:
    """One datagram and its answer."""

    __slots__ = ("departed", "key", "owner", "socket", "target")

    def __init__(self, owner: UdpExchanges, one: Socket, key: int, target: Target, departed: Departure) -> None:
        self.owner, self.socket, self.key, self.target, self.departed = owner, one, key, target, departed

    def _queue(self) -> Answer | None:
        while (entry := read_queue(self.socket)) is not None:
            if is_stamp(entry):
                self.departed = self.departed._replace(stamp_ns=entry.stamp_ns)
                continue
            answer = icmp_answer(self.key, entry, self.departed, self.owner.loop.entered_ns)
            if answer is not None:
                return answer
        return None

    def on_event(self, mask: int) -> None:
        """An error, a stamp, or the answer."""
        if mask & ERR:
            answer = self._queue()
            if answer is not None:
                self.owner.finish(self.key, answer)
                return
        if mask & IN:
            try:
                _, messages, _, _ = self.socket.recvmsg(_ROOM, _ANCILLARY)
            except OSError:
                return
            answer = Answer(self.key, Reason.ANSWER, self.target.address)
            stamp_ns = read_stamp(messages)
            self.owner.finish(
                self.key,
                self.departed.by_process(answer, time_ns(), self.owner.loop.entered_ns)
                if stamp_ns is None
                else self.departed.by_kernel(answer, stamp_ns),
            )


def _open(target: Target) -> Socket:
    one = Socket(family_of(target.version), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
    try:
        keep_errors(one, target.version)
        one.setsockopt(SOL_SOCKET, SO_TIMESTAMPING, STAMPS)
        one.connect(place_of(target))
    except OSError:
        one.close()
        raise
    return one
