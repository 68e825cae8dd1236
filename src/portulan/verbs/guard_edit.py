"""Doors opened and closed in a policy file. Nothing is applied: that is another question."""

from __future__ import annotations

from datetime import UTC, datetime

from portulan.errors import BadInput
from portulan.guard.policy.check import find_doubts
from portulan.guard.policy.edit import PING, close_door, open_door
from portulan.guard.policy.opening import find_needless
from portulan.guard.policy.read import note_of, parse_policy, read_senders
from portulan.guard.policy.services import door_ports
from portulan.guard.policy.terms import terms_of
from portulan.guard.policy.toml import parse_toml
from portulan.guard.policy.tracking_helpers import NONE, check_helper
from portulan.guard.policy.understood import understood_line
from portulan.model.guard_check import Edited
from portulan.model.policy import EVERYONE
from portulan.system.output_file import OutputFile
from portulan.system.registry_file import open_table
from portulan.verbs.guard_policy import find_policy, read_text, reader_beside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from typing import Any

    from portulan.model.guard_check import Doubtful
    from portulan.model.policy import Policy, Ports, Source


class _Desk:
    """One file on the desk: its text, and all that reading it takes."""

    def __init__(self, policy: str | None) -> None:
        self.file = find_policy(policy)
        self.text = read_text(self.file)
        self.today = datetime.now(UTC).astimezone().date()
        self._table = open_table()
        self._read_list = reader_beside(self.file)

    def parse(self, text: str) -> Policy:
        return parse_policy(text, self.file, self._table, self._read_list)

    def ports(self, door: str) -> Ports:
        return door_ports(door, self._table)

    def senders(self, names: Sequence[str]) -> tuple[Source, ...]:
        return read_senders(parse_toml(self.text, self.file), names, self._table, self._read_list)

    def usual(self, door: str) -> str | None:
        """The registry's name of a single port."""
        transport, numbers = self.ports(door)[0]
        return self._table.usual(next(iter(numbers)), transport) if len(numbers) == 1 else None


def guard_open(
    door: str,
    senders: Iterable[str] = (),
    *,
    policy: str | None = None,
    limit: str | None = None,
    log: bool = False,
    note: str | None = None,
    until: date | None = None,
    helper: str | None = None,
    dry_run: bool = False,
) -> Edited:
    """Open a door in a policy file to these senders (names, networks; by default everyone). A door that is open to them already changes nothing.

    Raises BadInput and ParseError for words that mean nothing and for mistakes in the file, NotPermitted and MachineFailed where it cannot be written.
    """
    desk = _Desk(policy)
    before = desk.parse(desk.text)
    if door != PING:
        desk.ports(door)  # what is no door is told as such, not as a mistake in a file
    given = {"limit": limit, "log": log or None, "note": note, "until": until, "helper": helper}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    names = tuple(name.strip() for name in senders) or (EVERYONE,)
    asked = desk.senders(names)
    if door == PING:
        for name in options:
            if name != "note":
                raise BadInput("policy.ping", text=name)
        return _finish(desk, before, _opened(desk, door, names, options), dry_run=dry_run)
    ports = desk.ports(door)
    check_helper(door, ports, helper or NONE, "doors")
    terms = terms_of({**options, "note": None if note is None else note_of(note)})
    needless = find_needless(before, desk.today, ports, asked, terms)
    if needless is None:
        return _finish(desk, before, _opened(desk, door, names, options), dry_run=dry_run)
    line = understood_line("doors", needless.line, desk.today)
    return Edited(desk.file, changed=False, why=needless.why, by=line, senders=needless.senders, named=needless.named)


def _opened(desk: _Desk, door: str, names: Sequence[str], options: Mapping[str, Any]) -> str:
    text = open_door(desk.text, desk.file, door, names, options, desk.ports, None if door == PING else desk.usual(door))
    _as_asked(desk, text)
    return text


def guard_close(door: str, senders: Iterable[str] = (), *, policy: str | None = None, dry_run: bool = False) -> Edited:
    """Close a door in a policy file: to everybody, or to some of the senders that its lines name. Other ports of the same lines stay open.

    Raises BadInput and ParseError as `guard_open`, and where a line opens the door to senders of whom those to be shut out are only a part.
    """
    desk = _Desk(policy)
    before = desk.parse(desk.text)
    if door != PING:
        desk.ports(door)
    names = tuple(senders)
    text = close_door(desk.text, desk.file, door, names, desk.ports)
    if names and text == desk.text:
        held = [line for line in before.doors if door != PING and any(_meet(line.ports, each) for each in desk.ports(door))]
        if held:
            known = ", ".join(dict.fromkeys(source.name for line in held for source in line.sources))
            raise BadInput("policy.not-named", text=", ".join(names), door=door, known=known)
    edited = _finish(desk, before, text, dry_run=dry_run)
    return edited._replace(doubts=tuple(doubt for doubt in edited.doubts if doubt.code.startswith("lock-out.")))


def _as_asked(desk: _Desk, text: str) -> Policy:
    """The new text's policy. A mistake in it is one of the words that were asked for, and no place of the file."""
    try:
        return desk.parse(text)
    except BadInput as error:
        for name in ("file", "line", "column", "quote"):
            error.facts.pop(name, None)
        raise


def _meet(ports: Ports, wanted: tuple[Any, Any]) -> bool:
    return any(kind is wanted[0] and (held & wanted[1]).ranges for kind, held in ports)


def _finish(desk: _Desk, before: Policy, text: str, *, dry_run: bool) -> Edited:
    if text == desk.text:
        return Edited(desk.file, changed=False)
    after = desk.parse(text)
    removed, added = _difference(desk.text, text)
    doubts = _new_doubts(desk, before, after)
    if not dry_run:
        output = OutputFile(desk.file)
        output.write(text.encode())
        output.finish()
    return Edited(desk.file, True, removed, added, doubts, written=not dry_run)


def _difference(before: str, after: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines that went and lines that came."""
    from difflib import ndiff

    lines = [*ndiff(before.splitlines(), after.splitlines())]
    return tuple(line[2:] for line in lines if line.startswith("- ")), tuple(line[2:] for line in lines if line.startswith("+ "))


def _new_doubts(desk: _Desk, before: Policy, after: Policy) -> tuple[Doubtful, ...]:
    from portulan.verbs.guard_surroundings import look_around

    around, _ = look_around()
    known = [_what(one) for one in find_doubts(before, desk.today, around)]
    return tuple(one for one in find_doubts(after, desk.today, around) if _what(one) not in known)


def _what(doubt: Doubtful) -> Sequence[object]:
    """A doubt without the number of its line, which another line above it changes."""
    return doubt.code, doubt.facts.get("text"), doubt.facts.get("ports"), doubt.facts.get("address")
