"""Which ports are scanned: lists, ranges, service names, with a transport before (`U:53`, as nmap takes it) or behind (`53/udp`), or the most likely ones."""

from __future__ import annotations

from itertools import islice

from portulan.errors import BadInput
from portulan.model.port import PORTS, Transport, parse_transport
from portulan.model.portset import PortRange, PortSet, parse_range
from portulan.model.record import Record
from portulan.model.scan import Method
from portulan.registry.popular import in_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from portulan.registry.table import Table

    Named = Callable[[str, tuple[Transport, ...]], PortSet]
    """A service's name -> its ports on these transports. Raises BadInput for an unknown one."""

TOP = 1000
"""How many ports are asked when none are said."""
SCANNED = (Transport.TCP, Transport.UDP)
_PREFIXES = {"t": Transport.TCP, "u": Transport.UDP}
_NUMERIC = frozenset("0123456789-")


class Wanted(Record):
    """The ports to ask, of each transport."""

    tcp: PortSet
    udp: PortSet


def choose_ports(text: str | None, top: int | None, method: Method | None, table: Table, named: Named) -> Wanted:
    """The ports that `-p` (or `--top`, or nothing) means. Without a transport they are TCP's, or UDP's where the method is udp. Raises BadInput."""
    default = Transport.UDP if method is Method.UDP else Transport.TCP
    if text is not None and top is not None:
        raise BadInput("scan.ports-twice")
    if text is None:
        chosen = {default: top_ports(TOP if top is None else top, default, table)}
    else:
        chosen = parse_ports(text, default, named)
    return Wanted(chosen.get(Transport.TCP, PortSet()), chosen.get(Transport.UDP, PortSet()))


def top_ports(count: int, transport: Transport, table: Table) -> PortSet:
    """The so many likeliest ports. Raises BadInput for a number outside 1 to 65536."""
    if not 1 <= count <= PORTS:
        raise BadInput("scan.top", count=count)
    return PortSet.of(PortRange(port, port) for port in islice(in_order(transport, table), count) if port or transport is not Transport.UDP)


def parse_ports(text: str, default: Transport, named: Named) -> dict[Transport, PortSet]:
    """`22,80,8000-8010,https,T:1-1023,U:53,123/udp,-`. A prefix holds for what follows it, until the next one. Raises BadInput."""
    found: dict[Transport, list[PortRange]] = {}
    prefixed: Transport | None = None
    for whole in text.split(","):
        part = whole.strip()
        prefix, colon, rest = part.partition(":")
        if colon:
            if prefix.lower() not in _PREFIXES:
                raise BadInput("scan.port-prefix", text=part)
            prefixed, part = _PREFIXES[prefix.lower()], rest
        body, slash, name = part.partition("/")
        transport = _transport(name) if slash else prefixed or default
        if not body:
            raise BadInput("port.not-a-number", text=whole)
        found.setdefault(transport, []).extend(_ranges(body, transport, named))
    return {transport: PortSet.of(ranges) for transport, ranges in found.items()}


def _transport(name: str) -> Transport:
    transport = parse_transport(name)
    if transport not in SCANNED:
        raise BadInput("scan.transport", text=transport.value)
    return transport


def _ranges(body: str, transport: Transport, named: Named) -> tuple[PortRange, ...]:
    if set(body) <= _NUMERIC:
        found = parse_range(body)
        if transport is Transport.UDP and not found.first:
            # No socket can send to UDP's port 0: a range begins behind it.
            if not found.last:
                raise BadInput("scan.udp-zero")
            found = PortRange(1, found.last)
        return (found,)
    return named(body, (transport,)).ranges
