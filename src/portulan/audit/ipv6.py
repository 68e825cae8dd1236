"""Findings about IPv6 that was forgotten: a door that IPv4's rules shut stands open there."""

from __future__ import annotations

from portulan.audit.facts import door_finding, open_to_everyone
from portulan.audit.fixes import close_door
from portulan.guard.paths import KERNEL
from portulan.model.finding import Level
from portulan.model.reach import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.audit.facts import Door, Facts
    from portulan.model.finding import Finding

_GLOBAL_6 = (0x2 << 124, (0x4 << 124) - 1)
"""2000::/3, what the internet routes (RFC 4291, section 2.4; IANA's registry of global unicast addresses)."""


def find_open_by_ipv6(facts: Facts) -> Iterator[Finding]:
    """Doors that everyone gets to by IPv6, while the rules turn them away by IPv4."""
    if facts.network is not None and not has_global_ipv6(facts):
        return
    for door in facts.doors:
        if door.reached is not None and _serves_both(door) and open_to_everyone(door.reached, 6) and _shut_by_rules(door):
            yield door_finding("ipv6.open", Level.ERROR, door, facts, fixes=close_door(door, facts))


def has_global_ipv6(facts: Facts) -> bool:
    """Whether this host has an IPv6 address that the internet routes to."""
    return facts.network is not None and any(
        address.version == 6 and _GLOBAL_6[0] <= address.number <= _GLOBAL_6[1]
        for link in facts.network.links
        for address, _ in link.addresses
    )


def _serves_both(door: Door) -> bool:
    """Whether it listens to IPv4 as well: a server of IPv6 alone is meant so."""
    return any(item.address == "0.0.0.0" for item in door.items) or any(  # noqa: S104 - compared, not bound
        item.address == "::" and socket.v6_only is False for item in door.items for socket in item.sockets
    )


def _shut_by_rules(door: Door) -> bool:
    """Whether a rule turns IPv4's strangers away (and not only that nobody ever asks by IPv4)."""
    assert door.reached is not None
    if open_to_everyone(door.reached, 4):
        return False
    return any(
        access.outcome in (Outcome.DROP, Outcome.REJECT)
        and access.sources.v4
        and access.rule is not None
        and access.rule.family != KERNEL
        and access.links != ("lo",)
        for access in door.reached.accesses
    )
