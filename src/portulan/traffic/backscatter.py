"""Answers to what nobody here asked: a victim's, whose attacker sends in the names of others. Pure."""

from __future__ import annotations

from portulan.traffic.contacts import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from portulan.traffic.contacts import Replies

LEAST = 5
"""Different answers until it is one: single stray resets end connections that were forgotten."""
MOST = 256


class Answering:
    """One address that answers unasked."""

    __slots__ = ("answers", "first_ns", "hosts", "last_ns", "ports")

    def __init__(self, at_ns: int) -> None:
        self.first_ns = self.last_ns = at_ns
        self.answers: dict[tuple[bytes, int, int], tuple[int, bool]] = {}
        """(to, its port, the transport) -> (when, whether an answer)."""
        self.hosts: dict[bytes, None] = {}
        self.ports: dict[tuple[int, int], None] = {}
        """(its own port, transport)."""


class Backscatter:
    """All of them, `most` at most: of too many those with the fewest answers go."""

    def __init__(self, most: int) -> None:
        self.most = max(4, most)
        self.known: dict[bytes, Answering] = {}

    def take(self, replies: Replies, which: NDArray[np.bool_]) -> None:
        """Answers that belong to nothing."""
        columns = (replies.door, replies.port, replies.to, replies.to_port, replies.transport, replies.at_ns, replies.answer)
        for door, port, to, to_port, transport, at_ns, answer in zip(*(column[which].tolist() for column in columns), strict=True):
            found = self.known.get(door)
            if found is None:
                self._room()
                found = self.known[door] = Answering(at_ns)
            found.first_ns, found.last_ns = min(found.first_ns, at_ns), max(found.last_ns, at_ns)
            if len(found.answers) < MOST:
                found.answers.setdefault((to, to_port, transport), (at_ns, answer))
                found.hosts[to] = None
                found.ports[port, transport] = None

    def _room(self) -> None:
        if len(self.known) < self.most:
            return
        order = sorted(self.known, key=lambda each: (len(self.known[each].answers), self.known[each].last_ns, each))
        for address in order[: max(1, self.most // 4)]:
            del self.known[address]

    def sure(self, both_ways_ns: int) -> Iterator[tuple[bytes, Answering]]:
        """Those that are. Where only one direction is seen every answer is without its question: none is."""
        if both_ways_ns < NEVER:
            for address, found in self.known.items():
                if len(found.answers) >= LEAST:
                    yield address, found
