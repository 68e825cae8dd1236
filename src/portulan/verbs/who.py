"""Who holds a port, why it runs, and how it is stopped."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import BadInput
from portulan.host.remedies import find_remedies
from portulan.model.chart import Endpoint, Gap, Owner
from portulan.model.port import Port
from portulan.model.survey import Selection
from portulan.model.who import Who
from portulan.system.source import open_source
from portulan.verbs.chart import look
from portulan.verbs.ports import resolve_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.system.source import SocketSource


def who(port: str | int, *, source: str = "auto", reach: bool = False) -> Who:
    """Everything known of the holders of one port: `80`, `53/udp`, `ssh`.

    The answer's items are its listening and bound endpoints in all namespaces; of namespaces where there are none, whatever else sits on the port
    there, unless our own namespace has one: who listens here is what was asked. `reach` tells who can get to each, as far as the rules may be read.
    Raises BadInput for a word that means no single port, CannotTell and MachineFailed as `chart` does.
    """
    ports, transports = resolve_ports(str(port))
    if len(ports) != 1:
        raise BadInput("who.one-port", text=str(port), ports=str(ports))
    number = next(iter(ports))
    asked = Port(number, transports[0] if len(transports) == 1 else None)
    machine = open_source(source)
    taken_at = datetime.now(UTC)
    guard = None
    if reach:
        from portulan.verbs.guarding import Guard

        guard = Guard()
    items, survey = look(machine, Selection(ports=ports, transports=transports, connections=True), guard=guard)
    gaps: tuple[Gap, ...] = ()
    if guard is not None:
        items = guard.stand(items)
        gaps = tuple(guard.gaps) if items else ()
    listening_in = {item.netns for item in items}
    if not any(space.own and space.inode in listening_in for space in survey.namespaces):
        found, survey = look(machine, Selection(ports=ports, transports=transports, every_state=True))
        items = (*(item for item in found if item.netns not in listening_in), *items)
    items = tuple(with_parents(item, machine) for item in items)
    return Who(
        port=asked, host=machine.host_name(), taken_at=taken_at, service=service_name(asked, items), items=items, remedies=find_remedies(items),
        gaps=survey.gaps + gaps, source=survey.source, ephemeral=survey.ephemeral,
    )  # fmt: skip


def service_name(port: Port, items: tuple[Endpoint, ...]) -> str | None:
    """The usual name, of what was found or of what was asked for."""
    if items:
        return items[0].service
    from portulan.model.port import Transport
    from portulan.system.registry_file import open_table

    return open_table().usual(port.number, port.transport or Transport.TCP)


def with_parents(item: Endpoint, machine: SocketSource) -> Endpoint:
    """The endpoint, its holders with their parent chains. One chain a process, however many descriptors."""
    if not item.owners:
        return item
    chains = {owner.pid: machine.parents(owner.pid) for owner in item.owners}
    owners: tuple[Owner, ...] = tuple(owner._replace(parents=chains[owner.pid]) for owner in item.owners)
    return item._replace(owners=owners)
