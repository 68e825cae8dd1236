"""A first policy: what is open today stays open to those who get there today, and everything else is refused."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.guard.policy.services import door_ports
from portulan.guard.policy.tracking_helpers import needed_helper
from portulan.model.guard_draft import DraftDoor, DraftSource, LeftOut
from portulan.model.policy import EVERYONE
from portulan.model.port import Transport
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.doors import Door
    from portulan.model.portset import PortRange
    from portulan.model.standing import Senders
    from portulan.registry.table import Table

_SERVERS = (Transport.TCP, Transport.UDP)
_DHCP = ((Transport.UDP, 68), (Transport.UDP, 546))
"""A DHCP client's own ports: answers to it are always kept."""
_FEW = 2
"""So many networks stand in a line themselves."""
_INSIDE = ("this-host", "nobody")


class Draft(Record):
    """Lines and names."""

    sources: tuple[DraftSource, ...]
    doors: tuple[DraftDoor, ...]
    left_out: tuple[LeftOut, ...]


class _Port(Record):
    """One port with all who hold it."""

    transport: Transport
    port: int
    senders: tuple[str, ...]
    holders: tuple[str, ...]
    addresses: tuple[str, ...]
    remark: str | None


def draft(doors: Sequence[Door], table: Table, ephemeral: PortRange | None = None) -> Draft:
    """The lines for these doors of one network namespace (`portulan reach`). `ephemeral`: the ports that the kernel hands to clients."""
    names = _Names()
    ports: list[_Port] = []
    left_out: list[LeftOut] = []
    for transport, number, group in _by_port(doors):
        holders = tuple(dict.fromkeys(_holder(door) for door in group if _holder(door)))
        why = _why_not(transport, number, group, ephemeral)
        if why is not None:
            left_out.append(LeftOut(f"{number}/{transport.value}", holders, why))
            continue
        senders, remark = _senders(group, names)
        addresses = tuple(dict.fromkeys(address for door in group for address in door.addresses))
        ports.append(_Port(transport, number, senders, holders, addresses, remark))
    return Draft(names.sources(), tuple(_lines(ports, table)), tuple(left_out))


def _by_port(doors: Sequence[Door]) -> list[tuple[Transport, int, list[Door]]]:
    found: dict[tuple[int, Transport], list[Door]] = {}
    for door in doors:
        if door.transport in _SERVERS:
            found.setdefault((door.port, door.transport), []).append(door)
    return [(transport, port, group) for (port, transport), group in sorted(found.items(), key=lambda item: (item[0][0], item[0][1].value))]


def _holder(door: Door) -> str:
    """Who listens, or where rules send it."""
    return door.behind or door.published or door.holder or ""


def _why_not(transport: Transport, port: int, group: Iterable[Door], ephemeral: PortRange | None) -> str | None:
    """Why a port needs no line; None if it does."""
    doors = [*group]
    if (transport, port) in _DHCP:
        return "dhcp"
    wide = {door.standing.wide if door.standing is not None else "unknown" for door in doors}
    if wide <= set(_INSIDE):
        return "nobody" if wide == {"nobody"} else "this-host"
    if (
        transport is Transport.UDP
        and ephemeral is not None
        and port in ephemeral
        and not any(door.service or door.published for door in doors)
    ):
        return "client"
    return None


def _senders(group: Iterable[Door], names: _Names) -> tuple[tuple[str, ...], str | None]:
    """Who gets to a port by any of those who hold it, as words of a policy, and what is to be said of it."""
    found: dict[str, None] = {}
    remark = None
    for door in group:
        if door.published is not None:
            remark = remark or "published"
        if door.standing is None or door.standing.wide == "unknown":
            found[EVERYONE] = None
            remark = "unknown"
            continue
        for each in (*door.standing.sure, *door.standing.perhaps):
            if each.kind in _INSIDE:
                continue
            found.update(dict.fromkeys(names.words(each)))
            remark = "but" if each.but else remark
        if door.standing.perhaps:
            remark = "perhaps"
        if door.standing.unread:
            remark = "but"
    return (EVERYONE,) if EVERYONE in found else tuple(found), remark


class _Names:
    """Names for senders that take more than a word or two."""

    def __init__(self) -> None:
        self._found: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}

    def words(self, senders: Senders) -> tuple[str, ...]:
        """What a line says of them."""
        whole = {4: ("0.0.0.0/0",), 6: ("::/0",), None: ()}[senders.version]
        networks = whole if senders.kind == EVERYONE else senders.networks
        if not senders.links:
            return networks or (EVERYONE,) if len(networks) <= _FEW else (self._name(networks, ()),)
        if not networks:
            return tuple(f"interface {link}" for link in senders.links)
        return (self._name(networks, senders.links),)

    def _name(self, networks: tuple[str, ...], links: tuple[str, ...]) -> str:
        return self._found.setdefault((networks, links), f"senders-{len(self._found) + 1}")

    def sources(self) -> tuple[DraftSource, ...]:
        return tuple(DraftSource(name, networks, links) for (networks, links), name in self._found.items())


def _lines(ports: Sequence[_Port], table: Table) -> list[DraftDoor]:
    """Both transports of a port in one line where they are alike, under the usual name where that means just these."""
    found = []
    done: set[tuple[Transport, int]] = set()
    known = {(one.transport, one.port): one for one in ports}
    for one in ports:
        if (one.transport, one.port) in done:
            continue
        twin = known.get((Transport.UDP if one.transport is Transport.TCP else Transport.TCP, one.port))
        both = twin is not None and (twin.senders, twin.remark) == (one.senders, one.remark)
        kinds = _SERVERS if both else (one.transport,)
        done.update((kind, one.port) for kind in kinds)
        members = [one, twin] if both and twin is not None else [one]
        holders = tuple(dict.fromkeys(holder for each in members for holder in each.holders))
        addresses = tuple(dict.fromkeys(address for each in members for address in each.addresses))
        helper = next((name for kind in kinds if (name := needed_helper(kind, one.port)) is not None), None)
        found.append(DraftDoor(_key(one.port, kinds, table), one.senders, holders, addresses, one.remark, helper))
    return found


def _key(port: int, kinds: tuple[Transport, ...], table: Table) -> str:
    name = table.usual(port, kinds[0])
    if name is not None:
        try:
            ports = door_ports(name, table)
        except BadInput:
            ports = ()
        if {(kind, number) for kind, numbers in ports for number in numbers} == {(kind, port) for kind in kinds}:
            return name
    return str(port) if len(kinds) > 1 else f"{port}/{kinds[0].value}"
