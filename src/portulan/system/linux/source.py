"""The sockets of a Linux machine: sock_diag in every network namespace is the truth, BPF or /proc tells who holds them.

Order matters. sock_diag comes first, because asking gives each socket its cookie; then, while the iterator walks every file table in the
kernel (another thread: it needs no Python), the answers are parsed here. A socket without holder gets a second look: it was closed, handed to
another process meanwhile, or is really nowhere to be seen.
"""

from __future__ import annotations

import os
from errno import EACCES, EPERM

from portulan.errors import CannotTell, failed
from portulan.model.chart import Ancestor, Gap, Namespace, Owner, Ownership, State
from portulan.model.port import Transport
from portulan.model.survey import Row, Selection, Survey
from portulan.system.linux.cgroups import read_members, read_paths
from portulan.system.linux.containers import container_name
from portulan.system.linux.dumps import Dump, read_connections, read_dumps
from portulan.system.linux.holders import Search, forbidden_pids
from portulan.system.linux.kernel_ports import read_kernel_ports, read_links
from portulan.system.linux.namespaces import Place, inside, list_places, place_of_socket
from portulan.system.linux.netlink import ROUTE, Netlink
from portulan.system.linux.procfs import hides_processes, list_pids, read_file, read_owner, read_parents, user_name
from portulan.system.linux.socket_units import find_socket_unit
from portulan.wire.procfs import parse_range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.wire.cgroup import CgroupMeaning

_MOST_SUSPECTS = 32
"""Candidates named for one socket."""


class LinuxSource:
    """This machine, asked through the kernel. One survey at a time."""

    def __init__(self, holders: str = "auto") -> None:
        """`holders`: `auto`, `bpf` or `proc`."""
        self._way = holders
        self._names: dict[int, str] = {}

    def survey(self, selection: Selection) -> Survey:
        """Look. Raises CannotTell where the kernel has no sock_diag, or where `bpf` was asked for and may not be used."""
        look = _Look(self._way, selection)
        survey = look.take()
        self._names = look.names
        return survey

    def describe(self, pid: int) -> Owner | None:
        """A process in words; of one that ended meanwhile only its name, if the kernel told it; else None."""
        owner = read_owner(pid)
        if owner is None and pid in self._names:
            return Owner(pid=pid, fd=None, name=self._names[pid])
        return owner

    def parents(self, pid: int) -> tuple[Ancestor, ...]:
        """The parent chain of a process."""
        return read_parents(pid)

    def user_name(self, uid: int) -> str | None:
        """The name of a user."""
        return user_name(uid)

    def container_name(self, meaning: CgroupMeaning) -> str | None:
        """`docker:shop-web` of a control group in a container."""
        return container_name(meaning)

    def socket_unit(self, transport: Transport, address: str, port: int) -> str | None:
        """The systemd socket unit that has the first process hold this endpoint."""
        return find_socket_unit(transport, address, port)

    def host_name(self) -> str:
        """What this machine calls itself."""
        return os.uname().nodename


