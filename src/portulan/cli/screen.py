"""A terminal that shows one page at a time and listens to keys: what live views share."""

from __future__ import annotations

import os
import select
import signal
import sys

from portulan.cli.table import width_of
from portulan.errors import BadInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from portulan.cli.face import Face

_SAVED, _USUAL = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
LEAST_WIDTH, LEAST_HEIGHT = 40, 8
_BARS, _PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-=+*%#"
_LOST, _PLAIN_LOST = "×", "x"
QUIT = ("q", "Q", "\x03", "\x04")


class Screen:
    """A context manager. The terminal is given back as it was, also on SIGTERM."""

    def __init__(self, face: Face) -> None:
        """Raises BadInput without a terminal."""
        if not (face.out.isatty() and sys.stdin is not None and sys.stdin.isatty()):
            raise BadInput("live.terminal")
        self.face = face
        self.keyboard = sys.stdin.fileno()
        self.plain = (getattr(face.out, "encoding", None) or "ascii").lower().replace("-", "") not in ("utf8", "utf16")

    def __enter__(self) -> Screen:
        import termios
        import tty

        self._before = termios.tcgetattr(self.keyboard)
        tty.setcbreak(self.keyboard)
        self._signal = signal.signal(signal.SIGTERM, _leave)
        self.face.out.write(_SAVED)
        return self

    def __exit__(self, *_: object) -> None:
        import termios

        termios.tcsetattr(self.keyboard, termios.TCSADRAIN, self._before)
        signal.signal(signal.SIGTERM, self._signal)
        self.face.out.write(_USUAL)
        self.face.out.flush()

    def keys(self) -> str:
        """What was typed since the last time."""
        typed = ""
        while select.select([self.keyboard], [], [], 0)[0]:
            data = os.read(self.keyboard, 64)
            if not data:
                return typed + "q"  # the terminal is gone
            typed += data.decode("utf-8", "replace")
        return typed

    def size(self) -> tuple[int, int]:
        """(columns, lines)."""
        try:
            size = os.get_terminal_size(self.face.out.fileno())
        except (OSError, ValueError):
            return 80, 24
        return size.columns or 80, size.lines or 24

    def draw(self, lines: list[str], bottom: str = "") -> None:
        """One page in the place of the last, cut to the window; `bottom` on its last line."""
        width, height = self.size()
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            said = self.face.voice.say("The window is too small: {width} by {height} is the least.", width=LEAST_WIDTH, height=LEAST_HEIGHT)
            lines, bottom = [said[:width]], ""
        room = height - (2 if bottom else 1)
        if len(lines) > room:
            hidden = len(lines) - room + 1
            lines = [
                *lines[: room - 1],
                self.face.voice.count("… {n} more line: the window is too low", "… {n} more lines: the window is too low", hidden),
            ]
        page = [*lines, *([""] * (room - len(lines))), bottom] if bottom else lines
        self.face.out.write(_HOME + (_REST_OF_LINE + "\n").join(page) + _REST_OF_LINE + _REST)
        self.face.out.flush()


def spark(values: tuple[float | None, ...] | list[float | None], width: int, *, plain: bool, top: float | None = None) -> str:
    """The latest values as bars, the greatest (or `top`) the highest; a cross for none."""
    latest = list(values)[-width:] if width > 0 else []
    known = [value for value in latest if value is not None]
    bars, lost = (_PLAIN_BARS, _PLAIN_LOST) if plain else (_BARS, _LOST)
    highest = max([*known, 1e-9]) if top is None else max(top, 1e-9)
    return "".join(lost if value is None else bars[min(len(bars) - 1, int(value / highest * len(bars)))] for value in latest)


def fit(text: str, width: int) -> str:
    """The text, cut where it is wider than that."""
    if width_of(text) <= width:
        return text
    cut = ""
    for letter in text:
        if width_of(cut + letter) > width - 1:
            break
        cut += letter
    return cut + "…"


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End as the signal asks, and give the screen back on the way."""
    sys.exit(128 + number)
