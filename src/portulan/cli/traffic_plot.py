"""Bytes of each service over time as a picture: stacked bars, one for each stretch of time, the largest service at the bottom."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from portulan.cli.map_palette import FAINT, MARKS, TEXT
from portulan.cli.map_shapes import Box, Sheet, Words
from portulan.cli.table import shorten
from portulan.model.picture import Cell
from portulan.model.record import Record
from portulan.text import traffic as words
from portulan.text.clean import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.cli.map_palette import Colour
    from portulan.cli.map_shapes import Shape
    from portulan.model.traffic import Bucket, Traffic
    from portulan.text.voice import Voice

    Door = tuple[str, int | None, str | None]

COLOURS: tuple[Colour, ...] = (
    MARKS[Cell.LOOPBACK], MARKS[Cell.PUBLIC], (175, 0, 254), MARKS[Cell.PRIVATE], MARKS[Cell.ALL], (202, 242, 239), (118, 79, 1),
)  # fmt: skip
"""Of the largest services, the largest first; those of the picture of all ports, and three more. Eyes that see fewer colours tell them apart: see the test."""
REST: Colour = (60, 64, 70)
"""Of all others together."""
GRID: Colour = (30, 40, 55)

WIDTH, HEIGHT = 1220, 620
LEFT, TOP, ACROSS, DOWN = 96, 120, 780, 430
"""Where the bars stand, and how much room they have."""
LEGEND = LEFT + ACROSS + 40
_SIZE, _SMALL, _STEP = 15, 13, 30
_NAME = 18
_TICKS = 6
_STEPS_S = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800, 2_592_000,
)  # fmt: skip
"""Between two times below the bars."""


class Bars(Record):
    """What is drawn: for each stretch of time bytes of each door, the largest doors first, all others under None."""

    begin_s: float
    width_s: float
    doors: tuple[Door, ...]
    totals: dict[Door | None, int]
    columns: tuple[dict[Door | None, int], ...]

    @property
    def highest(self) -> int:
        """Bytes of the fullest stretch."""
        return max(sum(column.values()) for column in self.columns)


def bars(buckets: tuple[Bucket, ...], most: int = len(COLOURS), across: int = ACROSS) -> Bars | None:
    """Buckets as bars, of which there are no more than pixels: neighbours are put together. None: there is nothing to draw."""
    if not buckets:
        return None
    totals: Counter[Door] = Counter()
    for one in buckets:
        totals[(one.transport, one.port, one.service)] += one.bytes
    ranked = sorted((door for door in totals if door[1] is not None), key=lambda door: (-totals[door], str(door)))
    doors = tuple(ranked[:most])
    shown = set(doors)
    begin_s, width_s = min(one.begins_at for one in buckets).timestamp(), buckets[0].seconds
    places = [round((one.begins_at.timestamp() - begin_s) / width_s) for one in buckets]
    together = max(places) // across + 1
    columns: list[dict[Door | None, int]] = [{} for _ in range(max(places) // together + 1)]
    sums: Counter[Door | None] = Counter()
    for one, place in zip(buckets, places, strict=True):
        named = (one.transport, one.port, one.service)
        door = named if named in shown else None
        column = columns[place // together]
        column[door] = column.get(door, 0) + one.bytes
        sums[door] += one.bytes
    return Bars(begin_s, width_s * together, doors, dict(sums), tuple(columns))


def compose(drawn: Bars, answer: Traffic, voice: Voice) -> Sheet:
    """The sheet, in one language."""
    top = _round_up(drawn.highest / drawn.width_s)
    legend = [(_name(door), drawn.totals[door], COLOURS[at]) for at, door in enumerate(drawn.doors)]
    if None in drawn.totals:
        legend.append((words.others(voice), drawn.totals[None], REST))
    total, length_s = sum(drawn.totals.values()), words.length_of(answer.began_at, answer.ended_at)
    began = datetime.fromtimestamp(drawn.begin_s, UTC)
    shapes = (
        Words(x=LEFT, y=50, text=words.plot_title(voice, total, length_s), size=24),
        Words(x=LEFT, y=78, text=f"{began:%Y-%m-%d %H:%M:%S} UTC · portulan traffic", size=_SIZE, colour=FAINT),
        Words(x=LEFT, y=TOP - 14, text=words.per_stretch(voice, drawn.width_s), size=_SMALL, colour=FAINT),
        *_scale(top, voice),
        *_columns(drawn, top),
        *_times(drawn),
        *_legend(legend, total),
    )
    told = "; ".join(f"{name}: {words.amount(count)}" for name, count, _ in legend)
    return Sheet(width=WIDTH, height=HEIGHT, title=words.plot_title(voice, total, length_s), description=told, grids=(), shapes=shapes)


def _name(door: Door) -> str:
    transport, port, service = door
    return shorten(f"{port}/{transport} {clean(service)}" if service else f"{port}/{transport}", _NAME)


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 with zeros."""
    unit = 1.0
    while unit < value:
        for step in (2.0, 5.0, 10.0):
            if unit * step >= value:
                return unit * step
        unit *= 10
    return unit


