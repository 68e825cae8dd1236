"""From paths to declarations: each file by the reader of its kind, main files before their parts, no file twice."""

from __future__ import annotations

from portulan.host.declared.apache import read_apache
from portulan.host.declared.compose import read_compose
from portulan.host.declared.desk import Desk, Server, folder_of
from portulan.host.declared.dotenv import read_env
from portulan.host.declared.kinds import MACHINE, PROGRAMS, PROJECT, SERVICE_UNITS, is_fragment
from portulan.host.declared.lighttpd import read_lighttpd
from portulan.host.declared.mysql import read_mysql
from portulan.host.declared.nginx import read_nginx
from portulan.host.declared.package import read_package
from portulan.host.declared.postgresql import read_postgresql
from portulan.host.declared.procfile import read_procfile
from portulan.host.declared.redis import read_redis
from portulan.host.declared.sshd import read_sshd
from portulan.host.declared.systemd import State, Units, read_units
from portulan.model.declared import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_READERS: dict[Kind, Callable[[str, Server, Desk], None]] = {
    Kind.NGINX: read_nginx, Kind.APACHE: read_apache, Kind.LIGHTTPD: read_lighttpd, Kind.SSHD: read_sshd, Kind.POSTGRESQL: read_postgresql,
    Kind.MYSQL: read_mysql, Kind.REDIS: read_redis, Kind.COMPOSE: read_compose, Kind.PROCFILE: read_procfile, Kind.ENV: read_env,
    Kind.PACKAGE: read_package,
}  # fmt: skip


def read_machine(desk: Desk, unit_folders: tuple[str, ...]) -> None:
    """What this machine has in its usual places: systemd's units, and the main files of the servers we know."""
    units = Units(unit_folders, desk)
    read_units(units, desk)
    seen: set[str] = set()
    for kind, pattern in MACHINE:
        for path in desk.files.find(pattern):
            target = desk.files.target(path)
            if target not in seen:
                seen.add(target)
                read_file(kind, path, desk, units)


def read_files(found: Iterable[tuple[str, Kind]], desk: Desk) -> None:
    """Files that somebody named, or that were found in a folder."""
    unit_folders: dict[str, set[str]] = {}
    parts: list[tuple[str, Kind]] = []
    for path, kind in found:
        if kind is Kind.SYSTEMD:
            unit_folders.setdefault(folder_of(path), set()).add(path.rpartition("/")[2])
        elif is_fragment(path) or path.endswith(".cnf"):
            parts.append((path, kind))
        elif not _opened(path, desk):
            read_file(kind, path, desk)
    for path, kind in parts:
        if not _opened(path, desk):
            read_file(kind, path, desk)
    for folder, names in unit_folders.items():
        read_units(Units((folder,), desk, only=frozenset(names)), desk)


def _opened(path: str, desk: Desk) -> bool:
    target = desk.files.target(path)
    return path in desk.opened or any(desk.files.target(each) == target for each in desk.opened if each[-8:] == path[-8:])


def read_file(kind: Kind, path: str, desk: Desk, units: Units | None = None) -> None:
    """One main file, by the reader of its kind. `units`: it is the machine's own, and these tell whether its server starts by itself."""
    _READERS[kind](path, server_of(kind, path, desk, units), desk)


def server_of(kind: Kind, path: str, desk: Desk, units: Units | None = None) -> Server:
    """Whose file this is, as far as its path, its kind and the units of the machine tell."""
    folder = folder_of(path)
    if kind in PROJECT:
        return Server(kind, folder.rpartition("/")[2] or folder, path)
    name, names = kind.value, _unit_names(kind, path) if units is not None else ()
    starts: bool | None = False if "/sites-available/" in path else None
    state = State()
    if kind is Kind.POSTGRESQL:
        name, names, starts = _cluster(folder, desk, names)
    if units is not None:
        # A generator makes the units of Debian's clusters; postgresql.service stands for them all.
        states = [units.state(each) for each in (SERVICE_UNITS[kind] if kind is Kind.POSTGRESQL else names)]
        state = next((each for each in states if each.starts), next((each for each in states if each != State()), state))
        starts = state.starts if starts is None else starts
    user, privileged = state.user, state.privileged if state != State() else None
    if kind is Kind.POSTGRESQL:  # the server refuses to run as root (main.c: check_root)
        user, privileged = "postgres", False
    return Server(kind, name, path, PROGRAMS[kind], names, user, privileged, starts)


def _unit_names(kind: Kind, path: str) -> tuple[str, ...]:
    """The units that would run the machine's own file: another file of Redis is another instance of it."""
    name = path.rpartition("/")[2].removesuffix(".conf")
    if kind is Kind.REDIS and name not in ("redis", "valkey"):
        return (f"redis-{name}.service", f"{name}.service")
    return SERVICE_UNITS[kind]


def _cluster(folder: str, desk: Desk, names: tuple[str, ...]) -> tuple[str, tuple[str, ...], bool | None]:
    """Debian keeps a cluster in /etc/postgresql/VERSION/NAME, with start.conf beside: auto, manual or disabled (pg_createcluster(1))."""
    *_, version, cluster = ["", "", *folder.split("/")]
    if not version.replace(".", "").isdigit():
        return "postgresql", names, None
    name = f"postgresql {version}/{cluster}"
    own = (f"postgresql@{version}-{cluster}.service",) if names else ()
    text = desk.read(f"{folder}/start.conf", optional=True) or ""
    words = [line.split("#")[0].strip() for line in text.split("\n")]
    mode = next((word for word in words if word), "auto")
    return name, own, None if mode == "auto" else False
