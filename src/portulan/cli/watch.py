"""`--watch`: the same question again and again, until it is interrupted."""

from __future__ import annotations

import os
import signal
import sys
import time
from io import StringIO

from portulan.cli.face import Face, window_width
from portulan.errors import BadInput
from portulan.model.chart import Chart

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

_SHORTEST_S, _LONGEST_S = 0.1, 86_400.0
_CHANGES = 6
"""Lines of changes that are kept in sight."""
_LOWEST = 12
"""Lines that every window is taken to have."""
_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_SAVED_SCREEN, _USUAL_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


def parse_interval(text: str) -> float:
    """Seconds between two looks. Raises BadInput."""
    try:
        interval_s = float(text)
    except ValueError:
        interval_s = 0.0
    if not _SHORTEST_S <= interval_s <= _LONGEST_S:
        raise BadInput("watch.interval", text=text)
    return interval_s


def watch(
    options: argparse.Namespace, face: Face, look: Callable[[], Chart], show: Callable[[argparse.Namespace, Face, Chart], None]
) -> int:
    """Look every so many seconds. On a terminal each chart replaces the last; elsewhere they follow one another (JSON: one object a line)."""
    interval_s = parse_interval(options.watch)
    screen = _Screen(face) if face.out.isatty() and not options.json and not options.csv else None
    usual = signal.signal(signal.SIGTERM, _leave)
    try:
        while True:
            begun_s = time.monotonic()
            chart = look()
            if screen:
                screen.show(options, chart, show)
            else:
                show(options, face, chart)
                if not options.json and not options.csv:
                    face.line()
            face.out.flush()
            time.sleep(max(0.0, interval_s - (time.monotonic() - begun_s)))
    except KeyboardInterrupt:
        return 130
    finally:
        if screen:
            screen.leave()
        signal.signal(signal.SIGTERM, usual)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End as the signal asks, and give the screen back on the way."""
    sys.exit(128 + number)


class _Screen:
    """A terminal that shows one chart at a time, cut to its window, and below it what was opened and closed of late."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.before: Chart | None = None
        self.latest: list[str] = []
        face.out.write(_SAVED_SCREEN)

    def leave(self) -> None:
        """The screen as it was."""
        self.face.out.write(_USUAL_SCREEN)
        self.face.out.flush()

    def show(self, options: argparse.Namespace, chart: Chart, show: Callable[[argparse.Namespace, Face, Chart], None]) -> None:
        """One chart in the place of the last."""
        face, width = self.face, window_width(os.environ)
        if self.before is not None:
            from portulan.text.changes import changes

            fresh = changes(face.voice, self.before, chart)
            self.latest = [*self.latest, *(face.style(one.text[:width], "green" if one.opened else "red") for one in fresh)][-_CHANGES:]
        self.before = chart
        page = StringIO()
        show(options, Face(face.voice, page, page, width=width, colour=face.colour), chart)
        lines = page.getvalue().split("\n")[:-1]
        below = ["", *self.latest] if self.latest else []
        room = self._height() - len(below) - 1
        if len(lines) > room:
            hidden = len(lines) - room + 1
            lines = lines[: room - 1]
            lines.append(
                face.style(
                    face.voice.count("… {n} more line: the window is too low", "… {n} more lines: the window is too low", hidden), "dim"
                )
            )
        face.out.write(_HOME_AND_CLEAR + "\n".join([*lines, *below, ""]))

    def _height(self) -> int:
        """Lines of the window; where it does not tell, as many as may come."""
        try:
            return max(os.get_terminal_size(self.face.out.fileno()).lines, _LOWEST)
        except (OSError, ValueError):
            return sys.maxsize
