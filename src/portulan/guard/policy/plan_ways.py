"""Two sets of rules side by side for packets that do not end at this host: what it may send to whom, and what passes through it, now and then."""

from __future__ import annotations

from itertools import pairwise

from portulan.guard.onward import MOST_ASKED, Beyond, Onwards
from portulan.guard.senders import describe, told_of
from portulan.model.guard_plan import WayRow
from portulan.model.port import PORTS, TRANSPORTS, Transport
from portulan.model.reach import Access, Outcome, Reached, Sources
from portulan.model.reach import Way as Road
from portulan.model.standing import Senders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from portulan.guard.onward import Flow, Way
    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset

    Who = tuple[tuple[Senders, ...], tuple[Senders, ...]]
    Key = tuple[str, tuple[str, ...], tuple[str, ...], Senders]

OUT, THROUGH = "out", "through"
_EVERYBODY = "everyone"
_ASKED = ((Transport.UDP, 67), (Transport.UDP, 547))
"""Where DHCP servers are asked: always kept, from the clients' port. Not worth a row unless somebody asks for one."""


def sends_matter(rulesets: Iterable[Ruleset]) -> bool:
    """Whether one of these has rules for what this host sends."""
    return any(chain.base is not None and chain.base.hook == "output" for each in rulesets for chain in each.chains)


def forwards(network: Network) -> bool:
    """Whether this host passes anything on."""
    return any((link.forwards4 or link.forwards6) and link.kind != "loopback" for link in network.links)


def way_rows(
    before: Ruleset, after: Ruleset, network: Network, transports: Collection[Transport], service: Callable[[int, Transport], str | None],
    *, out: bool, through: bool,
) -> tuple[tuple[WayRow, ...], bool]:  # fmt: skip
    """(what changes, whether all receivers were told apart). `out`: compare what this host sends; `through`: what it passes on."""
    if not (out or through):
        return (), True
    beyond = Beyond((before, after), network)
    ways = beyond.ways(out=out, through=through)
    both = [Onwards(rules, network, ways, transports) for rules in (before, after)]
    starts = sorted({0, PORTS, *(cut for each in both for cut in each.cuts() if 0 < cut < PORTS)})
    pieces = [(first, end - 1) for first, end in pairwise(starts)]
    groups: dict[Key, list[Way]] = {}
    most, whole = MOST_ASKED // max(1, len(pieces) * len(transports)), not beyond.left_out
    for way in ways[:most]:
        groups.setdefault(_key(way), []).append(way)
    rows: list[tuple[WayRow, Sequence[Way]]] = []
    for key, together in groups.items():
        rows += (
            (row, together) for row in _rows(key, together, both, pieces, [kind for kind in TRANSPORTS if kind in transports], service)
        )
    return tuple(sorted(_joined(rows, ways), key=lambda row: (row.way, row.comes, row.leaves, row.number))), whole and len(ways) <= most


def _joined(rows: Iterable[tuple[WayRow, Sequence[Way]]], ways: Iterable[Way]) -> Iterator[WayRow]:
    """Receivers beyond the same interfaces who fare alike are told in one row, where they are all that there are: of both IP versions, or of one."""
    alike: dict[WayRow, list[tuple[WayRow, Sequence[Way]]]] = {}
    for row, mine in rows:
        alike.setdefault(row._replace(to=Senders(_EVERYBODY)), []).append((row, mine))
    all_ways: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Way]] = {}
    for way in ways:
        all_ways.setdefault((way.comes, way.to.links), []).append(way)
    for common, found in alike.items():
        if common.way == OUT:
            yield from (row for row, _ in found)
            continue
        chosen = {way.number for _, mine in found for way in mine}
        left = [way for way in all_ways[common.comes, common.leaves] if way.number not in chosen]
        versions = {way.to.version for way in left}
        if not left:
            yield common
            continue
        for row, mine in found:
            if mine[0].to.version in versions:
                yield row
        whole = {way.to.version for _, mine in found for way in mine} - versions
        yield from (common._replace(to=Senders(_EVERYBODY, version=version)) for version in whole)


def _key(way: Way) -> Key:
    """Ways that are looked at together: all that this host sends; what passes from the same interfaces to the same receivers."""
    to = way.to
    if not way.comes:
        return OUT, (), (), Senders(_EVERYBODY)
    told = told_of(to.spans, to.others, to.version)
    return THROUGH, way.comes, to.links, told if told.kind == _EVERYBODY else told._replace(version=None)


def _rows(
    key: Key, ways: Sequence[Way], both: Sequence[Onwards], pieces: Iterable[tuple[int, int]], transports: Iterable[Transport],
    service: Callable[[int, Transport], str | None],
) -> list[WayRow]:  # fmt: skip
    road, comes, leaves, to = key
    found: dict[tuple[Who, Who], dict[Transport, list[tuple[int, int]]]] = {}
    known: dict[object, Who] = {}
    for transport in transports:
        for first, last in pieces:
            flows = tuple(tuple(rules.flow(way, transport, first) for way in ways) for rules in both)
            if flows[0] == flows[1]:
                continue
            for each in flows:
                if each not in known:
                    known[each] = _who(ways, each, transport, first)
            now, then = (known[each] for each in flows)
            if now != then and not (road == OUT and (transport, first) in _ASKED and (now[1] or then[1])):
                spans = found.setdefault((now, then), {}).setdefault(transport, [])
                if spans and spans[-1][1] + 1 == first:
                    spans[-1] = spans[-1][0], last
                else:
                    spans.append((first, last))
    leaves = leaves or tuple(dict.fromkeys(link for way in ways for link in way.to.links))
    rows = []
    for (now, then), ports in found.items():
        number = sum(last - first + 1 for spans in ports.values() for first, last in spans)
        transport, spans = next(iter(ports.items()))
        name = service(spans[0][0], transport) if number == len(ports) == sum(spans == each for each in ports.values()) else None
        rows.append(WayRow(road, comes, leaves, to, _ports_text(ports), number, name, *now, *then))
    return rows


def _who(ways: Iterable[Way], flows: Iterable[Flow], transport: Transport, port: int) -> Who:
    """`through`: the senders who get there; `out`: the receivers whom this host gets to."""
    accesses = []
    for way, flow in zip(ways, flows, strict=True):
        to = way.to
        if way.comes:
            links = way.comes
            parts = [(Outcome.ACCEPT, flow.sure), (Outcome.MAYBE, flow.perhaps), (Outcome.DROP, flow.shut)]
        else:
            links = to.links
            parts = [(Outcome.ACCEPT if flow.sure else Outcome.MAYBE if flow.perhaps else Outcome.DROP, to.spans)]
        accesses += [
            Access(outcome, Sources(spans) if to.version == 4 else Sources((), spans), links, None, Road.FORWARD)
            for outcome, spans in parts
            if spans
        ]
    reached = Reached(transport, port, tuple(accesses), "")
    return describe(reached, Outcome.ACCEPT), describe(reached, Outcome.MAYBE)


def _ports_text(ports: dict[Transport, list[tuple[int, int]]]) -> str:
    return " ".join(
        ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans) + f"/{kind.value}"
        for kind, spans in ports.items()
    )
