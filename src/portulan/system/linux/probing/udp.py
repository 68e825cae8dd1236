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
from portulan.system.linux.probing.own_sockets import OwnSockets, Waiting
from portulan.wire.udp_hello import hello, matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Target
    from portulan.system.linux.probing.loop import Loop

_ROOM = 2048
_ANCILLARY = 256
_QUOTED = 128
"""Bytes of a quote that are looked at."""
_APART = 0x9E37_79B9_7F4A_7C15
"""Between the dice of two probes: an odd number far from any pattern, so that no two are alike in any of their bits' places."""
_DICE = 1 << 64


class UdpFlow(Flow):
    """Datagrams to one port from one socket: to routers that share load by ports they are one flow (Augustin et al., Paris traceroute, 2006)."""

    def __init__(self, loop: Loop, target: Target, dice: int) -> None:
        """Raises OSError where there is no way to the target. `dice`: a number that nobody can guess."""
        assert target.port is not None
        self._port, self._dice = target.port, dice
        self._greetings: dict[int, bytes] = {}
        super().__init__(loop, target, _open(target))

    def build(self, key: int) -> bytes:
        """What the usual service of the port answers."""
        data = greeting(self._port, self._dice + key * _APART)
        self._greetings[key] = data
        return data

    def quoted(self, data: bytes) -> int | None:
        """By its content, if the quote has any: RFC 792 asks for eight bytes only, and those are the UDP header."""
        start = data[:_QUOTED]
        return self._only([key for key, sent in self._greetings.items() if start and sent.startswith(start)])

    def read(self, data: bytes) -> Answer | None:
        """Whatever the service says."""
        key = self._only([key for key, sent in self._greetings.items() if matches(self._port, sent, data)])
        return Answer(key, Reason.ANSWER, self.target.address)

    def _only(self, keys: list[int]) -> int | None:
        return keys[0] if len(keys) == 1 else None

    def forget(self, key: int) -> None:
        """Wait for this one no more."""
        super().forget(key)
        self._greetings.pop(key, None)


class UdpExchanges(OwnSockets):
    """Datagrams to many ports, each from a socket of its own."""

    def send(self, target: Target, key: int, hops: int | None = None) -> None:
        """One datagram. Raises MachineFailed."""
        assert target.port is not None
        try:
            one = _open(target)
        except OSError as error:
            self.loop.answers.append(local_answer(key, error))
            return
        before_ns = time_ns()
        try:
            one.sendmsg([greeting(target.port, key * _APART)], [] if hops is None else hops_message(target.version, hops))
        except OSError as error:
            one.close()
            self.loop.answers.append(local_answer(key, error))
            return
        exchange = Exchange(self, one, key, target, Departure(before_ns, time_ns()))
        self.waiting[key] = exchange
        self.loop.add(one.fileno(), IN | ERR, exchange.on_event)
        # The kernel's stamp is there as soon as the datagram is, as a rule: reading it now spares a wake-up.
        exchange.on_event(ERR)

    def finish(self, key: int, answer: Answer) -> None:
        """An exchange's end."""
        self.loop.answers.append(answer)
        self.forget(key)


class Exchange(Waiting):
    """One datagram and its answer."""

    __slots__ = ("owner",)

    def __init__(self, owner: UdpExchanges, one: Socket, key: int, target: Target, departed: Departure) -> None:
        super().__init__(one, key, target, departed)
        self.owner = owner

    def _queue(self) -> Answer | None:
        while (entry := read_queue(self.socket)) is not None:
            if is_stamp(entry):
                self.departed = self.departed._replace(stamp_ns=entry.stamp_ns)
                continue
            answer = icmp_answer(self.key, entry, self.departed, self.owner.loop.clear_ns)
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
                self.departed.by_process(answer, time_ns(), self.owner.loop.clear_ns)
                if stamp_ns is None
                else self.departed.by_kernel(answer, stamp_ns),
            )


def greeting(port: int, dice: int) -> bytes:
    """What the usual service of a port answers; to any other eight bytes that no two probes share."""
    return hello(port, dice % _DICE) or (dice % _DICE).to_bytes(8)


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
