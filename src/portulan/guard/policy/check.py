"""A policy read with care: lines that do nothing or contradict each other, names that mean nobody, days that are near, ports on which nobody listens, and who is locked out."""

from __future__ import annotations

from datetime import timedelta

from portulan.guard.policy.cover import covered, parts_of
from portulan.guard.policy.meaning import decide, means
from portulan.guard.policy.overlap import find_overlaps
from portulan.guard.policy.tracking_helpers import needed_through
from portulan.guard.policy.wording import ports_text
from portulan.model.finding import LEVELS, Level
from portulan.model.guard_check import Caller, Danger, Doubtful, Loose
from portulan.model.network import Address
from portulan.model.policy import Part
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Sources
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from portulan.model.network import Network
    from portulan.model.policy import Crossing, Line, Policy, Source, Spot
    from portulan.model.portset import PortSet
    from portulan.model.ruleset import Ruleset

_SOON = timedelta(days=14)
_LOOSE = {"owner": "file.owner", "group": "file.group", "others": "file.others"}
_WIDE = 10_000
"""Ports of one line from which on it is no door but a missing wall."""
_LISTED = (Transport.TCP, Transport.UDP)
"""Transports whose listeners are known: of SCTP nobody is asked."""
_NEVER = Sources(
    ((0, 0x00FFFFFF), (0x7F000000, 0x7FFFFFFF), (0xE0000000, 0xEFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF)),
    ((0, 1), (0xFFFF << 32, 0xFFFF << 32 | 0xFFFFFFFF), (0xFF << 120, (1 << 128) - 1)),
)
"""Whom the kernel takes from nobody outside: this network, loopback, groups, broadcast; `::`, `::1`, IPv4-mapped, groups."""
_WHOLE = {4: ((0, (1 << 32) - 1),), 6: ((0, (1 << 128) - 1),)}


class Surroundings(Record):
    """What is known of the machine that the policy is for; None: not looked at."""

    network: Network | None = None
    listening: frozenset[tuple[Transport, int]] | None = None
    """Ports on which somebody listens for others than this host, those of containers behind published ports among them."""
    logins: tuple[int, ...] = ()
    """TCP ports on which ssh listens."""
    callers: tuple[Caller, ...] = ()
    dangers: tuple[Danger, ...] = ()
    rules: Ruleset | None = None
    """All rules of the machine, ours and others'."""
    loose: tuple[Loose, ...] = ()
    """Where others may change the policy's files."""


def find_doubts(policy: Policy, today: date, around: Surroundings) -> tuple[Doubtful, ...]:
    """All of them, the worst first, then by line."""
    found = [
        *(Doubtful(_LOOSE[one.why], Level.WARNING, None, {"path": one.path, "who": one.who}) for one in around.loose),
        *find_overlaps(policy.doors, today),
        *find_overlaps(policy.outgoing or (), today),
        *_days(policy, today),
        *_names(policy),
        *_senders(policy),
        *_wide(policy, today, around),
        *_needs(policy, today),
        *_machine(policy, today, around),
        *_lockout(policy, today, around),
    ]
    return tuple(sorted(found, key=lambda one: (-LEVELS.index(one.level), one.spot.line if one.spot else 0)))


def _lines(policy: Policy) -> Iterator[Line]:
    yield from policy.doors
    yield from policy.outgoing or ()


def _days(policy: Policy, today: date) -> Iterator[Doubtful]:
    lines: list[Line | Crossing] = [*_lines(policy), *policy.crossings]
    for line in lines:
        if line.until is None:
            continue
        facts: dict[str, str | int] = {"text": line.text, "day": line.until.isoformat()}
        if line.is_over(today):
            yield Doubtful("line.over", Level.WARNING, line.spot, facts)
        elif line.until - today <= _SOON:
            yield Doubtful("line.soon", Level.INFO, line.spot, {**facts, "days": (line.until - today).days})


