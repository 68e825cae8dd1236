"""Which hosts of a network are there: asked in waves, each wave only whom none before has heard of. Pure: probers and the clock come in.

A host is up when anything at all answers in its name: an echo, a SYN-ACK, a reset, a datagram, or its own word that a port is closed. That nobody answers is no
proof: a firewall may drop everything. Only on the own link is silence to ARP or neighbour discovery as good as one.
"""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.scan import REASONS, Reason, Verdict
from portulan.scan.order import Permutation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from portulan.model.scan import Answers
    from portulan.scan.order import Key
    from portulan.scan.prober import Prober

    Hosts = NDArray[np.int64]

RATE = 5_000.0
"""Probes a second, unless told otherwise."""
WAIT_S = 1.0
WAVES = 3
_BATCH = 256
_REST_S = 0.005
_AT_ONCE = 1 << 16
_NONE = REASONS.index(Reason.NONE)
_DECIDED = [REASONS.index(each) for each in (Reason.HOST_DOWN, Reason.NO_ROUTE)]
_OWN_WORD = [
    REASONS.index(each) for each in (Reason.PORT_UNREACHABLE, Reason.PROTOCOL_UNREACHABLE, Reason.ADMIN_PROHIBITED, Reason.HOST_PROHIBITED)
]


class Asker(Record):
    """One way of asking."""

    prober: Prober
    ports: int
    """How many ports the prober's space has: pair = host * ports + place of the port."""
    plan: tuple[tuple[int, ...], ...]
    """For each wave, the places of the ports that are asked."""


class Found:
    """What is known of hosts: columns over the places of a space."""

    def __init__(self, hosts: int) -> None:
        self.up = np.zeros(hosts, np.bool_)
        self.reason = np.full(hosts, _NONE, np.uint8)
        """Places in `REASONS`: what answered, or why nothing can."""
        self.rtt_s = np.full(hosts, np.nan, np.float32)
        self.far = np.ones(hosts, np.bool_)
        """Who has to be asked by packets: not our own addresses, nor neighbours that were asked for their hardware address."""
        self.macs: dict[int, bytes] = {}
        """Place -> hardware address, of hosts on our own links."""
        self.probes = 0

    def silent_of(self, hosts: Hosts) -> Hosts:
        """Those of some hosts of whom nothing is known yet."""
        return hosts[~self.up[hosts] & ~np.isin(self.reason[hosts], _DECIDED)]


def discover(
    found: Found, hosts: Hosts, askers: Sequence[Asker], clock: Callable[[], float], key: Key, *, rate: float = RATE, wait_s: float = WAIT_S
) -> None:
    """Ask those of `hosts` (places) who are silent so far, and enter what they say into `found`. Raises what probers raise."""
    order = Permutation(len(hosts), key)
    for begin in range(0, len(hosts), _AT_ONCE):
        part = hosts[order.forward(np.arange(begin, min(begin + _AT_ONCE, len(hosts))))]
        block = _Block(found, part, askers, clock, rate, wait_s)
        for wave in range(max((len(asker.plan) for asker in askers), default=0)):
            block.ask(wave)


class _Block:
    """Some hosts, small enough that the times of all questions are kept."""

    def __init__(self, found: Found, hosts: Hosts, askers: Sequence[Asker], clock: Callable[[], float], rate: float, wait_s: float) -> None:
        self._found, self._hosts, self._askers, self._clock = found, hosts, askers, clock
        self._rate, self._wait_s = rate, wait_s
        self._order = np.argsort(hosts)
        self._sorted = hosts[self._order]
        self._sent_at = np.full((len(askers), len(hosts)), np.nan)

    def ask(self, wave: int) -> None:
        """One wave: send to all who are silent, then wait for the last of them."""
        todo = self._found.silent_of(self._hosts)
        due = last = self._clock()
        for begin in range(0, len(todo), _BATCH):
            batch = self._found.silent_of(todo[begin : begin + _BATCH])
            for number, asker in enumerate(self._askers):
                places = asker.plan[wave] if wave < len(asker.plan) else ()
                for place in places:
                    self._send(number, asker, batch, place, wave)
                due += len(batch) * len(places) / self._rate
            last = self._clock()
            self._listen(due)
        while (now := self._clock()) < last + self._wait_s and self._found.silent_of(todo).size:
            self._listen(min(now + _REST_S, last + self._wait_s))
        for asker in self._askers:
            asker.prober.forget(self._clock())

    def _send(self, number: int, asker: Asker, hosts: Hosts, place: int, wave: int) -> None:
        while len(hosts):
            room = asker.prober.room()
            if not room:
                self._listen(self._clock() + _REST_S)
                asker.prober.forget(self._clock() - self._wait_s)
                continue
            count, begun, ended = asker.prober.send(hosts[:room] * asker.ports + place, wave)
            self._found.probes += count
            self._sent_at[number, self._places(hosts[:count])] = np.linspace(begun, ended, count)
            hosts = hosts[count:]

    def _listen(self, until: float) -> None:
        """Take answers, until then."""
        while True:
            for number, asker in enumerate(self._askers):
                if (answers := asker.prober.receive(0)) is not None:
                    self._take(number, asker, answers)
            left_s = until - self._clock()
            if left_s <= 0 or not self._askers:
                return
            if (answers := self._askers[0].prober.receive(min(left_s, _REST_S))) is not None:
                self._take(0, self._askers[0], answers)

    def _places(self, hosts: Hosts) -> Hosts:
        """Where hosts stand in this block; of others the number is too large."""
        at = np.minimum(np.searchsorted(self._sorted, hosts), len(self._sorted) - 1)
        return np.where(self._sorted[at] == hosts, self._order[at], len(self._hosts))

    def _take(self, number: int, asker: Asker, answers: Answers) -> None:
        found = self._found
        hosts = answers.pair // asker.ports
        own_word = (answers.by == 0) & np.isin(answers.reason, _OWN_WORD)
        alive = (answers.verdict >= Verdict.CLOSED) | ((answers.verdict == Verdict.UNREACHABLE) & own_word)
        fresh = alive & ~found.up[hosts]
        found.reason[hosts[fresh]] = answers.reason[fresh]
        found.up[hosts[fresh]] = True
        places = self._places(hosts)
        timed = fresh & (places < len(self._hosts))
        trips = answers.at[timed] - self._sent_at[number, places[timed]]
        found.rtt_s[hosts[timed]] = np.maximum(trips, 0)  # a batch handed over at once is not sent as evenly as it is taken to be
        told = ~alive & ~found.up[hosts] & (answers.verdict == Verdict.UNREACHABLE)
        found.reason[hosts[told]] = answers.reason[told]
