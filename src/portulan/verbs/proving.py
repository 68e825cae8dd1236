"""A proof by packets, carried out: rules are loaded on a host of a closed network, packets are sent to all of its ports, and what came through is judged."""

from __future__ import annotations

import numpy as np

from portulan.guard.proof.judge import PORTS, UNKNOWN, Outcome, differences, disagreements, limited, messages, rounds, tally
from portulan.guard.proof.plan import Ground, message_kinds, neighbours, plan, published, telling
from portulan.guard.proof.simulation import Simulation
from portulan.model.guard_proof import MessageDifference, Road
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.system.firewall.bench import INNER, Bench, bits, message_number
from portulan.system.firewall.read import read_ruleset
from portulan.system.firewall.recorder import NAME
from portulan.system.linux.namespaces import Place
from portulan.system.linux.network import read_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from portulan.guard.proof.judge import Bits, Words
    from portulan.guard.proof.plan import Plan
    from portulan.model.guard_proof import Difference, Messages, Tally, Team
    from portulan.model.policy import Crossing, Line, Policy, Source
    from portulan.model.ruleset import NamedSet, Ruleset
    from portulan.system.firewall.bench import Wire
    from portulan.system.sandbox import Host, Sandbox

    Load: TypeAlias = "Callable[[Bench, Host], None]"
    Expect: TypeAlias = "Callable[[Team, Transport], Words]"
    Progress: TypeAlias = "Callable[[int, int], None]"

ALWAYS = (Transport.TCP, Transport.UDP)
"""SCTP besides, where a line speaks of it."""
MOST_TOLD = 100
"""Differences that are listed."""
_MOST_AT_ONCE = 1 << 17
"""Packets of one round, of all transports: what the kernel lists of them takes longer the more there are."""
_MOST_PORTIONS = 24
"""Of ports behind a rate, for one team and transport."""
_MOST_AGAIN = 4_000
_MOST_TALKING = 64
"""Teams that send ICMP messages together."""


class Asked(Record):
    """What is to be proved."""

    policy: Policy | None
    expect: Expect | None
    """What the policy says of a team; None: there is nothing to compare with but the simulation."""
    wired: tuple[Wire, ...]
    load: Load
    """Loads the rules on the host."""
    nft: str
    senders: tuple[Source, ...] = ()
    """More names of senders than the policy has."""
    burst: int = 1
    """So many packets a rate lets through at once, at least."""
    publish: bool = True
    """Prove what becomes of published ports too."""
    roads: tuple[Road, ...] = tuple(Road)
    pick: int | None = None
    """Only this class of senders of each interface and IP version sends to all ports; None: every one does."""
    simulate: bool = True
    message: Callable[[Team, int, int], bool] | None = None
    """Whether the policy lets a team's ICMP message of a type and hop limit in."""
    telling: tuple[int, ...] = ()
    """More ports at which something may change."""


class Proved(Record):
    """What came of it."""

    tallies: tuple[Tally, ...]
    differences: tuple[Difference, ...]
    more_differences: int
    messages: tuple[Messages, ...]
    message_differences: tuple[MessageDifference, ...]
    limited: int
    untried: int
    not_simulated: int
    left_out: tuple[str, ...]


def carry_out(asked: Asked, sandbox: Sandbox, progress: Progress | None = None) -> Proved:
    """Build, load, send, judge. Raises CannotTell where packets get lost or rules are refused, NotPermitted, MachineFailed."""
    bench = Bench(sandbox, asked.wired, asked.nft)
    try:
        asked.load(bench, bench.host)
        ground = Ground(tuple(wire.link for wire in asked.wired), INNER, bench.versions, bench.taken, bench.own, bench.beyond)
        planned = plan(asked.policy, ground, asked.senders, pick=asked.pick)
        return _Proving(asked, bench, planned, progress).all()
    finally:
        bench.close()


