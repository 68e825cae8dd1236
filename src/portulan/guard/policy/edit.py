"""Doors opened and closed in a policy's own text: a line more, a line less, a name in a list. Whatever else a person wrote, comments and order, stays as it is."""

from __future__ import annotations

import re

from portulan.errors import BadInput
from portulan.guard.policy.terms import agree, terms_of
from portulan.guard.policy.toml import parse_toml
from portulan.guard.policy.tracking_helpers import HELPERS
from portulan.model.policy import EVERYONE, NOBODY, THIS_HOST
from portulan.model.portset import PortSet
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from portulan.guard.policy.terms import Terms
    from portulan.guard.policy.toml import Toml
    from portulan.model.policy import Ports

    PortsOf = Callable[[str], Ports]

DOORS, FROM, PING = "doors", "from", "ping"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Splice(Record):
    """A piece of the text and what it becomes."""

    start: int
    end: int
    text: str


def open_door(
    text: str, file: str, door: str, senders: Sequence[str], options: Mapping[str, Any], ports_of: PortsOf, usual: str | None = None
) -> str:
    """The text with a door open to these senders as well: in a line that names the same ports and lets in on the same terms, else in a new one at the end of [doors].

    `options`: limit, log, note, until, helper of the line. `ports_of` as `services.door_ports`, and nothing for ping. `usual`: the ports' name in the registry.
    A line for just these senders is given other terms; one that lets nobody in becomes theirs. What others come in by keeps its terms.
    Raises BadInput where the line stands in a form that is not edited here, or no key is left for one; ParseError.
    """
    toml = parse_toml(text, file)
    wanted = _ports(door, ports_of)
    asked = terms_of(options)
    same = {
        name: value
        for name, value in toml.values.get(DOORS, {}).items()
        if _ports(name, ports_of) == wanted and (name == PING) == (door == PING)
    }
    for name, value in same.items():
        named = _names(value)
        shut = {THIS_HOST, NOBODY}.issuperset(named)
        alike = agree(_terms(value), asked, tuple(wanted.items()))
        if (alike and not shut) or (options and {*named} == {*senders}):
            changed = _with(_item(toml, name), value, senders, {} if alike else options)
            return _spliced(text, [_value_splice(toml, name, changed)])
    for name, value in same.items():
        if {THIS_HOST, NOBODY}.issuperset(_names(value)):  # whatever its terms are, nobody comes in on them
            kept = {key: value[key] for key in ("note", "helper") if isinstance(value, dict) and key in value}
            return _spliced(text, [_value_splice(toml, name, _with(None, _names(value), senders, {**kept, **options}))])
    key = next((each for each in _spellings(door, wanted, usual, ports_of) if each not in toml.values.get(DOORS, {})), None)
    if key is None:
        raise BadInput("policy.no-spelling", text=door, known=", ".join(same))
    return _spliced(text, [_new_line(toml, f"{_key(key)} = {_with(None, None, senders, options)}")])


def _terms(value: object) -> Terms:
    return terms_of(value if isinstance(value, dict) else {})


def _spellings(door: str, wanted: Mapping[Any, PortSet], usual: str | None, ports_of: PortsOf) -> Iterator[str]:
    """Keys that mean these ports: as they were asked for, by the usual name, by number. A key stands in a table once, its ports may stand there under several."""
    yield door
    if door == PING:
        return
    found = [usual] if usual else []
    if len(set(wanted.values())) == 1:
        numbers = next(iter(wanted.values()))
        spans = [str(numbers), f"{numbers}-{numbers}"] if len(numbers) == 1 else [str(numbers)]
        for kind in [f"{each.value}" for each in wanted] if len(wanted) == 1 else [""]:
            found += [f"{span}/{kind}" if kind else span for span in spans] + [f"{kind}/{span}" for span in spans if kind]
    for key in found:
        try:
            alike = _ports(key, ports_of) == wanted
        except BadInput:
            continue
        if alike:
            yield key


