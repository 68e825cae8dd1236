"""A machine that never was, for the tests of the picture: a web server with a bit of everything."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.host.picture import draw
from portulan.model.address import Exposure
from portulan.model.picture import OpenPort, PortMap
from portulan.model.port import Transport
from portulan.model.portset import PortRange, parse_portset

ASSIGNED = parse_portset(
    "1,3,5,7,9,11,13,15,17-23,25,37-39,41-44,49-59,61-99,101-224,242-257,318-322,333,344-700,1025-3000,4000-4200,5432,6000-6063,8080,9100,49150-49151"
)

_OPENED = (
    ("tcp", 22, "all", "ssh"),
    ("tcp", 25, "loopback", "smtp"),
    ("tcp", 53, "private", "domain"),
    ("udp", 53, "private", "domain"),
    ("udp", 68, "all", "bootpc"),
    ("tcp", 80, "all", "http"),
    ("udp", 323, "loopback", None),
    ("tcp", 443, "all", "https"),
    ("udp", 443, "private", "https"),
    ("tcp", 5432, "loopback", "postgresql"),
    ("tcp", 8000, "private", None),
    ("tcp", 8001, "private", None),
    ("tcp", 8002, "private", None),
    ("tcp", 8080, "all", "http-alt"),
    ("tcp", 9100, "public", "hp-pdl-datastream"),
    ("udp", 51820, "all", None),
)


def opened() -> list[OpenPort]:
    """Its open ports."""
    return [OpenPort(transport=Transport(t), port=number, exposure=Exposure(e), service=name) for t, number, e, name in _OPENED]


def sample(more: list[OpenPort] | None = None, host: str = "web-01") -> PortMap:
    """Its picture; `more` are further open ports."""
    return PortMap(
        host=host,
        taken_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        transport=None,
        picture=draw(ASSIGNED, [*opened(), *(more or [])], [22, 32768, 40000, 40001, 60999]),
        ephemeral=PortRange(32768, 60999),
    )
