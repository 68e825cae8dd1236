"""A port: a number from 0 to 65535 on one transport.

Names after RFC 6335: the three ranges are *system*, *user* and *dynamic* ports. The kernel's ephemeral range is another thing, a fact of
one host, and lives in the chart.
"""

from __future__ import annotations

from enum import StrEnum

from portulan.errors import BadInput
from portulan.model.record import Record

PORTS = 65_536
"""How many port numbers a transport has."""

LAST_SYSTEM = 1023
LAST_USER = 49_151


class Transport(StrEnum):
    """A transport protocol that has ports. The order is the key order of `Port.key`."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"
    DCCP = "dccp"
    UDPLITE = "udplite"

    __hash__ = str.__hash__  # Enum's own is a Python function, called for every key of a table


TRANSPORTS = tuple(Transport)
PROTOCOL_NUMBERS = dict(zip(TRANSPORTS, (6, 17, 132, 33, 136), strict=True))
"""What says in an IP header which transport follows (IANA, Protocol Numbers)."""


class PortClass(StrEnum):
    """The three ranges of RFC 6335, section 6."""

    SYSTEM = "system"
    USER = "user"
    DYNAMIC = "dynamic"


def port_class(number: int) -> PortClass:
    """The range that a port number (0 to 65535) lies in."""
    if number <= LAST_SYSTEM:
        return PortClass.SYSTEM
    return PortClass.USER if number <= LAST_USER else PortClass.DYNAMIC


class Port(Record):
    """A port number, on one transport or (`transport` None) on any."""

    number: int
    transport: Transport | None = None

    def __str__(self) -> str:
        """`443/tcp`, or `443` when the transport is open."""
        return f"{self.number}/{self.transport.value}" if self.transport else str(self.number)

    @property
    def key(self) -> int:
        """Transport index << 16 | number: the flat key of bulk tables. Needs a transport."""
        assert self.transport is not None
        return TRANSPORTS.index(self.transport) << 16 | self.number


def parse_number(text: str) -> int:
    """A port number from text. Raises BadInput outside 0 to 65535 or for anything that is not decimal digits."""
    if not (text.isascii() and text.isdigit()):
        raise BadInput("port.not-a-number", text=text)
    # A long run of digits is out of range whatever it says, and int() of megabytes is slow.
    if len(text) > 12 or (number := int(text)) >= PORTS:
        raise BadInput("port.out-of-range", text=text)
    return number


def parse_transport(text: str) -> Transport:
    """A transport by name, in any case. Raises BadInput for another word."""
    try:
        return Transport(text.lower())
    except ValueError:
        raise BadInput("transport.unknown", text=text, known=", ".join(TRANSPORTS)) from None


def parse_port(text: str) -> Port:
    """`443`, `443/tcp`, `tcp/443`. Raises BadInput."""
    first, slash, second = text.strip().partition("/")
    if not slash:
        return Port(parse_number(first))
    if first.isdigit():
        return Port(parse_number(first), parse_transport(second))
    return Port(parse_number(second), parse_transport(first))
