"""Whether a line more would do what somebody asked for: whom other lines let in already comes in by them, whatever the new one says."""

from __future__ import annotations

from portulan.guard.policy.cover import covered, parts_of
from portulan.guard.policy.terms import agree, terms_of_line
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from portulan.guard.policy.terms import Terms
    from portulan.model.policy import Line, Policy, Ports, Source

OPEN, WIDER, IDLE, OTHER_TERMS = "open", "wider", "idle", "other-terms"


class Needless(Record):
    """Why no line is written."""

    why: str
    """`open`: they come in as was asked; `wider`: so do others, by a line that does not name them; `idle`: they come in already, and not on these terms;
    `other-terms`: their line lets them in on terms, and none were asked for."""
    line: Line
    """By which they come in, the first of them."""
    senders: tuple[str, ...]
    """Who does."""
    named: bool
    """Whether the line names them, each of them."""


def find_needless(policy: Policy, today: date, ports: Ports, asked: Sequence[Source], terms: Terms) -> Needless | None:
    """Why opening these ports to these senders on these terms needs no line, or None where it does."""
    plain = terms == type(terms)()
    free = [line for line in policy.doors if line.limit is None and not line.is_over(today) and _lasts(line, terms.until)]
    if plain:
        by = [_by(free, ports, each) for each in asked]
        if all(by):
            named = _all_named(by, asked)
            return Needless(OPEN if named else WIDER, by[0][0], tuple(each.name for each in asked), named)
        return _on_other_terms(policy, ports, asked, by)
    alike = [line for line in policy.doors if not line.is_over(today) and agree(terms_of_line(line), terms, ports)]
    if all(_by(alike, ports, each) for each in asked):
        return Needless(OPEN, _by(alike, ports, asked[0])[0], tuple(each.name for each in asked), named=True)
    if terms.limit is None and terms.until is None and (terms.log or terms.helper is not None):
        return None  # that is done whoever else lets them in
    names = {each.name for each in asked}
    others = [
        line
        for line in free
        if line not in alike and not (line.ports == ports and {source.name for source in line.sources} == names)  # this one is changed
    ]
    held = [(each, found) for each in asked if (found := _by(others, ports, each))]
    if not held:
        return None
    return Needless(
        IDLE, held[0][1][0], tuple(each.name for each, _ in held), _all_named([by for _, by in held], [each for each, _ in held])
    )


def _lasts(line: Line, until: date | None) -> bool:
    return line.until is None or (until is not None and line.until >= until)


def _by(lines: Iterable[Line], ports: Ports, sender: Source) -> list[Line]:
    """The lines by which a sender comes in at all of these ports; none if at some of them not."""
    found: list[Line] = []
    letting = [line for line in lines if covered(sender.parts, parts_of(line.sources))]
    for transport, numbers in ports:
        left = numbers
        for line in letting:
            for kind, held in line.ports:
                if kind is transport and (left & held).ranges:
                    left = left - held
                    found.append(line)
        if left.ranges:
            return []
    return found


def _all_named(by: Sequence[Sequence[Line]], senders: Sequence[Source]) -> bool:
    return all(each.name in {source.name for source in line.sources} for each, lines in zip(senders, by, strict=True) for line in lines)


def _on_other_terms(policy: Policy, ports: Ports, asked: Sequence[Source], by: Sequence[Sequence[Line]]) -> Needless | None:
    """Where lines for these very ports name whoever does not come in freely."""
    held = {}
    for each, lines in zip(asked, by, strict=True):
        line = next((line for line in policy.doors if line.ports == ports and each.name in {source.name for source in line.sources}), None)
        if line is None and not lines:
            return None
        if line is not None and not lines:
            held[each.name] = line
    return Needless(OTHER_TERMS, next(iter(held.values())), tuple(held), named=True)
