"""A policy file's text as a `Policy`: every name in it resolved, or every mistake in it with file, line, column, what was expected and what may have been meant."""

from __future__ import annotations

import re
from datetime import date, datetime

from portulan.errors import BadInput
from portulan.guard.policy.problems import Problems, nearest
from portulan.guard.policy.senders import Senders
from portulan.guard.policy.services import door_ports
from portulan.guard.policy.toml import parse_toml
from portulan.guard.policy.tracking_helpers import check_helper
from portulan.model.policy import Crossing, Limit, Line, Per, Policy, Refusal
from portulan.model.port import TRANSPORTS
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from portulan.guard.policy.senders import ReadFile
    from portulan.guard.policy.toml import Toml
    from portulan.model.policy import Ports, Source
    from portulan.registry.table import Table

_TABLES = ("settings", "sources", "doors", "outgoing", "zones", "forward")
_SETTINGS = ("refuse", "log", "never-block")
_COMMON = ("limit", "log", "note", "until")
_DOOR = ("from", *_COMMON, "helper")
_OUT = ("to", *_COMMON, "helper")
_CROSSING = ("doors", "masquerade", *_COMMON)
_PING = {"doors": ("from", "note"), "outgoing": ("to", "note")}
EVERYTHING, PING, ARROW = "everything", "ping", "->"
_LIMIT = re.compile(r"(\d{1,7}) ?/ ?([a-z]+)(?:,? +burst +(\d{1,7}))?")
_MOST = 1_000_000
_SECONDS = {Per.SECOND: 1, Per.MINUTE: 60, Per.HOUR: 3600, Per.DAY: 86_400}
_YEAR_S = 365 * 86_400
"""A used-up burst is remembered until it would be whole again. The kernel knows times of 584 years in nanoseconds; nobody means more than one."""
_LONGEST_NOTE = 200


class Reading(Record):
    """What became of a file."""

    policy: Policy | None
    """None where there is a mistake in it."""
    problems: tuple[BadInput, ...] = ()
    """In the order of their lines."""


def parse_policy(text: str, file: str, table: Table, read_file: ReadFile) -> Policy:
    """The policy of a file's text. `table`: the registry; `read_file` gives the text of a file of networks that the policy names.

    Raises ParseError for what is not TOML, BadInput for the first mistake: both with `file`, `line`, `column`, and `quote`, the line itself.
    """
    reading = read_policy(text, file, table, read_file)
    if reading.policy is None:
        raise reading.problems[0]
    return reading.policy


def read_policy(text: str, file: str, table: Table, read_file: ReadFile) -> Reading:
    """As `parse_policy`, but all mistakes of the file at once. Nothing is raised."""
    try:
        toml = parse_toml(text, file)
    except BadInput as error:
        return Reading(None, (error,))
    problems = Problems(toml)
    policy = _Reader(toml, problems, table, read_file).policy()
    if problems.found:
        return Reading(None, tuple(sorted(problems.found, key=_place)))
    return Reading(policy)


def read_senders(toml: Toml, names: Sequence[str], table: Table, read_file: ReadFile) -> tuple[Source, ...]:
    """Words for senders as a policy's file would have them in a line of its own; the file has no mistake. Raises BadInput, with no place, for one that is none."""
    problems = Problems(toml)
    found = _Reader(toml, problems, table, read_file).senders_of(names)
    for error in problems.found:
        for name in ("file", "line", "column", "quote"):
            error.facts.pop(name, None)
        raise error
    return found


def _place(error: BadInput) -> tuple[str, int, int]:
    file, line, column = (error.facts[name] for name in ("file", "line", "column"))
    assert isinstance(line, int)
    assert isinstance(column, int)
    return str(file), line, column


