"""What the administrator has set about this network namespace's port numbers (Documentation/networking/ip-sysctl.rst)."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.model.port import LAST_SYSTEM
from portulan.model.portset import PortSet, parse_portset

RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"
UNPRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


def read_reserved_ports(path: str = RESERVED) -> PortSet:
    """The numbers that the kernel does not hand to clients by itself; none where there is no such setting."""
    text = _read(path)
    try:
        return parse_portset(text) if text else PortSet()
    except BadInput:
        return PortSet()


def read_first_unprivileged(path: str = UNPRIVILEGED) -> int:
    """The first number that takes no privilege to bind: 1024 unless it was set."""
    text = _read(path)
    return int(text) if text.isdigit() else LAST_SYSTEM + 1


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(1 << 20).strip()
    except OSError:
        return ""
