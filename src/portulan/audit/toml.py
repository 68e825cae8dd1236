"""TOML that people write, with the lines that tell them where they erred (https://toml.io/en/v1.0.0)."""

from __future__ import annotations

import re

from portulan.guard.policy.toml import load_toml
from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEADER = re.compile(r"""\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:\#.*)?$""")
_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")


class Toml(Record):
    """A file: its values, and where they stand."""

    path: str
    values: dict[str, Any]
    text: str

    def line(self, section: str, key: str | None = None, number: int = 0) -> int:
        """The line, from 1, of a table (the `number`th of its name), or of a key in it; 1 where it is not found."""
        found, at, inside = 0, -1, section == ""
        for count, line in enumerate(self.text.split("\n"), 1):
            if header := _HEADER.match(line):
                name = _plain(header[2])
                inside = name == section
                at += inside
                if key is None and inside and at == number:
                    return count
                if key is not None and name == f"{section}.{key}":
                    return count
                if inside and at == number:
                    found = count
            elif key is not None and inside and at in (number, -1) and (word := _KEY.match(line)) and _plain(word[1]) == key:
                return count
        return found or 1


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split(".")) if name[:1] not in "\"'" else name[1:-1]


def parse_toml(text: str, path: str) -> Toml:
    """Raises ParseError with file, line, column and what was wrong."""
    return Toml(path, load_toml(text, path), text)
