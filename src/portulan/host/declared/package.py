"""package.json: what its scripts tell of ports, unmistakably or not at all."""

from __future__ import annotations

import json
import re

from portulan.host.declared.desk import Desk, Server
from portulan.host.declared.procfile import declare_command

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|[{}\[\],:]')


def read_package(path: str, server: Server, desk: Desk) -> None:
    """The ports of all scripts; they are alternatives of one program as a rule, so they count as one service."""
    text = desk.read(path)
    if text is None:
        return
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        desk.problem("json.syntax", path, error.lineno, reason=error.msg)
        return
    except (RecursionError, ValueError):
        desk.problem("json.syntax", path, 1, reason="nested too deeply")
        return
    scripts = whole.get("scripts") if isinstance(whole, dict) else None
    if not isinstance(scripts, dict):
        return
    lines = script_lines(text)
    for name, command in scripts.items():
        if isinstance(command, str):
            declare_command(command, server, (path, lines.get(name, 1)), desk)


def script_lines(text: str) -> dict[str, int]:
    """Name -> line of each member of the top-level "scripts" of valid JSON; a repeated name counts where it stands last."""
    found: dict[str, int] = {}
    path: list[str] = []
    """The last key seen of each open object; of an open list, a key that no object has."""
    expect_key = False
    line = counted = 0
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if piece in "{[":
            path.append("")
            expect_key = piece == "{"
        elif piece in "}]":
            path = path[:-1]
            expect_key = False
        elif piece in ",:":
            expect_key = piece == ","
        elif expect_key and path:
            path[-1] = _unescaped(piece)
            if len(path) == 2 and path[0] == "scripts":
                line, counted = line + text.count("\n", counted, match.start()), match.start()
                found[path[-1]] = line + 1
    return found


def _unescaped(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token
