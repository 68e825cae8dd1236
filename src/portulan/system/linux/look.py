"""One look at the sockets of a Linux machine: sock_diag in every network namespace is the truth, BPF or /proc tells who holds them.

While the iterator walks every file table in the kernel (another thread: it needs no Python), sock_diag is asked and its answers parsed here; the two
are joined by cookie, the kernel's own number of a socket. A socket without holder gets a second look: it was opened after the iterator had passed,
closed, handed to another process meanwhile, or is really nowhere to be seen.
"""

from __future__ import annotations

from contextlib import ExitStack
from errno import EACCES, EPERM
from itertools import islice

from portulan.errors import CannotTell, MachineFailed, ParseError, failed
from portulan.model.chart import Gap, Namespace, Owner, Ownership, State
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.survey import Row, Selection, Survey
from portulan.system.linux.cgroups import read_members, read_paths
from portulan.system.linux.dumps import Dump, parse_dumps, read_connections, read_dumps
from portulan.system.linux.hidden import known_hidden, remember_hidden
from portulan.system.linux.holders import Search
from portulan.system.linux.namespaces import Place, inside, list_places, place_of_socket
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.system.linux.procfs import (
    Seen,
    hides_processes,
    is_kernel_thread,
    list_pids,
    read_file,
    read_owner,
)
from portulan.wire.procfs import parse_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_MOST_WAYS = 64
"""Sockets through which a namespace is tried to be entered."""
_MOST_SUSPECTS = 32
"""Candidates named for one socket."""


