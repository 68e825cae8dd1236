"""What a policy means, packet by packet: the plain interpreter that the compiler, the simulator and the proof are held against.

It reads the values of `model.policy` and nothing else, and is written to be checked by eye. A packet here is the first of a connection or exchange, unless `state` says more.
"""

from __future__ import annotations

from enum import StrEnum

from portulan.model.policy import Crossing, Line, Refusal
from portulan.model.port import Transport
from portulan.model.reach import Outcome
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from portulan.model.policy import Part, Policy, Ports, Source

ECHO_REQUEST = 8
ICMP_KEPT = frozenset((3, 11, 12))
"""Errors of IPv4: destination unreachable, time exceeded, parameter problem. Without them connections over a narrow path hang (RFC 1191)."""
ICMPV6_KEPT = frozenset((1, 2, 3, 4, 128, 129))
"""Errors of IPv6, packet too big among them, and echo (RFC 4890 section 4.3.1 and 4.4.1)."""
ICMPV6_NEIGHBOURS = frozenset((133, 134, 135, 136, 141, 142, 148, 149))
"""Router and neighbour discovery, inverse and secured: only with a hop limit of 255, which no router passes on (RFC 4861 section 6.1)."""
ICMPV6_LISTENERS = frozenset((130, 131, 132, 143, 151, 152, 153))
"""Multicast listeners and routers: only from this link (RFC 2710 section 3, RFC 3810 section 5, RFC 4286 section 3)."""
NEIGHBOURS_HOP_LIMIT = 255
DHCP_4, DHCP_6 = (67, 68), (547, 546)
"""UDP ports (server, client) of DHCP for IPv4 and IPv6."""
LOOPBACK = "lo"
_LINK_LOCAL_6 = 0xFE80 >> 6
_DHCP_SERVERS_6 = 0xFF02 << 112 | 0x1_0002
"""ff02::1:2, all DHCP servers and relays of a link (RFC 8415 section 7.1)."""


class Why(StrEnum):
    """What decided."""

    ESTABLISHED = "established"
    """It belongs to a connection that was let through before, or to one that such a connection announced."""
    LOOPBACK = "loopback"
    KEPT = "kept"
    """It is on the list of what every policy keeps: errors, neighbour discovery, DHCP."""
    INVALID = "invalid"
    """It belongs to no connection and begins none."""
    LINE = "line"
    """A line lets it through."""
    FREE = "free"
    """The policy does not speak of this way: outgoing without [outgoing], forwarding between one's own networks without [zones]."""
    NOBODY = "nobody"
    """No line lets it through."""

    __hash__ = str.__hash__


class Judged(Record):
    """What becomes of a packet."""

    outcome: Outcome
    """MAYBE: only lines with a limit let it through."""
    why: Why
    lines: tuple[Line | Crossing, ...] = ()
    """The lines that let it through."""


_ESTABLISHED = Judged(Outcome.ACCEPT, Why.ESTABLISHED)
_LOOPBACK = Judged(Outcome.ACCEPT, Why.LOOPBACK)
_KEPT = Judged(Outcome.ACCEPT, Why.KEPT)
_FREE = Judged(Outcome.ACCEPT, Why.FREE)
_INVALID = Judged(Outcome.DROP, Why.INVALID)
ANSWERS = ("established", "related")


def _before_lines(state: str, link: str) -> Judged | None:
    """What connection tracking and the loopback decide before any line is asked."""
    if state in ANSWERS:
        return _ESTABLISHED
    if link == LOOPBACK:
        return _LOOPBACK
    return _INVALID if state == "invalid" else None


def decide(
    policy: Policy,
    today: date,
    transport: Transport,
    version: int,
    sender: int,
    link: str,
    port: int,
    *,
    source_port: int | None = None,
    state: str = "new",
) -> Judged:
    """A packet to this host itself: from `sender` (a number of IP `version` 4 or 6), by the interface `link`, to `port`.

    If a rule sends it elsewhere in this host (redirect), `port` is the one that was asked for. `source_port` None: one that means nothing.
    `state` as connection tracking has it: new, established, related, invalid.
    """
    if (before := _before_lines(state, link)) is not None:
        return before
    if transport is Transport.UDP:
        if version == 4 and (source_port, port) == DHCP_4:
            return _KEPT
        if version == 6 and (source_port, port) == DHCP_6 and is_link_local(sender):
            return _KEPT
    return _by_lines(policy, today, policy.doors, transport, version, sender, link, port)


def decide_published(
    policy: Policy, today: date, transport: Transport, version: int, sender: int, link: str, port: int, *, state: str = "new"
) -> Judged:
    """A packet that a rule sends on to another host, a container as a rule (DNAT), in a policy without zones. `port`: the one that was asked for, not where it ends up."""
    return _ESTABLISHED if state in ANSWERS else _by_lines(policy, today, policy.doors, transport, version, sender, link, port)