def _names(policy: Policy) -> Iterator[Doubtful]:
    """Names that no line uses. A source that only other sources are made of counts as used."""
    used = {source.name for line in _lines(policy) for source in line.sources} | {source.name for source in policy.pinged}
    for crossing in policy.crossings:
        used |= {crossing.source.name, crossing.target.name}
    for source in policy.sources:
        if source.name not in used and source.spot is not None and not _is_named_in(source, policy):
            yield Doubtful("source.unused", Level.INFO, source.spot, {"text": source.name})
    for zone in policy.zones:
        if zone.name not in used:
            yield Doubtful("zone.unused", Level.INFO, zone.spot, {"text": zone.name})


def _is_named_in(source: Source, policy: Policy) -> bool:
    """Whether the name stands in quotes on another line: a source may be made of it."""
    assert source.spot is not None
    lines = policy.text.split("\n")
    return any(f'"{source.name}"' in line or f"'{source.name}'" in line for at, line in enumerate(lines, 1) if at != source.spot.line)


def _senders(policy: Policy) -> Iterator[Doubtful]:
    """Sources that mean nobody, or half of those who were meant."""
    for source in policy.sources:
        if source.spot is None:
            continue
        facts = {"text": source.name}
        if not source.parts:
            yield Doubtful("source.nobody", Level.WARNING, source.spot, facts)
        elif covered(source.parts, (Part(_NEVER),)):
            yield Doubtful("source.never", Level.WARNING, source.spot, facts)
    for name, spot, parts in _whole(policy):
        for version, other in ((4, 6), (6, 4)):
            if any(_is_whole(part, version) for part in parts) and not any(_is_whole(part, other) for part in parts):
                yield Doubtful("source.one-version", Level.WARNING, spot, {"text": name, "version": version, "other": other})


def _whole(policy: Policy) -> Iterator[tuple[str, Spot, tuple[Part, ...]]]:
    """What may mean everyone: the named sources, and what lines say themselves."""
    for source in policy.sources:
        if source.spot is not None:
            yield source.name, source.spot, source.parts
    for line in _lines(policy):
        unnamed = [source for source in line.sources if source.spot is None]
        if unnamed:
            yield line.text, line.spot, parts_of(unnamed)


def _is_whole(part: Part, version: int) -> bool:
    if part.links:
        return False
    return part.addresses is None or (part.addresses.v4 if version == 4 else part.addresses.v6) == _WHOLE[version]


def _needs(policy: Policy, today: date) -> Iterator[Doubtful]:
    """Services that go through this machine only in part: no helper belongs to a line of [forward]."""
    for crossing in policy.crossings:
        helper = needed_through(crossing.ports)
        if helper is not None and not crossing.is_over(today):
            yield Doubtful("forward.helper", Level.WARNING, crossing.spot, {"text": crossing.text, "helper": helper})


def _wide(policy: Policy, today: date, around: Surroundings) -> Iterator[Doubtful]:
    """Lines that let everyone to very much, or to what is dangerous in the open."""
    for line in policy.doors:
        if line.is_over(today) or not any(source.everyone for source in line.sources):
            continue
        number = sum(len(ports) for _, ports in line.ports)
        if number >= _WIDE:
            yield Doubtful("line.wide", Level.WARNING, line.spot, {"text": line.text, "count": number})
            continue
        names = [
            danger.name
            for danger in around.dangers
            if any(each.value == kind and _meet(ports, first, last) for each, ports in line.ports for kind, first, last in danger.ports)
        ]
        if names:
            facts: dict[str, str | int] = {"text": line.text, "what": names[0], "more": len(names) - 1}
            yield Doubtful("line.dangerous", Level.WARNING, line.spot, facts)


def _meet(ports: PortSet, first: int, last: int) -> bool:
    return any(part.first <= last and part.last >= first for part in ports.ranges)


# --- the machine ---


