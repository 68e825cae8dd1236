"""Senders told briefly: from spans of addresses, interface by interface, to `everyone`, `everyone but …`, or the fewest networks.

Between and around the senders who get in lie others whom the kernel never lets come so far (loopback, broadcast, its own addresses): whether a network is named with
or without those makes no difference to anybody, so they are filled in where that makes it a whole network.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from ipaddress import IPv4Address, IPv6Address

from portulan.guard.routes import BITS, merge, span_of
from portulan.model.reach import Outcome
from portulan.model.standing import Grant, Senders, Standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from portulan.model.network import Network
    from portulan.model.reach import Access, Reached, Sources

    Spans: TypeAlias = tuple[tuple[int, int], ...]

LOOPBACK = ("lo",)
_NEVER = {
    4: ((0, 0x00FFFFFF), (0x7F000000, 0x7FFFFFFF), (0xE0000000, 0xEFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)),
    6: ((0, 1), (0xFFFF << 32, (0xFFFF << 32) | 0xFFFFFFFF), (0xFF << 120, (1 << 128) - 1)),
}
"""Senders that the kernel takes from nobody outside: this network, loopback, groups, broadcast; `::`, `::1`, IPv4-mapped, groups."""
BY_KERNEL = "kernel"
"""Family of what no rule but the kernel itself decides."""
_ADDRESS = {4: IPv4Address, 6: IPv6Address}


class _By:
    """What one interface's senders of one IP version get: spans of those that get in, may get in, and do not."""

    def __init__(self) -> None:
        self.sure: list[tuple[int, int]] = []
        self.perhaps: list[tuple[int, int]] = []
        self.shut: list[tuple[int, int]] = []
        self.unanswered: list[tuple[int, int]] = []
        """They get in, but no answer finds its way back to them."""

    def key(self) -> tuple[Spans, Spans, Spans]:
        """To compare interfaces by."""
        return merge(self.sure), merge(self.perhaps), merge(self.shut)


def stand(reached: Reached) -> Standing:
    """How a door stands, as the engine found it."""
    by_rules = [access for access in reached.accesses if access.rule is None or access.rule.family != BY_KERNEL]
    told = by_rules if reached.wide == "everyone" else reached.accesses  # who is no sender at all is not worth a word
    grants = tuple(grant_of(access, by_rules) for access in told)
    return Standing(reached.wide, describe(reached, Outcome.ACCEPT), describe(reached, Outcome.MAYBE), grants)


def describe(reached: Reached, outcome: Outcome) -> tuple[Senders, ...]:
    """All senders with this outcome (accept, or maybe), those of this host only where nobody else has it."""
    outside = [access for access in reached.accesses if access.links != LOOPBACK]
    open_to = [version for version in (4, 6) if any(_spans(access, version) for access in outside)]
    found: list[Senders] = []
    whole = any(_answers_all(outside, version, outcome) for version in open_to)
    for version in open_to:
        found += _of_version(outside, version, outcome, whole=whole)
    if not found:
        return (Senders("this-host"),) if any(access.outcome is outcome and access.links == LOOPBACK for access in reached.accesses) else ()
    return _joined(found, open_to)


def _answers_all(outside: Iterable[Access], version: int, outcome: Outcome) -> bool:
    """Whether more of the senders with this outcome are answered than cannot be: this host has a way to everywhere, by this IP version."""
    sizes = {True: 0, False: 0}
    for access in outside:
        by_kernel = access.rule is not None and access.rule.family == BY_KERNEL
        if by_kernel or access.outcome is outcome:
            sizes[by_kernel] += _size(_spans(access, version))
    return sizes[False] > sizes[True]


def _of_version(outside: Iterable[Access], version: int, outcome: Outcome, *, whole: bool) -> list[Senders]:
    by: dict[str, _By] = defaultdict(_By)
    for access in outside:
        spans = _spans(access, version)
        for link in access.links if spans else ():
            one = by[link]
            if access.outcome is outcome:
                one.sure += spans
            elif access.rule is not None and access.rule.family == BY_KERNEL:
                one.unanswered += spans
            else:
                one.shut += spans
    if not any(one.sure for one in by.values()):
        return []
    inside, outsiders = merge(span for one in by.values() for span in one.sure), merge(span for one in by.values() for span in one.shut)
    away = merge(span for one in by.values() for span in one.unanswered)
    if not meet(inside, outsiders):  # by which interface somebody comes makes no difference
        return [_brief(inside, outsiders, away, version, (), whole=whole)]
    alike: dict[object, list[str]] = defaultdict(list)
    for link, one in by.items():
        if one.sure:
            alike[one.key()].append(link)
    return [
        _brief(
            merge(by[links[0]].sure), merge(by[links[0]].shut), merge(by[links[0]].unanswered), version, tuple(sorted(links)), whole=whole
        )
        for links in alike.values()
    ]


def _brief(inside: Spans, outsiders: Spans, away: Spans, version: int, links: tuple[str, ...], *, whole: bool) -> Senders:
    """These senders and not those, in the fewest words. `away` are those whom no answer reaches: of a host with a way to everywhere a few odd addresses, else the world.

    `whole`: by one IP version it has a way to everywhere. Then whoever cannot be answered by the other one is not worth a word.
    """
    if _size(away) < _size(inside) + _size(outsiders):
        away = ()
    networks = filled(inside, merge((*outsiders, *away)), spare=away)
    if not outsiders and (not away or whole or networks == ((0, (1 << BITS[version]) - 1),)):
        return Senders("everyone", version=version, links=links)
    rest = filled(outsiders, inside)
    if len(rest) < len(networks) and not away:
        return Senders("everyone", but=tuple(span_text(span, version) for span in rest), version=version, links=links)
    return Senders("networks", tuple(span_text(span, version) for span in networks), version=version, links=links)