def close_door(text: str, file: str, door: str, senders: Sequence[str], ports_of: PortsOf) -> str:
    """The text with a door closed: to everybody, or only to senders that its lines name. A line for more ports keeps the others. The same text where no line opens it.

    Raises BadInput where a line stands in a form that is not edited here, ParseError.
    """
    toml = parse_toml(text, file)
    wanted = _ports(door, ports_of)
    splices = []
    taken = {*toml.values.get(DOORS, {})}
    for name, value in toml.values.get(DOORS, {}).items():
        here = _ports(name, ports_of)
        shut = _both(here, wanted)
        if (name == PING) != (door == PING) or (not shut and name != PING):
            continue
        named = _names(value)
        if {THIS_HOST, NOBODY}.issuperset(named):  # it is closed
            continue
        if senders and not set(senders).intersection(named):
            continue
        left = [each for each in named if each not in senders] if senders else []
        rest = _less(here, wanted)
        if not rest:
            splices.append(_value_splice(toml, name, _value_text(_narrowed(toml, name, left))) if left else _without(toml, name))
        else:
            splices.append(_split(toml, name, rest, shut if left else {}, left, taken))
    return _spliced(text, splices)


# --- ports ---


def _ports(door: str, ports_of: PortsOf) -> dict[Any, PortSet]:
    return {} if door == PING else dict(ports_of(door))


def _both(left: Mapping[Any, PortSet], right: Mapping[Any, PortSet]) -> dict[Any, PortSet]:
    found = {kind: ports & right[kind] for kind, ports in left.items() if kind in right}
    return {kind: ports for kind, ports in found.items() if ports.ranges}


def _less(left: Mapping[Any, PortSet], right: Mapping[Any, PortSet]) -> dict[Any, PortSet]:
    found = {kind: ports - right[kind] if kind in right else ports for kind, ports in left.items()}
    return {kind: ports for kind, ports in found.items() if ports.ranges}


def _keys(ports: Mapping[Any, PortSet], taken: set[str]) -> list[str]:
    """The fewest keys that name these ports (a number without a transport is TCP and UDP), none of them one that is there; they are taken then. Empty: none is left."""
    kinds = {kind.value: numbers for kind, numbers in ports.items()}
    found = []
    if len(kinds) == 2 and kinds.get("tcp") is not None and kinds.get("tcp") == kinds.get("udp") and str(kinds["tcp"]) not in taken:
        found = [str(kinds["tcp"])]
    else:
        for kind, numbers in kinds.items():
            key = next((each for each in (f"{numbers}/{kind}", f"{kind}/{numbers}") if each not in taken), None)
            if key is None:
                return []
            found.append(key)
    taken.update(found)
    return found


# --- values ---


def _names(value: object) -> list[str]:
    who = value.get(FROM) if isinstance(value, dict) else value
    return [each.strip() for each in (who if isinstance(who, list) else [who]) if isinstance(each, str)]


def _with(item: Any, value: object, senders: Sequence[str], options: Mapping[str, Any]) -> str:
    """A line's value with more senders and other options; `item` is the value with its layout."""
    names = [] if value is None else _names(value)
    kept = [name for name in names if name not in (THIS_HOST, NOBODY)] or ([] if senders else names)
    who: object = list(dict.fromkeys((*kept, *senders)))
    if EVERYONE in senders or EVERYONE in names:
        who = EVERYONE
    elif isinstance(who, list) and len(who) == 1:
        who = who[0]
    if isinstance(value, dict):
        item.update({FROM: who, **options})
        return _value_text(item)
    if not options:
        return _written(who)
    return "{ " + ", ".join(f"{name} = {_written(each)}" for name, each in {FROM: who, **options}.items()) + " }"


def _written(value: object) -> str:
    import tomlkit

    return _value_text(tomlkit.item(value))


def _narrowed(toml: Toml, name: str, left: list[str]) -> Any:
    """The value with fewer senders."""
    import tomlkit

    item = _item(toml, name)
    who = left[0] if len(left) == 1 else left
    if isinstance(item, dict):
        item[FROM] = who
        return item
    return tomlkit.item(who)