def decide_forward(
    policy: Policy,
    today: date,
    transport: Transport | None,
    link: str,
    out: str,
    port: int,
    *,
    uplinks: Iterable[str] = (),
    version: int = 4,
    sender: int = 0,
    asked: int | None = None,
    state: str = "new",
) -> Judged:
    """A packet through this machine, in by `link`, out by `out`, to `port` of another host. `transport` None: a protocol without ports.

    `uplinks`: the interfaces with a default route. `asked`: the port that was asked for, where a rule has sent it elsewhere (DNAT); None where none did.
    """
    if state in ANSWERS:
        return _ESTABLISHED
    if asked is not None and transport is not None:
        found = decide_published(policy, today, transport, version, sender, link, asked)
        if found.lines or not policy.zones:
            return found
    if not policy.zones:
        # No line can name a sender of a packet without ports that was sent elsewhere: it is refused with the others.
        return _refused(policy) if asked is not None or any(means(uplink, link) for uplink in uplinks) else _FREE
    lines = [
        crossing
        for crossing in policy.crossings
        if not crossing.is_over(today)
        and _through(crossing.source.links, link)
        and _through(crossing.target.links, out)
        and (crossing.everything or (transport is not None and holds(crossing.ports, transport, port)))
    ]
    return _let_in(lines) if lines else _refused(policy)


def decide_out(
    policy: Policy,
    today: date,
    transport: Transport,
    version: int,
    receiver: int,
    link: str,
    port: int,
    *,
    source_port: int | None = None,
    state: str = "new",
) -> Judged:
    """A packet from this host, to `receiver`, out by `link`."""
    if policy.outgoing is None:
        return _FREE
    if (before := _before_lines(state, link)) is not None:
        return before
    if transport is Transport.UDP:
        if version == 4 and (port, source_port) == DHCP_4:
            return _KEPT
        if version == 6 and (port, source_port) == DHCP_6 and (is_link_local(receiver) or receiver == _DHCP_SERVERS_6):
            return _KEPT
    return _by_lines(policy, today, policy.outgoing, transport, version, receiver, link, port)


def decide_icmp(  # noqa: PLR0911 - a list, top to bottom
    policy: Policy, version: int, kind: int, sender: int, link: str, *, hop_limit: int = 64, state: str = "new", out: bool = False
) -> Judged:
    """An ICMP (`version` 4) or ICMPv6 (6) message of type `kind` to this host, or (`out`) from it: then `sender` is who gets it."""
    if out and policy.outgoing is None:
        return _FREE
    if state in ANSWERS:
        return _ESTABLISHED
    if link == LOOPBACK:
        return _LOOPBACK
    if version == 6:
        if kind in ICMPV6_KEPT or (kind in ICMPV6_NEIGHBOURS and hop_limit == NEIGHBOURS_HOP_LIMIT):
            return _KEPT
        if kind in ICMPV6_LISTENERS and (out or is_link_local(sender)):
            return _KEPT
    elif kind in ICMP_KEPT:
        return _KEPT
    if state == "invalid":
        return _INVALID
    named = policy.ping_out if out else policy.ping
    if version == 4 and kind == ECHO_REQUEST and any(is_from(source, 4, sender, link) for source in named):
        return Judged(Outcome.ACCEPT, Why.LINE)
    return _refused(policy)


def _by_lines(
    policy: Policy, today: date, lines: Iterable[Line], transport: Transport, version: int, address: int, link: str, port: int
) -> Judged:
    found = [
        line
        for line in lines
        if not line.is_over(today)
        and holds(line.ports, transport, port)
        and any(is_from(source, version, address, link) for source in line.sources)
    ]
    return _let_in(found) if found else _refused(policy)


def _let_in(lines: Iterable[Line | Crossing]) -> Judged:
    """Whoever may come in by one line without a limit is not limited by another one."""
    found = tuple(lines)
    return Judged(Outcome.MAYBE if all(line.limit is not None for line in found) else Outcome.ACCEPT, Why.LINE, found)


def _refused(policy: Policy) -> Judged:
    return Judged(Outcome.REJECT if policy.refusal is Refusal.REJECT else Outcome.DROP, Why.NOBODY)


def holds(ports: Ports, transport: Transport, port: int) -> bool:
    """Whether a port is among those of a line."""
    return any(each is transport and port in numbers for each, numbers in ports)


def is_from(source: Source, version: int, address: int, link: str) -> bool:
    """Whether a sender is meant by a source."""
    return any(_is_in(part, version, address) and (not part.links or _through(part.links, link)) for part in source.parts)


def _is_in(part: Part, version: int, address: int) -> bool:
    if part.addresses is None:
        return True
    spans = part.addresses.v4 if version == 4 else part.addresses.v6
    return any(first <= address <= last for first, last in spans)


def _through(patterns: Iterable[str], link: str) -> bool:
    return any(means(pattern, link) for pattern in patterns)


def means(pattern: str, link: str) -> bool:
    """Whether a policy's name of interfaces means this one: `eth*` means all that begin so."""
    return link.startswith(pattern[:-1]) if pattern.endswith("*") else link == pattern


def is_link_local(address: int) -> bool:
    """Whether an IPv6 address is fe80::/10."""
    return address >> 118 == _LINK_LOCAL_6
