"""systemd: what .socket units listen on, and what .service units tell of ports (systemd.socket(5), systemd.exec(5), systemd.unit(5))."""

from __future__ import annotations

from portulan.host.declared.desk import Desk, Server
from portulan.host.declared.dotenv import parse_env, speaks_of_port
from portulan.host.declared.places import NOT_TOLD, Spot, dual, normal_address, parse_port
from portulan.host.declared.programs import find_ports
from portulan.host.declared.unit_file import Entry, expand_specifiers, parse_unit, split_words
from portulan.model.declared import Claim, Kind
from portulan.model.port import Transport
from portulan.model.record import Record

_TRANSPORTS = {"ListenStream": Transport.TCP, "ListenDatagram": Transport.UDP}
_OTHERS = ("ListenSequentialPacket", "ListenFIFO", "ListenSpecial", "ListenNetlink", "ListenMessageQueue", "ListenUSBFunction")
_LINKS = (".wants", ".requires", ".upholds")
_MASKED = "/dev/null"
_CAPABILITY = "CAP_NET_BIND_SERVICE"


class State(Record):
    """What unit files tell of one unit."""

    starts: bool | None = None
    user: str | None = None
    privileged: bool | None = None


class Units:
    """The units of these folders, what comes first hiding files of the same name further down."""

    def __init__(self, folders: tuple[str, ...], desk: Desk, *, only: frozenset[str] | None = None) -> None:
        self.desk = desk
        self.only = only
        """The units to read, where not all."""
        self.paths: dict[str, str] = {}
        self.links: set[str] = set()
        """Units that others want, by links."""
        self.drop_ins: dict[str, dict[str, str]] = {}
        """Folder name without `.d` -> file name -> path."""
        self.parsed: dict[str, list[Entry]] = {}
        self.states: dict[str, State] = {}
        for folder in folders:
            for name in desk.files.names(folder):
                self._add(folder, name)

    def _add(self, folder: str, name: str) -> None:
        path = f"{folder}/{name}"
        if name.endswith((".socket", ".service")):
            self.paths.setdefault(name, path)
        elif name.endswith(_LINKS):
            self.links |= set(self.desk.files.names(path))
        elif name.endswith((".socket.d", ".service.d", "socket.d", "service.d")):
            parts = self.drop_ins.setdefault(name[:-2], {})
            for each in self.desk.files.names(path):
                if each.endswith(".conf"):
                    parts.setdefault(each, f"{path}/{each}")

    def names(self, suffix: str) -> list[str]:
        """The units to read: instances of templates that are wanted instead of the templates, no second names, nothing masked."""
        wanted = {name for name in (*self.paths, *self.links) if name.endswith(suffix) and not name.startswith("@")}
        found = []
        for name in sorted(wanted):
            path = self._path(name)
            if path is None or name.partition("@")[2].startswith(".") or (self.only is not None and name not in self.only):
                continue
            target = self.desk.files.target(path)
            real = target.rpartition("/")[2]
            if target == _MASKED or (real != name and real in self.paths and "@" not in name):
                continue
            found.append(name)
        return found

    def _path(self, name: str) -> str | None:
        prefix, at, rest = name.partition("@")
        return self.paths.get(name) or (self.paths.get(f"{prefix}@.{rest.rpartition('.')[2]}") if at else None)

    def entries(self, name: str) -> list[Entry]:
        """Every assignment of a unit, its drop-ins included."""
        if name not in self.parsed:
            path = self._path(name)
            self.parsed[name] = [] if path is None else self._read(path)
            parts: dict[str, str] = {}
            for folder in _drop_in_names(name):
                for part, place in self.drop_ins.get(folder, {}).items():
                    parts.setdefault(part, place)
            for part in sorted(parts):
                self.parsed[name] += self._read(parts[part])
        return self.parsed[name]

    def _read(self, path: str) -> list[Entry]:
        text = self.desk.read(path)
        found: list[Entry] = []
        for each in parse_unit(text or "", path):
            if isinstance(each, Entry):
                found.append(each)
            else:
                self.desk.problem("syntax", path, each.line, expected="NAME=VALUE")
        return found

    def state(self, name: str) -> State:
        """Whether it starts by itself, and who it runs as, as far as files tell."""
        if name not in self.states:
            self.states[name] = self._state(name)
        return self.states[name]

    def _state(self, name: str) -> State:
        path = self._path(name)
        if path is None:
            return State()
        if self.desk.files.target(path) == _MASKED:
            return State(starts=False)
        entries = self.entries(name)
        installable = any(one.section == "Install" and one.key in ("WantedBy", "RequiredBy", "UpheldBy", "Also") for one in entries)
        starts = True if name in self.links else False if installable else None
        user, privileged = _identity(entries)
        return State(starts, user, privileged)


def _drop_in_names(name: str) -> list[str]:
    """`foo-bar@x.service` is also changed by foo-bar@.service.d, foo-.service.d and service.d; the nearest name wins."""
    stem, _, kind = name.rpartition(".")
    prefix, at, _ = stem.partition("@")
    names = [name]
    if at:
        names.append(f"{prefix}@.{kind}")
    pieces = prefix.split("-")[:16]
    names += [f"{'-'.join(pieces[:count])}-.{kind}" for count in range(len(pieces) - 1, 0, -1)]
    return [*names, kind]


