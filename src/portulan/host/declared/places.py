"""Addresses and ports as configuration files write them. What is no number and no address of the machine's own tables stays unknown."""

from __future__ import annotations

from collections.abc import Mapping

from portulan.model.address import MAPPED, format_address
from portulan.model.port import PORTS
from portulan.model.record import Record

_NO_NAMES: Mapping[str, tuple[str, ...]] = {}
ANY_4, ANY_6 = "0.0.0.0", "::"  # noqa: S104 - words, not bound


class Around(Record):
    """What of the machine decides how a server understands its file."""

    names: Mapping[str, tuple[str, ...]] = _NO_NAMES
    """/etc/hosts: name -> addresses."""
    ipv6: bool = True
    v6_only: bool = False
    """net.ipv6.bindv6only: what a socket is unless its program says otherwise."""


class Spot(Record):
    """One address that a socket will be bound to."""

    address: str | None
    """None: the file does not tell."""
    v6_only: bool | None = None
    device: str | None = None


NOT_TOLD = (Spot(None),)
"""Where a file gives a port and no address."""


def parse_port(text: str) -> int | None:
    """A port from 1 to 65535 in decimal digits; None for anything else, 0 included: that is the kernel's choice."""
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        return None
    number = int(text)
    return number if 0 < number < PORTS else None


def parse_range(text: str) -> range | None:
    """`8000` or `8000-8010`, both inside; None for anything else."""
    first, dash, last = text.partition("-")
    low, high = parse_port(first), parse_port(last if dash else first)
    return range(low, high + 1) if low and high and low <= high else None


def split_port(text: str) -> tuple[str | None, str | None]:
    """(host, port) of `host:port`, `[v6]:port`, `:port`, `port`, `host`; a bare IPv6 address is a host. Either is None where it is not there."""
    if text.startswith("["):
        host, closing, rest = text[1:].partition("]")
        if not closing or (rest and not rest.startswith(":")):
            return text, None
        return host, rest[1:] or None if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    if colon:
        return host or None, port or None
    return (None, text) if text.isascii() and text.isdigit() else (text or None, None)


def normal_address(text: str) -> str | None:
    """An IP address as the chart writes it (without a zone); None for a name."""
    packed = pack(text.partition("%")[0])
    return None if packed is None else format_address(packed)


def pack(text: str) -> bytes | None:
    """The bytes of an IP address: dotted quad, or IPv6 by RFC 4291, section 2.2. None for anything else."""
    if ":" not in text:
        return _pack_4(text)
    if len(text) > 45 or not text.isascii() or text.count("::") > 1 or ":::" in text:
        return None
    left, double, right = text.partition("::")
    head, tail = _groups(left), _groups(right)
    if head is None or tail is None or (left and not right and not double and len(head) != 16):
        return None
    missing = 16 - len(head) - len(tail)
    if (missing < 2) if double else missing:
        return None
    return head + bytes(missing) + tail


def _groups(text: str) -> bytes | None:
    packed = b""
    parts = text.split(":") if text else []
    for at, part in enumerate(parts):
        if "." in part and at == len(parts) - 1:
            four = _pack_4(part)
            if four is None:
                return None
            packed += four
        elif 1 <= len(part) <= 4 and all(digit in "0123456789abcdefABCDEF" for digit in part):
            packed += int(part, 16).to_bytes(2)
        else:
            return None
    return packed


def _pack_4(text: str) -> bytes | None:
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) <= 3 and int(part) < 256 for part in parts):
        return None
    return bytes(map(int, parts))


def find_spots(host: str, around: Around, *, v6_only: bool = True) -> tuple[Spot, ...]:
    """The sockets that a host word stands for: an address, `localhost`, or a name of /etc/hosts. Empty where it cannot be told.

    `v6_only`: what the server makes its IPv6 wildcard socket.
    """
    text, _, zone = host.partition("%")
    address = normal_address(text)
    if address is not None:
        return (_spot(address, zone or None, v6_only=v6_only),)
    known = around.names.get(text.lower().rstrip("."))
    if known is None and text.lower() == "localhost":  # RFC 6761, section 6.3
        known = ("127.0.0.1", "::1")
    found = dict.fromkeys(normal_address(each) for each in known or ())
    return tuple(_spot(each, None, v6_only=v6_only) for each in found if each and (around.ipv6 or ":" not in each))


def _spot(address: str, device: str | None, *, v6_only: bool) -> Spot:
    if ":" not in address:
        return Spot(address)
    if pack(address) == bytes(16):
        return Spot(address, v6_only, device)
    # The kernel itself makes a socket v6-only when its address cannot be IPv4 (__inet6_bind in net/ipv6/af_inet6.c).
    return Spot(address, (pack(address) or b"")[:12] != MAPPED, device)


def everywhere(around: Around) -> tuple[Spot, ...]:
    """A socket for each family: what most servers open for "all addresses"."""
    return (Spot(ANY_4), Spot(ANY_6, v6_only=True)) if around.ipv6 else (Spot(ANY_4),)


def dual(around: Around, *, v6_only: bool = False) -> tuple[Spot, ...]:
    """One socket for both families."""
    return (Spot(ANY_6, v6_only),) if around.ipv6 else (Spot(ANY_4),)
