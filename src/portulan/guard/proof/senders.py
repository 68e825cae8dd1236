"""Whose packets a proof needs: one stand-in for all senders whom no line tells apart, and besides those who stand just inside and just outside each network's edges."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import chain

from portulan.guard.routes import merge
from portulan.model.network import Address
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from portulan.model.policy import Policy, Source
    from portulan.model.reach import Sources

    Spans: TypeAlias = tuple[tuple[int, int], ...]

LAST = {4: (1 << 32) - 1, 6: (1 << 128) - 1}
NEVER = {
    4: ((0, 0x00FFFFFF), (0x7F000000, 0x7FFFFFFF), (0xE0000000, 0xFFFFFFFF)),
    6: (
        (0, 0xFFFFFFFF),
        (0xFFFF << 32, (0xFFFF << 32) | 0xFFFFFFFF),
        (0xFE80 << 112, (0xFEBF << 112) | ((1 << 112) - 1)),
        (0xFF << 120, (1 << 128) - 1),
    ),
}
"""Who cannot send a packet that a host takes for a stranger's: this network, loopback, groups and what is reserved; addresses of one link only, which name no network."""
_FREE = ("other", "portulan")
"""How the name of an interface begins that no line means."""
_MOST_LINK_NAME = 15
_MOST_EDGES = 24
"""Of one name of senders: so many addresses at edges of its networks."""


class Sender(Record):
    """One address that sends."""

    address: Address
    names: tuple[str, ...]
    edge: bool = False


def link_names(policy: Policy, more: Iterable[str] = ()) -> tuple[str, ...]:
    """Interfaces for a proof: the policy's own, for `eth*` one that only begins so, and one that none of its lines means; `more`: others that rules name."""
    wanted = [link for source in policy.sources for part in source.parts for link in part.links]
    for line in (*policy.doors, *(policy.outgoing or ())):
        wanted += [link for source in line.sources for part in source.parts for link in part.links]
    wanted += [link for source in policy.pinged for part in source.parts for link in part.links]
    wanted += [link for zone in policy.zones for link in zone.links]
    patterns = dict.fromkeys(name for name in wanted if name != "lo")
    found = dict.fromkeys(name for name in (*patterns, *more) if not name.endswith("*") and name != "lo")
    seen = {_meaning(name, patterns) for name in found}
    for stem in (*(name[:-1] for name in patterns if name.endswith("*")), ""):
        name = _new_name(stem, found, patterns)
        if name is not None and (meaning := _meaning(name, patterns)) not in seen:
            seen.add(meaning)
            found[name] = None
    return tuple(found)


def _meaning(name: str, patterns: Iterable[str]) -> frozenset[str]:
    return frozenset(each for each in patterns if means(each, name))


def _new_name(stem: str, taken: Iterable[str], patterns: Iterable[str]) -> str | None:
    """A name that begins so and is no other's, without a stem one that no pattern means; None where there is no room for one."""
    made = (f"{start}{number}" for start in ([stem] if stem else _FREE) for number in range(100))
    return next(
        (name for name in made if len(name) <= _MOST_LINK_NAME and name not in set(taken) and (stem or not _meaning(name, patterns))), None
    )


def means(pattern: str, link: str) -> bool:
    """Whether a policy's name of interfaces means this one."""
    return link.startswith(pattern[:-1]) if pattern.endswith("*") else link == pattern


def named(policy: Policy) -> tuple[Source, ...]:
    """Every name of senders that a line uses, each once, and those that none uses yet."""
    lines = [*policy.doors, *(policy.outgoing or ())]
    sources = [*(source for line in lines for source in line.sources), *policy.pinged, *policy.sources]
    return tuple({source.name: source for source in sources}.values())


def spans_at(source: Source, link: str, version: int) -> list[tuple[int, int]]:
    """The addresses that a name means among those who come by this interface."""
    found: list[tuple[int, int]] = []
    for part in source.parts:
        if not part.links or any(means(each, link) for each in part.links):
            found += spans(part.addresses, version)
    return found


