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
    depth = 0
    key = inside = ""
    expect_key = False
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("{", "["):
            depth += 1
            if depth == 2 and key == "scripts" and token == "{":
                inside = "scripts"
            expect_key = token == "{"
        elif token in ("}", "]"):
            depth -= 1
            if depth == 1:
                inside = ""
            expect_key = False
        elif token == ",":
            expect_key = True
        elif token == ":":
            expect_key = False
        elif expect_key:
            if depth == 1:
                key = _unescaped(token)
            elif depth == 2 and inside:
                line, counted = line + text.count("\n", counted, match.start()), match.start()
                found[_unescaped(token)] = line
    return found


def _unescaped(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token
