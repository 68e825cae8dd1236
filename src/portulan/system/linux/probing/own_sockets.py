"""Probes that have a socket each: who waits for what, and how it is dropped."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket  # noqa: N812 - the class keeps its C name

    from portulan.model.path import Target
    from portulan.system.linux.probing.loop import Departure, Loop


class Waiting:
    """One probe that waits for its answer."""

    __slots__ = ("departed", "key", "socket", "target")

    def __init__(self, one: Socket, key: int, target: Target, departed: Departure) -> None:
        self.socket, self.key, self.target, self.departed = one, key, target, departed


class OwnSockets:
    """All that wait, by their keys."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        """Where they wait."""
        self.waiting: dict[int, Waiting] = {}

    def forget(self, key: int) -> None:
        """Wait for this one no more."""
        one = self.waiting.pop(key, None)
        if one is not None:
            self.loop.remove(one.socket.fileno())
            one.socket.close()

    def close(self) -> None:
        """Drop all that is under way."""
        for key in list(self.waiting):
            self.forget(key)
