"""Which packets a proof sends: teams of one sender each, on every way through the host that a policy speaks of."""

from __future__ import annotations

from portulan.guard.policy.meaning import ECHO_REQUEST
from portulan.guard.proof.senders import Sender, named, senders, spans_at
from portulan.model.guard_proof import Road, Team
from portulan.model.network import Address
from portulan.model.policy import THIS_HOST
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from portulan.model.policy import Crossing, Line, Policy, Source

    AddressOf = Callable[[str, int], int | None]

MOST_TEAMS = 1 << 14
"""A packet has room for so many."""
ECHO_REQUEST_6 = 128
_NEIGHBOUR = (0xFE80 << 112) + 9
_LOOPBACK = {4: 0x7F000001, 6: 1}
_ALWAYS = (0, 1, 9, 1023, 1024, 32_768, 65_534, 65_535)
_MOST_TELLING = 4_096
_ENOUGH = 2
NO_CLASS = -1
UNNAMED = "#"
"""Names of senders that only rules know begin so."""


class Ground(Record):
    """What the proof stands on."""

    links: tuple[str, ...]
    """Interfaces of the host with the rules."""
    inner: str
    """The one that leads to its container."""
    versions: tuple[int, ...]
    taken: frozenset[int]
    """Addresses that hosts of the proof have."""
    own: AddressOf
    """The host's address at an interface, by IP version."""
    beyond: AddressOf
    """The address of the host behind an interface."""


class Plan(Record):
    """All teams, those of one way and interface and IP version together."""

    teams: tuple[Team, ...]
    left_out: tuple[str, ...] = ()
    """Codes, as in `Certificate`."""


class _Maker:
    def __init__(self, ground: Ground, pick: int | None) -> None:
        self.ground = ground
        self.teams: list[Team] = []
        self.left_out: dict[str, None] = {}
        self._pick = pick

    def add(
        self, road: Road, version: int, link: str, found: Sequence[Sender], target: int | None, *, beyond: str = "", whole: bool = True
    ) -> None:
        """A team for each sender. `target`: where to; of OUTPUT the senders are the targets."""
        if target is None:
            return
        able = [each for each in found if whole and not each.edge]
        if self._pick is not None:
            able = [able[self._pick % len(able)]] if able and road is Road.INPUT and self._pick != NO_CLASS else []
        for each in found:
            if len(self.teams) == MOST_TEAMS:
                self.left_out["too-many"] = None
                return
            sender, goal = (each.address, Address(version, target)) if road is not Road.OUTPUT else (Address(version, target), each.address)
            self.teams.append(Team(len(self.teams), road, version, link, beyond, sender, goal, each.names, each in able, each.edge))

    def lacks(self, hopeless: set[tuple[str, ...]]) -> None:
        """Take note of classes of senders none of whom can send, but for those that nobody has named."""
        if any(not name.startswith(UNNAMED) for names in hopeless for name in names):
            self.left_out["senders"] = None


def plan(policy: Policy | None, ground: Ground, more: Sequence[Source] = (), *, pick: int | None = None) -> Plan:
    """All that there is to send.

    `more`: further names of senders, such as live rules have. `pick`: of each interface and IP version only one class of senders, this one, sends to all ports, and the
    others only where something changes (NO_CLASS: all of them only there); None: every class sends to all.
    """
    maker = _Maker(ground, pick)
    sources = (*(named(policy) if policy is not None else ()), *more)
    if 6 not in ground.versions:
        maker.left_out["no-ipv6"] = None
    for version in ground.versions:
        here = Sender(Address(version, _LOOPBACK[version]), (THIS_HOST,))
        maker.add(Road.LOCAL, version, "lo", [here], _LOOPBACK[version])
        for link in ground.links:
            found, hopeless = senders(sources, link, version, ground.taken)
            maker.lacks(hopeless)
            neighbour = ground.beyond(link, version)
            if neighbour is not None:
                found.append(Sender(Address(version, neighbour), _names(sources, neighbour, link, version), edge=True))
            maker.add(Road.INPUT, version, link, found, ground.own(link, version))
    if policy is not None:
        _forward(policy, maker)
        _output(policy, maker)
    return Plan(tuple(maker.teams), tuple(maker.left_out))


def published(plan: Plan, *, whole: bool) -> tuple[Team, ...]:
    """The same senders once more, towards a host that sends every port on to a container. `whole`: to all ports, those that sent to all."""
    return tuple(team._replace(road=Road.PUBLISHED, whole=team.whole and whole) for team in plan.teams if team.road is Road.INPUT)


def neighbours(plan: Plan) -> tuple[Team, ...]:
    """For each interface somebody who stands on the very link, known by an address of that link only (IPv6)."""
    found: dict[str, Team] = {}
    number = len(plan.teams)
    for team in plan.teams:
        if team.road is Road.INPUT and team.version == 6 and team.link not in found and number < MOST_TEAMS:
            found[team.link] = team._replace(number=number, sender=Address(6, _NEIGHBOUR), names=(), edge=False)
            number += 1
    return tuple(found.values())


def message_kinds(team: Team) -> list[tuple[int, int]]:
    """(type, hop limit) of the ICMP messages that a team sends."""
    if team.edge:
        return [(ECHO_REQUEST if team.version == 4 else ECHO_REQUEST_6, 64)]
    return [(kind, hop) for hop in ((64,) if team.version == 4 else (64, 255)) for kind in range(256)]


def _names(sources: Iterable[Source], number: int, link: str, version: int) -> tuple[str, ...]:
    return tuple(source.name for source in sources if any(first <= number <= last for first, last in spans_at(source, link, version)))


def _forward(policy: Policy, maker: _Maker) -> None:
    """From each interface to each other one: the hosts that stand there. All ports where there are zones, else nothing depends on them."""
    ground = maker.ground
    # The container's interface is one that no line means, and stands for all such where there is no other one.
    every = ground.links if len(ground.links) > _ENOUGH else (*ground.links, ground.inner)
    for version in ground.versions:
        for link in every:
            sender = ground.beyond(link, version)
            for beyond in every:
                if beyond != link and sender is not None:
                    one = [Sender(Address(version, sender), ())]
                    maker.add(Road.FORWARD, version, link, one, ground.beyond(beyond, version), beyond=beyond, whole=bool(policy.zones))


def _output(policy: Policy, maker: _Maker) -> None:
    """From the host to everybody that a line of [outgoing] tells apart."""
    ground = maker.ground
    lines = policy.outgoing or ()
    sources = tuple({source.name: source for source in (*(one for line in lines for one in line.sources), *policy.ping_out)}.values())
    for version in ground.versions:
        for link in ground.links:
            found, hopeless = senders(sources, link, version, ground.taken)
            maker.lacks(hopeless)
            maker.add(Road.OUTPUT, version, link, found, ground.own(link, version), whole=policy.outgoing is not None)


def telling(lines: Iterable[Line | Crossing]) -> tuple[int, ...]:
    """Ports at which something may change: the first and the last of each span that a line has, those beside them, and a few more."""
    found = dict.fromkeys(_ALWAYS)
    for line in lines:
        for _, ports in line.ports:
            for part in ports.ranges:
                found.update(dict.fromkeys(port for port in (part.first - 1, part.first, part.last, part.last + 1) if 0 <= port <= 65_535))
    return tuple(sorted(found)[:_MOST_TELLING])