class Look:
    """One look at the machine; what it finds is collected here until it becomes a Survey."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.gaps: list[Gap] = []
        self.places: dict[int | None, Place] = {}
        self.rows: list[Row] = []
        self.holders: dict[int, tuple[tuple[int, int | None], ...]] = {}
        self.sharing: dict[int, tuple[bool, bool]] = {}
        self.seen: dict[int, Seen] = {}
        self.unheld: dict[int, str] = {}
        self.suspects: dict[int, tuple[int, ...]] = {}
        self.silent: list[int] = []
        self.cgroups: dict[int, str] = {}
        self.processes: dict[int, Owner] = {}
        self.connections: dict[tuple[int | None, int, bytes], int] | None = None
        self.kernel: dict[tuple[int | None, Transport, int], str] = {}
        self.devices: dict[tuple[int | None, int], str] = {}
        self.known: frozenset[int] = frozenset()
        """Sockets without holder that were found hidden twice before: they are neither the kernel's nor on their way from one process to another."""
        self.visited = ExitStack()
        """What keeps the way open to namespaces that only a socket keeps."""

    def take(self, search: Search) -> Iterator[Survey]:
        """The parts of the survey, with the holders of a search that has begun. Raises CannotTell, MachineFailed."""
        with ExitStack() as self.visited:
            try:
                yield from self._take(search)
            except ParseError as error:  # the kernel's own answer: not what a user typed
                raise MachineFailed("kernel.damaged", detail=str(error)) from error

    def _take(self, search: Search) -> Iterator[Survey]:
        places, self.silent = list_places()
        self.places = {place.inode: place for place in places}
        self._parse(self._dump(places))
        self.cgroups = read_paths({row.cgroup for row in self.rows if row.cgroup})
        self.connections = self._count_connections() if self.selection.connections else None
        # Nothing yet: whoever waits can do something else while the kernel is searched.
        yield self._part(search.way, (), places[0], coming=self.rows)
        self._join(search)
        if self._visit(search):  # namespaces that only a socket keeps: their rows want holders too, and the records are at hand
            self._join(search)
            self.cgroups |= read_paths({row.cgroup for row in self.rows if row.cgroup} - self.cgroups.keys())
            self.connections = self._count_connections() if self.selection.connections else None
        if any(row.cookie not in self.holders for row in self.rows):
            self.known = frozenset(known_hidden(search.way))
        self._name_devices()
        second = self._second_look(search)
        self.processes = {pid: owner for pid in self._pids() if (owner := self._describe(pid)) is not None}
        rows = self.rows
        if second is not None:
            sure, rows = second.split(rows)
            yield self._part(search.way, sure, places[0])
            second.finish()
            self.processes |= {pid: owner for pid in self._pids() - self.processes.keys() if (owner := self._describe(pid)) is not None}
        self._note_gaps(search.way)
        yield self._part(search.way, rows, places[0])

    def _part(self, way: str, rows: Iterable[Row], own: Place, coming: Sequence[Row] = ()) -> Survey:
        return Survey(
            source=way, rows=tuple(rows), holders=self.holders, sharing=self.sharing, unheld=self.unheld, suspects=self.suspects,
            processes=self.processes, kernel=self.kernel, cgroups=self.cgroups, devices=self.devices, connections=self.connections,
            gaps=tuple(self.gaps), ephemeral=parse_range(read_file("/proc/sys/net/ipv4/ip_local_port_range")),
            namespaces=tuple(Namespace(place.inode, place.name, place is own) for place in self.places.values() if place.inode is not None),
            ways={inode: place.path for inode, place in self.places.items()}, coming=coming,
        )  # fmt: skip

    def _pids(self) -> set[int]:
        """Every process that holds, or may hold, one of the sockets."""
        held = {pid for holders in self.holders.values() for pid, _ in holders}
        return held.union(*self.suspects.values())

    def _describe(self, pid: int) -> Owner | None:
        """A process in words; of one that ended meanwhile what the kernel told of it, if anything; else None."""
        return read_owner(pid, self.seen.get(pid))

    def _dump(self, places: Iterable[Place]) -> list[Dump]:
        """Raw answers of every namespace; one that may not be entered is a gap, one that vanished is nothing."""
        dumps: list[Dump] = []
        for place in places:
            try:
                with inside(place):
                    more, known = read_dumps(place.inode, self.selection)
            except FileNotFoundError:
                del self.places[place.inode]
                continue
            except OSError as error:
                del self.places[place.inode]
                if error.errno not in (EPERM, EACCES):
                    raise failed("sock_diag", place.name or f"net:[{place.inode}]", error) from error
                self.gaps.append(Gap("namespace.forbidden", {"name": place.name or f"net:[{place.inode}]"}))
                continue
            if not known:
                raise CannotTell("sock_diag.missing")
            dumps += more
        return dumps

    def _parse(self, dumps: Iterable[Dump]) -> None:
        self.rows += parse_dumps(dumps, self.selection.ports)

    def _count_connections(self) -> dict[tuple[int | None, int, bytes], int]:
        """Established connections on the listening ports of every namespace that has some."""
        listening: dict[int | None, set[int]] = {}
        for row in self.rows:
            if row.state is State.LISTENING:
                listening.setdefault(row.netns, set()).add(row.port)
        counts: dict[tuple[int | None, int, bytes], int] = {}
        for netns, ports in listening.items():
            try:
                with inside(self.places[netns]):
                    counts |= {(netns, *key): count for key, count in read_connections(ports).items()}
            except OSError:
                continue  # the namespace went away since
        return counts

    def _join(self, search: Search) -> None:
        self.holders = search.finish(self.rows)
        self.sharing = search.sharing
        self.seen |= search.seen

    def _visit(self, search: Search) -> bool:
        """Read the namespaces that no path leads to, through a socket that lives there. Returns whether there were rows."""
        before = len(self.rows)
        for inode, ways in search.elsewhere.items():
            if inode in self.places:
                continue
            place, refused = self._enter_by_socket(inode, ways)
            if place is not None:
                self.places[inode] = place
                self._parse(self._dump([place]))
            elif refused is not None:
                self.gaps.append(Gap("namespace.unreachable", {"name": f"net:[{inode}]", "pid": refused}))
        search.elsewhere = {}
        return len(self.rows) > before

    def _enter_by_socket(self, inode: int, ways: Iterable[tuple[int, int]]) -> tuple[Place | None, int | None]:
        """The way to a namespace by the first of its sockets that is still open; where none leads there, the process that does not let us, if one does not."""
        refused = None
        for pid, descriptor in islice(ways, _MOST_WAYS):
            try:
                place = self.visited.enter_context(place_of_socket(inode, pid, descriptor))
            except OSError:
                refused = pid
                continue
            if place is not None:
                return place, None
        return None, refused

    def _name_devices(self) -> None:
        """Interface names, of the namespaces where a socket is bound to an interface or is held by nobody we see."""
        wanted = {row.netns for row in self.rows if row.device or (row.cookie not in self.holders and row.cookie not in self.known)}
        if not wanted:
            return
        from portulan.system.linux.kernel_ports import read_kernel_ports
        from portulan.system.linux.links import read_interfaces

        for netns in wanted:
            try:
                with inside(self.places[netns]), Netlink(ROUTE) as route:
                    links = read_interfaces(route)
                    held = read_kernel_ports(links)
            except (OSError, KeyError, MachineFailed):
                continue
            self.devices |= {(netns, link.number): link.name for link in links}
            self.kernel |= {(netns, transport, port): what for (transport, port), what in held.items()}

    def _second_look(self, search: Search) -> _SecondLook | None:
        """Say of each socket without holder why it has none; where only another look can tell, begin it."""
        lost = []
        for row in self.rows:
            if row.cookie in self.holders:
                continue
            if (row.netns, row.transport, row.port) in self.kernel:
                self.unheld[row.cookie] = Ownership.KERNEL
            elif row.state is State.TIME_WAIT or not row.inode:
                self.unheld[row.cookie] = Ownership.NONE
            else:
                lost.append(row)
        return _SecondLook(self, search, lost) if lost else None

    def _note_gaps(self, way: str) -> None:
        secret, hidden = (
            len({(row.netns, row.transport, row.port) for row in self.rows if self.unheld.get(row.cookie) is why})
            for why in (Ownership.FORBIDDEN, Ownership.HIDDEN)
        )
        if not list_pids():
            self.gaps.append(Gap("proc.unreadable"))
        elif hides_processes():
            self.gaps.append(Gap("proc.hidepid"))
        if secret:
            self.gaps.append(Gap("owners.forbidden", {"count": secret}))
        if hidden:
            self.gaps.append(Gap("owners.hidden", {"count": hidden}))
        strangers = [pid for pid in self.silent if not is_kernel_thread(pid)]
        if strangers:
            # BPF sees every holder of a socket whatever the process permits; a walk over /proc does not.
            self.gaps.append(Gap("namespaces.unknown" if way == "bpf" else "processes.closed", {"count": len(strangers)}))


