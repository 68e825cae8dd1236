"""Two simulations side by side: which ports fare otherwise by the new rules than by the old ones, and for whom."""

from __future__ import annotations

from itertools import pairwise

from portulan.guard.senders import describe
from portulan.model.guard_plan import PlanRow
from portulan.model.policy import NOBODY, THIS_HOST
from portulan.model.port import PORTS, Transport
from portulan.model.reach import Outcome
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import date

    from portulan.guard.reach import Reach
    from portulan.model.policy import Line, Policy
    from portulan.model.standing import Senders

    Door = tuple[Transport, int]
    Who = tuple[tuple[Senders, ...], tuple[Senders, ...]]

FOLLOWED = (Transport.TCP, Transport.UDP)
"""Always; SCTP only where somebody speaks of it."""
_ANSWERED = ((Transport.UDP, 68), (Transport.UDP, 546))
"""Where DHCP servers answer: always kept, to whoever sends from the servers' port. Not worth a line unless somebody asks for one."""


class Piece(Record):
    """Ports of a transport that fare alike, in every simulation."""

    transport: Transport
    first: int
    last: int
    key: tuple[frozenset[int], ...]
    """In which groups of each simulation they are."""


class Simulations:
    """The old rules, the new ones, and the new ones of ours alone."""

    def __init__(self, before: Reach, after: Reach, alone: Reach, transports: tuple[Transport, ...] = FOLLOWED) -> None:
        """Some of them may be the same one. `transports`: those that they follow."""
        self.transports = transports
        self.engines = before, after, alone
        groups = {engine: engine.matrix()[0] for engine in dict.fromkeys(self.engines)}
        self._groups = [groups[engine] for engine in self.engines]
        self._known: dict[tuple[int, frozenset[int]], Who] = {}

    def pieces(self, cuts: Mapping[Transport, Collection[int]]) -> Iterator[Piece]:
        """All ports, in order; cut at these numbers too."""
        for transport in self.transports:
            turns: dict[int, list[tuple[int, int]]] = {0: [], PORTS: [], **{cut: [] for cut in cuts.get(transport, ())}}
            for engine, groups in enumerate(self._groups):
                for number, group in enumerate(groups):
                    for kind, spans in group.ports:
                        for first, last in spans if kind is transport else ():
                            turns.setdefault(first, []).append((engine, number))
                            turns.setdefault(last + 1, []).append((engine, number))
            inside: tuple[set[int], ...] = tuple(set() for _ in self._groups)
            for at, following in pairwise(sorted(turns)):
                for engine, number in turns[at]:
                    inside[engine].symmetric_difference_update((number,))
                yield Piece(transport, at, following - 1, tuple(map(frozenset, inside)))

    def who(self, piece: Piece) -> tuple[Who, ...]:
        """Who gets in there, and who perhaps, by each simulation."""
        return tuple(self._told(engine, groups, piece) for engine, groups in zip(self.engines, piece.key, strict=True))

    def _told(self, engine: Reach, groups: frozenset[int], piece: Piece) -> Who:
        key = id(engine), groups
        known = self._known.get(key)
        if known is None:
            reached = engine.door(piece.transport, piece.first)
            known = self._known[key] = _outside(describe(reached, Outcome.ACCEPT)), _outside(describe(reached, Outcome.MAYBE))
        return known


def _outside(senders: Iterable[Senders]) -> tuple[Senders, ...]:
    """Without this host itself, to whom no policy shuts anything."""
    return tuple(each for each in senders if each.kind != "this-host")


class _Gathering(Record):
    """Pieces that make one row."""

    pieces: list[Piece]
    line: Line | None
    heard: bool
    whos: tuple[Who, ...]


