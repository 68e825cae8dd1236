"""Sockets through psutil: any system it runs on, with what it can know. One holder a socket, no queues, no options, one network namespace."""

from __future__ import annotations

import socket as sockets
from datetime import UTC, datetime
from functools import cache

from portulan.errors import CannotTell
from portulan.model.chart import Ancestor, Gap, Owner, Ownership, State
from portulan.model.port import Transport
from portulan.model.survey import Row, Selection, Survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

    from portulan.wire.cgroup import CgroupMeaning

_STATES = {
    "LISTEN": State.LISTENING, "ESTABLISHED": State.ESTABLISHED, "SYN_SENT": State.SYN_SENT, "SYN_RECV": State.SYN_RECEIVED,
    "FIN_WAIT1": State.FIN_WAIT_1, "FIN_WAIT2": State.FIN_WAIT_2, "TIME_WAIT": State.TIME_WAIT, "CLOSE_WAIT": State.CLOSE_WAIT,
    "LAST_ACK": State.LAST_ACK, "CLOSING": State.CLOSING, "BOUND": State.BOUND, "IDLE": State.BOUND, "CLOSE": State.BOUND,
}  # fmt: skip


class PortableSource:
    """This machine, asked through psutil."""

    def survey(self, selection: Selection) -> Iterator[Survey]:
        """Look; all in one part. Raises CannotTell where psutil is missing, or lists nothing at all."""
        psutil = _psutil()
        gaps = [Gap("psutil.limited")]
        try:
            listed = psutil.net_connections(kind="inet")
        except psutil.AccessDenied:  # macOS, unless root: ask each process that is ours
            gaps.append(Gap("psutil.forbidden"))
            listed = _own_connections(psutil)
        except (psutil.Error, OSError, RuntimeError) as error:
            raise CannotTell("psutil.failed", reason=str(error)) from error
        rows: list[Row] = []
        holders: dict[int, tuple[tuple[int, int | None], ...]] = {}
        unheld: dict[int, str] = {}
        for cookie, one in enumerate(listed, 1):
            row = _row(one, cookie)
            if row is None or not _wanted(row, selection):
                continue
            rows.append(row)
            if one.pid:
                holders[cookie] = ((one.pid, one.fd if one.fd != -1 else None),)
            else:
                unheld[cookie] = Ownership.NONE if row.state is State.TIME_WAIT else Ownership.UNKNOWN
        unknown = sum(why is Ownership.UNKNOWN for why in unheld.values())
        if unknown:
            gaps.append(Gap("owners.forbidden", {"count": unknown}))
        pids = {pid for held in holders.values() for pid, _ in held}
        processes = {pid: owner for pid in pids if (owner := _describe(psutil, pid)) is not None}
        yield Survey(source="psutil", rows=tuple(rows), holders=holders, unheld=unheld, processes=processes, gaps=tuple(gaps))

    def parents(self, pid: int) -> tuple[Ancestor, ...]:
        """The parent chain of a process."""
        psutil = _psutil()
        try:
            return tuple(Ancestor(pid=parent.pid, name=parent.name()) for parent in psutil.Process(pid).parents())
        except psutil.Error:
            return ()

    def user_name(self, uid: int) -> str | None:
        """The name of a user, where the system numbers them."""
        try:
            import pwd
        except ImportError:
            return None
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return None

    def has_user(self, name: str) -> bool:
        """Whether a user of this name exists; where the system cannot say, it is believed."""
        try:
            import pwd
        except ImportError:
            return True
        try:
            pwd.getpwnam(name)
        except KeyError:
            return False
        return True

    def container_name(self, meaning: CgroupMeaning) -> str | None:  # noqa: ARG002 - the interface's
        """psutil knows no containers."""
        return None

    def socket_unit(self, transport: Transport, address: str, port: int) -> str | None:  # noqa: ARG002 - the interface's
        """psutil knows no units."""
        return None

    def host_name(self) -> str:
        """What this machine calls itself."""
        return sockets.gethostname()


@cache
def _psutil() -> ModuleType:
    try:
        import psutil
    except ImportError:
        raise CannotTell("psutil.missing") from None
    return psutil


def _describe(psutil: ModuleType, pid: int) -> Owner | None:
    """A process in words; None when it is gone."""
    try:
        process = psutil.Process(pid)
        name, started = process.name(), process.create_time()
    except psutil.Error:
        return None
    command = _ask(process.cmdline)
    return Owner(
        pid=pid, fd=None, name=name, command=tuple(command) if command is not None else None, executable=_ask(process.exe) or None,
        cwd=_ask(process.cwd) or None, uid=uids[1] if (uids := _ask(getattr(process, "uids", lambda: None))) else None,
        user=_ask(process.username), started_at=datetime.fromtimestamp(round(started, 2), UTC),
    )  # fmt: skip


def _own_connections(psutil: ModuleType) -> list[Any]:
    """Every process's own list, where we may have it, in the form of the whole list."""
    found = []
    for process in psutil.process_iter():
        try:
            found += [
                one._replace(pid=process.pid) if hasattr(one, "pid") else _WithPid(one, process.pid)
                for one in process.net_connections(kind="inet")
            ]
        except (psutil.Error, OSError):
            continue
    return found


class _WithPid:
    """A connection of one process, which psutil lists without its pid."""

    def __init__(self, connection: Any, pid: int) -> None:
        self.fd, self.family, self.type = connection.fd, connection.family, connection.type
        self.laddr, self.raddr, self.status, self.pid = connection.laddr, connection.raddr, connection.status, pid


def _row(one: Any, cookie: int) -> Row | None:
    """A psutil connection as a socket; None for one without a local port."""
    if not one.laddr or not one.laddr.port:
        return None
    transport = Transport.TCP if one.type == sockets.SOCK_STREAM else Transport.UDP
    peer = one.raddr or None
    if transport is Transport.UDP:
        state = State.CONNECTED if peer else State.BOUND
    else:
        state = _STATES.get(one.status, State.BOUND)
    return Row(
        None, transport, state, one.laddr.port, peer.port if peer else 0, _pack(one.family, one.laddr.ip), _pack(one.family, peer.ip if peer else ""),
        0, cookie, 0, 0, 0, None, 0, None, 0, None, False,
    )  # fmt: skip


def _pack(family: int, text: str) -> bytes:
    """Address text as bytes; the wildcard for none. A scope (`fe80::1%eth0`) does not belong to the address."""
    size = 16 if family == sockets.AF_INET6 else 4
    return sockets.inet_pton(sockets.AF_INET6 if size == 16 else sockets.AF_INET, text.partition("%")[0]) if text else bytes(size)


def _wanted(row: Row, selection: Selection) -> bool:
    if selection.ports is not None and row.port not in selection.ports:
        return False
    if row.transport not in selection.transports:
        return False
    return selection.every_state or row.state is (State.LISTENING if row.transport is Transport.TCP else State.BOUND)


def _ask(question: Any) -> Any:
    """One fact about a process, or None where it may not be told."""
    try:
        return question()
    except (_psutil().Error, OSError, NotImplementedError):
        return None
