"""Ports that the kernel itself holds, as its interfaces and services tell: no process has these sockets in its file table.

Sources: include/uapi/linux/if_link.h (IFLA_*), wireguard.h, fou.h; fs/nfsd/nfsctl.c for the port list.
"""

from __future__ import annotations

from struct import pack, unpack_from
from typing import NamedTuple

from portulan.errors import ParseError
from portulan.model.port import Transport
from portulan.wire.netlink import build_attribute, iterate_attributes, parse_attributes

GET_LINK = 18
_IFINFO_SIZE = 16
_NAME, _LINK_INFO, _KIND, _DATA = 3, 18, 1, 2
# Link kind -> attribute that holds its UDP port, in network order.
_PORT_ATTRIBUTES = {"vxlan": (15,), "geneve": (5,), "bareudp": (1,), "amt": (2, 3)}
# GTP listens on the two ports of 3GPP TS 29.281 and 29.060.
_FIXED_PORTS = {"gtp": (2152, 3386)}

CONTROL_FAMILY, GET_FAMILY = 0x10, 3
WIREGUARD, FOU = "wireguard", "fou"
WIREGUARD_GET_DEVICE, FOU_GET = 0, 3


class Link(NamedTuple):
    """An interface, with the UDP ports its kind makes the kernel hold."""

    number: int
    name: str
    kind: str
    ports: tuple[int, ...] = ()


def build_links_request() -> bytes:
    """The payload of a dump of all interfaces."""
    return pack("=BxHiII", 0, 0, 0, 0, 0)


def parse_link(data: bytes, start: int, end: int) -> Link:
    """One RTM_NEWLINK payload. Raises ParseError."""
    if end - start < _IFINFO_SIZE:
        raise ParseError("netlink.truncated", offset=start)
    index = unpack_from("=i", data, start + 4)[0]
    name = kind = ""
    detail: dict[int, bytes] = {}
    for attribute, first, last in iterate_attributes(data, start + _IFINFO_SIZE, end):
        if attribute == _NAME:
            name = _text(data[first:last])
        elif attribute == _LINK_INFO:
            inner = parse_attributes(data, first, last)
            kind = _text(inner.get(_KIND, b""))
            detail = parse_attributes(inner.get(_DATA, b""), 0, len(inner.get(_DATA, b"")))
    ports = tuple(int.from_bytes(detail[number]) for number in _PORT_ATTRIBUTES.get(kind, ()) if len(detail.get(number, b"")) == 2)
    return Link(index, name, kind, tuple(port for port in ports if port) or _FIXED_PORTS.get(kind, ()))


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "backslashreplace")


def build_family_request(name: str) -> bytes:
    """Ask generic netlink for the number of a family by name."""
    return pack("=BBH", GET_FAMILY, 1, 0) + build_attribute(2, name)


def parse_family(data: bytes, start: int, end: int) -> int:
    """The family's number. Raises ParseError."""
    value = parse_attributes(data, start + 4, end).get(1, b"")
    if len(value) != 2:
        raise ParseError("netlink.truncated", offset=start)
    return int(unpack_from("=H", value)[0])


def build_wireguard_request(index: int) -> bytes:
    """Ask for one WireGuard device by its interface index (a dump)."""
    return pack("=BBH", WIREGUARD_GET_DEVICE, 1, 0) + build_attribute(1, index)


def parse_wireguard_port(data: bytes, start: int, end: int) -> int | None:
    """WGDEVICE_A_LISTEN_PORT, in host order; None when the message has none. Raises ParseError."""
    value = parse_attributes(data, start + 4, end).get(6, b"")
    return int(unpack_from("=H", value)[0]) or None if len(value) == 2 else None


def build_fou_request() -> bytes:
    """Ask for the foo-over-UDP ports (a dump)."""
    return pack("=BBH", FOU_GET, 1, 0)


def parse_fou_port(data: bytes, start: int, end: int) -> int | None:
    """FOU_ATTR_PORT, in network order. Raises ParseError."""
    value = parse_attributes(data, start + 4, end).get(1, b"")
    return int.from_bytes(value) or None if len(value) == 2 else None


def parse_nfsd_ports(data: bytes) -> tuple[tuple[Transport, int], ...]:
    """/proc/fs/nfsd/portlist: lines `tcp 2049`, with another word for a transport we do not know (rdma)."""
    found = []
    for line in data.decode("ascii", "replace").splitlines():
        name, _, number = line.partition(" ")
        if name in ("tcp", "udp") and number.isdigit():
            found.append((Transport(name), int(number)))
    return tuple(found)
