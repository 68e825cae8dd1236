"""What came through against what should have: port by port, for each team."""

from __future__ import annotations

import numpy as np

from portulan.model.guard_proof import Difference, Messages, Tally
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from portulan.model.guard_proof import Team
    from portulan.model.port import Transport
    from portulan.model.reach import Group

    Bits: TypeAlias = NDArray[np.bool_]
    Words: TypeAlias = NDArray[np.uint8]
    Key: TypeAlias = tuple[int, Transport]

PORTS = 65_536
REFUSED, LET_IN, LIMITED, UNKNOWN = 0, 1, 2, 3
"""What is said of a packet: LIMITED is let in, as long as a rate allows."""


class Outcome(Record):
    """What was sent, came through, and was said, of one team and transport, all by port."""

    team: Team
    transport: Transport
    asked: Bits
    through: Bits
    policy: Words
    simulation: Words


def words_by_piece(cuts: Iterable[int], say: Callable[[int], int]) -> Words:
    """The words of all ports, of which only the first of each piece is asked; `cuts` are the ports where a piece may begin."""
    found = np.full(PORTS, REFUSED, np.uint8)
    starts = sorted({0, *(cut for cut in cuts if 0 < cut < PORTS)})
    for first, end in zip(starts, [*starts[1:], PORTS], strict=True):
        found[first:end] = say(first)
    return found


def words_of_groups(groups: Iterable[Group], team: Team, transport: Transport) -> Words:
    """What a simulation of all senders and ports says of one team."""
    found = np.full(PORTS, REFUSED, np.uint8)
    for group in groups:
        if team.link not in group.links:
            continue
        for sources, word in ((group.perhaps, UNKNOWN), (group.accepted, LET_IN)):
            if not any(first <= team.sender.number <= last for first, last in (sources.v4 if team.version == 4 else sources.v6)):
                continue
            for kind, spans in group.ports:
                if kind is transport:
                    for first, last in spans:
                        part = found[first : last + 1]
                        part[part != LET_IN] = word
    return found


def limited(outcome: Outcome) -> NDArray[np.intp]:
    """Ports behind a rate whose packets did not come through: perhaps the rate was used up."""
    return np.flatnonzero(outcome.asked & ~outcome.through & (outcome.policy == LIMITED))


def disagreements(outcome: Outcome, spared: Bits | None = None) -> NDArray[np.intp]:
    """Ports of which not all say the same. `spared`: behind a rate, not tried again."""
    let_in = (outcome.policy == LET_IN) | (outcome.policy == LIMITED)
    wrong = (outcome.policy != UNKNOWN) & (let_in != outcome.through)
    simulated = outcome.simulation == LET_IN
    wrong |= (outcome.simulation < LIMITED) & (simulated != outcome.through)
    if spared is not None:
        wrong &= ~spared
    return np.flatnonzero(wrong & outcome.asked)


def differences(outcome: Outcome, ports: Iterable[int]) -> list[Difference]:
    """In words."""
    return [
        Difference(
            outcome.team,
            outcome.transport,
            int(port),
            bool(outcome.through[port]),
            _said(outcome.policy[port]),
            _said(outcome.simulation[port]),
        )
        for port in ports
    ]


def _said(word: int) -> bool | None:
    return None if word == UNKNOWN else bool(word)


def tally(outcome: Outcome) -> Tally:
    """The figures of one team and transport."""
    known = not (outcome.policy == UNKNOWN).all()
    expected = int(((outcome.policy == LET_IN) | (outcome.policy == LIMITED))[outcome.asked].sum()) if known else -1
    through = outcome.through & outcome.asked
    return Tally(outcome.team, outcome.transport, int(outcome.asked.sum()), int(through.sum()), expected, spans(through))


def messages(team: Team, let_in: Mapping[tuple[int, int], bool]) -> Messages:
    """The figures of one team's ICMP messages: (type, hop limit) -> whether it came through."""
    highest = max(hop for _, hop in let_in)
    kinds = {hop: np.zeros(256, bool) for _, hop in let_in}
    for (kind, hop), through in let_in.items():
        kinds[hop][kind] = through
    near = spans(kinds[highest]) if len(kinds) > 1 else ()
    return Messages(team, len(let_in), spans(kinds[min(kinds)]), near)


def spans(bits: Bits) -> tuple[tuple[int, int], ...]:
    """Where they are set, as (first, last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], bits.view(np.uint8), [0]])))
    return tuple((int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True))


def rounds(teams: Iterable[Team], sizes: Mapping[int, int], most: int) -> list[list[Team]]:
    """Teams that can send together: of one way, interface and IP version, and no more packets than `most` in all (one team may have more by itself)."""
    found: list[list[Team]] = []
    key: object = None
    room = 0
    for team in sorted(teams, key=lambda each: (each.road, each.link, each.beyond, each.version, each.number)):
        here = team.road, team.link, team.version
        if here != key or sizes[team.number] > room:
            found.append([])
            key, room = here, most
        found[-1].append(team)
        room -= sizes[team.number]
    return found
