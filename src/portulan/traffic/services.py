"""Ports of one service together: what is asked for where a service has several doors."""

from __future__ import annotations

from collections import Counter

from portulan.model.traffic import Held, PortTraffic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def by_service(ports: Iterable[PortTraffic]) -> tuple[PortTraffic, ...]:
    """Most bytes first. What no service is registered for is one row for each transport, with neither a name nor a port.

    A service with several ports has none here; one with one keeps it.
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
    untold: Counter[str] = Counter()
    for row in rows:
        protocols.update(row.protocols)
        untold.update(row.untold)
    return PortTraffic(
        transport=first.transport, port=None, service=first.service, packets=sum(row.packets for row in rows), bytes=sum(row.bytes for row in rows),
        flows=sum(row.flows for row in rows), forward_bytes=sum(row.forward_bytes for row in rows), reverse_bytes=sum(row.reverse_bytes for row in rows),
        share=sum(row.share for row in rows), protocols=dict(protocols), marks=tuple(mark for row in rows for mark in row.marks),
        processes=_held(rows), untold=dict(untold), packets_per_s=_rate(row.packets_per_s for row in rows), bytes_per_s=_rate(row.bytes_per_s for row in rows),
    )  # fmt: skip


def _held(rows: Iterable[PortTraffic]) -> tuple[Held, ...] | None:
    """Each process once; None where none is known of any port."""
    found: dict[tuple[int, str | None], Held] = {}
    for row in rows:
        for one in row.processes or ():
            before = found.get((one.pid, one.name), Held(one.pid, one.name, 0, 0))
            found[one.pid, one.name] = before._replace(flows=before.flows + one.flows, bytes=before.bytes + one.bytes)
    return tuple(sorted(found.values(), key=lambda each: -each.bytes)) or None


def _rate(rates: Iterable[float | None]) -> float | None:
    """Of all together; None before there are any."""
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None