class _Reader:
    """One file being read."""

    def __init__(self, toml: Toml, problems: Problems, table: Table, read_file: ReadFile) -> None:
        self.toml = toml
        self.problems = problems
        self.table = table
        self.senders = Senders(problems, read_file)

    def policy(self) -> Policy:
        values = self.toml.values
        for name in values:
            with self.problems.at(name):
                _check_key(name, _TABLES, "policy.table")
        if "doors" not in values and "forward" not in values:
            with self.problems.at():
                raise BadInput("policy.no-doors")
        self.senders.read_zones(self._table("zones"))
        sources = self.senders.read_sources(self._table("sources"))
        refusal, log, spared = self._settings(self._table("settings"))
        doors, outgoing = dict(self._table("doors")), dict(self._table("outgoing"))
        pings = {
            section: self._ping(section, lines.pop(PING)) for section, lines in (("doors", doors), ("outgoing", outgoing)) if PING in lines
        }
        spots = {section: self.toml.spot(section, PING) for section in pings}
        if "forward" in values and not self.senders.zones:
            with self.problems.at("forward"):
                raise BadInput("policy.no-zones")
        return Policy(
            self.toml.path, self.toml.text, sources, self._lines("doors", doors), tuple(self.senders.zones.values()),
            self._crossings(self._table("forward")), self._lines("outgoing", outgoing) if "outgoing" in values else None, refusal, log, pings.get("doors", ()),
            spots.get("doors"), spared, pings.get("outgoing", ()), spots.get("outgoing"),
        )  # fmt: skip

    def senders_of(self, names: Sequence[str]) -> tuple[Source, ...]:
        """Senders that stand in no line."""
        self.senders.read_zones(self._table("zones"))
        self.senders.read_sources(self._table("sources"))
        return self.senders.of([*names], "doors")

    def _table(self, name: str) -> dict[str, Any]:
        """A table of the file; none where it is missing or something else."""
        value = self.toml.values.get(name, {})
        with self.problems.at(name, value=True):
            if not isinstance(value, dict):
                raise BadInput("policy.not-a-table", text=name)
            return value
        return {}

    def _settings(self, table: dict[str, Any]) -> tuple[Refusal, Limit | None, tuple[Source, ...]]:
        refusal, log = Refusal.DROP, None
        spared: tuple[Source, ...] = ()
        for name, value in table.items():
            with self.problems.at("settings", name):
                _check_key(name, _SETTINGS)
            with self.problems.at("settings", name, value=True):
                if name == "refuse":
                    if value not in tuple(Refusal):
                        raise BadInput("policy.refuse", text=str(value), known=", ".join(Refusal))
                    refusal = Refusal(value)
                elif name == "log" and value is not False:
                    log = limit_of(value)
                elif name == "never-block":
                    spared = self._spared(value)
        return refusal, log, spared

    def _spared(self, value: object) -> tuple[Source, ...]:
        """Whom nobody blocks: by their addresses alone."""
        found = self.senders.of(value, "settings", "never-block")
        for source in found:
            if any(part.addresses is None for part in source.parts):
                raise BadInput("policy.never-block", text=source.name)
        return found

    def _ping(self, section: str, value: object) -> tuple[Source, ...]:
        who = _PING[section][0]
        with self.problems.at(section, PING):
            if not isinstance(value, dict):
                return self.senders.of(value, section, PING)
            for key in value:
                with self.problems.at(section, PING, key):
                    _check_key(key, _PING[section], "policy.ping")
            if who not in value:
                raise BadInput("policy.no-from", text=PING, key=who)
            return self.senders.of(value[who], section, PING, who)
        return ()

    def _lines(self, section: str, table: dict[str, Any]) -> tuple[Line, ...]:
        found = []
        for name, value in table.items():
            with self.problems.at(section, name):
                ports = self._ports(section, name)
                spot = self.toml.spot(section, name)
                if isinstance(value, dict):
                    options = self._options((section, name), value, _OUT if section == "outgoing" else _DOOR)
                    who = "to" if section == "outgoing" else "from"
                    if who not in value:
                        raise BadInput("policy.no-from", text=name, key=who)
                    senders = self.senders.of(value[who], section, name, who)
                else:
                    options, senders = {}, ()
                    with self.problems.at(section, name, value=True):
                        senders = self.senders.of(value, section, name)
                helper = options.pop("helper", None)
                with self.problems.at(section, name, "helper"):
                    found.append(Line(name, ports, senders, spot, helper=check_helper(name, ports, helper, section), **options))
        return tuple(found)

    def _ports(self, section: str, name: str) -> Ports:
        if name == PING:
            raise BadInput("policy.ping-elsewhere", text=section)
        try:
            return door_ports(name, self.table)
        except BadInput as error:
            if not error.code.startswith(("port.", "range.")):
                raise
            raise BadInput("policy.number", text=name) from None

    def _options(self, path: tuple[str, ...], table: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
        """What a line says besides whom it is for."""
        found: dict[str, Any] = {}
        for key, value in table.items():
            with self.problems.at(*path, key):
                _check_key(key, known)
            with self.problems.at(*path, key, value=True):
                if key == "limit":
                    found[key] = limit_of(value)
                elif key in ("log", "masquerade"):
                    found[key] = _truth(key, value)
                elif key == "note":
                    found[key] = note_of(value)
                elif key == "until":
                    found[key] = day_of(value)
                elif key == "helper":
                    if not isinstance(value, str):
                        raise BadInput("policy.helper", text=str(value), known="ftp, none")
                    found[key] = value
        return found

    def _crossings(self, table: dict[str, Any]) -> tuple[Crossing, ...]:
        found: list[Crossing] = []
        for name, value in table.items():
            with self.problems.at("forward", name):
                left, arrow, right = (part.strip() for part in name.partition(ARROW))
                if not arrow:
                    raise BadInput("policy.crossing", text=name)
                source, target = self.senders.zone(left), self.senders.zone(right)
                options = self._options(("forward", name), value, _CROSSING) if isinstance(value, dict) else {}
                path: tuple[str, ...] = ("forward", name)
                doors = value
                if isinstance(value, dict):
                    if "doors" not in value:
                        raise BadInput("policy.no-from", text=name, key="doors")
                    path, doors = (*path, "doors"), value["doors"]
                ports = () if doors == EVERYTHING else self._all_ports(doors, path)
                if any((one.source, one.target) == (source, target) for one in found):
                    raise BadInput("policy.crossing-twice", text=name)
                spot = self.toml.spot("forward", name)
                found.append(Crossing(name, source, target, ports, spot, everything=doors == EVERYTHING, **options))
        return tuple(found)

    def _all_ports(self, doors: object, path: tuple[str | int, ...]) -> Ports:
        """The ports of a list of doors, together."""
        names = doors if isinstance(doors, list) else [doors]
        if not names:
            raise BadInput("policy.empty-doors")
        found: dict[Any, Any] = {}
        for at, name in enumerate(names):
            where = (*path, at) if isinstance(doors, list) else path
            with self.problems.at(*where, value=True):
                text = str(name) if isinstance(name, int) and not isinstance(name, bool) else name
                if not isinstance(text, str):
                    raise BadInput("policy.port", text=str(name), near="")
                for transport, ports in self._ports("forward", text):
                    found[transport] = found[transport] | ports if transport in found else ports
        return tuple((transport, found[transport]) for transport in TRANSPORTS if transport in found)


def _check_key(name: str, known: tuple[str, ...], code: str = "policy.key") -> None:
    if name in known:
        return
    listed, near = ", ".join(known), nearest(name, known)
    if code == "policy.table":
        raise BadInput("policy.table", text=name, known=listed, near=near)
    if code == "policy.ping":
        raise BadInput("policy.ping", text=name)
    raise BadInput("policy.key", text=name, known=listed, near=near)


def limit_of(value: object) -> Limit:
    """`10/minute`, `10/minute burst 30`. Without a burst as many at once as in one unit of time. Raises BadInput."""
    found = _LIMIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[2] not in tuple(Per):
        raise BadInput("policy.limit", text=str(value))
    number, burst = int(found[1]), int(found[3] or found[1])
    if not 0 < number <= _MOST or not 0 < burst <= _MOST:
        raise BadInput("policy.limit", text=str(value))
    per = Per(found[2])
    if burst * _SECONDS[per] > _YEAR_S * number:
        raise BadInput("policy.limit-slow", text=found[0])
    return Limit(number, per, burst)


def _truth(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadInput("policy.truth", text=key)
    return value


def note_of(value: object) -> str:
    """A line of text. Raises BadInput."""
    if not isinstance(value, str) or len(value) > _LONGEST_NOTE or not value.isprintable():
        raise BadInput("policy.note", most=_LONGEST_NOTE)
    return value


def day_of(value: object) -> date:
    """`2026-12-31`, as a date of TOML or a text. Raises BadInput."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise BadInput("policy.until", text=str(value)) from None