def _scale(top: float, voice: Voice) -> Iterator[Shape]:
    """Lines across, and what they stand for."""
    parts = 5 if str(top).lstrip("0.")[:1] == "5" else 4
    for at in range(parts + 1):
        y = TOP + DOWN - DOWN * at // parts
        yield Box(x=LEFT, y=y, width=ACROSS, height=1, colour=FAINT if not at else GRID)
        yield Words(x=LEFT - 10, y=y + 5, text=words.rate(voice, top * at / parts, 1), size=_SMALL, colour=FAINT, anchor="end")


def _columns(drawn: Bars, top: float) -> Iterator[Shape]:
    count = len(drawn.columns)
    order: list[tuple[Door | None, Colour]] = [*zip(drawn.doors, COLOURS, strict=False), (None, REST)]
    for at, column in enumerate(drawn.columns):
        x, end = LEFT + at * ACROSS // count, LEFT + (at + 1) * ACROSS // count
        gap = 1 if end - x > 3 else 0
        below = 0
        for door, colour in order:
            bytes_ = column.get(door, 0)
            low, high = (round(DOWN * part / drawn.width_s / top) for part in (below, below + bytes_))
            below += bytes_
            if high > low:
                yield Box(x=x, y=TOP + DOWN - high, width=end - x - gap, height=high - low, colour=colour)


def _times(drawn: Bars) -> Iterator[Shape]:
    """The hours below."""
    whole_s = len(drawn.columns) * drawn.width_s
    step = next((each for each in _STEPS_S if whole_s / each <= _TICKS), _STEPS_S[-1])
    form = "%m-%d %H:%M" if whole_s > 86_400 else "%H:%M:%S" if step < 60 else "%H:%M"
    number = -(-drawn.begin_s // step)
    while number * step <= drawn.begin_s + whole_s:
        moment_s = number * step
        x = LEFT + round((moment_s - drawn.begin_s) / whole_s * ACROSS)
        text = datetime.fromtimestamp(moment_s, UTC).strftime(form)
        if step < 1:
            text += f".{round(moment_s % 1 * 1000) % 1000:03}"
        yield Box(x=x, y=TOP + DOWN, width=1, height=6, colour=FAINT)
        yield Words(x=x, y=TOP + DOWN + 24, text=text, size=_SMALL, colour=FAINT, anchor="middle")
        number += 1


def _legend(rows: list[tuple[str, int, Colour]], total: int) -> Iterator[Shape]:
    """The services in the order in which their bars stand: the largest below."""
    y = TOP + DOWN - _STEP * (len(rows) - 1)
    for name, count, colour in reversed(rows):
        yield Box(x=LEGEND, y=y - 13, width=16, height=16, colour=colour)
        yield Words(x=LEGEND + 26, y=y, text=name, size=_SIZE, colour=TEXT)
        yield Words(
            x=WIDTH - 16, y=y, text=f"{words.amount(count)} · {words.share(count / total)}", size=_SMALL, colour=FAINT, anchor="end"
        )
        y += _STEP
