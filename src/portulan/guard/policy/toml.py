"""TOML with the place of every key and value (https://toml.io/en/v1.0.0): tomllib says what a text means, a second walk where each part of it stands."""

from __future__ import annotations

import re
from bisect import bisect_right

from portulan.errors import ParseError
from portulan.model.policy import Spot
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Path: TypeAlias = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_LONGEST_REASON = 200
_LONGEST_WORD = 60
_LIKE_A_KEY = re.compile(r"""\s*([^\s"'#=\[\]{}][^"'#=\[\]{}]*?)\s*=""")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")
_DOTTED = re.compile(r"[A-Za-z0-9_-]+(\s*\.\s*[A-Za-z0-9_-]+)*")
_WORD = re.compile(r"[^\W\d_][\w./:*-]*")


class Toml(Record):
    """A file: its values, its text, and where things stand in it."""

    path: str
    values: dict[str, Any]
    text: str
    keys: dict[Path, int]
    """The offset of each key (of a list's member: of the value); a path holds names, and numbers of members from 0."""
    held: dict[Path, int]
    """The offset of each value."""
    ends: dict[Path, int]
    """The offset behind each value that stands behind a `=` or in a list; tables with headers have none."""
    lines: tuple[int, ...]
    """The offset at which each line begins."""

    def spot(self, *path: str | int, value: bool = False) -> Spot:
        """Where a key stands, or its value; for what is not there, where that stands which it would be in."""
        table = self.held if value else self.keys
        while path and path not in table:
            path = path[:-1]
        offset = table.get(path, 0)
        line = bisect_right(self.lines, offset)
        return Spot(self.path, line, offset - self.lines[line - 1] + 1)

    def quoted(self, line: int) -> str:
        """A line of the text, from 1."""
        start = self.lines[line - 1]
        return self.text[start : self.lines[line] - 1 if line < len(self.lines) else len(self.text)].rstrip("\r")


def load_toml(text: str, path: str) -> dict[str, Any]:
    """The values of a text. Raises ParseError with file, line, column and what was wrong."""
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        told = _PLACE.match(str(error))
        at = (int(told[2]), int(told[3])) if told and told[2] else (text.count("\n") + 1, len(text) - text.rfind("\n"))
        reason = (told[1] if told else str(error))[:_LONGEST_REASON]
        where = {"file": path, "line": at[0], "column": at[1], "quote": quote(text, at[0])}
        raise (
            _unquoted_word(where)
            or _unclosed(reason, where)
            or _twice(text, reason, where)
            or ParseError("toml.syntax", reason=reason, **where)
        ) from None
    except ValueError as error:  # a date that no calendar has, a number of more digits than Python reads
        reason = str(error)[:_LONGEST_REASON]
        raise ParseError("toml.syntax", file=path, line=1, column=1, reason=reason, quote=quote(text, 1)) from None


def _unquoted_word(where: dict[str, Any]) -> ParseError | None:
    """The commonest mistake: a key or a word without quotes, as `5432/tcp = "office"`, `ssh = everyone`. None for any other."""
    line, at = where["quote"], where["column"] - 1
    key = _LIKE_A_KEY.match(line)
    if key is not None and not _DOTTED.fullmatch(key[1]) and key.start(1) <= at <= key.end():
        return ParseError("toml.unquoted-key", text=key[1][:_LONGEST_WORD], **{**where, "column": key.start(1) + 1})
    word = _WORD.match(line, at) if line[:at].rstrip()[-1:] in ("=", "[", ",") else None
    if word is not None and word[0] not in ("true", "false"):
        return ParseError("toml.unquoted-word", text=word[0][:_LONGEST_WORD], **where)
    return None


def _unclosed(reason: str, where: dict[str, Any]) -> ParseError | None:
    """A text whose quote is missing at its end."""
    if reason.startswith(("Illegal character '\\n'", "Illegal character '\\r'", "Unterminated string")):
        return ParseError("toml.unclosed", **where)
    return None


