"""Commands that tell a port unmistakably: `PORT=3000 …`, and options of programs that we know. Of others nothing is said."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from portulan.host.declared.places import parse_port, split_port
from portulan.model.port import Transport
from portulan.model.record import Record

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)$", re.DOTALL)
_LOOPBACK, _LOCALHOST = "127.0.0.1", "localhost"
_LAUNCHERS = {
    "env": (), "cross-env": (), "cross-env-shell": (), "npx": (), "bunx": (), "exec": (), "sudo": (), "nohup": (), "time": (), "dotenv": ("--",),
    "pnpm": ("exec", "dlx"), "yarn": ("exec", "dlx", "run"), "bundle": ("exec",), "poetry": ("run",), "pipenv": ("run",), "uv": ("run",),
}  # fmt: skip
"""Programs that run another: with the words that stand before it."""
_INTERPRETER = re.compile(r"python(\d(\.\d+)?)?$")
_MOST_WORDS = 256


class Found(Record):
    """A port in a command; `port` None where it is a variable whose value is not known."""

    host: str | None
    """None: the command does not tell."""
    port: int | None
    text: str
    transport: Transport = Transport.TCP


class _Program(Record):
    """How a program is told where to listen."""

    port: tuple[str, ...] = ()
    """Options whose value is a port."""
    host: tuple[str, ...] = ()
    """Options whose value is an address."""
    both: tuple[str, ...] = ()
    """Options whose value is `host:port`."""
    default: str | None = None
    """The address it takes where none is told; None: not known to us."""
    within: tuple[str, ...] = ()
    """It only listens when it is told one of these first; empty: always."""
    bare: bool = False
    """Whether the word after `within`, or a last word alone, may be the port."""


# By each program's own manual.
_PROGRAMS: dict[str, _Program] = {
    "uvicorn": _Program(("--port",), ("--host",), default=_LOOPBACK),
    "gunicorn": _Program(both=("-b", "--bind"), default=_LOOPBACK),
    "hypercorn": _Program(both=("-b", "--bind"), default=_LOOPBACK),
    "daphne": _Program(("-p", "--port"), ("-b", "--bind"), default=_LOOPBACK),
    "waitress-serve": _Program(("--port",), ("--host",), ("--listen",), default="0.0.0.0"),  # noqa: S104 - a word
    "flask": _Program(("-p", "--port"), ("-h", "--host"), default=_LOOPBACK, within=("run",)),
    "fastapi": _Program(("--port",), ("--host",), within=("run", "dev")),
    "http.server": _Program((), ("-b", "--bind"), bare=True),
    "streamlit": _Program(("--server.port",), ("--server.address",), within=("run",)),
    "jupyter": _Program(
        ("--port", "--ServerApp.port"), ("--ip", "--ServerApp.ip"), default=_LOCALHOST, within=("lab", "notebook", "server")
    ),
    "mkdocs": _Program(both=("-a", "--dev-addr"), default=_LOOPBACK, within=("serve",)),
    "next": _Program(("-p", "--port"), ("-H", "--hostname"), within=("dev", "start")),
    "vite": _Program(("--port",), ("--host",), default=_LOCALHOST),
    "ng": _Program(("--port",), ("--host",), default=_LOCALHOST, within=("serve", "s")),
    "webpack-dev-server": _Program(("--port",), ("--host",)),
    "webpack": _Program(("--port",), ("--host",), within=("serve",)),
    "http-server": _Program(("-p", "--port"), ("-a",), default="0.0.0.0"),  # noqa: S104
    "json-server": _Program(("-p", "--port"), ("-H", "--host")),
    "serve": _Program(("-p", "-l", "--listen")),
    "astro": _Program(("--port",), ("--host",), within=("dev", "preview")),
    "nuxt": _Program(("-p", "--port"), ("-H", "--host"), within=("dev", "start", "preview")),
    "rails": _Program(("-p", "--port"), ("-b", "--binding"), within=("s", "server")),
    "puma": _Program(("-p", "--port"), (), ("-b", "--bind")),
    "php": _Program(both=("-S",)),
    "hugo": _Program(("-p", "--port"), ("--bind",), default=_LOOPBACK, within=("server", "serve")),
    "redis-server": _Program(("--port",), ("--bind",)),
    "manage.py": _Program(within=("runserver",), default=_LOOPBACK, bare=True),
}


def split_commands(text: str) -> list[list[str]]:
    """The words of each command of a shell line; empty where its quotes do not close."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word and all(char in "();<>|&" for char in word):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:
        return []
    return [words for words in commands if words]


