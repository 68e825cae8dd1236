"""What a file has said so far, as it is read."""

from __future__ import annotations

from portulan.model.address import format_address, parse_address
from portulan.model.port import Transport, parse_number
from portulan.model.portset import PortRange, PortSet
from portulan.model.scan import State
from portulan.model.scan_diff import Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Collected:
    """What a file has said so far: ports by address, transport and state."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._ranges: dict[str, dict[tuple[Transport, State], list[PortRange]]] = {}
        self._written: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def address(self, text: str) -> str:
        """The address as we write it; from now on it is one of those that were seen. Raises BadInput."""
        known = self._written.get(text)
        if known is None:
            known = self._written[text] = format_address(parse_address(text))
            self._ranges.setdefault(known, {})
        return known

    def add(self, address: str, transport: str, state: str, ports: Iterable[PortRange]) -> None:
        """Ports of an address (as `address` gave it) in a state. Raises ValueError for another transport or state than ours."""
        self._ranges[address].setdefault((Transport(transport), State(state)), []).extend(ports)

    def known(self, address: str, transport: Transport) -> PortSet:
        """The ports that were told of already."""
        return PortSet.of(part for (on, _), parts in self._ranges[address].items() if on is transport for part in parts)

    def snapshot(self) -> Snapshot:
        """All of it."""
        hosts = {address: {key: PortSet.of(parts) for key, parts in told.items()} for address, told in self._ranges.items()}
        return Snapshot(self.source, hosts, self.names)


def read_port(text: str) -> PortRange:
    """One port. Raises BadInput."""
    number = parse_number(text)
    return PortRange(number, number)
