"""What a door's name opens: the registry's usual name or people's word for a service, a number, a range, with or without a transport."""

from __future__ import annotations

import re

from portulan.errors import BadInput
from portulan.model.assignment import Kind
from portulan.model.port import TRANSPORTS, Transport
from portulan.model.portset import PortRange, PortSet, parse_portset
from portulan.registry.answer import answer
from portulan.registry.ours import meant_by
from portulan.registry.question import Question
from portulan.registry.well_known import well_known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.assignment import Entry
    from portulan.model.policy import Ports
    from portulan.registry.table import Table

FOLLOWED = (Transport.TCP, Transport.UDP, Transport.SCTP)
"""The transports that a line can name."""
_USUAL = (Transport.TCP, Transport.UDP)
_NUMBERS = re.compile(r"[0-9][0-9,\-\s]*")
_LONGEST = 200


def door_ports(text: str, table: Table) -> Ports:
    """`https`, `domain/udp`, `5432/tcp`, `8000-8010`, `80,443/tcp` -> the ports of each transport.

    A number without a transport is TCP and UDP. A name is what the registry gives it on TCP and UDP, and of these only what it is usually used on, where that is known.
    Raises BadInput for what is no port, and for words that mean several services.
    """
    if len(text) > _LONGEST:
        raise BadInput("policy.too-long", text=text[:40], most=_LONGEST)
    ports, transport = _split(text.strip())
    if _NUMBERS.fullmatch(ports):
        numbers = parse_portset(ports)
        return tuple((one, numbers) for one in ((transport,) if transport else _USUAL))
    return _named(ports, transport, table)


def _split(text: str) -> tuple[str, Transport | None]:
    """The name or numbers, and the transport."""
    ports, slash, word = text.partition("/")
    if slash and ports.lower() in tuple(Transport) and word:
        ports, word = word, ports
    if not slash:
        return ports, None
    if word.strip().lower() not in FOLLOWED:
        raise BadInput("transport.unknown", text=word.strip(), known=", ".join(FOLLOWED))
    return ports.strip(), Transport(word.strip().lower())


def _named(name: str, transport: Transport | None, table: Table) -> Ports:
    if not name or name[0] == "-":
        raise BadInput("policy.port", text=name, near="")
    found = answer(Question(name, text=name), table)
    entries = [entry for entry in found.entries if entry.first is not None] if found.kind is Kind.NAME else []
    if not entries and re.search(r"[\w)][,;\s]+\w", name):
        raise BadInput("policy.one-service", text=name)
    if not entries:
        raise BadInput("policy.port", text=name, near=next(iter(found.suggestions), ""))
    entries = _one_service(name, entries)
    spans = {(entry.first, entry.last) for entry in entries}
    if len(spans) > 1:
        raise BadInput("policy.several", text=name, known=_listed(entries))
    on = {each for entry in entries for each in ((entry.transport,) if entry.transport else _USUAL)}
    first, last = entries[0].first, entries[0].last
    assert first is not None
    numbers = PortSet((PortRange(first, first if last is None else last),))
    if transport is not None:
        if transport not in on:
            raise BadInput("policy.not-on", text=name, transport=transport.value, ports=str(numbers))
        return ((transport, numbers),)
    kept = on.intersection(_USUAL) or on.intersection(FOLLOWED)
    if not kept:
        raise BadInput("policy.not-on", text=name, transport="tcp", ports=str(numbers))
    kept = kept.intersection(_usually_on(first)) or kept
    return tuple((one, numbers) for one in TRANSPORTS if one in kept)


def _one_service(name: str, entries: list[Entry]) -> list[Entry]:
    """What a name means, if it is one service. A word of ours goes before the registry's: people mean something else by it (sftp, rdp)."""
    meant = meant_by(name)
    services = {one.service for one in meant}
    if len(services) > 1:
        raise BadInput("policy.several", text=name, known=_listed(entries))
    if meant:
        return [entry for entry in entries if entry.service == meant[0].service and entry.first == meant[0].port] or entries
    return entries


def _listed(entries: Iterable[Entry]) -> str:
    """`smtp (25), pop3 (110)`."""
    found = {f"{entry.service} ({entry.first})": None for entry in entries}
    return ", ".join(found)


def _usually_on(port: int) -> frozenset[Transport]:
    """The transports on which a well-known port is really used; empty where nothing is known."""
    return frozenset(transport for known in well_known() if any(port in part for part in known.ports) for transport in known.transports)
