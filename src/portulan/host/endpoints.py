"""A survey becomes the chart's rows: sockets that share an endpoint are one row, with all its holders.

Two sockets share a row when transport, address, port, namespace, state, peer and interface are the same: the workers of a server with
SO_REUSEPORT are one endpoint with many sockets.
"""

from __future__ import annotations

from portulan.model.address import exposure_of, format_address, format_endpoint
from portulan.model.chart import Endpoint, Owner, Ownership, Socket, State
from portulan.model.port import Transport, port_class
from portulan.model.survey import Survey
from portulan.wire.cgroup import parse_cgroup_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from portulan.model.survey import Row
    from portulan.wire.cgroup import CgroupMeaning

_Key = tuple[int | None, int, Transport, int, bytes, State, bytes, int, int]
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
        self.built: dict[_Key, Endpoint] = {}
        self.order: dict[int | None, int] = {}
        self.survey = Survey(source="", rows=())
        self.names: dict[int | None, str] = {}
        self.counts: dict[int, int] | None = None

    def add(self, survey: Survey) -> None:
        """Build the endpoints of one part. No endpoint is spread over parts."""
        self.survey = survey
        self.order = {space.inode: at for at, space in enumerate(survey.namespaces)}
        self.names = {space.inode: space.name or f"net:[{space.inode}]" for space in survey.namespaces if not space.own}
        self.counts = connections_by_listener(survey)
        unheld = survey.unheld
        groups: dict[_Key, list[Row]] = {}
        for row in survey.rows:
            if row.cookie in unheld and unheld[row.cookie] == Ownership.GONE:
                continue
            key = (row.netns, row.port, row.transport, len(row.source), row.source, row.state, row.destination, row.peer_port, row.device)
            if key in groups:
                groups[key].append(row)
            else:
                groups[key] = [row]
        for key, rows in groups.items():
            self.built[key] = self.endpoint(rows)

    def items(self) -> tuple[Endpoint, ...]:
        """All endpoints, by namespace (our own first), port, transport, family, address, state, peer; without what was closed meanwhile."""
        order = self.order
        return tuple([self.built[key] for key in sorted(self.built, key=lambda key: (order.get(key[0], 0), key))])

    def endpoint(self, rows: list[Row]) -> Endpoint:
        """One row of the chart, from the sockets that share it."""
        row, survey = rows[0], self.survey
        key = (row.port, row.transport)
        if key not in self.services:
            self.services[key] = self.service_of(*key)
        unit = container = None
        if row.cgroup and (path := survey.cgroups.get(row.cgroup, "/")) != "/":
            meaning = parse_cgroup_path(path)
            unit, container = meaning.unit, self.container_of(meaning) if meaning.container_id else None
        ownership, owners = self.owners(rows)
        return Endpoint(
            transport=row.transport, port=row.port, address=format_address(row.source), port_class=port_class(row.port),
            service=self.services[key], state=row.state, exposure=exposure_of(row.source),
            peer=format_endpoint(format_address(row.destination), row.peer_port) if row.peer_port else None,
            netns=row.netns, netns_name=self.names.get(row.netns), uid=row.uid, user=None if row.uid is None else self.user_of(row.uid),
            unit=unit, container=container, ownership=ownership, owners=owners, candidates=() if owners is not None else self.candidates(rows),
            held_by_kernel=survey.kernel.get((row.netns, row.transport, row.port), "kernel") if ownership is Ownership.KERNEL else None,
            sockets=tuple([self.socket(one) for one in rows]), connections=self.counts.get(id(row)) if self.counts is not None else None,
        )  # fmt: skip

    def socket(self, row: Row) -> Socket:
        """One kernel socket."""
        listening = row.state is State.LISTENING
        reuse_address, reuse_port = self.survey.sharing.get(row.cookie, _UNKNOWN_SHARING)
        return Socket(
            inode=row.inode, cookie=row.cookie, reuse_address=reuse_address, reuse_port=reuse_port, v6_only=row.v6_only,
            device=self.survey.devices.get((row.netns, row.device), str(row.device)) if row.device else None,
            backlog=row.rqueue if listening else None, backlog_limit=row.wqueue if listening else None, drops=row.drops, mptcp=row.mptcp,
            expires_ms=row.expires_ms if row.state is State.TIME_WAIT else None,
        )  # fmt: skip

    def owners(self, rows: list[Row]) -> tuple[Ownership, tuple[Owner, ...] | None]:
        """All holders of all sockets of the endpoint, by pid and descriptor; None where nobody is seen and somebody ought to be."""
        survey = self.survey
        held: set[tuple[int, int | None]] = set()
        for row in rows:
            held.update(survey.holders.get(row.cookie, ()))
        if not held:
            ownership = Ownership(survey.unheld.get(rows[0].cookie, Ownership.UNKNOWN))
            return ownership, () if ownership in _NOBODYS else None
        order = sorted(held, key=_pid_first) if len(held) > 1 else held
        unit = None
        if any(pid == 1 for pid, _ in held):
            unit = self.activated_by(rows[0].transport, format_address(rows[0].source), rows[0].port)
        owners = tuple([owner for pid, descriptor in order if (owner := self.owner(pid, descriptor, unit if pid == 1 else None))])
        return (Ownership.PROCESS, owners) if owners else (Ownership.UNKNOWN, None)

    def owner(self, pid: int, descriptor: int | None, unit: str | None = None) -> Owner | None:
        """The process, at this descriptor; for the first process with the socket unit on whose behalf it holds."""
        known = self.survey.processes.get(pid)
        if known is None or descriptor is None:
            return known
        return Owner(
            pid=pid, fd=descriptor, name=known.name, command=known.command, executable=known.executable, cwd=known.cwd, uid=known.uid,
            user=known.user, unit=unit or known.unit, user_unit=known.user_unit, container=known.container, started_at=known.started_at,
        )  # fmt: skip

    def candidates(self, rows: list[Row]) -> tuple[Owner, ...]:
        """Processes that may hold what nobody is seen to hold."""
        pids = sorted({pid for row in rows for pid in self.survey.suspects.get(row.cookie, ())})
        return tuple(owner for pid in pids if (owner := self.owner(pid, None)) is not None)


