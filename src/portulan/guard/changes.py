"""What rules change about packets: each change makes a lane of its own."""

from __future__ import annotations

from portulan.guard.lanes import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.guard.lanes import Lane, Value
    from portulan.model.rule import Field

_LOOPBACK = {4: 0x7F000001, 6: 1}


def _is_near(version: int, address: int) -> bool:
    """Link-local (fe80::/10): those of IPv6 are redirected to such only (net/netfilter/nf_nat_redirect.c)."""
    return version == 6 and address >> 118 == 0x3FA


def untrack(lane: Lane) -> None:
    """`notrack`."""
    lane.tracked = False


def assign(lane: Lane, field: Field, value: Value) -> None:
    """`meta mark set …` and the like."""
    group, name = field.group, field.name
    lane.facts[group, name, field.direction] = value
    if group in ("ip", "ip6") and name == "saddr":
        lane.source = value
    elif group in ("ip", "ip6") and name == "daddr":
        lane.destination = value
    elif group in ("tcp", "udp", "th") and name == "dport":
        lane.port = value


def translate(lane: Lane, version: int, kind: str, address: Value | None, port: Value | None) -> None:
    """NAT; None: as it was. `redirect` sends to the first address of its kind of the interface that the packet came by, or to the loopback."""
    if kind in ("snat", "masquerade"):
        lane.source, lane.masked = UNKNOWN, True
        return
    if kind == "redirect":
        link = lane.entry.links[0]
        near = isinstance(lane.destination, int) and _is_near(version, lane.destination)
        own = (known.number for known, _ in link.addresses if known.version == version and _is_near(version, known.number) == near)
        address = _LOOPBACK[version] if lane.entry.local else next(own, UNKNOWN)
    if address is None:
        address = lane.destination
    lane.translated = True
    lane.changed = address != lane.destination or port is not None
    lane.destination = address
    if port is not None:
        lane.port = port