def find_ports(words: list[str], variables: Mapping[str, str]) -> list[Found]:
    """The ports that one command tells. `variables` are known to it; a port in another variable is Found without a number."""
    words = words[:_MOST_WORDS]
    told: dict[str, str] = {}
    at = _skip_launchers(words, told)
    known = {**variables, **told}
    found = _of_program(words[at:], known)
    if not found and told.get("PORT"):
        value = _expand(told["PORT"], variables)
        port = parse_port(value)
        if port is not None or "$" in value:
            return [Found(None, port, f"PORT={value}")]
    return found


def _skip_launchers(words: list[str], told: dict[str, str]) -> int:
    """Where the program's name stands: behind assignments and programs that run another."""
    at = 0
    while at < len(words):
        match = _ASSIGNMENT.match(words[at])
        name = words[at].rpartition("/")[2]
        if match:
            told[match[1]] = match[2]
        elif name in _LAUNCHERS:
            if at + 1 < len(words) and words[at + 1] in _LAUNCHERS[name]:
                at += 1
        elif _INTERPRETER.match(name) and words[at + 1 : at + 2] == ["-m"]:
            return at + 2
        elif not (_INTERPRETER.match(name) and at + 1 < len(words) and words[at + 1].endswith("manage.py")):
            return at
        at += 1
    return at


def _of_program(words: list[str], known: Mapping[str, str]) -> list[Found]:
    """The ports of a program that we know; none for another."""
    if not words:
        return []
    program = _PROGRAMS.get(words[0].rpartition("/")[2])
    if program is None:
        return []
    rest = words[1:]
    if program.within:
        if not rest or rest[0] not in program.within:
            return []
        rest = rest[1:]
    host = program.default
    found: list[str] = []
    ports: list[str] = []
    for option, value in _options(rest):
        if option in program.host:
            host = value or None  # `vite --host` alone: all addresses, or some
        elif option in program.port and value:
            ports.append(value)
        elif (option in program.both and value) or (not option and program.bare and value):
            found.append(value)
    answers = [_place(_expand(text, known), host) for text in found]
    answers += [_found(host, _expand(text, known)) for text in ports]
    return [each for each in answers if each is not None]


def _options(words: list[str]) -> list[tuple[str, str]]:
    """(option, value) pairs: `--port 80`, `--port=80`, `-p 80`, `-p80`; ("", word) for a word that belongs to none."""
    pairs: list[tuple[str, str]] = []
    at = 0
    while at < len(words):
        word = words[at]
        following = words[at + 1] if at + 1 < len(words) else ""
        if word.startswith("--") and "=" in word:
            name, _, value = word.partition("=")
            pairs.append((name, value))
        elif word.startswith("-") and following and not following.startswith("-"):
            pairs.append((word, following))
            at += 1
        elif len(word) > 2 and word[0] == "-" and word[1] != "-":
            pairs.append((word[:2], word[2:]))
        elif not word.startswith("-"):
            pairs.append(("", word))
        else:
            pairs.append((word, ""))
        at += 1
    return pairs


def _place(text: str, host: str | None) -> Found | None:
    """`host:port`, `:port`, `port`, with `tcp://` before it; None for a path of a local socket, or no port at all."""
    plain = text.removeprefix("tcp://").partition("?")[0]
    if plain.startswith(("unix:", "/", "fd:", "ssl:")):
        return None
    given, port = split_port(plain)
    if port is None:
        return Found(None, None, text) if "$" in plain else None
    if given is None and plain.startswith(":"):
        given = "0.0.0.0"  # noqa: S104 - a word
    return _found(given or host, port)


def _found(host: str | None, text: str) -> Found | None:
    port = parse_port(text)
    if port is None and "$" not in text:
        return None
    return Found(None if host is None or "$" in host else host, port, text)


def _expand(text: str, known: Mapping[str, str]) -> str:
    """`$NAME`, `${NAME}` and `${NAME:-default}` filled in where they are known."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return known.get(name) or (match[2] if match[2] is not None else match[0])

    return re.sub(r"\$(?:\{(\w+)(?::?-([^}$]*))?\}|(\w+))", value, text[:1024])
