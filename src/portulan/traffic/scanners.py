"""Who tries the doors: tables of flows, tick by tick or all at once, become verdicts on their sources. Pure.

A contact is judged when it is known what became of it: with its answer or its reset; when no answer has come for as long as one takes (`patience_s`: a SYN that was lost
twice is sent for the third time after three seconds, RFC 6298); or at once, where the door is one of this host's that is shut, or where nobody honest asks like that. Contacts are judged in the
order in which that is known, so that ticks give the verdicts that the whole capture gives, up to the bounds of memory.

One direction only: silence says something only where answers would be seen. Until one flow has been seen in both directions silent contacts wait; if none is, their
sources cannot be judged. A source that goes on as if it had been answered, while no answer of anyone is seen, cannot be judged either.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.scanner import Outcome, Scanners, Verdict
from portulan.traffic.backscatter import Backscatter
from portulan.traffic.contacts import NEVER, TCP, UDP, Contacts, Replies, append, cut, join, networks, nobody, sort_out
from portulan.traffic.novelty import Met, mix
from portulan.traffic.sightings import instant, of_replies, of_source, of_street
from portulan.traffic.sources import Contact, Sources
from portulan.traffic.together import Together
from portulan.traffic.walk import Odds, steps_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import Any

    from numpy.typing import NDArray

    from portulan.model.scanner import Scanner
    from portulan.traffic.flows import Flows

    Keys = NDArray[np.uint64]
    Bools = NDArray[np.bool_]

_SECOND = 10**9
_MOST_GAPS = 64
_GRACE_NS = _SECOND
"""How long after an answer it shows whether the source wanted it."""
_DOOR, _HOST, _PORT, _NETWORK, _ANYONE, _OWN = range(1, 7)
"""What a key is of, so that none is taken for one of another kind."""
_OUTCOMES = (Outcome.ANSWERED, Outcome.REFUSED, Outcome.SILENT, Outcome.UNSEEN)
_ANSWERED, _REFUSED, _SILENT, _UNSEEN = range(4)


class OwnDoors(Record):
    """What this host has open, as far as it matters to others: each address of its own that is known, and the doors there that are open and can be reached."""

    addresses: frozenset[bytes]
    """16 bytes each, as in Flows. Nothing is said about others."""
    open: frozenset[tuple[bytes, int, int]]
    """(address, IP protocol number, port): somebody listens, and everyone can get there."""
    unsure: frozenset[tuple[bytes, int, int]] = frozenset()
    """Those that a firewall may shut to some: judged by what is seen."""


class Settings(Record):
    """How it is judged. Times in seconds."""

    odds: Odds = Odds()
    patience_s: float = 4.0
    last_patience_s: float = 1.0
    """The same for contacts shortly before the end of a capture."""
    horizon_s: float = 86_400.0
    """How long a source is remembered that does nothing: slower scans than one door in so long are not seen."""
    most_sources: int = 1 << 16
    most_doors: int = 1 << 21
    """Of pairs of a source and a door that are told apart."""
    most_waiting: int = 1 << 18
    """Of contacts of which it is not known yet what becomes of them."""
    most_at_once: int = 1 << 16
    """Of flows that are looked at together."""
    both_ways: bool = False
    """It is known that both directions are seen, as they are live."""
    salt: int = 0
    """Makes collisions of keys impossible to aim for: chosen by lot where strangers send."""


class _Outcomes(Record):
    """What became of each contact."""

    known_ns: NDArray[np.int64]
    """When that is known."""
    outcome: NDArray[np.int64]
    sure: Bools
    """A failure anyhow."""
    excused: Bools
    abandoned: Bools


class Doorkeeper:
    """Sees flows, remembers contacts, and says who is a scanner."""

    def __init__(self, own_open: OwnDoors | None = None, settings: Settings | None = None, *, spare: Iterable[bytes] = ()) -> None:
        self.settings = settings if settings is not None else Settings()
        self.steps = steps_of(self.settings.odds)
        self.sources = Sources(self.steps, self.settings.most_sources, int(self.settings.horizon_s * _SECOND))
        self.together = Together(self.settings.odds)
        self.backscatter = Backscatter(self.settings.most_sources // 16)
        self.spare = frozenset(spare)
        """Sources that are never judged: this machine's own addresses."""
        self._met = Met(self.settings.most_doors)
        self._novel = Met(self.settings.most_doors)
        self._waiting, self._waiting_keys = nobody(), np.zeros(0, np.uint64)
        self._both_ways_ns = 0 if self.settings.both_ways else NEVER
        self._dropped = 0
        self._gaps: tuple[tuple[int, int], ...] = ()
        self._began_ns, self._ended_ns = NEVER, 0
        self.own(own_open)

    def own(self, own_open: OwnDoors | None) -> None:
        """What this host has open from now on."""
        salt = self.settings.salt
        addresses = sorted(own_open.addresses) if own_open is not None else []
        self._own_addresses = mix(salt, _OWN, _voids(addresses))
        self._own_open = self._door_keys(own_open.open if own_open is not None else ())
        self._own_unsure = self._door_keys(own_open.unsure if own_open is not None else ())

    def _door_keys(self, doors: Collection[tuple[bytes, int, int]]) -> Keys:
        rows = sorted(doors)
        numbers = np.array([each[1:] for each in rows], np.int64).reshape(-1, 2)
        return mix(self.settings.salt, _OWN, _voids([each[0] for each in rows]), numbers[:, 0], numbers[:, 1])

    def missed(self, begin_ns: int, end_ns: int) -> None:
        """Packets of that time were not seen: who was not answered then may have been."""
        self._gaps = (*self._gaps[1 - _MOST_GAPS :], (begin_ns, end_ns))

    def see(self, flows: Flows, now_ns: int) -> tuple[Scanner, ...]:
        """Flows, whole or in part, of all packets until now that were not seen before (or were: it changes nothing). Those that are found out by them, each once."""
        found: list[Scanner] = []
        for part, until_ns in self._parts(flows, now_ns):
            self._arrive(part)
            found += self._judge(until_ns, self.settings.patience_s, _GRACE_NS)
        return tuple(found)

    def _parts(self, flows: Flows, now_ns: int) -> Iterator[tuple[Flows, int]]:
        """A large table in the order in which its flows began, with the time before which no other begins: what its rows take in memory is bounded so."""
        began, most = flows.forward.first_ns, self.settings.most_at_once
        if len(began) <= most or (np.diff(began) < 0).any():
            yield flows, now_ns
            return
        for first in range(0, len(began), most):
            last = first + most
            yield cut(flows, first, last), min(now_ns, int(began[last]) - 1) if last < len(began) else now_ns

    def end(self, now_ns: int) -> Scanners:
        """All that is known, if nothing more comes. Nothing is seen after it."""
        tuple(self._judge(now_ns, self.settings.last_patience_s, 0))
        return self.now()

    def now(self) -> Scanners:
        """All that is known so far."""
        cannot = self._cannot_judge()
        rows, scanners, counts = [], set(), dict.fromkeys(Verdict, 0)
        for address, source in self.sources.rows():
            verdict = source.verdict(self.steps)
            if verdict is Verdict.UNDECIDED and not source.contacts - source.unseen and address in cannot:
                verdict = Verdict.CANNOT_JUDGE
            cannot.discard(address)
            counts[verdict] += 1
            if verdict is Verdict.SCANNER:
                scanners.add(address)
                rows.append(of_source(address, source, self.steps))
        rows += [of_street(street, scanners) for street in self.together.streets.values() if street.sure_after is not None]
        rows += [of_replies(address, found) for address, found in self.backscatter.sure(self._both_ways_ns)]
        began = self._began_ns < NEVER
        return Scanners(
            rows=tuple(sorted(rows, key=lambda each: (each.since, each.sources))),
            judged=counts[Verdict.SCANNER] + counts[Verdict.BENIGN] + counts[Verdict.UNDECIDED],
            benign=counts[Verdict.BENIGN],
            undecided=counts[Verdict.UNDECIDED],
            cannot_judge=counts[Verdict.CANNOT_JUDGE] + len(cannot),
            forgotten=self.sources.forgotten + self._dropped,
            began_at=instant(self._began_ns) if began else None,
            ended_at=instant(max(self._ended_ns, self._began_ns)) if began else None,
        )

    # What arrives

    def _arrive(self, flows: Flows) -> None:
        if not len(flows.source):
            return
        found = sort_out(flows)
        self._both_ways_ns = min(self._both_ways_ns, found.both_ways_ns)
        self._span(flows)
        contacts, replies = found.contacts, found.replies
        keys = self._keys(contacts)
        is_answer = self._answers(contacts, keys)
        replies = _and_answers(replies, contacts.take(is_answer))
        contacts, keys = join(contacts.take(~is_answer), keys[~is_answer])
        # What was met can not be a first contact; it can be an answer to one that waits, and tell a source something late.
        fresh = self._met.first(keys)
        self._wait(contacts.take(fresh), keys[fresh])
        self._learn(self._more(contacts.take(~fresh), keys[~fresh]))
        acquainted_keys = self._keys(found.acquainted)
        self._more(found.acquainted, acquainted_keys)
        self._met.first(acquainted_keys)
        self._reply(replies)

    def _span(self, flows: Flows) -> None:
        for way in (flows.forward, flows.reverse):
            there = way.packets > 0
            if there.any():
                self._began_ns = min(self._began_ns, NEVER - 1, max(0, int(way.first_ns[there].min())))
                self._ended_ns = max(self._ended_ns, min(NEVER - 1, int(way.last_ns[there].max())))

    def _keys(self, contacts: Contacts) -> Keys:
        return mix(self.settings.salt, _DOOR, contacts.source, contacts.destination, contacts.transport, contacts.port)

    def _answers(self, contacts: Contacts, keys: Keys) -> Bools:
        """Which of those that may be answers have something to answer: a contact the other way, before."""
        back = mix(self.settings.salt, _DOOR, contacts.destination, contacts.source, contacts.transport, contacts.source_port)
        answers: Bools = self._met.has(back)
        order = np.lexsort((contacts.at_ns, keys))
        unique, first = np.unique(keys[order], return_index=True)
        if len(unique):
            place = np.minimum(np.searchsorted(unique, back), len(unique) - 1)
            answers |= (unique[place] == back) & (contacts.at_ns[order[first]][place] < contacts.at_ns)
        return answers & contacts.doubtful & ~self._met.has(keys)

    def _wait(self, contacts: Contacts, keys: Keys) -> None:
        # A whole capture is judged as it comes: only what is still open after that is bounded.
        self._waiting, self._waiting_keys = append(self._waiting, contacts), np.concatenate((self._waiting_keys, keys))

    def _more(self, contacts: Contacts, keys: Keys) -> Contacts:
        """More of what waits; the rows of what does not."""
        waits = np.isin(keys, self._waiting_keys)
        if waits.any():
            self._waiting, self._waiting_keys = join(
                append(self._waiting, contacts.take(waits)), np.concatenate((self._waiting_keys, keys[waits]))
            )
        return contacts.take(~waits)

    def _learn(self, contacts: Contacts) -> None:
        """Answers that came too late to count: the source knows now."""
        known = self.sources.known
        contacts = contacts.take(contacts.answer_ns < NEVER)
        rows = zip(contacts.source.tolist(), contacts.transport.tolist(), contacts.port.tolist(), strict=True)
        for source, transport, port in dict.fromkeys(rows):
            if source in known:
                known[source].learn(transport, port)

    def _reply(self, replies: Replies) -> None:
        if not len(replies.at_ns):
            return
        never = np.full(len(replies.at_ns), NEVER, np.int64)
        none = np.zeros(len(never), bool)
        asked = Contacts(
            source=replies.to, destination=replies.door, transport=replies.transport, port=replies.port, source_port=replies.to_port,
            at_ns=never, place=never, answer_ns=np.where(replies.answer, replies.at_ns, NEVER), refuse_ns=np.where(replies.answer, NEVER, replies.at_ns),
            icmp=np.zeros(len(never), np.uint8), strange=none, closed_ns=never, spoke=none, went_on=none, doubtful=none,
        )  # fmt: skip
        keys = self._keys(asked)
        met = self._met.has(keys)
        waits = np.isin(keys, self._waiting_keys)
        if waits.any():
            self._both_ways_ns = min(self._both_ways_ns, int(replies.at_ns[waits].min()))
        self._learn(self._more(asked.take(met), keys[met]))
        # A reset alone may be the source's own: it ends what it began.
        the_other = mix(self.settings.salt, _DOOR, replies.door, replies.to, replies.transport, replies.to_port)
        ends = asked._replace(
            source=replies.door, destination=replies.to, port=replies.to_port, source_port=replies.port, answer_ns=never, refuse_ns=never,
            closed_ns=np.where(replies.answer, NEVER, replies.last_ns),
        )  # fmt: skip
        self._more(ends, the_other)
        self.backscatter.take(replies, replies.lone & ~met & ~self._met.has(the_other))

    # What is judged

    def _judge(self, now_ns: int, patience_s: float, grace_ns: int) -> Iterator[Scanner]:
        rows, keys = self._waiting, self._waiting_keys
        found = self._outcomes(rows, int(patience_s * _SECOND), grace_ns)
        ready = found.known_ns <= now_ns
        self._waiting, self._waiting_keys = rows.take(~ready), keys[~ready]
        self._bound()
        order = np.lexsort((keys, rows.place, rows.at_ns, found.known_ns))
        order = order[ready[order]]
        columns: list[Any] = [column[order] for column in found]
        yield from self._walk(rows.take(order), _Outcomes(*columns))

    def _bound(self) -> None:
        """Those that wait longest stay: a flood drives out itself."""
        over = len(self._waiting_keys) - self.settings.most_waiting
        if over > 0:
            self._dropped += over
            keep = np.sort(np.argsort(self._waiting.at_ns, kind="stable")[:-over])
            self._waiting, self._waiting_keys = self._waiting.take(keep), self._waiting_keys[keep]

    def _outcomes(self, rows: Contacts, patience_ns: int, grace_ns: int) -> _Outcomes:
        salt = self.settings.salt
        late = rows.at_ns + patience_ns
        spoken = np.minimum(rows.answer_ns, rows.refuse_ns)
        heard = spoken <= late
        outcome = np.where(
            heard, np.where(rows.answer_ns <= rows.refuse_ns, _ANSWERED, _REFUSED), np.where(rows.icmp > 0, _REFUSED, _SILENT)
        )
        outcome[~heard & rows.went_on] = _UNSEEN
        own = np.isin(mix(salt, _OWN, rows.destination), self._own_addresses) & ((rows.transport == TCP) | (rows.transport == UDP))
        doors = mix(salt, _OWN, rows.destination, rows.transport, rows.port)
        is_open = own & np.isin(doors, self._own_open)
        sure = rows.strange | (own & ~is_open & ~np.isin(doors, self._own_unsure))
        answered = (outcome == _ANSWERED) & (rows.transport == TCP)
        abandoned = answered & ~rows.spoke & (rows.closed_ns <= rows.answer_ns + _GRACE_NS)
        known_ns = np.where(heard, np.maximum(spoken, rows.at_ns), late)
        known_ns[answered] += grace_ns
        # Where nothing shows that answers would be seen, silence waits until something does.
        mute = (outcome == _SILENT) & ~sure
        for begin_ns, end_ns in self._gaps:
            outcome[mute & (rows.at_ns <= end_ns) & (late >= begin_ns)] = _UNSEEN
        mute &= outcome == _SILENT
        known_ns[mute] = np.maximum(known_ns[mute], self._both_ways_ns)
        known_ns[sure] = rows.at_ns[sure]
        if not grace_ns:  # the end: ICMP said it, whenever
            told = ~heard & (outcome == _REFUSED)
            known_ns[told] = rows.at_ns[told]
        return _Outcomes(known_ns, outcome, sure, is_open & (outcome == _SILENT), abandoned)

    def _walk(self, rows: Contacts, found: _Outcomes) -> Iterator[Scanner]:
        salt, nets = self.settings.salt, networks(rows.destination)
        new = self._novel.first
        new_network = new(mix(salt, _NETWORK, rows.source, nets))
        new_host = new(mix(salt, _HOST, rows.source, rows.destination))
        new_port = new(mix(salt, _PORT, rows.source, rows.transport, rows.port))
        new_door = new(mix(salt, _ANYONE, rows.destination, rows.transport, rows.port))
        datagram = (rows.transport != TCP) | (rows.doubtful & ~rows.strange)
        columns = (
            rows.at_ns, rows.source, rows.destination, rows.port, rows.transport, found.outcome, found.sure, found.excused, found.abandoned, rows.answer_ns < NEVER, datagram, new_network, new_host, new_port, new_door, nets,
        )  # fmt: skip
        for *facts, door, network in zip(*(column.tolist() for column in columns), strict=True):
            facts[5] = _OUTCOMES[facts[5]]
            contact = Contact(*facts)
            if contact.source not in self.spare:
                yield from self._one(contact, door, network)

    def _one(self, contact: Contact, new_door: bool, network: bytes) -> Iterator[Scanner]:  # noqa: FBT001 - a column
        source = self.sources.of(contact.source, contact.at_ns)
        if source.take(contact, self.steps):
            yield of_source(contact.source, source, self.steps)
        counts = contact.outcome is not Outcome.UNSEEN and not contact.excused
        if new_door and counts and source.sure_after is None and source.walk > self.steps.lower:
            for _, street in self.together.take(contact, network, self._is_scanner):
                yield of_street(street, ())

    def _is_scanner(self, address: bytes) -> bool:
        found = self.sources.known.get(address)
        return found is not None and found.sure_after is not None

    def _cannot_judge(self) -> set[bytes]:
        """Sources whose silent contacts still wait, because nothing ever came back to anyone."""
        if self._both_ways_ns < NEVER:
            return set()
        silent = (self._waiting.answer_ns == NEVER) & (self._waiting.refuse_ns == NEVER)
        return set(self._waiting.source[silent].tolist()) - self.spare


def _voids(addresses: list[bytes]) -> NDArray[np.void]:
    return np.frombuffer(b"".join(addresses), "V16")


def _and_answers(replies: Replies, contacts: Contacts) -> Replies:
    """Contacts that turned out to be answers."""
    more = Replies(
        door=contacts.source, port=contacts.source_port, to=contacts.destination, to_port=contacts.port, transport=contacts.transport,
        at_ns=contacts.at_ns, last_ns=contacts.at_ns, answer=np.ones(len(contacts.at_ns), bool), lone=np.zeros(len(contacts.at_ns), bool),
    )  # fmt: skip
    pairs: Iterator[tuple[Any, Any]] = zip(replies, more, strict=True)
    columns: list[Any] = [np.concatenate(pair) for pair in pairs]
    return Replies(*columns)
