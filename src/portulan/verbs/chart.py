"""The chart of this machine: every port, what it is for, who holds it."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import BadInput
from portulan.model.address import Exposure
from portulan.model.chart import Chart, Endpoint
from portulan.model.port import Transport, parse_transport
from portulan.model.portset import PortSet
from portulan.model.survey import Selection
from portulan.system.source import open_source
from portulan.verbs.ports import resolve_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from portulan.model.survey import Survey
    from portulan.system.source import SocketSource
    from portulan.verbs.guarding import Guard

_SERVERS = (Transport.TCP, Transport.UDP, Transport.UDPLITE)


def chart(
    ports: Iterable[str | int] = (),
    *,
    services: Iterable[str] = (),
    names: Iterable[str] = (),
    pids: Iterable[int] = (),
    users: Iterable[str] = (),
    namespaces: Iterable[str] = (),
    transports: Iterable[str] = (),
    exposed: bool = False,
    every_state: bool = False,
    connections: bool = False,
    source: str = "auto",
    meanwhile: Callable[[], object] | None = None,
    reach: bool = False,
) -> Chart:
    """Every endpoint of this machine in all network namespaces it may see: listening TCP and bound UDP, or with `every_state` all sockets.

    Filters (each empty: no filter; several values of one: any of them): `ports` as words (`80`, `443/tcp`, `8000-8010`, `ssh`), `services` as
    registry names, `names` of processes (shell patterns, any case), `pids`, `users` by name or uid, `namespaces` by name or inode (`this` is our own), `transports`; `exposed` leaves out what is
    bound to loopback addresses. `source`: `auto`,
    `bpf`, `proc`, `psutil`. `connections` counts those behind each listener (else unknown): it makes the kernel walk its whole table.
    `reach` tells of each listening endpoint who can get to it, as far as the rules may be read.
    `meanwhile` is called once, while the kernel is searched, for whatever the caller will need then.

    Raises BadInput for a word that means nothing, CannotTell where the kernel cannot be asked, MachineFailed where it failed.
    """
    words = [*map(str, ports), *services]
    wanted = [resolve_ports(word) for word in words]
    selection = Selection(ports=_union(ports for ports, _ in wanted) if words else None, every_state=every_state, connections=connections)
    machine = open_source(source)
    taken_at = datetime.now(UTC)
    guard = None
    if reach:
        from portulan.verbs.guarding import Guard

        guard = Guard()
    items, survey = look(machine, selection, meanwhile, guard)
    if words:
        items = tuple(item for item in items if any(item.port in ports and item.transport in transports for ports, transports in wanted))
    people, places = list(users), list(namespaces)
    _check_people(machine, people, items)
    check_places(places, survey)
    kinds = frozenset(map(parse_transport, transports))
    if kinds:
        items = tuple(item for item in items if item.transport in kinds)
    if exposed:
        items = tuple(item for item in items if item.exposure is not Exposure.LOOPBACK)
    for keep in _filters(names, pids, people, places):
        items = tuple(filter(keep, items))
    gaps = survey.gaps
    if guard is not None:
        items = guard.stand(items)
        gaps += tuple(guard.gaps)
    return Chart(
        host=machine.host_name(), taken_at=taken_at, items=items, gaps=gaps, namespaces=survey.namespaces, source=survey.source,
        ephemeral=survey.ephemeral,
    )  # fmt: skip


def look(
    machine: SocketSource, selection: Selection, meanwhile: Callable[[], object] | None = None, guard: Guard | None = None
) -> tuple[tuple[Endpoint, ...], Survey]:
    """One look: the endpoints, with the registry's names and the machine's own words for users and containers; and what the survey said last.

    `guard` reads the rules of each namespace that has endpoints, while the kernel is searched.
    """
    parts = machine.survey(selection)  # it begins here: what is imported next costs nothing while the kernel works
    from portulan.host.endpoints import Builder
    from portulan.system.registry_file import open_table

    builder = Builder(
        service_of=open_table().usual,
        user_of=machine.user_name,
        container_of=machine.container_name,
        activated_by=machine.socket_unit,
    )
    for part in parts:
        if meanwhile is not None:
            meanwhile()
            meanwhile = None
        if guard is not None:
            guard.read(part)
        builder.add(part)
    return builder.items(), builder.survey


def _union(sets: Iterable[PortSet]) -> PortSet:
    return PortSet.of(part for ports in sets for part in ports.ranges)


def _check_people(machine: SocketSource, users: list[str], items: tuple[Endpoint, ...]) -> None:
    """Raises BadInput for a name that no user has: a mistyped one must not look like a clean machine."""
    if not users:
        return
    seen = {str(who) for item in items for who in _people(item)}
    for user in users:
        if not user.isdigit() and user not in seen and not machine.has_user(user):
            raise BadInput("user.unknown", user=user)


def check_places(places: list[str], survey: Survey) -> None:
    """Raises BadInput for a network namespace that was not found."""
    known = {word for space in survey.namespaces for word in (space.name, str(space.inode), f"net:[{space.inode}]")} | {"this"}
    for place in places:
        if place not in known:
            names = ", ".join(sorted(space.name or f"net:[{space.inode}]" for space in survey.namespaces if not space.own))
            raise BadInput("netns.unknown", text=place, known=f"this, {names}" if names else "this")


def _filters(
    names: Iterable[str], pids: Iterable[int], users: Iterable[str], namespaces: Iterable[str]
) -> Iterable[Callable[[Endpoint], bool]]:
    """One test for each filter that was given."""
    if patterns := [name.lower() for name in names]:
        yield lambda item: any(_called(owner.name, owner.executable, patterns) for owner in (*(item.owners or ()), *item.candidates))
    if numbers := frozenset(pids):
        yield lambda item: any(owner.pid in numbers for owner in (*(item.owners or ()), *item.candidates))
    if people := frozenset(users):
        yield lambda item: bool(people & {str(who) for who in _people(item)})
    if places := frozenset(namespaces):
        yield lambda item: bool(places & {item.netns_name or "this", str(item.netns), f"net:[{item.netns}]"})


def _people(item: Endpoint) -> Iterable[object]:
    """The users of an endpoint: who made the socket, and who holds it."""
    yield from (item.user, item.uid)
    for owner in item.owners or ():
        yield from (owner.user, owner.uid)


def _called(name: str, executable: str | None, patterns: list[str]) -> bool:
    """Whether a process is meant by one of the patterns: its kernel name or its program's file name."""
    from fnmatch import fnmatchcase

    program = (executable or "").rpartition("/")[2]
    return any(fnmatchcase(text.lower(), pattern) for text in (name, program) for pattern in patterns)
