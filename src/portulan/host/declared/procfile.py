"""Procfile: processes that are started together, `name: command`. A `$PORT` is given when they are started."""

from __future__ import annotations

import re

from portulan.host.declared.desk import Desk, Server
from portulan.host.declared.places import NOT_TOLD
from portulan.host.declared.programs import find_ports, split_commands

_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(.+)$")


def read_procfile(path: str, server: Server, desk: Desk) -> None:
    """The ports that the commands of one Procfile tell."""
    text = desk.read(path)
    for number, raw in enumerate((text or "").split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            desk.problem("syntax", path, number, expected="NAME: COMMAND")
            continue
        declare_command(match[2], server._replace(service=f"{server.service}/{match[1]}"), (path, number), desk)


def declare_command(command: str, server: Server, at: tuple[str, int], desk: Desk) -> None:
    """The ports that one shell command tells unmistakably."""
    path, line = at
    for words in split_commands(command):
        for found in find_ports(words, {}):
            if found.port is None:
                desk.problem("variable", path, line, text=found.text)
                continue
            spots = NOT_TOLD if found.host is None else desk.spots(found.host, at, v6_only=desk.around.v6_only)
            desk.declare(server, (path, line, None), spots, found.port, found.transport)
