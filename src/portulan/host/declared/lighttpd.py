"""lighttpd: `server.port`, `server.bind`, `$SERVER["socket"]`, with includes and variables (redmine.lighttpd.net: Server port, socket conditionals)."""

from __future__ import annotations

import re

from portulan.host.declared.desk import Desk, Server, folder_of
from portulan.host.declared.places import ANY_4, ANY_6, Spot, normal_address, parse_port, split_port

_TOKEN = re.compile(
    r'(?P<space>[ \t\r]+)|(?P<comment>#[^\n]*)|(?P<newline>\n)|"(?P<text>(?:[^"\\\n]|\\.)*)"|(?P<single>\'[^\'\n]*\')'
    r"|(?P<operator>\+=|:=|=>|==|!=|=~|!~|=\^|=\$|[=+{}()\[\],])|(?P<word>[^\s\"'#=+!{}()\[\],:~]+|.)"
)
_HARMLESS = ("/usr/share/lighttpd/create-mime.conf.pl", "/usr/share/lighttpd/create-mime.assign.pl")
"""Programs of Debian's own configuration that only print MIME types."""
_IPV6 = "/usr/share/lighttpd/use-ipv6.pl"
"""Debian's program that prints a condition on the socket [::]:PORT where the machine has IPv6; it needs not be run to know that."""
_WANTED = ("server.port", "server.bind", "server.use-ipv6", "server.set-v6only")
_UNKNOWN = "?"
_OFF = ("", "", 0)
_LONGEST = 4096
_Token = tuple[str, str, int]
"""(kind, text, line)."""
_Settings = dict[str, tuple[str, str, int]]
"""Name -> (value, path, line)."""


def read_lighttpd(path: str, server: Server, desk: Desk) -> None:
    """What lighttpd opens when started with `-f path`."""
    reader = _Reader(path, server, desk)
    text = desk.enter(path)
    if text is None:
        return
    reader.file(path, text)
    desk.leave()
    reader.finish()


