"""Rows of a report, host by host."""

from __future__ import annotations

from portulan.model.scan import HostSeen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.scan import PortSeen, ScanReport


def by_host(report: ScanReport) -> Iterator[tuple[HostSeen, list[PortSeen]]]:
    """Every host with its rows; where hosts were too many to be told, those that have rows."""
    rows: dict[str, list[PortSeen]] = {}
    for row in report.rows:
        rows.setdefault(row.address, []).append(row)
    for host in report.hosts:
        yield host, rows.pop(host.address, [])
    for address, some in rows.items():
        states: dict[str, int] = {}
        for row in some:
            states[row.state.value] = states.get(row.state.value, 0) + 1
        yield HostSeen(address, None, True, states), some
