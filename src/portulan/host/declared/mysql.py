"""MySQL and MariaDB: port, bind-address, the X protocol's pair, with !include and !includedir (mysys/my_default.c)."""

from __future__ import annotations

import re

from portulan.host.declared.desk import Desk, Server, folder_of, resolve
from portulan.host.declared.places import ANY_6, Spot, everywhere, parse_port
from portulan.model.record import Record

_GROUPS = re.compile(r"(mysqld|server|mariadb|mariadbd)(-\d+\.\d+)?|galera")
_DEFAULT, _DEFAULT_X = 3306, 33_060
_X = ("mysqlx", "mysqlx-port", "mysqlx-bind-address")


class _Setting(Record):
    """The last line that said something."""

    value: str
    path: str
    line: int | None


class _Reader:
    """One configuration: options of the server's groups, the last one counts."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.settings: dict[str, _Setting] = {}
        self.group: tuple[str, int] | None = None
        """Where a group of the server was seen first."""
        self.mariadb = False
        """Whether the files say that they are MariaDB's."""

    def file(self, path: str, text: str) -> None:
        """Line by line."""
        inside = False
        self.mariadb |= "mariadb" in path
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.strip()
            if not line or line.startswith(("#", ";")):
                continue
            if line.startswith("!include"):
                name, _, target = line[1:].partition(" ")
                self.include(path, number, name, target.strip())
            elif line.startswith("["):
                name = line[1:].partition("]")[0].strip().lower()
                self.mariadb |= "mariadb" in name
                inside = _GROUPS.fullmatch(name) is not None
                if inside and self.group is None:
                    self.group = (path, number)
            elif inside:
                name, equals, value = line.partition("=")
                key = name.strip().lower().replace("_", "-").removeprefix("loose-")
                text_value = re.sub(r"\s#.*$", "", value.strip()).strip().strip("\"'")
                self.settings[key] = _Setting(text_value if equals else "1", path, number)

    def include(self, path: str, line: int, name: str, target: str) -> None:
        """A file, or every *.cnf of a folder in the order of their names."""
        where = resolve(folder_of(path), target)
        if name == "include" and target:
            found = [where]
        elif name == "includedir" and target:
            found = [f"{where}/{each}" for each in self.desk.files.names(where) if each.endswith(".cnf")]
        else:
            self.desk.problem("syntax", path, line, expected="!include FILE, !includedir FOLDER")
            return
        for each in found:
            text = self.desk.enter(each, asked_by=(path, line))
            if text is not None:
                self.file(each, text)
                self.desk.leave()

    def on(self, name: str) -> bool:
        """Whether a switch is on, `skip-` before it included."""
        one = self.settings.get(name)
        return one is not None and one.value.lower() not in ("0", "off", "false")


def read_mysql(path: str, server: Server, desk: Desk) -> None:
    """What mysqld or mariadbd opens when started with `--defaults-file=path`. A file without a group of the server declares nothing."""
    reader = _Reader(desk)
    text = desk.enter(path)
    if text is None:
        return
    reader.file(path, text)
    desk.leave()
    if reader.group is None or reader.on("skip-networking"):
        return
    user = reader.settings.get("user")
    known = server._replace(user=user.value) if user else server
    _declare(reader, known, "port", "bind-address", _DEFAULT)
    if "extra-port" in reader.settings and reader.settings["extra-port"].value != "0":
        _declare(reader, known, "extra-port", "bind-address", 0)
    # Only MySQL has the X protocol, and a file does not tell whose it is unless it speaks of it.
    if any(name in reader.settings for name in _X) and ("mysqlx" not in reader.settings or reader.on("mysqlx")):
        _declare(reader, known, "mysqlx-port", "mysqlx-bind-address", _DEFAULT_X)


def _declare(reader: _Reader, server: Server, port_name: str, bind_name: str, default: int) -> None:
    """One port of the server on its addresses."""
    main = server.main
    port = reader.settings.get(port_name, _Setting(str(default), main, None))
    bind = reader.settings.get(bind_name, _Setting("*", main, None))
    number = default if port.value == "0" else parse_port(port.value)
    if not number:
        reader.desk.problem("syntax", port.path, port.line, expected=f"{port_name} = NUMBER")
        return
    place = port if port.line or not bind.line else bind
    found: dict[Spot, None] = {}
    for word in bind.value.split(","):
        host = word.strip()
        if host in ("*", ""):
            # MariaDB opens a socket for each family, MySQL one for both: the same addresses.
            found |= dict.fromkeys(everywhere(reader.desk.around))
        elif host == ANY_6:
            # MariaDB leaves IPv4 alone, MySQL takes it too.
            found[Spot(ANY_6, True if reader.mariadb else None)] = None
        else:
            found |= dict.fromkeys(reader.desk.spots(host, (bind.path, bind.line)))
    reader.desk.declare(server, (place.path, place.line, None), found, number)