def spans(sources: Sources | None, version: int) -> tuple[tuple[int, int], ...]:
    """Of one IP version; None is everybody."""
    if sources is None:
        return ((0, LAST[version]),)
    return sources.v4 if version == 4 else sources.v6


def senders(sources: Iterable[Source], link: str, version: int, taken: frozenset[int]) -> tuple[list[Sender], set[tuple[str, ...]]]:
    """(the stand-ins of one interface and IP version, and those at edges; the classes, by their names, of which no address can send).

    `taken`: addresses that are the host's own, or a neighbour's. The first stand-in of a class is from its widest span.
    """
    by_name = {source.name: spans_at(source, link, version) for source in sources}
    widest: dict[tuple[str, ...], tuple[int, int]] = {}
    hopeless: set[tuple[str, ...]] = set()
    for first, last, names in _pieces(by_name, version):
        room = max(_sendable(first, last, version), key=lambda span: span[1] - span[0], default=None)
        if room is None:
            hopeless.add(names)
        elif names not in widest or room[1] - room[0] > widest[names][1] - widest[names][0]:
            widest[names] = room
    found: dict[int, Sender] = {}
    for names, room in widest.items():
        address = _inner(*room, taken)
        if address is not None:
            found[address] = Sender(Address(version, address), names)
    merged = {name: merge(each) for name, each in by_name.items()}
    for number in _edges(merged, version):
        if number not in found and number not in taken and _sendable(number, number, version):
            meant = tuple(name for name, each in merged.items() if _holds(each, number))
            found[number] = Sender(Address(version, number), meant, edge=True)
    return list(found.values()), hopeless - widest.keys()


def _pieces(by_name: dict[str, list[tuple[int, int]]], version: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """All addresses in order, cut wherever a name begins or ends: (first, last, the names that mean them)."""
    begins: dict[int, list[str]] = defaultdict(list)
    ends: dict[int, list[str]] = defaultdict(list)
    for name, parts in by_name.items():
        for first, last in parts:
            begins[first].append(name)
            ends[last + 1].append(name)
    inside: dict[str, int] = dict.fromkeys(by_name, 0)
    cuts = sorted({0, LAST[version] + 1, *begins, *ends})
    for at, cut in enumerate(cuts[:-1]):
        for name in begins.get(cut, ()):
            inside[name] += 1
        for name in ends.get(cut, ()):
            inside[name] -= 1
        yield cut, cuts[at + 1] - 1, tuple(name for name, depth in inside.items() if depth)


def _sendable(first: int, last: int, version: int) -> list[tuple[int, int]]:
    """What is left of a span without those who cannot send."""
    left = [(first, last)]
    for start, end in NEVER[version]:
        left = [piece for low, high in left for piece in ((low, min(high, start - 1)), (max(low, end + 1), high)) if piece[0] <= piece[1]]
    return left


def _inner(first: int, last: int, taken: frozenset[int]) -> int | None:
    """An address well inside, such as a host has: neither a network's own nor its broadcast address where that can be helped."""
    middle = first + 9 if last - first > 18 else (first + last) // 2
    return next((number for number in chain(range(middle, last + 1), range(middle - 1, first - 1, -1)) if number not in taken), None)


def _holds(parts: Spans, number: int) -> bool:
    at = bisect_right(parts, number, key=lambda part: part[0])
    return at > 0 and number <= parts[at - 1][1]


def _edges(by_name: dict[str, Spans], version: int) -> Iterator[int]:
    """Addresses just inside and just outside, of the first spans and the last one of each name."""
    for parts in by_name.values():
        for first, last in (*parts[: _MOST_EDGES // 4 - 1], *parts[-1:]):
            for number in (first, last, first - 1, last + 1):
                if 0 <= number <= LAST[version]:
                    yield number
