"""`.env` files: PORT=…, and other variables whose names end in _PORT."""

from __future__ import annotations

import re

from portulan.host.declared.desk import Desk, Server
from portulan.host.declared.places import NOT_TOLD, parse_port
from portulan.model.declared import Claim

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)$")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


def parse_env(text: str) -> list[tuple[str, str, int]]:
    """(name, value, line) of each assignment; values may name variables that were set above them. A last one wins: later ones stand later."""
    found: list[tuple[str, str, int]] = []
    known: dict[str, str] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        match = _LINE.match(raw.rstrip("\r"))
        if match is None or raw.lstrip().startswith("#"):
            continue
        name, rest = match[1], match[2].strip()
        if rest[:1] in ("'", '"'):
            value = rest[1:].partition(rest[0])[0]
        else:
            value = re.split(r"\s#", rest, maxsplit=1)[0].strip()
        if not rest.startswith("'") and "$" in value:
            value = _VARIABLE.sub(lambda at: known.get(at[1] or at[2], at[0]), value)[:4096]
        known[name] = value
        found.append((name, value, number))
    return found


def speaks_of_port(name: str) -> bool:
    """Whether a variable's name says that its value is a port."""
    return name == "PORT" or name.endswith("_PORT")


def read_env(path: str, server: Server, desk: Desk) -> None:
    """The ports of one file. PORT is where the program listens by custom; of the others only the program knows what it does with them."""
    text = desk.read(path)
    last = {name: (value, line) for name, value, line in parse_env(text or "") if speaks_of_port(name)}
    for name, (value, line) in last.items():
        port = parse_port(value)
        if port is not None:
            claim = Claim.LISTENS if name == "PORT" else Claim.MENTIONS
            desk.declare(server._replace(claim=claim), (path, line, None), NOT_TOLD, port)
        elif "$" in value:
            desk.problem("variable", path, line, text=f"{name}={value}")
        elif value and value != "0":
            desk.problem("syntax", path, line, expected=f"{name}=NUMBER")
