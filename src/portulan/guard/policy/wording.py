"""Ports and limits as people write them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.policy import Limit, Ports


def ports_text(ports: Ports) -> tuple[str, ...]:
    """`443/tcp`, `8000-8010/udp`: one for each transport; it reads back as the same ports."""
    return tuple(f"{numbers}/{transport.value}" for transport, numbers in ports)


def limit_text(limit: Limit) -> str:
    """`10/minute`, with its burst where that is another number; it reads back as the same limit."""
    rate = f"{limit.number}/{limit.per.value}"
    return rate if limit.burst == limit.number else f"{rate} burst {limit.burst}"
