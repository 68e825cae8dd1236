"""What `demo` plays: scenes of commands that are really run, on hosts of a closed network. Codes and facts; `portulan.text` makes the sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portulan.model.record import Record

SCENES = ("traffic", "conflict", "firewall", "scanners")
"""In the order in which they are played."""
_NO_FACTS: Mapping[str, str | int] = {}


class DemoHost(Record):
    """One machine of the demo's network."""

    name: str
    addresses: tuple[str, ...]
    services: tuple[str, ...]
    """Its servers: `21 ftp`."""


class Opened(Record):
    """The network stands."""

    hosts: tuple[DemoHost, ...]
    """In the order in which the cables lead from one to the next."""
    rights: str
    """`root`, or `user`: an ordinary user's, within a user namespace."""


class SceneBegins(Record):
    """The next scene."""

    scene: str
    number: int
    of: int


class Typed(Record):
    """A command is about to be run."""

    scene: str
    code: str
    host: str
    command: str
    beside: bool = False
    """While another one runs: nothing of what it prints is shown."""


class Drawn(Record):
    """A command that draws has drawn so far, as it would on a terminal."""

    text: str


class DemoStep(Record):
    """One command that was run, or something to be said between two."""

    scene: str
    code: str
    """`portulan.text.demo` has a sentence for each."""
    host: str | None = None
    command: str | None = None
    """As it was run; None: only something to be said."""
    exit_status: int | None = None
    output: str | None = None
    """What it printed, unless it was asked for JSON."""
    answer: Mapping[str, Any] | None = None
    """The same as JSON, where it was asked for that."""
    facts: Mapping[str, str | int] = _NO_FACTS
    text: str | None = None
    """The sentence in the reader's language; None until a face has made it."""
    beside: bool = False
    """It ran while another one did."""


DemoEvent = Opened | SceneBegins | Typed | Drawn | DemoStep


class Manner(Record):
    """How the commands of the demo are to speak, and how fast it goes."""

    language: str = "en"
    width: int = 80
    colour: bool = False
    live: bool = False
    """What draws itself again and again is shown as it does."""
    as_json: bool = False
    slow: bool = False
    """Things take the time that a person needs to see them."""
