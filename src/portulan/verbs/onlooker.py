"""Which processes hold the local ends of flows: one look at the sockets, then what happens to them, joined to what passes."""

from __future__ import annotations

import sys
from time import monotonic, monotonic_ns, time_ns

from portulan.errors import CannotTell, PortulanError
from portulan.model.address import MAPPED, widened
from portulan.model.chart import Ownership
from portulan.model.port import PROTOCOL_NUMBERS
from portulan.model.record import Record
from portulan.model.survey import Selection
from portulan.system.source import open_source
from portulan.traffic.holders import Holder, Holders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from portulan.model.survey import Row, Survey
    from portulan.system.linux.socket_events import SocketEvents
    from portulan.traffic.flows import Flows

_MOST_NAMES = 4096
_LOOK_S = 0.25
"""Without events: how often the sockets are looked at again, at most, while packets come; and how long nothing is asked after a long look."""
_REST = 4
_ADDRESSES_S = 5.0
_REASONS = {Ownership.FORBIDDEN: "forbidden", Ownership.KERNEL: "kernel", Ownership.HIDDEN: "hidden"}
_LOOPBACK = MAPPED + b"\x7f"
NOT_LOCAL, NOT_SEEN, NOBODY = "not-local", "not-seen", "nobody"


class Told(Record):
    """Of one flow."""

    holders: tuple[Holder, ...]
    untold: str | None
    """Why nobody is named: `not-local` (no end of it is on this host), `nobody` (its port here was not open), `forbidden`, `kernel`, `hidden` (as in
    `portulan ls`), `not-seen` (it was over before anybody could be asked)."""


class Onlooker:
    """Watches from when it is made until it is closed."""

    def __init__(self) -> None:
        """Raises CannotTell, MachineFailed where the sockets cannot be listed at all."""
        self.events: SocketEvents | None = None
        self.without: str | None = None
        """Why what happens is not told as it happens: the code of an error."""
        self.lost = 0
        """How much has happened that was not heard of."""
        self.here, self.elsewhere = Holders(), Holders()
        self.own: int | None = None
        self.local: set[bytes] = set()
        self._reasons: dict[tuple[int, int], str] = {}
        self._names: dict[tuple[int, str], str] = {}
        self._machine = open_source("auto")
        self._next_look_s = self._next_addresses_s = 0.0
        if sys.platform == "linux":
            from portulan.system.linux.socket_events import SocketEvents

            try:
                self.events = SocketEvents()
            except CannotTell as error:
                self.without = error.code
        try:
            self.look()
        except PortulanError:
            self.close()
            raise
        self._next_look_s = 0.0

    def close(self) -> None:
        """Watch no more."""
        if self.events is not None:
            self.events.close()

    def look(self) -> None:
        """Ask for all sockets and their holders. Raises CannotTell, MachineFailed."""
        at_ns, begun_s = time_ns(), monotonic()
        for part in self._machine.survey(Selection(every_state=True)):
            self.own = next((space.inode for space in part.namespaces if space.own), self.own)
            for row in part.rows:
                self._found(part, row, at_ns)
        self._next_look_s = monotonic() + max(_LOOK_S, _REST * (monotonic() - begun_s))

    def _found(self, part: Survey, row: Row, at_ns: int) -> None:
        transport = PROTOCOL_NUMBERS[row.transport]
        pids = dict.fromkeys(pid for pid, _ in part.holders.get(row.cookie, ()))
        holders = tuple(Holder(pid, part.processes[pid].name) for pid in pids if pid in part.processes)
        if holders:
            table = self.here if row.netns in (self.own, None) else self.elsewhere
            table.found(transport, widened(row.source), row.port, widened(row.destination), row.peer_port, holders, at_ns)
        elif row.netns == self.own and (why := _REASONS.get(Ownership(part.unheld.get(row.cookie, Ownership.UNKNOWN)))):
            self._reasons[transport, row.port] = why

    def catch_up(self, *, busy: bool = True) -> None:
        """Take in what has happened since; where nobody tells, look again, if packets came (`busy`)."""
        if self.events is None:
            if busy and monotonic() >= self._next_look_s:
                self.look()
            return
        behind_ns = time_ns() - monotonic_ns()
        for one in self.events.read():
            table = self.here if one.netns == self.own else self.elsewhere
            table.happened(one, Holder(one.pid, self._name(one.pid, one.name)), one.since_boot_ns + behind_ns)
        if self.events.lost > self.lost and monotonic() >= self._next_look_s:
            self.lost = self.events.lost
            self.look()

    def _name(self, pid: int, thread: str) -> str:
        """The process's own name, if it is still there; else that of the thread that was seen."""
        name = self._names.get((pid, thread))
        if name is None:
            from portulan.system.linux.procfs import read_stat

            stat = read_stat(pid)
            name = self._names[pid, thread] = thread if stat is None else stat.name
            if len(self._names) > _MOST_NAMES:
                del self._names[next(iter(self._names))]
        return name

    def tell(self, flows: Flows, which: Sequence[int]) -> list[Told]:
        """Who holds the local ends of these flows."""
        self._read_addresses()
        told = [self._tell(*each) for each in _ends(flows, which)]
        if self.events is None and monotonic() >= self._next_look_s and any(each.untold == NOT_SEEN for each in told):
            self.look()
            told = [self._tell(*each) for each in _ends(flows, which)]
        return told

    def _tell(self, transport: int, source: bytes, source_port: int, target: bytes, target_port: int, until_ns: int) -> Told:
        holders: list[Holder] = []
        why = NOT_LOCAL
        for end in ((source, source_port, target, target_port), (target, target_port, source, source_port)):
            local = end[0] in self.local or end[0].startswith(_LOOPBACK)
            # An open port of another namespace is as good as any other host's: there, only a connection with these two ends is this one.
            found = self.here.of(transport, *end, until_ns) if local else self.elsewhere.of(transport, *end, until_ns, exactly=True)
            if found:
                holders += found
            elif local:
                closed = self.events is not None and not self.events.lost and end[0] == target and not self.here.is_open(transport, end[1])
                why = self._reasons.get((transport, end[1]), NOBODY if closed else NOT_SEEN)
        return Told(tuple(dict.fromkeys(holders)), None if holders else why)

    def _read_addresses(self) -> None:
        """What is local: the addresses of this network namespace."""
        if monotonic() < self._next_addresses_s or sys.platform != "linux":
            return
        from portulan.system.linux.links import read_addresses
        from portulan.system.linux.netlink import ROUTE, Netlink

        self._next_addresses_s = monotonic() + _ADDRESSES_S
        with Netlink(ROUTE) as netlink:
            self.local = {widened(each.address) for each in read_addresses(netlink)}


def _ends(flows: Flows, which: Sequence[int]) -> Iterable[tuple[int, bytes, int, bytes, int, int]]:
    import numpy as np

    rows = np.asarray(which, np.int64)
    until = np.maximum(flows.forward.last_ns[rows], flows.reverse.last_ns[rows])
    columns = (
        flows.transport[rows].tolist(), (bytes(each) for each in flows.source[rows]), flows.source_port[rows].tolist(),
        (bytes(each) for each in flows.destination[rows]), flows.destination_port[rows].tolist(), until.tolist(),
    )  # fmt: skip
    return zip(*columns, strict=True)