def _identity(entries: list[Entry]) -> tuple[str | None, bool]:
    """(user, whether it may bind ports of the system) of a service."""
    user: str | None = None
    able = False
    for one in entries:
        if one.section != "Service":
            continue
        if one.key == "User":
            user = one.value or None
        elif one.key == "DynamicUser" and one.value.lower() in ("yes", "true", "1", "on"):
            user = user or "a dynamic user"
        elif one.key == "AmbientCapabilities":
            able = bool(one.value) and (able or (_CAPABILITY in one.value.split()) is not one.value.startswith("~"))
    return user, able or user in (None, "root", "0")


def read_units(units: Units, desk: Desk) -> None:
    """What all units listen on, or tell their services to."""
    for name in units.names(".socket"):
        _socket(name, units, desk)
    for name in units.names(".service"):
        _service(name, units, desk)


def _socket(name: str, units: Units, desk: Desk) -> None:
    entries = [one for one in units.entries(name) if one.section == "Socket"]
    listens: list[tuple[Transport, Entry]] = []
    settings: dict[str, str] = {}
    for one in entries:
        if not one.value and (one.key in _TRANSPORTS or one.key in _OTHERS):
            listens = []
        elif one.key in _TRANSPORTS:
            listens.append((_TRANSPORTS[one.key], one))
        else:
            settings[one.key] = one.value
    if not listens:
        return
    v6_only = {"both": False, "ipv6-only": True}.get(settings.get("BindIPv6Only", "default"), desk.around.v6_only)
    service = settings.get("Service") or name.removesuffix(".socket") + ".service"
    path = units.paths.get(name) or listens[0][1].path
    server = Server(Kind.SYSTEMD, name, path, (), (name, service), None, True, units.state(name).starts)
    for transport, one in listens:
        value = expand_specifiers(one.value, name)
        if value is None:
            desk.problem("variable", one.path, one.line, text=one.value)
            continue
        if value.startswith(("/", "@", "vsock")):
            continue
        spot = _listen(value, desk, v6_only=v6_only)
        if spot is None:
            desk.problem("syntax", one.path, one.line, expected=f"{one.key}=[ADDRESS:]PORT")
            continue
        spots, port = spot
        desk.declare(
            server, (one.path, one.line, None), spots, port, transport,
            reuse_port=settings.get("ReusePort", "").lower() in ("yes", "true", "1", "on"), device=settings.get("BindToDevice") or None,
        )  # fmt: skip


def _listen(value: str, desk: Desk, *, v6_only: bool) -> tuple[tuple[Spot, ...], int] | None:
    """An internet address of a socket unit; None where it is none."""
    place, _, device = value.partition("%") if "]:" not in value.partition("%")[2] else (value, "", "")
    host, colon, text = place.rpartition(":")
    port = parse_port(text)
    if port is None:
        return None
    if not colon:
        return dual(desk.around, v6_only=v6_only), port
    address = normal_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host if ":" not in host else "")
    if address is None:
        return None
    return (Spot(address, None if ":" not in address else v6_only if address == "::" else True, device or None),), port


def _service(name: str, units: Units, desk: Desk) -> None:
    """Ports that a service is told: in its environment, or by an option of a program that we know."""
    variables: dict[str, tuple[str, str, int]] = {}
    commands: list[Entry] = []
    for one in units.entries(name):
        if one.section != "Service":
            continue
        if one.key == "Environment":
            _environment(one, name, variables)
        elif one.key == "EnvironmentFile":
            _environment_file(one, name, desk, variables)
        elif one.key == "ExecStart":
            commands = [*commands, one] if one.value else []
    state = units.state(name)
    server = Server(Kind.SYSTEMD, name, units.paths.get(name, "") or name, (), (name,), state.user, state.privileged, state.starts)
    known = {key: value for key, (value, _, _) in variables.items()}
    listens = [_command(one, server, known, desk) for one in commands]
    for key, (value, place, line) in variables.items():
        port = parse_port(value)
        if port is not None and speaks_of_port(key) and not (key == "PORT" and any(listens)):
            claim = Claim.LISTENS if key == "PORT" else Claim.MENTIONS
            desk.declare(server._replace(claim=claim), (place, line, None), NOT_TOLD, port)


def _command(one: Entry, server: Server, known: dict[str, str], desk: Desk) -> bool:
    """The ports of one ExecStart=; returns whether it tells any."""
    found = find_ports(split_words(one.value.lstrip("@-:+!")), known)
    for each in found:
        if each.port is None:
            desk.problem("variable", one.path, one.line, text=each.text)
        else:
            _declare_found(desk, server, (one.path, one.line, None), each.host, each.port, each.transport)
    return bool(found)


def _declare_found(
    desk: Desk, server: Server, at: tuple[str, int | None, int | None], host: str | None, port: int, transport: Transport
) -> None:
    spots = NOT_TOLD if host is None else desk.spots(host, at[:2], v6_only=desk.around.v6_only)
    desk.declare(server, at, spots, port, transport)


def _environment(one: Entry, name: str, variables: dict[str, tuple[str, str, int]]) -> None:
    if not one.value:
        variables.clear()
    for word in split_words(one.value):
        key, equals, value = word.partition("=")
        expanded = expand_specifiers(value, name)
        if equals and expanded is not None:
            variables[key] = (expanded, one.path, one.line)


def _environment_file(one: Entry, name: str, desk: Desk, variables: dict[str, tuple[str, str, int]]) -> None:
    path = expand_specifiers(one.value.removeprefix("-"), name)
    if not path:
        return
    text = desk.read(path, asked_by=(one.path, one.line), optional=True)
    for key, value, line in parse_env(text or ""):
        variables[key] = (value, path, line)
