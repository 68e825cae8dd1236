"""Ports of one service together: what is asked for where a service has several doors."""

from __future__ import annotations

from collections import Counter

from portulan.model.traffic import PortTraffic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def by_service(ports: Iterable[PortTraffic]) -> tuple[PortTraffic, ...]:
    """Most bytes first. What no service is registered for is one row for each transport, with neither a name nor a port.

    A service with several ports has none here; one with one keeps it. Processes that held several of its ports are told once for each.
    """
    groups: dict[tuple[str, str | None], list[PortTraffic]] = {}
    for port in ports:
        groups.setdefault((port.transport, port.service), []).append(port)
    return tuple(sorted(map(_together, groups.values()), key=lambda each: (-each.bytes, each.service or "", each.transport)))


def _together(rows: list[PortTraffic]) -> PortTraffic:
    if len(rows) == 1:
        return rows[0]
    first = rows[0]
    protocols: Counter[str] = Counter()
    for row in rows:
        protocols.update(row.protocols)
    held = [each for row in rows for each in row.processes or ()]
    return PortTraffic(
        transport=first.transport, port=None, service=first.service, packets=sum(row.packets for row in rows), bytes=sum(row.bytes for row in rows),
        flows=sum(row.flows for row in rows), forward_bytes=sum(row.forward_bytes for row in rows), reverse_bytes=sum(row.reverse_bytes for row in rows),
        share=sum(row.share for row in rows), protocols=dict(protocols), marks=tuple(mark for row in rows for mark in row.marks),
        processes=None if first.processes is None else tuple(sorted(held, key=lambda each: -each.bytes)),
    )  # fmt: skip
