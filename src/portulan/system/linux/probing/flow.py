"""What all probes from one socket share: each goes its own distance, the kernel stamps its departure, and errors say by their quote which one they are of."""

from __future__ import annotations

from _socket import SO_ERROR, SOL_SOCKET
from abc import ABC, abstractmethod
from time import time_ns

from portulan.system.linux.probing.loop import (
    ERR,
    IN,
    SO_TIMESTAMPING,
    STAMPS,
    Departure,
    Entry,
    hops_message,
    icmp_answer,
    is_stamp,
    keep_errors,
    local_answer,
    read_queue,
    read_stamp,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket  # noqa: N812 - the class keeps its C name

    from portulan.model.path import Answer, Target
    from portulan.system.linux.probing.loop import Loop

_ROOM = 2048
_ANCILLARY = 256
_STALE_ERRORS = 64
"""A socket hands out the error of an earlier probe when the next one is sent: so often it is tried again."""


class Flow(ABC):
    """Probes to one target from one socket."""

    def __init__(self, loop: Loop, target: Target, one: Socket) -> None:
        """Takes the socket over, also when it raises: OSError, where the kernel lacks what is needed."""
        self._loop, self.target, self.socket = loop, target, one
        self._departed: dict[int, Departure] = {}
        self._stamped: list[int] = []
        """Keys in the order in which they were sent: time stamps are numbered."""
        try:
            keep_errors(one, target.version)
            one.setsockopt(SOL_SOCKET, SO_TIMESTAMPING, STAMPS)
        except OSError:
            one.close()
            raise
        loop.add(one.fileno(), IN | ERR, self._on_event)

    @abstractmethod
    def build(self, key: int) -> bytes:
        """The packet of a probe."""

    @abstractmethod
    def quoted(self, data: bytes) -> int | None:
        """Of which probe an ICMP error quotes so much; None where that cannot be told."""

    @abstractmethod
    def read(self, data: bytes) -> Answer | None:
        """What a packet says; None where it is none of ours."""

    def send(self, target: Target, key: int, hops: int | None = None) -> None:
        """One probe; it goes at most `hops` far. Raises MachineFailed."""
        packet = self.build(key)
        message = [] if hops is None else hops_message(target.version, hops)
        failure: OSError | None = None
        for _ in range(_STALE_ERRORS):
            before_ns = time_ns()
            try:
                self.socket.sendmsg([packet], message)
            except OSError as error:
                failure = error
                if not self._drain():
                    break
            else:
                self._departed[key] = Departure(before_ns, time_ns())
                self._stamped.append(key)
                self._drain()
                return
        assert failure is not None
        self._loop.answers.append(local_answer(key, failure))

    def forget(self, key: int) -> None:
        """Wait for this one no more."""
        self._departed.pop(key, None)

    def close(self) -> None:
        """End."""
        self._loop.remove(self.socket.fileno())
        self.socket.close()

    def _on_event(self, mask: int) -> None:
        if mask & ERR and not self._drain():
            self.socket.getsockopt(SOL_SOCKET, SO_ERROR)
        if mask & IN:
            self._read()

    def _drain(self) -> bool:
        """Empty the error queue; whether there was anything."""
        some = False
        while (entry := read_queue(self.socket, _ROOM)) is not None:
            some = True
            if not is_stamp(entry):
                self._error(entry)
            elif entry.error.data < len(self._stamped) and (departed := self._departed.get(key := self._stamped[entry.error.data])):
                self._departed[key] = departed._replace(stamp_ns=entry.stamp_ns)
        return some

    def _error(self, entry: Entry) -> None:
        key = self.quoted(entry.data)
        departed = None if key is None else self._departed.get(key)
        if key is not None and departed is None:
            return  # nobody waits for it
        answer = icmp_answer(key, entry, departed or Departure(0, 0), self._loop.clear_ns)
        if answer is not None:
            self._loop.answers.append(answer if departed else answer._replace(key=None, rtt_ns=None, early_ns=0, late_ns=0))

    def _read(self) -> None:
        while True:
            try:
                data, messages, _, _ = self.socket.recvmsg(_ROOM, _ANCILLARY)
            except OSError:
                return
            answer = self.read(data)
            if answer is None:
                continue
            departed, stamp_ns = self._departed.get(-1 if answer.key is None else answer.key), read_stamp(messages)
            if answer.key is not None:
                if departed is None:
                    continue
                answer = (
                    departed.by_process(answer, time_ns(), self._loop.clear_ns)
                    if stamp_ns is None
                    else departed.by_kernel(answer, stamp_ns)
                )
            self._loop.answers.append(answer)
