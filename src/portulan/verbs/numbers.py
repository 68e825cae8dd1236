"""What this machine and the registry know of port numbers before one is chosen."""

from __future__ import annotations

from portulan.host.free import NOBODY, Known
from portulan.model.port import LAST_USER
from portulan.system.ephemeral import read_ephemeral_range
from portulan.system.port_settings import read_first_unprivileged, read_reserved_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from portulan.registry.table import Table


class Assigned:
    """The numbers that IANA assigned on any transport, looked up one by one: to read them all takes 30 ms, to look up one a few microseconds."""

    def __init__(self) -> None:
        self._table: Table | None = None

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int) or number > LAST_USER:  # IANA assigns none above
            return False
        if self._table is None:
            from portulan.system.registry_file import open_table

            self._table = open_table()
        return any(one.status == "assigned" for one in self._table.assignments(number))


def what_is_known(taken: Container[int] = NOBODY) -> Known:
    """Everything that says no to a number, with the numbers that the caller knows to be taken."""
    return Known(Assigned(), read_ephemeral_range(), read_reserved_ports(), taken, read_first_unprivileged())