class _SecondLook:
    """The kernel asked once more for sockets that nobody seems to hold: closed, handed over, forbidden or hidden.

    Only a second search can tell a socket that was handed from one process to another between the two halves of the first look from one that no
    file table has. It runs while the processes are described.
    """

    def __init__(self, look: Look, search: Search, lost: list[Row]) -> None:
        self.look = look
        self.lost = lost
        self.first = search
        self.still = lost
        self.search = None
        if any(row.cookie not in look.known for row in lost):
            self.still = self._still_there()
            unsure = any(row.cookie not in look.known for row in self.still)
            self.search = Search(search.way, every_state=look.selection.every_state, again=True) if unsure else None

    def _still_there(self) -> list[Row]:
        """Which of the lost ones are open now; the others were closed while we looked."""
        look = self.look
        ports = PortSet.of(PortRange(row.port, row.port) for row in self.lost)
        again = Look(look.selection._replace(ports=ports, transports=tuple({row.transport for row in self.lost})))
        again.places = {netns: look.places[netns] for netns in {row.netns for row in self.lost} if netns in look.places}
        again._parse(again._dump(list(again.places.values())))  # noqa: SLF001 - the same class
        alive = {row.cookie for row in again.rows}
        look.unheld |= {row.cookie: Ownership.GONE for row in self.lost if row.cookie not in alive}
        return [row for row in self.lost if row.cookie in alive]

    def split(self, rows: Collection[Row]) -> tuple[list[Row], list[Row]]:
        """The rows whose holders are certain now, and those on the ports of the lost ones."""
        open_ports = {(row.netns, row.transport, row.port) for row in self.lost}
        later = [row for row in rows if (row.netns, row.transport, row.port) in open_ports]
        return [row for row in rows if (row.netns, row.transport, row.port) not in open_ports], later

    def finish(self) -> None:
        """Take what the second search found; name suspects for the rest."""
        look = self.look
        if self.search is not None:
            look.holders |= self.search.finish(self.still)
            look.sharing |= self.search.sharing
            look.seen |= self.search.seen
        hidden = [row for row in self.still if row.cookie not in look.holders]
        if self.search is not None and hidden:
            remember_hidden(self.search.way, {row.cookie for row in hidden})
        # Not even root may look into some processes: what nobody else holds is theirs, as far as anyone can say.
        closed = look.silent or (self.search or self.first).forbidden or hides_processes()
        why = Ownership.FORBIDDEN if closed else Ownership.HIDDEN if list_pids() else Ownership.UNKNOWN
        look.unheld |= dict.fromkeys((row.cookie for row in hidden), why)
        for group in {row.cgroup for row in hidden}:
            pids = self._suspects(group)
            look.suspects |= dict.fromkeys((row.cookie for row in hidden if row.cgroup == group), pids)

    def _suspects(self, group: int) -> tuple[int, ...]:
        """The processes of a control group that are closed to us; of the root group, which tells nothing, the only closed one there is."""
        closed = frozenset(self.look.silent)
        members = tuple(pid for pid in read_members(self.look.cgroups.get(group, "/")) if pid in closed)
        return members[:_MOST_SUSPECTS] or (tuple(closed) if len(closed) == 1 else ())
