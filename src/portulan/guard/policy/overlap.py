"""Lines that name the same ports: together they let in whoever is in one of them, which is not always what somebody meant."""

from __future__ import annotations

from itertools import pairwise

from portulan.guard.policy.cover import Cover, parts_of
from portulan.guard.policy.terms import terms_of_line
from portulan.guard.policy.wording import ports_text
from portulan.model.finding import Level
from portulan.model.guard_check import Doubtful

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date
    from typing import TypeAlias

    from portulan.model.policy import Line, Part
    from portulan.model.port import Transport

    Piece: TypeAlias = tuple[Transport, int, int, tuple[int, ...]]


def find_overlaps(lines: Iterable[Line], today: date) -> Iterator[Doubtful]:
    """What is doubtful about lines of one direction that share ports, a finding for each line at most."""
    alive = [line for line in lines if not line.is_over(today)]
    parts = [parts_of(line.sources) for line in alive]
    cover = Cover()
    pieces = [*_pieces(alive)]
    idle: set[int] = set()
    for at in reversed(range(len(alive))):  # of two equal lines the later one is told
        free: dict[Transport, list[list[int]]] = {}
        for transport, _, _, here in pieces:
            if at in here:
                others = [
                    other
                    for other in here
                    if other != at and other not in idle and alive[other].limit is None and _lasts(alive[other], alive[at])
                ]
                free.setdefault(transport, []).append(others)
        found = _idle(at, [here for each in free.values() for here in each], alive, parts, cover)
        if found is None and len(free) > 1:  # of one transport, perhaps
            found = next((one for each in free.values() if (one := _contradicted(at, each, alive, parts, cover)) is not None), None)
        if found is not None:
            idle.add(at)
            yield found
    yield from _twice(alive, parts, pieces, idle)


def _lasts(other: Line, line: Line) -> bool:
    """Whether a line is open for as long as another one: what ends before it does not stand in for it."""
    return other.until is None or (line.until is not None and other.until >= line.until)


def _pieces(lines: Sequence[Line]) -> Iterator[Piece]:
    """Spans of ports that the same lines name."""
    for transport in dict.fromkeys(kind for line in lines for kind, _ in line.ports):
        spans = [
            (part.first, part.last, at)
            for at, line in enumerate(lines)
            for kind, ports in line.ports
            if kind is transport
            for part in ports.ranges
        ]
        cuts = sorted({first for first, _, _ in spans} | {last + 1 for _, last, _ in spans})
        opening: dict[int, list[int]] = {}
        closing: dict[int, list[int]] = {}
        for first, last, at in spans:
            opening.setdefault(first, []).append(at)
            closing.setdefault(last + 1, []).append(at)
        now: set[int] = set()
        for first, after in pairwise(cuts):
            now.difference_update(closing.get(first, ()))
            now.update(opening.get(first, ()))
            if now:
                yield transport, first, after - 1, tuple(sorted(now))


def _idle(
    at: int, others: Sequence[Sequence[int]], lines: Sequence[Line], parts: Sequence[tuple[Part, ...]], cover: Cover
) -> Doubtful | None:
    """What is to be said of a line whose senders all come in by others, at each of its ports; `others` are those, without a limit, of each span of its ports."""
    line = lines[at]
    if not _is_covered(at, others, parts, cover):
        return None
    contradicted = _contradicted(at, others, lines, parts, cover)
    if contradicted is not None:
        return contradicted
    wider = any(not cover.covered(parts[other], parts[at]) for here in others for other in here)
    if (line.limit is None and (line.log or line.helper is not None)) or (wider and not parts[at]):
        return None  # it does something that the others do not
    other = lines[others[0][0]]
    facts: dict[str, str | int] = {
        "text": line.text,
        "other": other.text,
        "other_line": other.spot.line,
        "ports": " ".join(ports_text(line.ports)),
    }
    return Doubtful("line.limit-idle" if line.limit is not None else "line.shadowed", Level.WARNING, line.spot, facts)


def _is_covered(at: int, others: Sequence[Sequence[int]], parts: Sequence[tuple[Part, ...]], cover: Cover) -> bool:
    return all(others) and all(cover.covered(parts[at], [part for other in here for part in parts[other]]) for here in others)


def _contradicted(
    at: int, others: Sequence[Sequence[int]], lines: Sequence[Line], parts: Sequence[tuple[Part, ...]], cover: Cover
) -> Doubtful | None:
    """A line that means fewer senders than come in by others, at each of these spans of its ports."""
    line = lines[at]
    if line.limit is not None or not _is_covered(at, others, parts, cover):
        return None
    wider = next((other for here in others for other in here if not cover.covered(parts[other], parts[at])), None)
    if wider is None or not (parts[at] or all(any(parts[other] for other in here) for here in others)):
        return None
    facts: dict[str, str | int] = {"text": line.text, "other": lines[wider].text, "other_line": lines[wider].spot.line}
    facts |= {"senders": ", ".join(each.name for each in line.sources), "others": ", ".join(each.name for each in lines[wider].sources)}
    return Doubtful("line.contradicted", Level.WARNING, line.spot, {**facts, "ports": " ".join(ports_text(line.ports))})


def _twice(lines: Sequence[Line], parts: Sequence[tuple[Part, ...]], pieces: Iterable[Piece], told: set[int]) -> Iterator[Doubtful]:
    """Two keys for the same ports on the same terms: one line could say it. On other terms it takes two."""
    for _, _, _, here in pieces:
        for left, right in ((left, right) for left in here for right in here if left < right):
            alike = (lines[left].ports, terms_of_line(lines[left])) == (lines[right].ports, terms_of_line(lines[right]))
            if alike and not told.intersection((left, right)) and parts[left] and parts[right]:
                told.add(right)
                facts: dict[str, str | int] = {"text": lines[right].text, "other": lines[left].text, "other_line": lines[left].spot.line}
                yield Doubtful("line.twice", Level.WARNING, lines[right].spot, facts)
