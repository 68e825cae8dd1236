"""PostgreSQL: port and listen_addresses, with include, include_if_exists, include_dir, and what ALTER SYSTEM wrote (guc-file.l, postmaster.c)."""

from __future__ import annotations

import re

from portulan.host.declared.desk import Desk, Server, folder_of, resolve
from portulan.host.declared.places import ANY_4, ANY_6, Spot, parse_port
from portulan.model.record import Record

_LINE = re.compile(r"\s*([A-Za-z_][\w.$]*)\s*(?:=\s*|\s+)('(?:[^'\\]|''|\\.)*'|[^\s#']+)\s*(?:#.*)?$")
_WANTED = ("port", "listen_addresses", "data_directory", "include", "include_if_exists", "include_dir")
_AUTO = "postgresql.auto.conf"


class _Setting(Record):
    """The last line that said something."""

    value: str
    path: str
    line: int | None


class _Reader:
    """One cluster's configuration."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.settings: dict[str, _Setting] = {}

    def file(self, path: str, text: str) -> None:
        """Line by line; the last word of each setting counts."""
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            match = _LINE.match(line)
            if match is None:
                if re.match(r"(port|listen_addresses|include\w*)\b", line, re.IGNORECASE):
                    self.desk.problem("syntax", path, number, expected="NAME = VALUE")
                continue
            name, value = match[1].lower(), _unquoted(match[2])
            if name in ("include", "include_if_exists"):
                self.include(path, number, resolve(folder_of(path), value), optional=name != "include")
            elif name == "include_dir":
                folder = resolve(folder_of(path), value)
                for each in self.desk.files.names(folder):
                    if each.endswith(".conf") and not each.startswith("."):
                        self.include(path, number, f"{folder}/{each}", optional=False)
            elif name in _WANTED:
                self.settings[name] = _Setting(value, path, number)

    def include(self, path: str, line: int, target: str, *, optional: bool) -> None:
        """Follow an include where it stands."""
        text = self.desk.enter(target, asked_by=(path, line), optional=optional)
        if text is not None:
            self.file(target, text)
            self.desk.leave()


def read_postgresql(path: str, server: Server, desk: Desk) -> None:
    """What the postmaster opens when started with this file."""
    reader = _Reader(desk)
    text = desk.enter(path)
    if text is None:
        return
    reader.file(path, text)
    data = reader.settings.get("data_directory")
    auto = f"{data.value if data else folder_of(path)}/{_AUTO}"
    # What ALTER SYSTEM wrote wins. A folder that only the database's own user may enter keeps that from us.
    reader.include(path, data.line or 0 if data else 0, auto, optional=True)
    desk.leave()
    port = reader.settings.get("port", _Setting("5432", path, None))
    number = parse_port(port.value)
    if number is None:
        desk.problem("syntax", port.path, port.line, expected="port = NUMBER")
        return
    addresses = reader.settings.get("listen_addresses", _Setting("localhost", path, None))
    place = port if port.line else addresses
    desk.declare(server, (place.path, place.line, None), _spots(addresses, desk), number)


def _spots(setting: _Setting, desk: Desk) -> tuple[Spot, ...]:
    """`*` is a socket for each family, `0.0.0.0` and `::` those of one; IPv6 sockets leave IPv4 alone (StreamServerPort in pqcomm.c)."""
    found: dict[Spot, None] = {}
    for word in re.split(r"\s*,\s*", setting.value.strip()):
        host = word.strip('"')
        if host == "*":
            found[Spot(ANY_4)] = None
            if desk.around.ipv6:
                found[Spot(ANY_6, v6_only=True)] = None
        elif host:
            found |= dict.fromkeys(desk.spots(host, (setting.path, setting.line)))
    return tuple(found)


def _unquoted(text: str) -> str:
    if not text.startswith("'"):
        return text
    return re.sub(r"''|\\(.)", lambda match: match[1] or "'", text[1:-1])
