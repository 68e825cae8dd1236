"""What is known of each source: its walk, what it tried and learnt; for a bounded number of sources. Pure.

A source that has not been heard of for as long as the horizon is a new one. Where there are too many, the half that is farthest from being scanners goes, of equals those that
were heard of longest ago: a flood of senders that were made up drives out single contacts, and none that has failed twice.
"""

from __future__ import annotations

from portulan.model.record import Record
from portulan.model.scanner import Outcome, Verdict
from portulan.traffic.walk import Steps, odds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PORTS = 256
MOST_LEARNT = 1024
MOST_EVIDENCE = 16
SYSTEM_PORTS = 1024


class Contact(Record):
    """One first contact, when it is known what became of it."""

    at_ns: int
    source: bytes
    destination: bytes
    port: int
    transport: int
    outcome: Outcome
    sure: bool
    """A failure whatever the answer: the door is one that is closed, or nobody honest asks like this."""
    excused: bool
    """No answer from a door that is open: the packet was lost."""
    abandoned: bool
    """Answered, and ended by the source with a reset at once, without a word: it wanted to know, not to talk."""
    learns: bool
    """It was answered, however late."""
    datagram: bool
    """Silence says less: an unanswered datagram, or a lone ACK."""
    new_network: bool
    """The source's first there."""
    new_host: bool
    new_port: bool

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure."""
        return self.sure or self.outcome is not Outcome.ANSWERED


class Source:
    """One source."""

    __slots__ = (
        "answered", "contacts", "evidence", "first_ns", "hosts", "last_ns", "last_port", "learnt", "ports", "ports_seen", "sure_after", "unseen", "walk",
    )  # fmt: skip

    def __init__(self, at_ns: int) -> None:
        self.first_ns = self.last_ns = at_ns
        self.walk = 0.0
        self.contacts = self.answered = self.unseen = self.hosts = self.ports_seen = 0
        self.last_port = -1
        self.sure_after: int | None = None
        self.evidence: list[Contact] = []
        self.ports: list[tuple[int, int]] = []
        self.learnt: list[tuple[int, int]] = []

    def verdict(self, steps: Steps) -> Verdict:
        """By what is known now."""
        if self.sure_after is not None:
            return Verdict.SCANNER
        if self.walk <= steps.lower:
            return Verdict.BENIGN
        if self.unseen and not self.answered and not self.walk:
            return Verdict.CANNOT_JUDGE
        return Verdict.UNDECIDED

    @property
    def odds(self) -> float:
        """How many times as likely a scanner."""
        return odds_of(self.walk)

    def learn(self, transport: int, port: int) -> None:
        """A door answered it."""
        if len(self.learnt) < MOST_LEARNT and (transport, port) not in self.learnt:
            self.learnt.append((transport, port))

    def take(self, contact: Contact, steps: Steps) -> bool:
        """One contact more; whether it makes the source a scanner."""
        self.contacts += 1
        self.first_ns, self.last_ns = min(self.first_ns, contact.at_ns), max(self.last_ns, contact.at_ns)
        self.hosts += contact.new_host
        self.ports_seen += contact.new_port
        if contact.new_port and len(self.ports) < MOST_PORTS:
            self.ports.append((contact.port, contact.transport))
        peer = contact.new_network and contact.port >= SYSTEM_PORTS and contact.port != self.last_port and not contact.sure
        self.last_port = contact.port
        if contact.learns:
            self.learn(contact.transport, contact.port)
        if contact.outcome is Outcome.ANSWERED:
            self.answered += 1
        elif not self._counts(contact):
            return False
        quiet = contact.datagram and contact.outcome is Outcome.SILENT and not contact.sure
        step = steps.of(failed=contact.failed, peer=peer, silent_datagram=quiet)
        if contact.abandoned and not contact.sure:
            step = 0.0 if contact.new_host else steps.abandoned
        self.walk = steps.onward(self.walk, step)
        if self.sure_after is not None:
            return False
        self._keep(contact, steps)
        if self.walk >= steps.upper:
            self.sure_after = self.contacts
        return self.sure_after is not None

    def _counts(self, contact: Contact) -> bool:
        """Whether a contact without an answer says anything."""
        if contact.outcome is Outcome.UNSEEN:
            self.unseen += 1
            return contact.sure
        if contact.excused:
            return False
        # Of a source of which only one direction is seen, silence is what would be seen anyhow.
        one_way = self.unseen and not self.answered
        return contact.sure or contact.outcome is Outcome.REFUSED or not one_way

    def _keep(self, contact: Contact, steps: Steps) -> None:
        """What decides is what came since the walk was last at its lower end; of much, the latest."""
        if self.walk <= steps.lower:
            self.evidence.clear()
            return
        self.evidence.append(contact)
        if len(self.evidence) > MOST_EVIDENCE:
            del self.evidence[0]


class Sources:
    """All that are remembered, `most` at most."""

    def __init__(self, steps: Steps, most: int, horizon_ns: int) -> None:
        self.steps, self.most, self.horizon_ns = steps, most, horizon_ns
        self.known: dict[bytes, Source] = {}
        self.forgotten = 0
        self.past: list[tuple[bytes, Source]] = []
        """Scanners that went and came again after the horizon, as they were."""

    def of(self, address: bytes, at_ns: int) -> Source:
        """A source, new if it is not remembered."""
        found = self.known.get(address)
        if found is not None and at_ns - found.last_ns <= self.horizon_ns:
            return found
        if found is not None and found.sure_after is not None and len(self.past) < self.most:
            self.past.append((address, found))
        if found is None and len(self.known) >= self.most:
            self._forget()
        made = self.known[address] = Source(at_ns)
        return made

    def _forget(self) -> None:
        """Half of them: to choose takes longer than to begin anew."""
        order = sorted((found.walk, found.last_ns, address) for address, found in self.known.items())
        for _, _, address in order[: max(1, self.most // 2)]:
            self.forgotten += 1
            del self.known[address]

    def rows(self) -> Iterator[tuple[bytes, Source]]:
        """All, past ones first."""
        yield from self.past
        yield from self.known.items()
