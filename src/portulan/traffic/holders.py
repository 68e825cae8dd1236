"""Which process held which end of a connection, and when: what was found by looking and what happened since, in bounded memory. Pure."""

from __future__ import annotations

from portulan.model.address import MAPPED, widened
from portulan.model.record import Record
from portulan.wire.socket_events import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from portulan.wire.socket_events import Happening

    Tenants = list[tuple[int, tuple["Holder", ...]]]

_V4_ANY, _V6_ANY = widened(bytes(4)), bytes(16)
_TENANTS = 8
"""Holders of one end that are remembered, one after the other."""
_SLACK_NS = 1_000_000_000
"""A packet's time and a process's are taken at different moments: a process may be that much later than the last packet it is said to have sent."""


class Holder(Record):
    """A process."""

    pid: int
    name: str


class Holders:
    """Of one network namespace (or of several that are not told apart)."""

    def __init__(self, cap: int = 1 << 17) -> None:
        """At most `cap` connections are remembered, and as many sockets and open ports; the oldest are forgotten first."""
        self.cap = cap
        self.forgotten = 0
        """How many were."""
        self._by_cookie: dict[int, tuple[Holder, ...]] = {}
        self._ends: dict[tuple[int, bytes, int, bytes, int], Tenants] = {}
        self._doors: dict[tuple[int, int, bytes], Tenants] = {}
        self._asking: dict[tuple[int, bytes, bytes, int], Tenants] = {}
        self._open: dict[tuple[int, int], bool] = {}

    def happened(self, one: Happening, holder: Holder, at_ns: int) -> None:
        """Take note of an event; `holder` is the process that ran then."""
        if one.event in (Event.LISTEN, Event.USE):
            self._open_door(one.transport, one.port, one.address, at_ns, (holder,), again=one.event is Event.LISTEN)
            return
        end = (one.transport, one.address, one.port, one.peer, one.peer_port)
        if one.event is Event.CONNECT:
            self._remember(self._by_cookie, one.cookie, (holder,))
            self._note(self._asking, (one.transport, one.address, one.peer, one.peer_port), at_ns, (holder,))
            if one.port:
                self._note(self._ends, end, at_ns, (holder,))
        elif one.event is Event.MADE:
            known = self._by_cookie.get(one.cookie)
            if one.port:
                # Nobody's yet, where it is the answering side: the port was perhaps somebody else's before.
                self._note(self._ends, end, at_ns, known or ())
        elif one.port:
            known = self._by_cookie.pop(one.cookie, ())
            self._note(self._ends, end, at_ns, tuple(dict.fromkeys((*known, holder))), again=True)

    def found(
        self, transport: int, address: bytes, port: int, peer: bytes, peer_port: int, holders: tuple[Holder, ...], at_ns: int
    ) -> None:
        """Take note of a socket that was there when the kernel was asked; peer port 0: it takes what comes from anybody."""
        if peer_port:
            self._note(self._ends, (transport, address, port, peer, peer_port), at_ns, holders)
        else:
            self._open_door(transport, port, address, at_ns, holders, again=True)

    def of(
        self, transport: int, address: bytes, port: int, peer: bytes, peer_port: int, until_ns: int, *, exactly: bool = False
    ) -> tuple[Holder, ...] | None:
        """Who held that end when its last packet passed, at `until_ns`; None where that was not seen. `exactly`: by this very connection."""
        found = _tenant(self._ends.get((transport, address, port, peer, peer_port)), until_ns)
        if found or exactly:
            return found or None
        wild = (address, _V4_ANY, _V6_ANY) if address.startswith(MAPPED) else (address, _V6_ANY)
        for where in wild:
            found = _tenant(self._doors.get((transport, port, where)), until_ns)
            if found:
                return found
        asked = self._asking.get((transport, address, peer, peer_port))
        # Its port was not told (a connection that was refused at once): it is theirs if nobody else asked there.
        if asked is not None and len({holders for _, holders in asked}) == 1:
            return _tenant(asked, until_ns)
        return None

    def _open_door(self, transport: int, port: int, address: bytes, at_ns: int, holders: tuple[Holder, ...], *, again: bool) -> None:
        self._note(self._doors, (transport, port, address), at_ns, holders, again=again)
        self._remember(self._open, (transport, port), value=True)

    def is_open(self, transport: int, port: int) -> bool:
        """Whether a process has ever taken what comes to that port from anybody, as far as was seen."""
        return (transport, port) in self._open or self.forgotten > 0

    def _note(
        self, table: dict[Any, Tenants], key: tuple[object, ...], at_ns: int, holders: tuple[Holder, ...], *, again: bool = False
    ) -> None:
        """The end has these holders from now on; `again`: besides those it has."""
        tenants = table.pop(key, None)
        if tenants is None:
            tenants = []
        elif again and tenants[-1][1] != holders:
            holders = tuple(dict.fromkeys((*tenants[-1][1], *holders)))
        if not tenants or tenants[-1][1] != holders:
            if tenants and not tenants[-1][1]:
                at_ns = tenants.pop()[0]
            tenants = [*tenants[1 - _TENANTS :], (at_ns, holders)]
        self._remember(table, key, tenants)

    def _remember(self, table: dict[Any, Any], key: object, value: object) -> None:
        table[key] = value
        if len(table) > self.cap:
            del table[next(iter(table))]
            self.forgotten += 1


def _tenant(tenants: Tenants | None, until_ns: int) -> tuple[Holder, ...]:
    """The last that was there by then; the first where none was: a look comes later than what it finds began."""
    if not tenants:
        return ()
    for since_ns, holders in reversed(tenants):
        if since_ns <= until_ns + _SLACK_NS and holders:
            return holders
    return tenants[0][1]


def named(holders: Iterable[Holder]) -> tuple[str, ...]:
    """The names of processes, each once."""
    return tuple(dict.fromkeys(holder.name for holder in holders))
