"""The list of wanted ports: the `[doors]` of a policy file, as far as an audit needs them (which ports everyone may get to, and which only some).

[sources]
office = ["198.51.100.0/24"]
[doors]
https = "everyone"
ssh = { from = "office", limit = "10/minute" }
"8000-8010/tcp" = "this-host"
"""

from __future__ import annotations

from datetime import date
from ipaddress import ip_network

from portulan.audit.toml import parse_toml
from portulan.errors import BadInput
from portulan.model.port import Transport
from portulan.model.portset import PortSet
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from portulan.audit.toml import Toml

    Resolve = Callable[[str], tuple[PortSet, tuple[Transport, ...]]]

EVERYONE, THIS_HOST, NOBODY = "everyone", "this-host", "nobody"
_WORDS = (EVERYONE, THIS_HOST, NOBODY)
_WHOLE = ("0.0.0.0/0", "::/0")


class Wish(Record):
    """One line of [doors]."""

    name: str
    """As it is written there: `https`, `8000-8010/tcp`."""
    ports: PortSet
    transports: tuple[Transport, ...]
    everyone: bool
    sources: str
    """Who may come, as it is written."""
    line: int | None = None


class Wanted(Record):
    """All of them."""

    path: str
    wishes: tuple[Wish, ...]

    def of(self, transport: Transport, port: int) -> Wish | None:
        """The line that a port falls under; where there are several, the one that lets most in."""
        found = [wish for wish in self.wishes if transport in wish.transports and port in wish.ports]
        return max(found, key=lambda wish: wish.everyone, default=None)


def parse_wanted(text: str, path: str, resolve: Resolve, today: date | None = None) -> Wanted:
    """The doors of a policy file. `resolve` turns a word into ports (`verbs.ports.resolve_ports`). A line whose `until` has passed wants nothing.

    Raises BadInput and ParseError with file, line, and what was expected.
    """
    file = parse_toml(text, path)
    doors = file.values.get("doors")
    if not isinstance(doors, dict):
        raise BadInput("policy.no-doors", file=path, line=file.line("doors"))
    sources = file.values.get("sources", {})
    if not isinstance(sources, dict):
        raise BadInput("policy.sources", file=path, line=file.line("", "sources"))
    wishes = [_wish(file, name, value, sources, resolve, today) for name, value in doors.items()]
    return Wanted(path, tuple(wish for wish in wishes if wish is not None))


def _wish(file: Toml, name: str, value: object, sources: dict[str, Any], resolve: Resolve, today: date | None) -> Wish | None:
    line = file.line("doors", name)
    try:
        ports, transports = resolve(name)
    except BadInput as error:
        near = str(error.facts.get("near") or "")
        raise BadInput("policy.port", file=file.path, line=line, text=name, near=near) from None
    until = value.get("until") if isinstance(value, dict) else None
    who = value.get("from") if isinstance(value, dict) else value
    names = [who] if isinstance(who, str) else who
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise BadInput("policy.door", file=file.path, line=line, text=name)
    if _day(file, line, until) is not None and today is not None and today > (_day(file, line, until) or today):
        return None
    for one in names:
        if one not in _WORDS and one not in sources and not _is_network(one):
            raise BadInput("policy.source", file=file.path, line=line, text=one, known=", ".join((*_WORDS, *sources)))
    return Wish(name, ports, transports, any(_is_everyone(one, sources) for one in names), ", ".join(names), line)


def _day(file: Toml, line: int, value: object) -> date | None:
    if value is None:
        return None
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise BadInput("policy.until", file=file.path, line=line, text=str(value)) from None


def _is_everyone(name: str, sources: dict[str, Any]) -> bool:
    """Whether a source is the whole internet, by whatever name."""
    if name == EVERYONE or name in _WHOLE:
        return True
    held = sources.get(name)
    return any(one in _WHOLE or one == EVERYONE for one in (held if isinstance(held, list) else [held]))


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
