"""Where a command speaks: data to stdout, talk to stderr, in one language, as wide and as colourful as the reader's window."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from portulan.text.voice import Voice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import TextIO

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36"}
_FALLBACK_WIDTH = 80
_WIDEST = 200


class Face:
    """One command's way to speak to one reader."""

    def __init__(self, voice: Voice, out: TextIO, err: TextIO, *, width: int = _FALLBACK_WIDTH, colour: bool = False) -> None:
        self.voice = voice
        self.out = out
        self.err = err
        self.width = width
        """Columns of the window, 80 when it has none."""
        self.colour = colour

    def line(self, text: str = "") -> None:
        """One line of data."""
        self.out.write(text + "\n")

    def note(self, text: str) -> None:
        """One line of talk. Data that cannot be written does not keep it back."""
        with suppress(OSError):
            self.out.flush()
        self.err.write(text + "\n")

    def style(self, text: str, *names: str) -> str:
        """The text in these styles, if the reader sees colours."""
        if not self.colour or not names or not text:
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"

    def table(
        self,
        rows: Sequence[Sequence[str]],
        headers: Sequence[str] | None = None,
        *,
        shrink: Collection[int] = (),
        right: Collection[int] = (),
        styles: Callable[[int, int], Sequence[str]] | None = None,
    ) -> None:
        """A table that fits the window; `styles` (row, column) names a cell's styles. Headers are dim."""
        from portulan.cli.table import layout

        def paint(row: int, column: int, text: str) -> str:
            names = ("dim",) if row < 0 else styles(row, column) if styles else ()
            return self.style(text, *names)

        for line in layout(rows, headers, self.width, shrink=shrink, right=right, paint=paint if self.colour else None):
            self.line(line)

    def paragraph(self, text: str, indent: str = "") -> None:
        """Text wrapped to the window."""
        from portulan.cli.table import wrap

        for line in wrap(text, min(self.width, 100) - len(indent)):
            self.line(indent + line)

    def envelope(
        self,
        command: str,
        items: Iterable[object],
        *,
        taken_at: datetime | None = None,
        missing: Iterable[str] = (),
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """The JSON envelope; complete when nothing is missing."""
        from portulan.cli.envelope import envelope

        if taken_at is None:
            from datetime import UTC, datetime

            taken_at = datetime.now(UTC)
        self.bytes(envelope(command, items, taken_at=taken_at, missing=missing, extra=extra))

    def bytes(self, data: bytes | bytearray) -> None:
        """Bytes as they are."""
        self.out.flush()
        binary = getattr(self.out, "buffer", None)
        if binary is None:
            self.out.write(data.decode())
        else:
            binary.write(data)
            binary.flush()

    def csv(self, headers: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> None:
        """Comma-separated values, RFC 4180 with plain newlines. A cell that a spreadsheet would run as a formula gets an apostrophe before it."""
        import csv

        writer = csv.writer(self.out, lineterminator="\n")
        if headers:
            writer.writerow(headers)
        writer.writerows([_harmless(cell) for cell in row] for row in rows)


def _harmless(cell: object) -> object:
    from portulan.text.clean import clean

    if cell is None:
        return ""
    if isinstance(cell, str):
        text = clean(cell)
        return "'" + text if text[:1] in ("=", "+", "-", "@") else text
    return cell


def program_name() -> str:
    """How this program is started again, by another user too: by its name where every PATH finds it, else by its whole path."""
    path = os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else ""
    if path.endswith("__main__.py"):
        return f"{sys.executable} -m portulan"
    folder, name = os.path.split(path)
    if name != "portulan" or folder in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        return "portulan"
    from shlex import quote

    return quote(path)


def window_width(environment: Mapping[str, str]) -> int:
    """Columns of the window: COLUMNS, else the terminal's own, else 80; at most 200, since no line gets better beyond."""
    try:
        return max(20, min(int(environment["COLUMNS"]), _WIDEST))
    except (KeyError, ValueError):
        pass
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            columns = os.get_terminal_size(stream.fileno()).columns if stream else 0
        except (OSError, ValueError):
            continue
        if columns > 0:
            return max(20, min(columns, _WIDEST))
    return _FALLBACK_WIDTH


def wants_colour(asked: str, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """`always`, `never`, or `auto`: on a terminal that is not dumb, unless NO_COLOR is set to something (https://no-color.org)."""
    if asked != "auto":
        return asked == "always"
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb" and stream.isatty()
