"""Who holds the sockets: by BPF in a thread of its own, or by a walk over /proc. Two ways, one answer."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread  # threading takes 3 ms of every start, and what it adds is not needed

from portulan.errors import CannotTell
from portulan.model.chart import State
from portulan.system.linux import bpf
from portulan.system.linux.dumps import has_cookie
from portulan.system.linux.procfs import Seen
from portulan.system.linux.walk import Walk
from portulan.wire.bpf import REUSE_ADDRESS, REUSE_PORT
from portulan.wire.procfs import TICKS_PER_SECOND
from portulan.wire.sock_diag import LISTEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portulan.model.survey import Row

NS_PER_TICK = 1_000_000_000 // TICKS_PER_SECOND
Record = tuple[int, int, bytes, int, int, int, int, int, int, int]


class Search:
    """One search for holders. It begins at once; `finish` joins what it found to the sockets."""

    def __init__(self, way: str, *, every_state: bool, again: bool = False) -> None:
        """`auto` takes BPF where it may; `again` looks harder, for what was not found before. Raises CannotTell for `bpf` where it may not."""
        self.way = way
        self.again = again
        self.seen: dict[int, Seen] = {}
        """pid -> what the kernel said of the process, where the search brought that too."""
        self.sharing: dict[int, tuple[bool, bool]] = {}
        self.forbidden = 0
        """Processes that may not be looked into."""
        self.elsewhere: dict[int, list[tuple[int, int]]] = {}
        """Inode of a namespace that sockets live in -> each (pid, descriptor) that leads there."""
        self._records: list[Record] | None = None
        self._error: Exception | None = None
        self._running = allocate_lock()
        if way == "proc":
            return
        try:
            bpf.check()
        except CannotTell:
            if way == "bpf":
                raise
            self.way = "proc"
            return
        self._running.acquire()
        start_new_thread(self._iterate, (every_state,))

    def _iterate(self, every_state: bool) -> None:  # noqa: FBT001 - a thread's argument
        try:
            self._records = list(bpf.read_holders(every_state=every_state))
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits is told
            self._error = error
        finally:
            self._running.release()

    def finish(self, rows: Iterable[Row]) -> dict[int, tuple[tuple[int, int | None], ...]]:
        """Socket cookie -> ((pid, descriptor), …) for these sockets. Raises CannotTell where `bpf` was asked for and failed."""
        with self._running:
            pass
        if self._error is not None and not isinstance(self._error, CannotTell | OSError):
            raise self._error
        if self._records is not None:
            self.way = "bpf"
            rows = tuple(rows)
            found = self._join_by_cookie(rows)
            strangers = {row.inode: row.cookie for row in rows if row.inode and not has_cookie(row)}
            return found | self._join_by_inode(strangers)
        if self._error is not None and self.way == "bpf":
            raise (
                self._error if isinstance(self._error, CannotTell) else CannotTell("bpf.refused", reason=str(self._error))
            ) from self._error
        self.way = "proc"
        return self._join_by_inode({row.inode: row.cookie for row in rows if row.inode})

    def _join_by_cookie(self, rows: Iterable[Row]) -> dict[int, tuple[tuple[int, int | None], ...]]:
        wanted, places = {row.cookie for row in rows}, {row.netns for row in rows}
        # What such a one has accepted may have its cookie: `dumps`.
        listening = {row.cookie for row in rows if row.mptcp and row.state is State.LISTENING}
        found: dict[int, list[tuple[int, int | None]]] = {}
        seen: dict[int, tuple[bytes, int, int]] = {}
        for cookie, start_ns, name, pid, descriptor, netns, uid, state, flags, _ in self._records or ():
            if cookie in listening and state != LISTEN:
                continue
            if cookie in wanted:
                if cookie in found:
                    found[cookie].append((pid, descriptor))
                else:
                    found[cookie] = [(pid, descriptor)]
                    self.sharing[cookie] = (flags & REUSE_ADDRESS != 0, flags & REUSE_PORT != 0)
                seen[pid] = (name, start_ns, uid)
            elif netns not in places:
                self.elsewhere.setdefault(netns, []).append((pid, descriptor))
        self.seen = {pid: Seen(_text(name), start_ns // NS_PER_TICK, uid) for pid, (name, start_ns, uid) in seen.items()}
        return {cookie: tuple(held) for cookie, held in found.items()}

    def _join_by_inode(self, cookies: Mapping[int, int]) -> dict[int, tuple[tuple[int, int | None], ...]]:
        if not cookies:
            return {}
        walk = Walk(cookies, threads=self.again)
        self.seen, self.forbidden = self.seen | walk.seen, walk.forbidden
        return {cookies[inode]: tuple(sorted(set(held))) for inode, held in walk.found.items()}


def _text(name: bytes) -> str:
    return name.partition(b"\0")[0].decode("utf-8", "backslashreplace")
