"""Words for ports: numbers, ranges, transports and service names become sets of ports."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.model.port import Transport, parse_transport
from portulan.model.portset import PortRange, PortSet, parse_portset

_CHARTED = (Transport.TCP, Transport.UDP, Transport.UDPLITE)


def resolve_ports(text: str) -> tuple[PortSet, tuple[Transport, ...]]:
    """`80`, `443/tcp`, `tcp/443`, `8000-8010/udp`, `22,80`, `ssh`, `domain/udp` -> the ports, and the transports asked for (all that a chart has, if none).

    Raises BadInput for what is neither a number nor a name that the registry or our list of people's words knows.
    """
    ports, slash, name = text.strip().partition("/")
    if slash and ports.lower() in tuple(Transport) and name[:1].isdigit():
        ports, name = name, ports
    transports = (parse_transport(name),) if slash else _CHARTED
    if not ports or ports.startswith("-"):  # -5 is a mistyped option more often than ports 0 to 5
        raise BadInput("port.not-a-number", text=text)
    if ports[0].isdigit():
        return parse_portset(ports), transports
    return ports_named(ports, transports), transports


def ports_named(name: str, transports: tuple[Transport, ...]) -> PortSet:
    """The ports of a service on these transports. Raises BadInput for a name that neither the registry nor our list of people's words knows."""
    numbers = _by_name(name, transports)
    if not numbers:
        raise BadInput("service.unknown", text=name, near=_suggestion(name))
    return numbers


def _by_name(name: str, transports: tuple[Transport, ...]) -> PortSet:
    """The ports of a service: its registered name, or people's word for it."""
    from portulan.model.assignment import Kind
    from portulan.verbs.lookup import lookup

    answer = lookup(name)
    if answer.kind is not Kind.NAME:
        return PortSet()
    return PortSet.of(
        PortRange(entry.first, entry.last if entry.last is not None else entry.first)
        for entry in answer.entries
        if entry.first is not None and (entry.transport is None or entry.transport in transports)
    )


def _suggestion(name: str) -> str:
    from portulan.verbs.lookup import lookup

    return next(iter(lookup(name).suggestions), "")