def _pid_first(holder: tuple[int, int | None]) -> tuple[int, int]:
    return holder[0], -1 if holder[1] is None else holder[1]


def connections_by_listener(survey: Survey) -> dict[int, int] | None:
    """id() of a listening row -> connections behind it; None when they were not counted.

    A connection belongs to the listener that the kernel would pick for it: the one bound to its local address, else the wildcard of its
    family, else an IPv6 wildcard that takes IPv4 too (net/ipv4/inet_hashtables.c, compute_score). Listeners that share an endpoint share
    the count, and the first row carries it.
    """
    if survey.connections is None:
        return None
    listeners: dict[tuple[int | None, int, bytes], Row] = {}
    both: dict[tuple[int | None, int], Row] = {}
    for row in survey.rows:
        if row.state is State.LISTENING:
            listeners.setdefault((row.netns, row.port, row.source), row)
            if row.source == _ANY_ADDRESS_6 and not row.v6_only:
                both.setdefault((row.netns, row.port), row)
    counts = {id(row): 0 for row in survey.rows if row.state is State.LISTENING}
    for (netns, port, address), number in survey.connections.items():
        wildcard = _ANY_ADDRESS_4 if len(address) == 4 else _ANY_ADDRESS_6
        mapped_4 = address[12:] if len(address) == 16 and address[:12] == bytes(10) + b"\xff\xff" else None
        listener = (
            listeners.get((netns, port, address))
            or (listeners.get((netns, port, mapped_4)) if mapped_4 else None)
            or listeners.get((netns, port, wildcard))
            or both.get((netns, port))
        )
        if listener is not None:
            counts[id(listener)] += number
    return counts