class _Look:
    """One look at the machine; what it finds is collected here until it becomes a Survey."""

    def __init__(self, way: str, selection: Selection) -> None:
        self.way = way
        self.selection = selection
        self.gaps: list[Gap] = []
        self.places: dict[int, Place] = {}
        self.rows: list[Row] = []
        self.holders: dict[int, tuple[tuple[int, int | None], ...]] = {}
        self.sharing: dict[int, tuple[bool, bool]] = {}
        self.names: dict[int, str] = {}
        self.unheld: dict[int, str] = {}
        self.suspects: dict[int, tuple[int, ...]] = {}
        self.kernel: dict[tuple[int | None, Transport, int], str] = {}
        self.devices: dict[tuple[int | None, int], str] = {}

    def take(self) -> Survey:
        places, silent = list_places()
        self.places = {place.inode: place for place in places}
        dumps = self._dump(places)
        search = Search(self.way, every_state=self.selection.every_state)
        self._parse(dumps)
        connections = self._count_connections() if self.selection.connections else None
        cgroups = read_paths({row.cgroup for row in self.rows if row.cgroup})
        self._join(search)
        if self._visit(search):  # namespaces that only a socket keeps: their rows want holders too, and the records are at hand
            self._join(search)
            cgroups |= read_paths({row.cgroup for row in self.rows if row.cgroup} - cgroups.keys())
        self._name_devices()
        self._explain_unheld(search, cgroups)
        self._note_gaps(search, silent)
        return Survey(
            source=search.way, rows=tuple(self.rows), holders=self.holders, sharing=self.sharing, unheld=self.unheld, suspects=self.suspects,
            kernel=self.kernel, cgroups=cgroups, devices=self.devices, connections=connections, gaps=tuple(self.gaps),
            namespaces=tuple(Namespace(place.inode, place.name, place is places[0]) for place in self.places.values()),
            ephemeral=parse_range(read_file("/proc/sys/net/ipv4/ip_local_port_range")),
        )  # fmt: skip

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
        rows = [row for dump in dumps for row in dump.parse()]
        ports = self.selection.ports
        if ports is not None:
            rows = [row for row in rows if row.port in ports]
        self.rows += rows

    def _count_connections(self) -> dict[tuple[int | None, int, bytes], int]:
        """Established connections on the listening ports of every namespace that has some."""
        listening: dict[int, set[int]] = {}
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
        self.names |= search.names

    def _visit(self, search: Search) -> bool:
        """Read the namespaces that no path leads to, through a socket that lives there. Returns whether there were rows."""
        before = len(self.rows)
        for inode, (pid, descriptor) in search.elsewhere.items():
            if inode in self.places:
                continue
            with place_of_socket(inode, pid, descriptor) as place:
                if place is None:
                    self.gaps.append(Gap("namespace.unreachable", {"name": f"net:[{inode}]", "pid": pid}))
                    continue
                self.places[inode] = place
                self._parse(self._dump([place]))
        search.elsewhere = {}
        return len(self.rows) > before

    def _name_devices(self) -> None:
        """Interface names, of the namespaces where a socket is bound to an interface or is held by nobody we see."""
        wanted = {row.netns for row in self.rows if row.device or row.cookie not in self.holders}
        for netns in wanted:
            try:
                with inside(self.places[netns]), Netlink(ROUTE) as route:
                    links = read_links(route)
                    held = read_kernel_ports(links)
            except (OSError, KeyError):
                continue
            self.devices |= {(netns, link.index): link.name for link in links}
            self.kernel |= {(netns, transport, port): what for (transport, port), what in held.items()}

    def _explain_unheld(self, search: Search, cgroups: dict[int, str]) -> None:
        """Why each socket without holder has none."""
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
        if lost:
            self._look_again(lost, search, cgroups)

    def _look_again(self, lost: list[Row], search: Search, cgroups: dict[int, str]) -> None:
        """Ask the kernel once more for the sockets nobody seems to hold: gone, handed over, forbidden or hidden."""
        again = _Look(self.way, self.selection)
        again.places = {netns: self.places[netns] for netns in {row.netns for row in lost} if netns in self.places}
        again._parse(again._dump(list(again.places.values())))
        alive = {row.cookie for row in again.rows}
        still = [row for row in lost if row.cookie in alive]
        if still and not search.forbidden:
            second = Search(search.way, every_state=self.selection.every_state)
            found = second.finish(still)
            self.holders |= found
            self.sharing |= second.sharing
            self.names |= second.names
        for row in lost:
            if row.cookie not in alive:
                self.unheld[row.cookie] = Ownership.GONE
            elif row.cookie not in self.holders:
                self.unheld[row.cookie] = Ownership.FORBIDDEN if search.forbidden else Ownership.HIDDEN
        self._suspect([row for row in still if row.cookie not in self.holders], search, cgroups)

    def _suspect(self, rows: list[Row], search: Search, cgroups: dict[int, str]) -> None:
        """Candidates for sockets whose holder may not be seen: the processes of the socket's control group that are closed to us."""
        refused = frozenset(forbidden_pids()) if rows else frozenset()
        if refused and not search.forbidden:
            # Not even root may look into these: what nobody else holds is theirs, as far as anyone can say.
            self.unheld |= {row.cookie: Ownership.FORBIDDEN for row in rows}
            search.forbidden = len(refused)
        members: dict[int, tuple[int, ...]] = {}
        for row in rows:
            if row.cgroup not in members:
                inside_group = read_members(cgroups.get(row.cgroup, "/"))
                members[row.cgroup] = tuple(pid for pid in inside_group if pid in refused) or (tuple(refused) if len(refused) == 1 else ())
            self.suspects[row.cookie] = members[row.cgroup][:_MOST_SUSPECTS]

    def _note_gaps(self, search: Search, silent: int) -> None:
        secret = sum(state is Ownership.FORBIDDEN for state in self.unheld.values())
        hidden = sum(state is Ownership.HIDDEN for state in self.unheld.values())
        if not list_pids():
            self.gaps.append(Gap("proc.unreadable"))
        elif hides_processes():
            self.gaps.append(Gap("proc.hidepid"))
        if secret:
            self.gaps.append(Gap("owners.forbidden", {"count": secret}))
        if hidden:
            self.gaps.append(Gap("owners.hidden", {"count": hidden}))
        if silent:
            self.gaps.append(Gap("namespaces.unknown", {"count": silent}))