def _machine(policy: Policy, today: date, around: Surroundings) -> Iterator[Doubtful]:
    if around.network is not None:
        yield from _links(policy, around.network)
    if around.listening is not None:
        for line in policy.doors:
            if line.is_over(today) or not parts_of(line.sources) or all(kind not in _LISTED for kind, _ in line.ports):
                continue
            if not any(kind is each and port in ports for kind, ports in line.ports for each, port in around.listening):
                facts = {"text": line.text, "ports": " ".join(ports_text(line.ports))}
                yield Doubtful("line.nobody-listens", Level.INFO, line.spot, facts)


def _links(policy: Policy, network: Network) -> Iterator[Doubtful]:
    """Interfaces that are not there, and forwarding that is off."""
    named = [(source.spot, link) for source in policy.sources if source.spot for part in source.parts for link in part.links]
    named += [
        (line.spot, link)
        for line in _lines(policy)
        for source in line.sources
        if source.spot is None
        for part in source.parts
        for link in part.links
    ]
    named += [(zone.spot, link) for zone in policy.zones for link in zone.links]
    for spot, link in dict.fromkeys(named):
        if not any(means(link, each.name) for each in network.links):
            yield Doubtful("link.missing", Level.WARNING, spot, {"text": link, "known": ", ".join(each.name for each in network.links)})
    for crossing in policy.crossings:
        here = [each for each in network.links if any(means(link, each.name) for link in crossing.source.links)]
        if here and not any(each.forwards4 or each.forwards6 for each in here):
            yield Doubtful("forward.off", Level.WARNING, crossing.spot, {"text": crossing.text})


def _lockout(policy: Policy, today: date, around: Surroundings) -> Iterator[Doubtful]:
    """Whether those who are logged in from elsewhere, and anybody at all, could come in again."""
    shut_out = False
    for caller in around.callers:
        judged = decide(policy, today, Transport.TCP, caller.version, caller.number, caller.link, caller.port)
        if judged.outcome in (Outcome.DROP, Outcome.REJECT):
            shut_out = True
            facts: dict[str, str | int] = {"address": caller.address, "port": caller.port, "link": caller.link}
            yield Doubtful("lock-out.caller", Level.ERROR, None, facts)
    doors = [line for line in policy.doors if not line.is_over(today) and parts_of(line.sources)]
    ways_in = [
        port for port in around.logins if any(kind is Transport.TCP and port in ports for line in doors for kind, ports in line.ports)
    ]
    if around.logins and not ways_in and not shut_out:
        yield Doubtful("lock-out.no-way-in", Level.WARNING, None, {"ports": ", ".join(map(str, around.logins))})
    elif around.rules is not None and around.network is not None and not shut_out:
        yield from _shut_by_others(policy, today, around, around.rules, around.network, ways_in)


def _shut_by_others(
    policy: Policy, today: date, around: Surroundings, rules: Ruleset, network: Network, ways_in: Sequence[int]
) -> Iterator[Doubtful]:
    """What lines let in and another table does not."""
    if not (around.callers or ways_in) or not rules.chains:
        return
    from portulan.guard.policy.compile import compiled_rules, terrain_of
    from portulan.guard.policy.together import Together, packet_to

    together = Together(compiled_rules(policy, today, terrain_of(network)), rules, network)
    for caller in around.callers:
        own = None if caller.own is None else Address(caller.version, caller.own)
        packet = packet_to(Address(caller.version, caller.number), own, caller.port, caller.link, network)
        table = "" if packet is None else together.lets_in(packet)[1]
        if table:
            facts: dict[str, str | int] = {"address": caller.address, "port": caller.port, "link": caller.link, "table": table}
            yield Doubtful("lock-out.caller-others", Level.ERROR, None, facts)
    found = [together.anybody(port) for port in ways_in]
    tables = [table for lets_in, table in found if lets_in]
    if tables and all(tables):
        yield Doubtful("lock-out.others", Level.WARNING, None, {"ports": ", ".join(map(str, ways_in)), "table": tables[0]})