class _Proving:
    def __init__(self, asked: Asked, bench: Bench, planned: Plan, progress: Progress | None) -> None:
        self.asked, self.bench, self.plan = asked, bench, planned
        self._telling = np.array(sorted({*telling(_lines(asked.policy)), *asked.telling}), np.uint16)
        sctp = any(kind is Transport.SCTP for line in _lines(asked.policy) for kind, _ in line.ports)
        self._transports = (*ALWAYS, Transport.SCTP) if sctp else ALWAYS
        self._progress = progress
        self._teams = tuple(team for team in planned.teams if team.road in asked.roads)
        self._published = published(planned, whole=asked.pick is None) if asked.publish and Road.PUBLISHED in asked.roads else ()
        self._sent = 0
        self.tallies: list[Tally] = []
        self.found: list[Difference] = []
        self.messages: list[Messages] = []
        self.wrong_messages: list[MessageDifference] = []
        self.more = self.limited = self.untried = self.unsimulated = 0

    def all(self) -> Proved:
        self._phase(self._teams)
        self._messages()
        if self._published:
            self.bench.publish(self._transports)
            self._phase(self._published)
        return Proved(
            tuple(self.tallies), tuple(self.found[:MOST_TOLD]), self.more + len(self.found[MOST_TOLD:]), tuple(self.messages), tuple(self.wrong_messages), self.limited, self.untried, self.unsimulated,
            self.plan.left_out,
        )  # fmt: skip

    def _phase(self, teams: Sequence[Team]) -> None:
        ruleset = self._read()
        self.bench.fill_sets(key for key, each in ruleset.sets.items() if _is_filled(each))
        simulation = None
        if self.asked.simulate:
            place = Place(self.bench.host.netns_inode, self.bench.host.netns_path)
            simulation = Simulation(ruleset, read_network(place), self._telling.tolist(), self._transports)
        sizes = {team.number: len(self._transports) * (PORTS if team.whole else len(self._telling)) for team in teams}
        for together in rounds(teams, sizes, _MOST_AT_ONCE):
            asks = [(team, dict.fromkeys(self._transports, self._ports(team))) for team in together]
            numbers = self.bench.through(asks)
            for team in together:
                for transport in self._transports:
                    asked = np.zeros(PORTS, bool)
                    asked[self._ports(team)] = True
                    self._judge(team, transport, asked, bits(numbers, team, transport), simulation)
            self._sent += sum(sizes[team.number] for team in together)
            if self._progress is not None:
                self._progress(self._sent, self._total())

    def _messages(self) -> None:
        """ICMP to the host: all types as each class of senders and as a neighbour, echoes as those at edges. Where [outgoing] says who may be pinged, from the host too."""
        if Road.INPUT not in self.asked.roads:
            return
        narrowed = self.asked.policy is not None and self.asked.policy.outgoing is not None
        roads = (Road.INPUT, Road.OUTPUT) if narrowed else (Road.INPUT,)
        teams = [*(team for team in self._teams if team.road in roads), *neighbours(self.plan)]
        for together in rounds(teams, dict.fromkeys((team.number for team in teams), 1), _MOST_TALKING):
            asks = [(team, message_kinds(team)) for team in together]
            heard = self.bench.heard(asks)
            for team, kinds in asks:
                let_in = {(kind, hop): message_number(team, kind, hop) in heard for kind, hop in kinds}
                self.messages.append(messages(team, let_in))
                self.wrong_messages += self._wrong_messages(team, let_in)[: MOST_TOLD - len(self.wrong_messages)]

    def _wrong_messages(self, team: Team, let_in: dict[tuple[int, int], bool]) -> list[MessageDifference]:
        expected = self.asked.message
        if expected is None:
            return []
        return [
            MessageDifference(team, kind, hop, kernel, not kernel)
            for (kind, hop), kernel in let_in.items()
            if expected(team, kind, hop) is not kernel
        ]

    def _total(self) -> int:
        return sum(len(self._transports) * (PORTS if team.whole else len(self._telling)) for team in (*self._teams, *self._published))

    def _ports(self, team: Team) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
        return np.arange(PORTS, dtype=np.uint16) if team.whole else self._telling

    def _read(self) -> Ruleset:
        ruleset = read_ruleset(Place(self.bench.host.netns_inode, self.bench.host.netns_path))
        return ruleset._replace(
            tables=tuple(table for table in ruleset.tables if table.name != NAME),
            chains=tuple(chain for chain in ruleset.chains if chain.table != NAME),
            sets={key: known for key, known in ruleset.sets.items() if key[1] != NAME},
            objects={key: known for key, known in ruleset.objects.items() if key[1] != NAME},
        )

    def _judge(self, team: Team, transport: Transport, asked: Bits, through: Bits, simulation: Simulation | None) -> None:
        unknown = np.full(PORTS, UNKNOWN, np.uint8)
        policy = unknown if self.asked.expect is None else self.asked.expect(team, transport)
        simulated = unknown if simulation is None else simulation.words(team, transport)
        outcome = Outcome(team, transport, asked, through, policy, simulated)
        self.unsimulated += int((asked & (simulated == UNKNOWN)).sum())
        spared = self._within_rates(outcome)
        suspect = disagreements(outcome, spared)[:_MOST_AGAIN].tolist()
        if suspect:  # once more, without the others: what stays is no accident
            through[suspect] = self._again(team, transport, suspect)[suspect]
        wrong = disagreements(outcome, spared)
        room = max(0, MOST_TOLD - len(self.found))
        self.found += differences(outcome, wrong[:room])
        self.more += len(wrong[room:])
        self.tallies.append(tally(outcome))

    def _within_rates(self, outcome: Outcome) -> Bits | None:
        """Ports behind a rate in portions so small that it allows them; returns those that were not tried again."""
        left = limited(outcome).tolist()
        if not left:
            return None
        self.limited += len(left)
        size = max(1, self.asked.burst)
        portions = [left[at : at + size] for at in range(0, len(left), size)]
        if len(portions) > _MOST_PORTIONS:  # the ends, and some between
            chosen = sorted({round(at * (len(portions) - 1) / (_MOST_PORTIONS - 1)) for at in range(_MOST_PORTIONS)})
            portions = [portions[at] for at in chosen]
        for portion in portions:
            through = self._again(outcome.team, outcome.transport, portion)
            outcome.through[portion] = through[portion]
        spared = np.zeros(PORTS, bool)
        spared[left] = True
        spared[[port for portion in portions for port in portion]] = False
        self.untried += int(spared.sum())
        return spared

    def _again(self, team: Team, transport: Transport, ports: list[int]) -> Bits:
        return bits(self.bench.through([(team, {transport: np.array(ports, np.uint16)})]), team, transport)


def _lines(policy: Policy | None) -> Iterable[Line | Crossing]:
    return () if policy is None else (*policy.doors, *(policy.outgoing or ()), *policy.crossings)


def _is_filled(known: NamedSet) -> bool:
    """Whether it is a set that only packets fill: it had nothing in it, or no rule looks into it."""
    members = known.members
    if known.data_types:
        return False
    return members is None or not (members.elements or members.names or (members.spans is not None and len(members.spans.first)))