def _size(spans: Spans) -> int:
    return sum(last - first + 1 for first, last in spans)


def _joined(found: list[Senders], open_to: list[int]) -> tuple[Senders, ...]:
    """Both IP versions in one, where they are alike or where the addresses tell."""
    joined: list[Senders] = []
    for each in found:
        other = next((one for one in joined if one.kind == each.kind and one.links == each.links and one.version != each.version), None)
        if other is None or each.version is None:
            joined.append(each)
        else:
            at = joined.index(other)
            joined[at] = other._replace(networks=other.networks + each.networks, but=other.but + each.but, version=None)
    return tuple(each._replace(version=None) if each.kind == "networks" or len(open_to) == 1 else each for each in joined)


def brief(sources: Sources, network: Network) -> tuple[Senders, ...]:
    """A set of senders from outside, told briefly, of whom nothing else is known than that they get in."""
    found = []
    for version, spans in ((4, sources.v4), (6, sources.v6)):
        if spans:
            never = merge(
                (
                    *_NEVER[version],
                    *((one.number, one.number) for link in network.links for one, _ in link.addresses if one.version == version),
                )
            )
            never = merge((*never, *(span_of(route) for route in network.routes if route.version == version and route.kind == "broadcast")))
            rest = outside_of(merge((*spans, *never)), version)
            found.append(_brief(merge(spans), rest, (), version, (), whole=False))
    return _joined(
        found, [version for version in (4, 6) if any(one.version == version for link in network.links for one, _ in link.addresses)]
    )


def told_of(inside: Spans, outsiders: Spans, version: int) -> Senders:
    """These addresses and not those, in the fewest words."""
    return _brief(inside, outsiders, (), version, (), whole=False)


def outside_of(spans: Spans, version: int) -> Spans:
    """All other numbers of a version."""
    rest, at = [], 0
    for first, last in spans:
        if first > at:
            rest.append((at, first - 1))
        at = last + 1
    if at < 1 << BITS[version]:
        rest.append((at, (1 << BITS[version]) - 1))
    return tuple(rest)


def filled(inside: Spans, outsiders: Spans, spare: Spans = ()) -> Spans:
    """The same senders with whoever never comes filled in, so that there are fewer and rounder spans; nobody of `outsiders` is among them.

    But where only one more address makes a span a whole network, it is filled in if it is one of `spare`: a network's broadcast address.
    """
    if not inside:
        return ()
    starts = [first for first, _ in outsiders]
    pieces: list[tuple[int, int]] = []
    for first, last in inside:
        if pieces and not _between(outsiders, starts, pieces[-1][1] + 1, first - 1):
            pieces[-1] = pieces[-1][0], last
        else:
            pieces.append((first, last))
    return merge(_rounded(first, last, outsiders, starts, spare) for first, last in pieces)


def _between(outsiders: Spans, starts: list[int], first: int, last: int) -> bool:
    """Whether some of the outsiders lie in a span."""
    at = bisect_left(starts, first)
    return (at < len(starts) and starts[at] <= last) or (at > 0 and outsiders[at - 1][1] >= first and first <= last)


def _rounded(first: int, last: int, outsiders: Spans, starts: list[int], spare: Spans) -> tuple[int, int]:
    """The smallest whole network around a span, where no outsider is in it."""
    size = (first ^ last).bit_length()
    whole = first >> size << size, (first >> size << size) + (1 << size) - 1
    if whole == (first, last) or not _between(outsiders, starts, *whole):
        return whole
    broadcast = last + 1
    alone = (first, broadcast) == whole and any(one <= broadcast <= other for one, other in spare)
    return whole if alone else (first, last)


def meet(one: Spans, other: Spans) -> bool:
    """Whether two sorted sets of spans share a number."""
    a = b = 0
    while a < len(one) and b < len(other):
        if one[a][1] < other[b][0]:
            a += 1
        elif other[b][1] < one[a][0]:
            b += 1
        else:
            return True
    return False


def span_text(span: tuple[int, int], version: int) -> str:
    """`10.0.0.0/8`, `203.0.113.7`, or `10.0.0.5-10.0.0.9`."""
    first, last = span
    size = (first ^ last).bit_length()
    address = _ADDRESS[version]
    if first == last:
        return str(address(first))
    if first & (1 << size) - 1 == 0 and (last + 1) & (1 << size) - 1 == 0:
        return f"{address(first)}/{BITS[version] - size}"
    return f"{address(first)}-{address(last)}"


def grant_of(access: Access, all_of_them: Iterable[Access]) -> Grant:
    """One group of senders in texts; those of this host are named exactly, of the others the networks they are in."""
    networks: list[str] = []
    for version in (4, 6):
        spans = _spans(access, version)
        if access.links != LOOPBACK:
            others = merge(
                span
                for other in all_of_them
                if (other.outcome, other.target) != (access.outcome, access.target) and not set(other.links).isdisjoint(access.links)
                for span in _spans(other, version)
            )
            spans = filled(spans, others)
        networks += [span_text(span, version) for span in spans]
    witness = None if access.witness is None else str(_ADDRESS[access.witness.source.version](access.witness.source.number))
    return Grant(access.outcome, tuple(networks), access.links, access.rule, access.way, access.target, access.doubts, witness)


def _spans(access: Access, version: int) -> Spans:
    return access.sources.v4 if version == 4 else access.sources.v6
