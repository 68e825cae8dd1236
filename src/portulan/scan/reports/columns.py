"""The columns of a scan's CSV."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.scan import ScanReport

HEADERS = ("address", "name", "transport", "port", "state", "reason", "service", "rtt_ms", "ttl", "by")


def cells(report: ScanReport) -> Iterator[tuple[object, ...]]:
    """A row for each port, and one for each set of ports that are told together, whose `port` is the set."""
    names = {host.address: host.name for host in report.hosts if host.name is not None}
    for row in report.rows:
        yield (
            row.address, names.get(row.address), row.transport.value, row.port, row.state.value, row.reason.value, row.service, row.rtt_ms, row.ttl, row.by,
        )  # fmt: skip
    for host in report.hosts:
        for each in host.others:
            if each.ports:
                yield host.address, host.name, each.transport.value, each.ports, each.state.value, each.reason.value, None, None, None, None
