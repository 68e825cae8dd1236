"""Networks as people write them, as spans of numbers: `198.51.100.0/24`, `2001:db8::1`, `203.0.113.5-203.0.113.9`."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from portulan.errors import BadInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Span: TypeAlias = tuple[int, int]

_OCTET = r"(0|[1-9][0-9]{0,2})"
_PLAIN = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?:/([0-9]{{1,2}}))?").fullmatch
_LONGEST = 100


def parse_network(text: str) -> tuple[int, Span] | None:  # noqa: PLR0911 - one for each form
    """(IP version, (first, last)) of a network, an address or a range; None for text that looks like none of them.

    Raises BadInput for one that is nearly right: bits behind the prefix, a range that runs backwards or across versions, a scope.
    """
    quick = _quick(text)
    if quick is not None:
        return 4, quick
    if len(text) > _LONGEST:
        return None
    first, dash, last = text.partition("-")
    if dash:
        return _range(text, first.strip(), last.strip())
    host, slash, prefix = text.partition("/")
    if not _looks(host):
        return None
    if "%" in text:
        raise BadInput("policy.scope", text=text)
    if slash and not prefix.isdigit() and "." not in prefix:
        return None
    if ":" in host:
        return _six(text, host, prefix if slash else "128")
    try:
        network = ip_network(text, strict=False)
        address = ip_address(host)
    except ValueError:
        return None
    if slash and address != network.network_address:
        raise BadInput("policy.host-bits", text=text, network=str(network), address=host)
    return network.version, (int(network.network_address), int(network.broadcast_address))


def _quick(text: str) -> Span | None:
    """IPv4 in its plainest form: a list may have 100,000 of them, and ipaddress takes ten times as long."""
    found = _PLAIN(text)
    if found is None:
        return None
    *octets, prefix = found.groups()
    try:
        number = int.from_bytes(bytes(map(int, octets)))
    except ValueError:  # an octet above 255
        return None
    if prefix is None:
        return number, number
    if (bits := int(prefix)) > 32:
        return None
    rest = (1 << (32 - bits)) - 1
    return None if number & rest else (number, number | rest)


def _six(text: str, host: str, prefix: str) -> tuple[int, Span] | None:
    """IPv6."""
    try:
        number = int(IPv6Address(host))
    except ValueError:
        return None
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 3 and (bits := int(prefix)) <= 128):
        return None
    rest = (1 << (128 - bits)) - 1
    if number & rest:
        raise BadInput("policy.host-bits", text=text, network=f"{IPv6Address(number & ~rest)}/{bits}", address=host)
    return 6, (number, number | rest)


def _looks(host: str) -> bool:
    """Whether text is meant as an address, right or wrong."""
    return ":" in host or (bool(host) and host[0].isdigit() and "." in host)


def _range(text: str, first: str, last: str) -> tuple[int, Span] | None:
    if not _looks(first) or not _looks(last):
        return None
    try:
        low, high = ip_address(first), ip_address(last)
    except ValueError:
        return None
    if low.version != high.version or int(low) > int(high):
        raise BadInput("policy.range", text=text)
    return low.version, (int(low), int(high))


def span_text(version: int, span: Span) -> str:
    """A span as people write it: an address, a network, else a range."""
    kind = IPv4Address if version == 4 else IPv6Address
    first, last = span
    size = last - first + 1
    if size == 1:
        return str(kind(first))
    if size & (size - 1) == 0 and first % size == 0:
        return f"{kind(first)}/{(32 if version == 4 else 128) - size.bit_length() + 1}"
    return f"{kind(first)}-{kind(last)}"
