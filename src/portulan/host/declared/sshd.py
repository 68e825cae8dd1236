"""sshd: Port, ListenAddress, AddressFamily, Include and Match (sshd_config(5); servconf.c)."""

from __future__ import annotations

import re

from portulan.host.declared.desk import Desk, Server, folder_of
from portulan.host.declared.places import Spot, everywhere, parse_port, split_port
from portulan.model.record import Record

_LINE = re.compile(r"\s*([A-Za-z]\w*)(?:\s*=\s*|\s+)(.*)$")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_DEFAULT = 22
_MOST_PORTS = 256
"""MAX_PORTS in servconf.h."""


class _Address(Record):
    """A ListenAddress: without a port it takes every Port."""

    host: str
    port: int | None
    path: str
    line: int


class _Reader:
    """One configuration; what stands in Match blocks does not concern sockets."""

    def __init__(self, main: str, desk: Desk) -> None:
        self.base = folder_of(main)
        self.desk = desk
        self.ports: list[tuple[int, str, int]] = []
        self.addresses: list[_Address] = []
        self.family = "any"

    def file(self, path: str, text: str) -> None:
        """Line by line. A Match ends with its file."""
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            match = _LINE.match(line)
            if match is None:
                self.desk.problem("syntax", path, number, expected="KEYWORD VALUE")
                continue
            name = match[1].lower()
            words = [quoted or plain for quoted, plain in _WORD.findall(match[2].partition(" #")[0])]
            if name == "match":
                if [word.lower() for word in words] != ["all"]:
                    return
            elif name == "include":
                for pattern in words:
                    self.include(path, number, pattern)
            elif name in ("port", "listenaddress", "addressfamily"):
                if words:
                    self.setting(path, number, name, words[0])
                else:
                    self.desk.problem("syntax", path, number, expected=f"{match[1]} VALUE")

    def setting(self, path: str, line: int, name: str, word: str) -> None:
        """One of the three that decide about sockets."""
        if name == "addressfamily":
            self.family = word.lower() if self.family == "any" else self.family
        elif name == "port":
            port = parse_port(word)
            if port is None or len(self.ports) >= _MOST_PORTS:
                self.desk.problem("syntax", path, line, expected="Port NUMBER")
            else:
                self.ports.append((port, path, line))
        else:
            host, text = split_port(word)
            port = parse_port(text or "")
            if host is None and text is not None and not word.startswith(":"):
                host, text = text, None  # a name of digits
            if host is None or (text is not None and port is None):
                self.desk.problem("syntax", path, line, expected="ListenAddress HOST[:PORT]")
            else:
                self.addresses.append(_Address(host, port, path, line))

    def include(self, path: str, line: int, pattern: str) -> None:
        """Relative patterns begin in /etc/ssh: here, where the main file lies. A missing file is none of sshd's concern."""
        for each in self.desk.matches(self.base, pattern, asked_by=(path, line)):
            text = self.desk.enter(each, asked_by=(path, line), optional=True)
            if text is not None:
                self.file(each, text)
                self.desk.leave()


def read_sshd(path: str, server: Server, desk: Desk) -> None:
    """What sshd opens when started with `-f path`."""
    reader = _Reader(path, desk)
    text = desk.enter(path)
    if text is None:
        return
    reader.file(path, text)
    desk.leave()
    ports = reader.ports or [(_DEFAULT, path, 0)]
    seen: set[tuple[str | None, int]] = set()
    wanted: list[tuple[tuple[Spot, ...], int, str, int]] = []
    if not reader.addresses:
        wanted = [(everywhere(desk.around), *port) for port in ports]
    for one in reader.addresses:
        spots = desk.spots(one.host, (one.path, one.line))
        for number in [one.port] if one.port else [port for port, _, _ in ports]:
            wanted.append((spots, number, one.path, one.line))
    for spots, number, place, line in wanted:
        kept = [spot for spot in spots if (spot.address, number) not in seen and _of_family(spot, reader.family)]
        seen |= {(spot.address, number) for spot in kept}
        desk.declare(server, (place, line or None, None), kept, number)


def _of_family(spot: Spot, family: str) -> bool:
    six = ":" in (spot.address or "")
    return family not in ("inet", "inet6") or six is (family == "inet6")
