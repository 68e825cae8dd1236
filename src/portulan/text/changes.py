"""What changed between two charts, in words: one line for each port that was opened or closed."""

from __future__ import annotations

from collections import Counter

from portulan.model.chart import Chart
from portulan.model.record import Record
from portulan.text.chart import Line, lines
from portulan.text.voice import Voice


class Change(Record):
    """One line of the chart that was not there before, or is there no more."""

    opened: bool
    text: str
    """Ready for a terminal."""


def changes(voice: Voice, before: Chart, after: Chart) -> list[Change]:
    """What was closed, then what was opened; each in the order of its chart. Counts and times that go on are no change."""
    old, new = ([(_key(line), line) for line in lines(voice, chart)] for chart in (before, after))
    return [
        Change(opened, _say(voice, after, line, opened=opened))
        for opened, here, there in ((False, old, new), (True, new, old))
        for line in _missing_from(there, here)
    ]


def _missing_from(there: list[tuple[tuple[str, ...], Line]], here: list[tuple[tuple[str, ...], Line]]) -> list[Line]:
    left = Counter(key for key, _ in there)
    missing = []
    for key, line in here:
        if left[key]:
            left[key] -= 1
        else:
            missing.append(line)
    return missing


def _key(line: Line) -> tuple[str, ...]:
    return line.port, line.held_by, line.bound_to, line.peer, line.state, line.namespace


def _say(voice: Voice, chart: Chart, line: Line, *, opened: bool) -> str:
    at = chart.taken_at.astimezone().strftime("%H:%M:%S")
    where = line.bound_to if line.peer == "-" else f"{line.bound_to} {line.peer}"
    if opened:
        return voice.say("{at}  + {port}  {who}  on {where}", at=at, port=line.port, who=line.held_by, where=where)
    return voice.say("{at}  - {port}  {who}  on {where}", at=at, port=line.port, who=line.held_by, where=where)