def _item(toml: Toml, name: str) -> Any:
    """A line's value, with its layout. Raises BadInput for one that does not stand behind a =."""
    import tomlkit

    path = (DOORS, name)
    if path not in toml.ends:
        raise _by_hand(toml, name)
    return tomlkit.parse(f"value = {toml.text[toml.held[path] : toml.ends[path]]}\n")["value"]


def _value_text(item: Any) -> str:
    text: str = item.as_string()
    return text


# --- places ---


def _key(door: str) -> str:
    return door if _BARE_KEY.fullmatch(door) else _written(door)


def _by_hand(toml: Toml, name: str) -> BadInput:
    spot = toml.spot(DOORS, name)
    return BadInput("policy.by-hand", text=name, file=toml.path, line=spot.line, column=spot.column, quote=toml.quoted(spot.line))


def _value_splice(toml: Toml, name: str, text: str) -> Splice:
    path = (DOORS, name)
    if path not in toml.ends:
        raise _by_hand(toml, name)
    return Splice(toml.held[path], toml.ends[path], text)


def _line_span(toml: Toml, name: str) -> tuple[int, int]:
    """From the beginning of the first line of an entry to the end of its last, its line end included."""
    path = (DOORS, name)
    if path not in toml.ends:
        raise _by_hand(toml, name)
    start = toml.text.rfind("\n", 0, toml.keys[path]) + 1
    end = toml.text.find("\n", toml.ends[path])
    if toml.text[start : toml.keys[path]].strip():  # doors.ssh = …, doors = { … }
        raise _by_hand(toml, name)
    return start, len(toml.text) if end < 0 else end + 1


def _without(toml: Toml, name: str) -> Splice:
    return Splice(*_line_span(toml, name), "")


def _split(toml: Toml, name: str, rest: Mapping[Any, PortSet], shut: Mapping[Any, PortSet], left: list[str], taken: set[str]) -> Splice:
    """An entry as several: the ports that stay as they are, and those that fewer senders keep."""
    start, end = _line_span(toml, name)
    comment = toml.text[toml.ends[DOORS, name] : end].rstrip("\r\n")
    taken.discard(name)
    keys, narrower = _keys(rest, taken), _keys(shut, taken)
    if not keys or (shut and not narrower):
        raise _by_hand(toml, name)
    lines = [f"{_key(key)} = {_value_text(_fitting(toml, name, rest, None))}{comment}" for key in keys]
    lines += [f"{_key(key)} = {_value_text(_fitting(toml, name, shut, left))}" for key in narrower]
    return Splice(start, end, "".join(line + "\n" for line in lines))


def _fitting(toml: Toml, name: str, ports: Mapping[Any, PortSet], left: list[str] | None) -> Any:
    """The value for some of its ports: a helper that none of them has goes."""
    item = _item(toml, name) if left is None else _narrowed(toml, name, left)
    if isinstance(item, dict) and "helper" in item and not set(HELPERS.get(str(item["helper"]), ports)).intersection(ports):
        del item["helper"]
    return item


def _new_line(toml: Toml, line: str) -> Splice:
    """A line behind the last one of [doors]; a table more where there is none."""
    text = toml.text
    entries = toml.values.get(DOORS)
    if entries is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return Splice(len(text), len(text), f"{gap}[{DOORS}]\n{line}\n")
    simple = [name for name in entries if (DOORS, name) in toml.ends]
    if simple:
        last = max(simple, key=lambda name: toml.ends[DOORS, name])
        _, at = _line_span(toml, last)
    else:
        start = toml.held[(DOORS,)]
        if (DOORS,) in toml.ends or text[start] != "[" or entries:
            raise _by_hand(toml, next(iter(entries), DOORS))
        at = text.find("\n", start) + 1 or len(text)
    before = "" if at == 0 or text[at - 1] == "\n" else "\n"
    return Splice(at, at, f"{before}{line}\n")


def _spliced(text: str, splices: Sequence[Splice]) -> str:
    for one in sorted(splices, reverse=True):
        text = text[: one.start] + one.text + text[one.end :]
    return text
