"""Ports that the kernel itself holds beside those of its tunnel interfaces (`wire.rtnetlink`): WireGuard, foo-over-UDP, the NFS server.

Sources: include/uapi/linux/wireguard.h, fou.h, genetlink.h; fs/nfsd/nfsctl.c for the port list.
"""

from __future__ import annotations

from struct import pack, unpack_from

from portulan.errors import ParseError
from portulan.model.port import PORTS, Transport
from portulan.wire.netlink import build_attribute, parse_attributes

CONTROL_FAMILY, GET_FAMILY = 0x10, 3
WIREGUARD, FOU = "wireguard", "fou"
WIREGUARD_GET_DEVICE, FOU_GET = 0, 3


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
        if name in ("tcp", "udp") and number.isdigit() and len(number) <= 5 and int(number) < PORTS:
            found.append((Transport(name), int(number)))
    return tuple(found)
