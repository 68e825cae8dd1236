"""`--watch`: the same question again and again, until it is interrupted."""

from __future__ import annotations

import time

from portulan.cli.face import Face
from portulan.errors import BadInput
from portulan.model.chart import Chart

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_SHORTEST_S, _LONGEST_S = 0.1, 86_400.0
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
    screen = face.out.isatty() and not options.json and not options.csv
    if screen:
        face.out.write(_SAVED_SCREEN)
    try:
        while True:
            begun_s = time.monotonic()
            chart = look()
            if screen:
                face.out.write(_HOME_AND_CLEAR)
            show(options, face, chart)
            if not screen and not options.json and not options.csv:
                face.line()
            face.out.flush()
            time.sleep(max(0.0, interval_s - (time.monotonic() - begun_s)))
    except KeyboardInterrupt:
        return 130
    finally:
        if screen:
            face.out.write(_USUAL_SCREEN)
            face.out.flush()
