"""Scans by several sources together, each with too few contacts to be judged alone. Pure.

The question is turned round: not how a source fares, but how a street does. A street is one host (all its doors), or one port in a network (of all its hosts). Benign
sources go where others have been: a dead door is asked for again and again, and counts once. Whoever divides a street among many sources has each of them try doors that
nobody tried. So the walk of a street (walk.py) is moved by each contact with a door that is tried for the first time by anyone, by sources that are neither scanners nor benign
by themselves: down where the door answers, up where it fails.

A verdict needs `ALPHA` instead of a hundredth, three sources, none of them with more than half of the evidence: seven failing doors more than it takes to be sure that
the street is not benign. A door above 1023 tried by who was never there before weighs a tenth: clients that are gone leave such doors behind (peer-to-peer networks), and
a distributed scan of such ports is found after some 70 doors, not 7. A capture that begins while a whole network of servers is down looks the same for as long: this is not told apart.
"""

from __future__ import annotations

from collections import Counter
from math import log

from portulan.traffic.sources import SYSTEM_PORTS, Contact
from portulan.traffic.walk import Odds, Steps, steps_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-4
LEAST_SOURCES = 3
MOST_STREETS = 4096
MOST_EVIDENCE = 128
MOST_SOURCES = 256
HORIZON_NS = 3600 * 10**9
"""A street where nothing new was tried for so long begins anew."""

Key = tuple[bytes, int, int]
"""Host or network; transport and port, or (0, 0)."""


class Street:
    """One host, or one port of a network."""

    __slots__ = ("contacts", "doors", "evidence", "hosts", "last_ns", "learnt", "sources", "sure_after", "walk")

    def __init__(self) -> None:
        self.walk = 0.0
        self.last_ns = 0
        self.contacts = 0
        self.evidence: list[tuple[float, Contact]] = []
        self.sure_after: int | None = None
        self.sources: dict[bytes, None] = {}
        self.doors: dict[tuple[int, int], None] = {}
        self.hosts: dict[bytes, None] = {}
        self.learnt: dict[tuple[int, int], None] = {}

    def tried(self, contact: Contact) -> None:
        """Take part of a scan that is known. Who was only answered is no part of it."""
        if not contact.failed and contact.source not in self.sources:
            return
        self.contacts += 1
        if len(self.sources) < MOST_SOURCES:
            self.sources[contact.source] = None
        if len(self.doors) < MOST_SOURCES:
            self.doors[contact.transport, contact.port] = None
        if len(self.hosts) < MOST_SOURCES:
            self.hosts[contact.destination] = None
        if not contact.failed:
            self.learnt[contact.transport, contact.port] = None


class Together:
    """All streets, `most` at most; those that are farthest from a verdict go first."""

    def __init__(self, odds: Odds, most: int = MOST_STREETS) -> None:
        self.steps: Steps = steps_of(odds)
        self.upper = log(odds.beta / ALPHA)
        self.most = most
        self.streets: dict[Key, Street] = {}

    def take(self, contact: Contact, network: bytes, is_scanner: Callable[[bytes], bool]) -> list[tuple[Key, Street]]:
        """A contact with a door that nobody tried before; the streets that it makes sure of."""
        step = self._step(contact)
        keys = (contact.destination, 0, 0), (network, contact.transport, contact.port)
        return [(key, street) for key in keys if (street := self._move(key, contact, step, is_scanner)) is not None]

    def _step(self, contact: Contact) -> float:
        if contact.abandoned and not contact.sure:
            return 0.0
        peer = contact.port >= SYSTEM_PORTS and contact.new_network
        return self.steps.of(failed=contact.failed, peer=peer, silent_datagram=contact.datagram and not contact.sure)

    def _move(self, key: Key, contact: Contact, step: float, is_scanner: Callable[[bytes], bool]) -> Street | None:
        street = self._of(key, contact.at_ns)
        if street.sure_after is not None:
            street.tried(contact)
            return None
        street.walk = self.steps.onward(street.walk, step)
        if street.walk <= self.steps.lower:
            street.evidence.clear()
            return None
        street.evidence.append((step, contact))
        del street.evidence[:-MOST_EVIDENCE]
        if street.walk < self.upper:
            return None
        return street if self._sure(street, is_scanner) else None

    def _sure(self, street: Street, is_scanner: Callable[[bytes], bool]) -> bool:
        """Once more without those that are scanners by themselves: what is left must do."""
        street.evidence = [(step, each) for step, each in street.evidence if not is_scanner(each.source)]
        street.walk = 0.0
        for step, _ in street.evidence:
            street.walk = self.steps.onward(street.walk, step)
        share = Counter(each.source for _, each in street.evidence)
        if street.walk < self.upper or len(share) < LEAST_SOURCES or max(share.values()) * 2 > len(street.evidence):
            return False
        for _, each in sorted(street.evidence, key=lambda row: not row[1].failed):
            street.tried(each)
        street.sure_after = street.contacts
        return True

    def _of(self, key: Key, at_ns: int) -> Street:
        street = self.streets.get(key)
        if street is None or (street.sure_after is None and at_ns - street.last_ns > HORIZON_NS):
            if street is None and len(self.streets) >= self.most:
                order = sorted(self.streets, key=lambda each: (self.streets[each].walk, self.streets[each].last_ns, each))
                for old in order[: max(1, self.most // 4)]:
                    del self.streets[old]
            street = self.streets[key] = Street()
        street.last_ns = max(street.last_ns, at_ns)
        return street
