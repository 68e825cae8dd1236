"""A survey becomes the chart's rows: sockets that share an endpoint are one row, with all its holders.

Two sockets share a row when transport, address, port, namespace, state, peer and interface are the same: the workers of a server with
SO_REUSEPORT are one endpoint with many sockets.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from portulan.model.address import MAPPED, exposure_of, format_address, format_endpoint
from portulan.model.chart import Endpoint, Owner, Ownership, Socket, State
from portulan.model.port import Transport, port_class
from portulan.model.survey import Survey
from portulan.wire.cgroup import parse_cgroup_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any

    from portulan.model.survey import Row
    from portulan.wire.cgroup import CgroupMeaning

_Key = tuple[int | None, int, Transport, int, bytes, State, bytes, int, int]
# Looking up an enumeration's member costs a Python call each time (3.11).
_LISTENING, _TIME_WAIT, _PROCESS, _KERNEL, _GONE = State.LISTENING, State.TIME_WAIT, Ownership.PROCESS, Ownership.KERNEL, Ownership.GONE
_COOKIE = attrgetter("cookie")
# Records straight from their fields in order, without a Python call each: there are thousands.
_new_endpoint: Callable[[tuple[object, ...]], Endpoint] = partial(tuple.__new__, Endpoint)
_new_socket: Callable[[tuple[object, ...]], Socket] = partial(tuple.__new__, Socket)
_new_owner: Callable[[tuple[object, ...]], Owner] = partial(tuple.__new__, Owner)
_NOBODYS = (Ownership.KERNEL, Ownership.NONE)
_UNKNOWN_SHARING = (None, None)
_ANY_ADDRESS_4, _ANY_ADDRESS_6 = bytes(4), bytes(16)


def build_endpoints(survey: Survey, **ways: Any) -> tuple[Endpoint, ...]:
    """Every endpoint of one whole survey; `ways` are the callables of `Builder`."""
    builder = Builder(**ways)
    builder.add(survey)
    return builder.items()


class Builder:
    """Builds endpoints from the parts of a survey, as they come, remembering what it has asked."""

    def __init__(
        self,
        *,
        service_of: Callable[[int, Transport], str | None],
        user_of: Callable[[int], str | None],
        container_of: Callable[[CgroupMeaning], str | None],
        activated_by: Callable[[Transport, str, int], str | None] = lambda *_: None,
    ) -> None:
        """The callables are asked once a port, user and control group; `activated_by` tells the systemd socket unit of what pid 1 holds."""
        self.service_of = service_of
        self.user_of = user_of
        self.container_of = container_of
        self.activated_by = activated_by
        self.services: dict[tuple[int, Transport], str | None] = {}
        self.users: dict[int | None, str | None] = {None: None}
        self.built: dict[_Key, Endpoint] = {}
        self.order: dict[int | None, int] = {}
        self.survey = Survey(source="", rows=())
        self.names: dict[int | None, str] = {}
        self.counts: dict[int, int] | None = None

    def prepare(self, rows: Iterable[Row]) -> None:
        """Ask what can be asked before the holders of these sockets are known: the names of services and users."""
        for row in rows:
            key = (row.port, row.transport)
            if key not in self.services:
                self.services[key] = self.service_of(*key)
            if row.uid not in self.users:
                self.users[row.uid] = None if row.uid is None else self.user_of(row.uid)

    def add(self, survey: Survey) -> None:
        """Build the endpoints of one part. No endpoint is spread over parts."""
        self.prepare(survey.coming)
        self.survey = survey
        self.order = {space.inode: at for at, space in enumerate(survey.namespaces)}
        self.names = {space.inode: space.name or f"net:[{space.inode}]" for space in survey.namespaces if not space.own}
        self.counts = connections_by_listener(survey)
        unheld = survey.unheld
        self.prepare(survey.rows)
        groups: dict[_Key, list[Row]] = {}
        for row in survey.rows:
            if row.cookie in unheld and unheld[row.cookie] == _GONE:
                continue
            key = (row.netns, row.port, row.transport, len(row.source), row.source, row.state, row.destination, row.peer_port, row.device)
            if key in groups:
                groups[key].append(row)
            else:
                groups[key] = [row]
        for key, rows in groups.items():
            if len(rows) > 1:
                rows.sort(key=_COOKIE)  # whatever order the kernel listed them in
            self.built[key] = self.endpoint(rows)

    def items(self) -> tuple[Endpoint, ...]:
        """All endpoints, by namespace (our own first), port, transport, family, address, state, peer; without what was closed meanwhile."""
        spaces: dict[int | None, list[_Key]] = {}
        for key in self.built:
            spaces.setdefault(key[0], []).append(key)
        return tuple(
            [self.built[key] for space in sorted(spaces, key=lambda space: self.order.get(space, 0)) for key in sorted(spaces[space])]
        )

    def endpoint(self, rows: list[Row]) -> Endpoint:
        """One row of the chart, from the sockets that share it."""
        row, survey = rows[0], self.survey
        netns, transport, port, source = row.netns, row.transport, row.port, row.source
        unit = container = None
        if row.cgroup and (path := survey.cgroups.get(row.cgroup, "/")) != "/":
            meaning = parse_cgroup_path(path)
            unit, container = meaning.unit, self.container_of(meaning) if meaning.container_id else None
        ownership, owners = self.owners(rows)
        return _new_endpoint((
            transport, port, format_address(source), port_class(port), self.services[(port, transport)], row.state, exposure_of(source),
            format_endpoint(format_address(row.destination), row.peer_port) if row.peer_port else None,
            netns, self.names.get(netns), row.uid, self.users[row.uid], unit, container, ownership, owners,
            () if owners is not None else self.candidates(rows),
            survey.kernel.get((netns, transport, port), "kernel") if ownership is _KERNEL else None,
            tuple([self.socket(one) for one in rows]), None if self.counts is None else self.connections(self.counts, rows),
            None,
        ))  # fmt: skip

    @staticmethod
    def connections(counts: dict[int, int], rows: list[Row]) -> int | None:
        """Connections behind all sockets of the endpoint."""
        known = [counts[id(row)] for row in rows if id(row) in counts]
        return sum(known) if known else None

    def socket(self, row: Row) -> Socket:
        """One kernel socket."""
        listening = row.state is _LISTENING
        reuse_address, reuse_port = self.survey.sharing.get(row.cookie, _UNKNOWN_SHARING)
        return _new_socket((
            row.inode, row.cookie, reuse_address, reuse_port, row.v6_only,
            self.survey.devices.get((row.netns, row.device), str(row.device)) if row.device else None,
            row.rqueue if listening else None, row.wqueue if listening else None, row.drops, row.mptcp,
            row.expires_ms if row.state is _TIME_WAIT else None,
        ))  # fmt: skip

    def owners(self, rows: list[Row]) -> tuple[Ownership, tuple[Owner, ...] | None]:
        """All holders of all sockets of the endpoint, by pid and descriptor; None where nobody is seen and somebody ought to be."""
        survey = self.survey
        held: Collection[tuple[int, int | None]] = survey.holders.get(rows[0].cookie, ())
        if len(rows) > 1:
            held = {holder for row in rows for holder in survey.holders.get(row.cookie, ())}
        if not held:
            ownership = Ownership(survey.unheld.get(rows[0].cookie, Ownership.UNKNOWN))
            return ownership, () if ownership in _NOBODYS else None
        if len(held) == 1:  # most of them
            ((pid, descriptor),) = held
            only = self.owner(pid, descriptor) if pid != 1 else None
            if only is not None:
                return _PROCESS, (only,)
        order = sorted(held, key=_pid_first)
        unit = None
        if any(pid == 1 for pid, _ in held):
            unit = self.activated_by(rows[0].transport, format_address(rows[0].source), rows[0].port)
        owners = tuple([owner for pid, descriptor in order if (owner := self.owner(pid, descriptor, unit if pid == 1 else None))])
        return (_PROCESS, owners) if owners else (Ownership.UNKNOWN, None)

    def owner(self, pid: int, descriptor: int | None, unit: str | None = None) -> Owner | None:
        """The process, at this descriptor; for the first process with the socket unit on whose behalf it holds."""
        known = self.survey.processes.get(pid)
        if known is None or descriptor is None:
            return known
        return _new_owner((pid, descriptor, *known[2:])) if unit is None else known._replace(fd=descriptor, unit=unit)

    def candidates(self, rows: list[Row]) -> tuple[Owner, ...]:
        """Processes that may hold what nobody is seen to hold."""
        pids = sorted({pid for row in rows for pid in self.survey.suspects.get(row.cookie, ())})
        return tuple(owner for pid in pids if (owner := self.owner(pid, None)) is not None)


def _pid_first(holder: tuple[int, int | None]) -> tuple[int, int]:
    return holder[0], -1 if holder[1] is None else holder[1]


def connections_by_listener(survey: Survey) -> dict[int, int] | None:
    """id() of a listening row -> connections behind it; None when they were not counted. Rows of which it cannot be said are left out.

    A connection belongs to the listener that the kernel would pick for it: the one bound to its local address, else the wildcard of its
    family, else an IPv6 wildcard that takes IPv4 too (net/ipv4/inet_hashtables.c, compute_score); one with a mapped address came in by IPv6
    sockets. Listeners that share an endpoint share the count, and the one of the least cookie carries it. Where one of several listeners on a port
    is bound to an interface, the address alone does not tell which of them took a connection.
    """
    if survey.connections is None:
        return None
    listeners: dict[tuple[int | None, int, bytes], Row] = {}
    both: dict[tuple[int | None, int], Row] = {}
    counts: dict[int, int] = {}
    listening = [row for row in survey.rows if row.state is _LISTENING and survey.unheld.get(row.cookie) != _GONE]
    unsure = _ports_split_by_interface(listening)
    for row in sorted(listening, key=_COOKIE):
        if unsure and (row.netns, row.port) in unsure:
            continue
        counts[id(row)] = 0
        listeners.setdefault((row.netns, row.port, row.source), row)
        if row.source == _ANY_ADDRESS_6 and not row.v6_only:
            both.setdefault((row.netns, row.port), row)
    for (netns, port, address), number in survey.connections.items():
        mapped = len(address) == 16 and address[:12] == MAPPED
        wildcard = _ANY_ADDRESS_4 if mapped or len(address) == 4 else _ANY_ADDRESS_6
        listener = (
            listeners.get((netns, port, address))
            or (both.get((netns, port)) or listeners.get((netns, port, address[12:])) if mapped else None)
            or listeners.get((netns, port, wildcard))
            or both.get((netns, port))
        )
        if listener is not None:
            counts[id(listener)] += number
    return counts


def _ports_split_by_interface(listening: list[Row]) -> set[tuple[int | None, int]]:
    """(namespace, port) where several endpoints listen and one of them is bound to an interface."""
    bound = {(row.netns, row.port) for row in listening if row.device}
    if not bound:
        return bound
    endpoints = {(row.netns, row.port, row.source, row.device) for row in listening if (row.netns, row.port) in bound}
    return {place for place in bound if sum((netns, port) == place for netns, port, *_ in endpoints) > 1}
