"""The ports that the kernel hands to clients by itself (ip-sysctl: ip_local_port_range)."""

from __future__ import annotations

from portulan.model.port import PORTS
from portulan.model.portset import PortRange

SETTING = "/proc/sys/net/ipv4/ip_local_port_range"


def read_ephemeral_range(path: str = SETTING) -> PortRange | None:
    """The range of this process's network namespace; None where there is no such setting (not Linux, no /proc)."""
    try:
        with open(path, "rb") as file:
            fields = file.read(100).split()
    except OSError:
        return None
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    first, last = map(int, fields)
    return PortRange(first, last) if first <= last < PORTS else None
