"""What a doorkeeper knows, as it is told. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from portulan.model.address import format_address, narrowed
from portulan.model.scanner import Kind, Outcome, Scanner, Tried, Verdict
from portulan.traffic.backscatter import LEAST
from portulan.traffic.sources import MOST_PORTS, Contact
from portulan.traffic.walk import odds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from portulan.traffic.backscatter import Answering
    from portulan.traffic.sources import Source
    from portulan.traffic.together import Street
    from portulan.traffic.walk import Steps

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_999_999
"""The end of the year 9999, in microseconds: later times are told as that."""
_NAMES = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp"}
_MANY = 4


def instant(at_ns: int) -> datetime:
    """A time of a capture."""
    return _EPOCH + timedelta(microseconds=max(0, min(at_ns // 1000, _LAST_US)))


def address_text(packed: bytes) -> str:
    """Of 16 bytes; IPv4 as such."""
    return format_address(narrowed(packed))


def door_texts(doors: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """`22/tcp`, in order of number, of (port, transport)."""
    return tuple(f"{port}/{_NAMES.get(transport, transport)}" for port, transport in sorted(doors))


def kind_of(hosts: int, ports: int) -> Kind:
    """Many ports of few hosts, few of many, or both."""
    if hosts <= 1 or ports >= _MANY * hosts:
        return Kind.VERTICAL
    if ports <= 1 or hosts >= _MANY * ports:
        return Kind.HORIZONTAL
    return Kind.BOTH


def of_source(address: bytes, source: Source, steps: Steps) -> Scanner:
    """One source."""
    return Scanner(
        sources=(address_text(address),),
        verdict=source.verdict(steps),
        kind=kind_of(source.hosts, source.ports_seen),
        since=instant(source.first_ns),
        until=instant(source.last_ns),
        sure_after=source.sure_after,
        first_contacts=source.contacts,
        hosts=source.hosts,
        ports=door_texts(source.ports),
        more_ports=max(0, source.ports_seen - len(source.ports)),
        learnt=door_texts((port, transport) for transport, port in source.learnt),
        evidence=tuple(_tried(each) for each in sorted(source.evidence, key=lambda each: each.at_ns)),
        odds=source.odds,
    )


def of_street(street: Street, scanners: Collection[bytes]) -> Scanner:
    """Several that divide a street among them; without those that turned out to be scanners by themselves, if others are left."""
    others = [each for each in street.sources if each not in scanners] or list(street.sources)
    contacts = [each for _, each in street.evidence]
    return Scanner(
        sources=tuple(address_text(each) for each in sorted(others)),
        verdict=Verdict.SCANNER,
        kind=Kind.DISTRIBUTED,
        since=instant(min(each.at_ns for each in contacts)),
        until=instant(street.last_ns),
        sure_after=street.sure_after,
        first_contacts=street.contacts,
        hosts=len(street.hosts),
        ports=door_texts((port, transport) for transport, port in street.doors),
        more_ports=0,
        learnt=door_texts((port, transport) for transport, port in street.learnt),
        evidence=tuple(_tried(each) for each in sorted(contacts, key=lambda each: each.at_ns)),
        odds=odds_of(street.walk),
    )


def of_replies(address: bytes, found: Answering) -> Scanner:
    """Who answers what nobody asked. Its ports are its own: those that are being attacked."""
    answers = sorted(found.answers.items(), key=lambda each: (each[1][0], each[0]))
    return Scanner(
        sources=(address_text(address),),
        verdict=Verdict.BACKSCATTER,
        kind=Kind.BACKSCATTER,
        since=instant(found.first_ns),
        until=instant(found.last_ns),
        sure_after=LEAST,
        first_contacts=len(answers),
        hosts=len(found.hosts),
        ports=door_texts(list(found.ports)[:MOST_PORTS]),
        more_ports=max(0, len(found.ports) - MOST_PORTS),
        learnt=(),
        evidence=tuple(
            Tried(
                instant(at_ns),
                address_text(to),
                port,
                _NAMES.get(transport, str(transport)),
                Outcome.ANSWERED if answer else Outcome.REFUSED,
            )
            for (to, port, transport), (at_ns, answer) in answers[:16]
        ),
        odds=odds_of(0.0),
    )


def _tried(contact: Contact) -> Tried:
    transport = _NAMES.get(contact.transport, str(contact.transport))
    return Tried(instant(contact.at_ns), address_text(contact.destination), contact.port, transport, contact.outcome)