def _twice(text: str, reason: str, where: dict[str, Any]) -> ParseError | None:
    """A key that its table has already, with the line of the first one. None where that is not found."""
    found = _KEY.match(where["quote"])
    if not reason.startswith("Cannot overwrite a value") or found is None:
        return None
    key = found[1].strip("\"'")
    before = text.split("\n")[: where["line"] - 1]
    for at in range(len(before), 0, -1):
        other = _KEY.match(before[at - 1])
        if before[at - 1].lstrip().startswith("["):
            break
        if other is not None and other[1].strip("\"'") == key:
            return ParseError("toml.twice", text=key[:_LONGEST_WORD], first=at, **{**where, "column": found.start(1) + 1})
    return None


def quote(text: str, line: int) -> str:
    """A line of a text, from 1; empty for one that it does not have."""
    lines = text.split("\n")
    return lines[line - 1].rstrip("\r") if line <= len(lines) else ""


def parse_toml(text: str, path: str) -> Toml:
    """Values and places of a text. Raises ParseError as `load_toml`."""
    values = load_toml(text, path)
    scan = _Scan(text)
    scan.document()
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return Toml(path, values, text, scan.keys, scan.held, scan.ends, tuple(starts))


class _Scan:
    """One walk through a text that tomllib understood, so that nothing is checked twice."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[Path, int] = {}
        self.held: dict[Path, int] = {}
        self.ends: dict[Path, int] = {}
        self._members: dict[Path, int] = {}
        """How many tables each list of tables (`[[name]]`) has so far."""

    def document(self) -> None:
        table: Path = ()
        while True:
            self._skip(_BETWEEN)
            if self.at >= len(self.text):
                return
            table = self._header() if self.text[self.at] == "[" else self._pair(table)

    def _skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def _header(self) -> Path:
        start = self.at
        several = self.text.startswith("[[", self.at)
        self.at += 1 + several
        names = self._names()
        path: Path = ()
        for at, (name, offset) in enumerate(names):
            path = (*path, name)
            self.keys.setdefault(path, offset)
            self.held.setdefault(path, start)
            if at < len(names) - 1 and path in self._members:
                path = (*path, self._members[path] - 1)
        if several:
            count = self._members.get(path, 0)
            self._members[path] = count + 1
            path = (*path, count)
        elif path in self._members:
            path = (*path, self._members[path] - 1)
        self.keys.setdefault(path, start)
        self.held.setdefault(path, start)
        self.at += 1 + several
        return path

    def _names(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset."""
        found = []
        while True:
            self._skip(_SPACE)
            start = self.at
            if self.text[self.at] in "\"'":
                self._skip(_STRING)
                found.append((_unquoted(self.text[start : self.at]), start))
            else:
                self._skip(_BARE_KEY)
                found.append((self.text[start : self.at], start))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return found
            self.at += 1

    def _pair(self, table: Path) -> Path:
        path = table
        for name, offset in self._names():
            path = (*path, name)
            self.keys.setdefault(path, offset)
            self.held.setdefault(path, offset)
        self.at += 1  # =
        self._skip(_SPACE)
        self._value(path)
        return table

    def _value(self, path: Path) -> None:
        self.held[path] = self.at
        first = self.text[self.at]
        if first in "\"'":
            self._skip(_STRING)
        elif first == "[":
            self._list(path)
        elif first == "{":
            self._table(path)
        else:
            self._skip(_BARE)
            while self.text[self.at - 1] in " \t\r":
                self.at -= 1
        self.ends[path] = self.at

    def _list(self, path: Path) -> None:
        self.at += 1
        count = 0
        while True:
            self._skip(_BETWEEN)
            if self.text[self.at] == "]":
                break
            self.keys[*path, count] = self.at
            self._value((*path, count))
            count += 1
            self._skip(_BETWEEN)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def _table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._skip(_BETWEEN)
            if self.text[self.at] == "}":
                break
            self._pair(path)
            self._skip(_BETWEEN)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1


def _unquoted(text: str) -> str:
    """What a quoted key says."""
    if text[0] == "'" or "\\" not in text:
        return text[1:-1]
    import tomllib

    said: str = tomllib.loads(f"key = {text}")["key"]
    return said
