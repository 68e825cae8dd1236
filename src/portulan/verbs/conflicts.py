"""What will collide before it starts: the ports that files declare, against each other and against now."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import BadInput, CannotTell, NotPermitted
from portulan.host.collisions import Surroundings, find_collisions
from portulan.host.declared.desk import Desk
from portulan.host.declared.kinds import PROJECT, kind_of
from portulan.host.declared.places import Around
from portulan.host.declared.reading import read_files, read_machine
from portulan.model.declared import Conflicts, Kind
from portulan.model.port import Transport
from portulan.model.survey import Selection
from portulan.system.config_files import (
    ConfigFiles,
    current_user,
    has_ipv6,
    read_hosts,
    whole_path,
    working_folder,
)
from portulan.system.ephemeral import read_ephemeral_range
from portulan.system.linux.socket_units import FOLDERS
from portulan.system.port_settings import read_first_unprivileged, read_reserved_ports, read_v6_only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.chart import Endpoint, Gap

_SERVERS = (Transport.TCP, Transport.UDP, Transport.UDPLITE)


def conflicts(paths: Iterable[str] = (), *, kind: str | None = None, live: bool = True, source: str = "auto") -> Conflicts:
    """Declared ports and what collides.

    Without `paths`: what this machine has in its usual places (systemd units, and the files of nginx, Apache httpd, lighttpd, sshd, PostgreSQL,
    MySQL or MariaDB, Redis) and the project's files in the working folder. With them: those files, and every known file below those folders. `kind` says
    whose files the named ones are, where their names do not. `live=False` leaves the running system out. `source` as for `chart`.

    Raises BadInput (a path that is not there, a file of an unknown kind), NotPermitted and CannotTell (none of the files could be read; the
    kernel cannot be asked), MachineFailed.
    """
    desk = _desk()
    named = [whole_path(path) for path in paths]
    wanted = _wanted_kind(kind)
    if named:
        files = [each for path in named for each in _find(path, wanted)]
        read_files(files, desk)
    else:
        read_machine(desk, FOLDERS)
        read_files(_project(working_folder()), desk)
    _check_readable(desk, named)
    from portulan.system.source import open_source

    machine = open_source(source)
    taken_at = datetime.now(UTC)
    endpoints: tuple[Endpoint, ...] = ()
    gaps: tuple[Gap, ...] = ()
    ephemeral = read_ephemeral_range()
    limits = (ephemeral.first, ephemeral.last) if ephemeral else None
    if live and desk.declared:
        from portulan.verbs.chart import look

        found, survey = look(machine, Selection(transports=_SERVERS))
        endpoints, gaps = found, survey.gaps
    around = Surroundings(
        ephemeral=limits,
        reserved=tuple((one.first, one.last) for one in read_reserved_ports().ranges),
        unprivileged_start=read_first_unprivileged(),
        user=current_user(),
    )
    return Conflicts(
        host=machine.host_name(), taken_at=taken_at, items=find_collisions(desk.declared, endpoints, around), declared=tuple(desk.declared),
        files=tuple(desk.opened), problems=tuple(desk.problems), gaps=gaps, ephemeral=limits,
    )  # fmt: skip


def project_ports(folder: str) -> frozenset[int]:
    """The numbers that the project's files in a folder itself declare or mention; what cannot be read or understood declares none."""
    desk = _desk()
    read_files(_project(folder), desk)
    return frozenset(one.port for one in desk.declared)


def _desk() -> Desk:
    around = Around(names=read_hosts(), ipv6=has_ipv6(), v6_only=read_v6_only())
    return Desk(ConfigFiles(), around)


def _wanted_kind(kind: str | None) -> Kind | None:
    if kind is None:
        return None
    try:
        return Kind(kind.lower())
    except ValueError:
        raise BadInput("conflicts.kind", text=kind, known=", ".join(Kind)) from None


def _find(path: str, wanted: Kind | None) -> list[tuple[str, Kind]]:
    """The files that one path means."""
    files = ConfigFiles()
    if not files.exists(path):
        raise BadInput("conflicts.no-path", path=path)
    if files.is_folder(path):
        return [(each, kind) for each in files.walk(path) if (kind := kind_of(each)) is not None and wanted in (None, kind)]
    kind = wanted or kind_of(path, named=True)
    if kind is None:
        raise BadInput("conflicts.unknown-file", path=path, known=", ".join(Kind))
    return [(path, kind)]


def _project(folder: str) -> list[tuple[str, Kind]]:
    """The project's files that lie in a folder itself."""
    found = [(f"{folder.rstrip('/')}/{name}", kind_of(name)) for name in ConfigFiles().names(folder)]
    return [(path, kind) for path, kind in found if kind in PROJECT and kind is not None]


def _check_readable(desk: Desk, named: list[str]) -> None:
    """Raises where nothing of what was named could be read: that is no clean answer."""
    if not named or desk.opened or not desk.problems:
        return
    first = desk.problems[0]
    facts = {"file": str(first.facts.get("file", first.path)), "reason": str(first.facts.get("reason", ""))}
    if first.code == "file.unreadable":
        raise NotPermitted("file.unreadable", **facts)
    raise CannotTell("conflicts.unread", **facts)
