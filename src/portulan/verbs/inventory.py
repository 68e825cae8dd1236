"""What this machine itself knows of its open ports, by the addresses that its network namespaces have."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from portulan.errors import PortulanError
from portulan.model.address import format_address, pack_address
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.record import Record
from portulan.model.survey import Selection
from portulan.system.source import open_source
from portulan.verbs.chart import look
from portulan.verbs.guarding import SERVING, Guard
from portulan.verbs.reach import holder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.chart import Endpoint
    from portulan.model.network import Address, Network
    from portulan.model.survey import Survey

Listening = dict[tuple[Transport, int], tuple[str | None, tuple[str, ...]]]
"""(transport, port) -> (holder, addresses it is bound to)."""
_TRANSPORTS = (Transport.TCP, Transport.UDP)
_WILD_4, _WILD_6 = "0.0.0.0", "::"  # noqa: S104 - addresses that are read, not bound


class Inventory(Record):
    """The open ports of each address of this machine."""

    host: str
    taken_at: datetime
    owners: dict[str, tuple[int | None, ...]]
    """Address -> the network namespaces that have it: this process's own alone where it is one of them."""
    own: int | None
    endpoints: tuple[Endpoint, ...]
    complete: bool

    def has(self, address: str) -> bool:
        """Whether an address is one of this machine's own. One that several namespaces have, which do not see each other, could be either's: it is none."""
        return len(self.owners.get(address, ())) == 1 or _is_loopback(address)

    def listening(self, address: str) -> Listening:
        """Who listens at an address of this machine."""
        netns = self.own if _is_loopback(address) else self.owners[address][0]
        found: dict[tuple[Transport, int], list[Endpoint]] = {}
        for item in self.endpoints:
            if item.netns == netns and item.transport in _TRANSPORTS and _covers(item, address):
                found.setdefault((item.transport, item.port), []).append(item)
        return {key: (holder_of(items), tuple(dict.fromkeys(item.address for item in items))) for key, items in found.items()}


class _Addresses(Guard):
    """Reads the addresses of every namespace, while the kernel is searched, and no rules."""

    def __init__(self) -> None:
        super().__init__()
        self.networks: dict[int | None, Network] = {}
        self.failed: set[int | None] = set()

    def read(self, survey: Survey) -> None:
        """Read what is new in a part of a survey, as long as the ways into its namespaces are open."""
        if not sys.platform.startswith("linux") or survey.source == "psutil":
            return
        from portulan.system.linux.namespaces import Place
        from portulan.system.linux.network import read_network

        for space in survey.namespaces:
            if space.inode in self.networks or space.inode in self.failed:
                continue
            try:
                self.networks[space.inode] = read_network(None if space.own else Place(space.inode, survey.ways.get(space.inode, ""), ""))
            except PortulanError:
                self.failed.add(space.inode)


def inventory() -> Inventory:
    """This machine's open ports now. Raises CannotTell where the kernel cannot be asked, MachineFailed where it failed."""
    machine = open_source("auto")
    taken_at = datetime.now(UTC)
    reader = _Addresses()
    items, survey = look(machine, Selection(), guard=reader)
    own = next((space.inode for space in survey.namespaces if space.own), None)
    owners: dict[str, tuple[int | None, ...]] = {}
    for netns in sorted(reader.networks, key=lambda each: each != own):
        for text in {_written(address) for link in reader.networks[netns].links for address, _ in link.addresses}:
            if owners.get(text) != (own,):
                owners[text] = (*owners.get(text, ()), netns)
    serving = tuple(item for item in items if item.state in SERVING and (item.transport is Transport.UDP or item.state is State.LISTENING))
    return Inventory(machine.host_name(), taken_at, owners, own, serving, complete=not reader.failed)


def _written(address: Address) -> str:
    return format_address(address.number.to_bytes(4 if address.version == 4 else 16))


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _covers(item: Endpoint, address: str) -> bool:
    """Whether what is bound there gets what is sent to the address."""
    if item.address == address:
        return True
    if ":" in address:
        return item.address == _WILD_6
    if item.address == _WILD_6:
        return not item.sockets or any(each.v6_only is not True for each in item.sockets)
    return item.address in (_WILD_4, f"::ffff:{address}", "::ffff:0.0.0.0")


def sorted_addresses(addresses: set[str]) -> tuple[str, ...]:
    """As the network orders them, IPv4 first."""
    return tuple(sorted(addresses, key=lambda each: (":" in each, pack_address(each))))
