"""Redis and Valkey: port, tls-port, bind, cluster bus, include (redis.conf; listenToPort in server.c)."""

from __future__ import annotations

import shlex

from portulan.host.declared.desk import Desk, Server, folder_of
from portulan.host.declared.places import ANY_6, Spot, everywhere, parse_port
from portulan.model.record import Record

_DEFAULT, _SENTINEL = 6379, 26379
_BUS = 10_000
_WANTED = ("port", "tls-port", "bind", "cluster-enabled", "cluster-port", "include")


class _Setting(Record):
    """The last line that said something."""

    words: tuple[str, ...]
    path: str
    line: int | None


class _Reader:
    """One configuration: the last word of each setting counts."""

    def __init__(self, main: str, desk: Desk) -> None:
        self.base = folder_of(main)
        self.desk = desk
        self.settings: dict[str, _Setting] = {}

    def file(self, path: str, text: str) -> None:
        """Line by line."""
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if line.split(None, 1)[0].lower() not in _WANTED:
                continue
            try:
                name, *words = shlex.split(line)
            except ValueError:
                self.desk.problem("syntax", path, number, expected="a closing quote")
                continue
            if name.lower() == "include":
                for pattern in words:
                    self.include(path, number, pattern)
            elif words or name.lower() == "bind":
                self.settings[name.lower()] = _Setting(tuple(words), path, number)
            else:
                self.desk.problem("syntax", path, number, expected=f"{name} VALUE")

    def include(self, path: str, line: int, pattern: str) -> None:
        """Follow an include where it stands. A relative path begins where the server is started; that is taken to be the file's own folder."""
        for each in self.desk.matches(self.base, pattern, asked_by=(path, line)):
            text = self.desk.enter(each, asked_by=(path, line))
            if text is not None:
                self.file(each, text)
                self.desk.leave()


def read_redis(path: str, server: Server, desk: Desk) -> None:
    """What redis-server opens when started with this file."""
    reader = _Reader(path, desk)
    text = desk.enter(path)
    if text is None:
        return
    reader.file(path, text)
    desk.leave()
    default = _SENTINEL if "sentinel" in path.rpartition("/")[2] else _DEFAULT
    plain = reader.settings.get("port", _Setting((str(default),), path, None))
    secure = reader.settings.get("tls-port", _Setting(("0",), path, None))
    first: int | None = None
    for setting, name in ((plain, "port"), (secure, "tls-port")):
        if setting.words[0] == "0":
            continue
        port = parse_port(setting.words[0])
        if port is None:
            desk.problem("syntax", setting.path, setting.line, expected=f"{name} NUMBER")
            continue
        first = first or port
        desk.declare(server, (setting.path, setting.line, None), _spots(reader), port)
    cluster = reader.settings.get("cluster-enabled")
    if first and cluster and cluster.words[0].lower() == "yes":
        own = reader.settings.get("cluster-port")
        bus = parse_port(own.words[0]) if own else None
        place = own if own and bus else cluster
        number = bus or first + _BUS
        if number < 65_536:
            desk.declare(server, (place.path, place.line, None), _spots(reader), number)


def _spots(reader: _Reader) -> tuple[Spot, ...]:
    """The addresses of `bind`: a `-` before one lets it be missing; `*` and `::*` are the wildcards."""
    setting = reader.settings.get("bind")
    if setting is None:
        return everywhere(reader.desk.around)
    found: dict[Spot, None] = {}
    for word in setting.words:
        host = word.removeprefix("-")
        if host in ("::*", "::"):
            if reader.desk.around.ipv6:
                found[Spot(ANY_6, v6_only=True)] = None
        elif host == "*":
            found[everywhere(reader.desk.around)[0]] = None
        elif host:
            spots = reader.desk.spots(host, (setting.path, setting.line))
            if word.startswith("-") and not reader.desk.around.ipv6:
                spots = tuple(spot for spot in spots if ":" not in (spot.address or ""))
            found |= dict.fromkeys(spots)
    return tuple(found)