def plan_rows(
    simulations: Simulations, policy: Policy, today: date, heard: Collection[Door], service: Callable[[int, Transport], str | None]
) -> tuple[PlanRow, ...]:
    """What is to be told: each line of the policy, each port on which somebody listens, and what changes for all others together; what changes first.

    `heard`: where somebody listens, or rules send it elsewhere. `service`: the usual name of a port.
    """
    lines = [line for line in policy.doors if not line.is_over(today)]
    gathered: dict[object, _Gathering] = {}
    for piece in simulations.pieces(_cuts(lines, heard)):
        line = next((line for line in lines if any(kind is piece.transport and piece.first in ports for kind, ports in line.ports)), None)
        here = (piece.transport, piece.first) in heard
        # A heard port is a piece of its own; in a row of its line it stands with the others.
        which = id(line) if line is not None else piece.first if here else None
        if which is None and (piece.transport, piece.first) in _ANSWERED:
            continue
        key = which, line is not None, piece.key
        found = gathered.get(key)
        if found is None:
            gathered[key] = _Gathering([piece], line, here, simulations.who(piece))
        else:
            found.pieces.append(piece)
            gathered[key] = found._replace(heard=found.heard or here)
    rows = [_row(one, lines, service) for one in _alike(gathered.values())]
    return tuple(sorted((row for row in rows if row.changes or not row.others), key=lambda row: (row.others, not row.changes)))


def _alike(gathered: Iterable[_Gathering]) -> Iterator[_Gathering]:
    """All others of which the same can be said are one."""
    others: dict[object, _Gathering] = {}
    for one in gathered:
        if one.line is not None or one.heard:
            yield one
        elif one.whos[:2] in others:
            others[one.whos[:2]].pieces.extend(one.pieces)
        else:
            others[one.whos[:2]] = one
    yield from others.values()


def _cuts(lines: Iterable[Line], heard: Collection[Door]) -> dict[Transport, set[int]]:
    cuts: dict[Transport, set[int]] = {transport: set() for transport in FOLLOWED}
    for transport, port in (*heard, *_ANSWERED):
        cuts.setdefault(transport, set()).update((port, port + 1))
    for line in lines:
        for transport, ports in line.ports:
            for part in ports.ranges:
                cuts.setdefault(transport, set()).update((part.first, part.last + 1))
    return cuts


def _row(one: _Gathering, lines: Iterable[Line], service: Callable[[int, Transport], str | None]) -> PlanRow:
    (before, before_perhaps), (after, after_perhaps), alone = one.whos
    first = one.pieces[0]
    names: tuple[str, ...] = ()
    if one.line is not None and alone == (after, after_perhaps):
        here = [line for line in lines if any(kind is first.transport and first.first in ports for kind, ports in line.ports)]
        names = tuple(dict.fromkeys(source.name for line in here for source in line.sources if source.name not in (THIS_HOST, NOBODY)))
    return PlanRow(
        _ports_text(one.pieces),
        sum(piece.last - piece.first + 1 for piece in one.pieces),
        _name(one, service),
        before,
        before_perhaps,
        after,
        after_perhaps,
        names,
        one.heard,
        one.line is None and not one.heard,
    )


def _name(one: _Gathering, service: Callable[[int, Transport], str | None]) -> str | None:
    """The line's own word, where it is one; else what the registry calls the port, where it is one port."""
    if one.line is not None and not one.line.text[0].isdigit():
        return one.line.text
    number, transport = one.pieces[0].first, one.pieces[0].transport
    alone = all(piece.first == piece.last == number for piece in one.pieces)
    return service(number, transport) if alone and (one.line is not None or one.heard) else None


def _ports_text(pieces: Iterable[Piece]) -> str:
    spans: dict[Transport, list[tuple[int, int]]] = {}
    for piece in pieces:
        mine = spans.setdefault(piece.transport, [])
        if mine and mine[-1][1] + 1 == piece.first:
            mine[-1] = mine[-1][0], piece.last
        else:
            mine.append((piece.first, piece.last))
    return " ".join(
        f"{','.join(str(first) if first == last else f'{first}-{last}' for first, last in found)}/{transport.value}"
        for transport, found in spans.items()
    )
