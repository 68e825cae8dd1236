"""`${NAME}`, `${NAME:-default}` and their kin, as compose files fill them in (the Compose specification, "Interpolation")."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_]\w*")
_DEEPEST = 8
_LONGEST = 4096


class Unset(Exception):
    """A variable that no file sets, or a form that is none."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def interpolate(text: str, known: Mapping[str, str], depth: int = 0) -> str:
    """The text filled in; `$$` is a dollar. Raises Unset where a value is not known."""
    if "$" not in text:
        return text
    if depth > _DEEPEST or len(text) > _LONGEST:
        raise Unset(text)
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "$":
            stop = text.find("$", at)
            stop = len(text) if stop < 0 else stop
            parts.append(text[at:stop])
            at = stop
            continue
        if text.startswith("$$", at):
            parts.append("$")
            at += 2
            continue
        braced = text.startswith("${", at)
        name = _NAME.match(text, at + (2 if braced else 1))
        if name is None:
            raise Unset(text)
        at = name.end()
        if not braced:
            parts.append(_plain(name[0], known, text))
            continue
        stop = _closing(text, at)
        parts.append(_braced(name[0], text[at:stop], known, depth))
        at = stop + 1
    return "".join(parts)


def _closing(text: str, at: int) -> int:
    depth = 1
    for stop in range(at, len(text)):
        if text.startswith("${", stop):
            depth += 1
        elif text[stop] == "}":
            depth -= 1
            if not depth:
                return stop
    raise Unset(text)


def _plain(name: str, known: Mapping[str, str], text: str) -> str:
    if name not in known:
        raise Unset(text)
    return known[name]


def _braced(name: str, rest: str, known: Mapping[str, str], depth: int) -> str:
    """`${NAME`rest`}`: with `:` an empty value counts as none."""
    colon = rest.startswith(":")
    operator, word = rest[colon : colon + 1], rest[colon + 1 :]
    has = bool(known.get(name)) if colon else name in known
    match operator:
        case "-":
            return known[name] if has else interpolate(word, known, depth + 1)
        case "+":
            return interpolate(word, known, depth + 1) if has else ""
        case "?" if has:
            return known[name]
        case "" if not colon and name in known:
            return known[name]
    whole = f"${{{name}{rest}}}"
    raise Unset(whole)
