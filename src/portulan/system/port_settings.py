"""What the administrator has set about this network namespace's port numbers (Documentation/networking/ip-sysctl.rst)."""

from __future__ import annotations

import os

from portulan.model.port import LAST_SYSTEM
from portulan.model.portset import PortRange, PortSet
from portulan.wire.procfs import parse_port_list

RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"
UNPRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
V6_ONLY = "/proc/sys/net/ipv6/bindv6only"
_USUAL, _LONGEST = 1 << 12, 1 << 20


def read_reserved_ports(path: str = RESERVED) -> PortSet:
    """The numbers that the kernel does not hand to clients by itself; none where there is no such setting."""
    return PortSet.of(PortRange(first, last) for first, last in parse_port_list(_read(path).encode()))


def read_first_unprivileged(path: str = UNPRIVILEGED) -> int:
    """The first number that takes no privilege to bind: 1024 unless it was set."""
    text = _read(path)
    return int(text) if text.isdigit() else LAST_SYSTEM + 1


def read_v6_only(path: str = V6_ONLY) -> bool:
    """What IPV6_V6ONLY is where a server does not say."""
    return _read(path) not in ("", "0")


def _read(path: str) -> str:
    """The setting in one read, as the kernel gives it; the kernel makes room for as much as is asked for, so a little is asked for first."""
    try:
        for size in (_USUAL, _LONGEST):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.read(descriptor, size)
            finally:
                os.close(descriptor)
            if len(data) < size:
                break
    except OSError:
        return ""
    return data.decode("ascii", "replace").strip()