class _Reader:
    """One configuration: global settings so far, and the sockets of its conditions."""

    def __init__(self, main: str, server: Server, desk: Desk) -> None:
        self.base = folder_of(main)
        self.server = server
        self.desk = desk
        self.variables: dict[str, str] = {}
        self.settings: _Settings = {}
        """Global ones."""
        self.sockets: list[tuple[str, str, int, _Settings]] = []
        """(address, path, line, settings of its block)."""
        self.blocks: list[_Settings | None] = []
        """Open blocks: their settings, None for conditions on requests."""

    def file(self, path: str, text: str) -> None:
        """Walk through one file, statement by statement."""
        depth = len(self.blocks)
        line: list[_Token] = []
        nested = 0
        for token in _tokens(text):
            kind, word, number = token
            if kind == "operator" and word in "([":
                nested += 1
            elif kind == "operator" and word in ")]":
                nested = max(nested - 1, 0)
            if kind == "newline":
                if not nested:
                    self.statement(path, line)
                    line = []
            elif kind == "operator" and word == "{":
                self.open(path, line)
                line, nested = [], 0
            elif kind == "operator" and word == "}":
                self.statement(path, line)
                line = []
                if len(self.blocks) <= depth:
                    self.desk.problem("syntax", path, number, expected="a directive (not '}')")
                    return
                self.blocks.pop()
            else:
                line.append(token)
        self.statement(path, line)
        if len(self.blocks) > depth or nested:
            self.desk.problem("syntax", path, text.count("\n") + 1, expected="')'" if nested else "'}'")
        del self.blocks[depth:]

    def open(self, path: str, line: list[_Token]) -> None:
        """A block begins: one on a socket has settings of its own."""
        words = [word for _, word, _ in line]
        if None in self.blocks:
            self.blocks.append(None)
        elif words == ["global"]:
            self.blocks.append(self.settings)
        elif words[:5] == ["$SERVER", "[", "socket", "]", "=="] and (address := self.value(path, line[5:])) is not None:
            settings: _Settings = {}
            self.sockets.append((address, path, line[0][2], settings))
            self.blocks.append(settings)
        else:
            if "$SERVER" in words and "==" not in words:
                self.desk.problem("section", path, line[0][2], text=" ".join(words))
            self.blocks.append(None)

    def statement(self, path: str, line: list[_Token]) -> None:
        """A setting, a variable or an include, where it counts."""
        if not line or line[0][0] != "word" or None in self.blocks:
            return
        _, name, number = line[0]
        if name == "include":
            self.include(path, number, self.value(path, line[1:]))
        elif name == "include_shell":
            command = self.value(path, line[1:])
            program, *arguments = (command or "").split() or [""]
            if program == _IPV6 and len(arguments) < 2:
                if self.desk.around.ipv6:
                    self.sockets.append((f"[::]:{arguments[0] if arguments else 80}", path, number, {}))
            elif program and program not in _HARMLESS:
                self.desk.problem("program", path, number, text=command or program)
        elif len(line) > 2 and line[1][1] in ("=", ":=", "+="):
            self.assign(path, name, line[1][1], line[2:])

    def assign(self, path: str, name: str, operator: str, value: list[_Token]) -> None:
        """`name = value`, as far as sockets need it."""
        if name in _WANTED:
            text = self.value(path, value)
            settings = self.blocks[-1] if self.blocks else self.settings
            if settings is not None:
                settings[name] = _UNKNOWN if text is None else text, path, value[0][2]
        elif name.startswith("var.") or "." not in name:
            key = name.removeprefix("var.")
            text = self.value(path, value, quiet=True)
            if text is None:
                self.variables.pop(key, None)
            else:
                self.variables[key] = ((self.variables.get(key, "") if operator == "+=" else "") + text)[:_LONGEST]

    def include(self, path: str, line: int, pattern: str | None) -> None:
        """Follow an include where it stands."""
        if pattern is None:
            return
        for each in self.desk.matches(self.base, pattern, asked_by=(path, line)):
            text = self.desk.enter(each, asked_by=(path, line))
            if text is not None:
                self.file(each, text)
                self.desk.leave()

    def value(self, path: str, tokens: list[_Token], *, quiet: bool = False) -> str | None:
        """Texts, numbers and variables joined by `+`; None, and a problem noted unless `quiet`, for what is known only when it runs."""
        parts: list[str] = []
        for kind, word, number in tokens:
            if kind == "text" or (kind == "word" and word.isdigit()):
                parts.append(word)
            elif kind == "word" and word.removeprefix("var.") in self.variables and not word.startswith("env."):
                parts.append(self.variables[word.removeprefix("var.")])
            elif kind == "word" and word in self.settings and self.settings[word][0] != _UNKNOWN:
                parts.append(self.settings[word][0])
            elif not (kind == "operator" and word == "+"):
                if not quiet:
                    self.desk.problem("variable", path, number, text="".join(text for _, text, _ in tokens[:8]))
                return None
        return "".join(parts)

    def finish(self) -> None:
        """The global socket, then those of conditions; the same address twice is one socket."""
        port_text, port_path, port_line = self.settings.get("server.port", ("80", self.server.main, 0))
        bind, bind_path, bind_line = self.settings.get("server.bind", ("", self.server.main, 0))
        place = (bind_path, bind_line) if bind_line and not port_line else (port_path, port_line or None)
        if _UNKNOWN in (port_text, bind):
            return
        port = parse_port(port_text)
        if port is None:
            self.desk.problem("syntax", *place, expected="server.port = PORT")
            return
        if self.settings.get("server.use-ipv6", _OFF)[0] == "enable" and not bind:
            bind = "[::]"
        seen: set[tuple[str | None, int]] = set()
        self.add(bind, port, place, {}, seen)
        for address, path, line, settings in self.sockets:
            self.add(address, port, (path, line), settings, seen)

    def add(self, where: str, port: int, place: tuple[str, int | None], settings: _Settings, seen: set[tuple[str | None, int]]) -> None:
        """One socket, as network_server_init in network.c reads its address."""
        if where.startswith(("/", "unix:")):
            return
        host, text = split_port(where)
        if host is not None and ":" in host and not where.startswith("["):  # lighttpd takes it for a name of IPv4, and does not start
            self.desk.problem("syntax", *place, expected=f'"[{host}]"')
            return
        if host is None and text is not None and not where.startswith(":"):
            host, text = text, None
        number = port if text is None else parse_port(text)
        if number is None:
            self.desk.problem("syntax", *place, expected='"ADDRESS:PORT"')
            return
        v6_only = settings.get("server.set-v6only", self.settings.get("server.set-v6only", _OFF))[0] != "disable"
        spots = self.spots(host, place, v6_only=v6_only)
        for spot in spots[:1]:
            if (spot.address, number) not in seen:
                seen.add((spot.address, number))
                self.desk.declare(self.server, (*place, None), (spot,), number)

    def spots(self, host: str | None, place: tuple[str, int | None], *, v6_only: bool) -> tuple[Spot, ...]:
        """Where it binds: all of IPv4 unless an address is given; a name stands for its first address."""
        if host in (None, "", "*"):
            return (Spot(ANY_4),)
        if normal_address(host or "") == ANY_6:
            return (Spot(ANY_6, v6_only),)
        return self.desk.spots(host or "", place, v6_only=v6_only)


def _tokens(text: str) -> list[_Token]:
    """The tokens of a file, without spaces and comments."""
    found: list[_Token] = []
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "newline":
            found.append((kind, "\n", line))
            line += 1
        elif kind == "text":
            found.append((kind, re.sub(r"\\(.)", r"\1", match["text"]), line))
        elif kind == "single":
            found.append(("text", match["single"][1:-1], line))
        elif kind not in ("space", "comment"):
            found.append((kind, match[kind], line))
    return found
