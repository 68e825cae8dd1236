"""The picture of all ports as a sheet of simple shapes, which PNG and SVG draw alike.

At the left all ports, 256 to a row and four pixels each, with the three ranges beside them and every open number written at the right
edge; at the right the system ports again, enlarged and 25 to a row, since people count in decimals: 443 is in the row of 425. Below, the
open ports by how far they reach, and the legend. All lengths are pixels, from the upper left corner.
"""

from __future__ import annotations

from portulan.cli.map_ink import width_of
from portulan.cli.map_palette import FAINT, MARKS, PAGE, RANGES, TEXT, between, shades_of
from portulan.cli.map_shapes import Box, Grid, Line, Ring, Sheet, Words
from portulan.host.picture import by_exposure, count_cells
from portulan.model.address import EXPOSURE_ORDER
from portulan.model.picture import SIDE, Cell
from portulan.model.port import LAST_SYSTEM, PORTS, PortClass, port_class
from portulan.text import map as words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.cli.map_shapes import Shape
    from portulan.model.picture import OpenPort, PortMap
    from portulan.text.voice import Voice


EDGE, TOP, GUTTER = 36, 150, 132
"""The empty border, where the grids begin, and the room for the numbers at their left."""
WHOLE = Grid(x=EDGE + GUTTER, y=TOP, numbers=range(PORTS), columns=SIDE, cell_width=4, cell_height=4)
LENS = Grid(x=1402, y=TOP, numbers=range(LAST_SYSTEM + 1), columns=25, cell_width=24, cell_height=25)
WHOLE_SIDE = SIDE * WHOLE.cell_width
WIDTH = LENS.x + LENS.columns * LENS.cell_width + EDGE
FOOT = TOP + WHOLE_SIDE + 46
"""The first line below the grids."""

LABEL_STEP = 16
"""Between the baselines of the numbers at the right edge of the whole picture."""
MOST_LABELS = WHOLE_SIDE // LABEL_STEP
MOST_RINGS = 400
"""With more open ports than this, rings around them would hide the picture they point at."""
LINE_STEP, SIZE, SMALL = 25, 15, 13
MOST_LINES = 6
"""Lines of numbers for each kind of openness."""


def compose(drawn: PortMap, voice: Voice) -> Sheet:
    """The sheet of a picture, in one language."""
    lists, bottom = _lists(drawn, voice)
    legend, legend_bottom = _legend(drawn, voice)
    shapes = (
        Words(x=EDGE, y=56, text=words.title(drawn, voice), size=28),
        Words(x=EDGE, y=84, text=f"{words.moment(drawn)} · portulan map", size=SIZE, colour=FAINT),
        *_whole(drawn, voice),
        *_labels(drawn, voice),
        *_lens(drawn, voice),
        *lists,
        *legend,
    )
    described = [words.describe(port, voice) for port in drawn.picture.open]
    return Sheet(
        width=WIDTH,
        height=max(bottom, legend_bottom) + EDGE - LINE_STEP // 2,
        title=f"{words.title(drawn, voice)}, {words.moment(drawn)}",
        description="; ".join(described),
        grids=(WHOLE, LENS),
        shapes=shapes,
    )


def _whole(drawn: PortMap, voice: Voice) -> Iterator[Shape]:
    """What stands around the whole picture at the left and on top."""
    yield Words(x=WHOLE.x, y=TOP - 30, text=words.rows_heading(SIDE, voice), size=SIZE)
    for column in range(0, SIDE, 32):
        yield Words(x=WHOLE.x + column * WHOLE.cell_width, y=TOP - 9, text=f"+{column}", size=SMALL, colour=FAINT)
    right = WHOLE.x - 18
    for range_, numbers in words.RANGES.items():
        _, y = WHOLE.place(numbers[0])
        _, end = WHOLE.place(numbers[-1])
        light = RANGES[range_][1]
        yield Box(x=WHOLE.x - 11, y=y, width=4, height=end + WHOLE.cell_height - y, colour=light)
        yield Words(x=EDGE, y=y + 12, text=words.short_name(range_, voice), size=SMALL)
        yield Words(x=right, y=y + 12, text=str(numbers[0]), size=SMALL, anchor="end")
    for number in range(4096, PORTS, 4096):
        if port_class(number) is port_class(number - 1):
            yield Words(x=right, y=WHOLE.place(number)[1] + 12, text=str(number), size=SMALL, colour=FAINT, anchor="end")
    if drawn.ephemeral:
        _, y = WHOLE.place(drawn.ephemeral.first)
        _, end = WHOLE.place(drawn.ephemeral.last)
        yield Box(x=WHOLE.x - 5, y=y, width=2, height=end + WHOLE.cell_height - y, colour=TEXT)


def _by_number(drawn: PortMap) -> dict[int, OpenPort]:
    """One open port per number, in order: the farthest-reaching of its transports."""
    nearest_first = sorted(drawn.picture.open, key=lambda port: EXPOSURE_ORDER.index(port.exposure))
    return dict(sorted({port.port: port for port in nearest_first}.items()))


def _labels(drawn: PortMap, voice: Voice) -> Iterator[Shape]:
    """A ring around each open port beyond the system range, and a thread to its number at the right edge.

    Ring and thread leave the upper left pixel of every cell as it is: no port's own colour is hidden.
    """
    ports = [port for port in _by_number(drawn).values() if port.port > LAST_SYSTEM]
    if len(ports) <= MOST_RINGS:
        for port in ports:
            x, y = WHOLE.place(port.port)
            yield Ring(x=x - 2, y=y - 2, side=WHOLE.cell_width + 4, colour=MARKS[drawn.picture[port.port]])
    # Those that reach farthest are named first, should there be too many.
    named = sorted(sorted(ports, key=lambda port: -EXPOSURE_ORDER.index(port.exposure))[:MOST_LABELS], key=lambda port: port.port)
    edge = WHOLE.x + WHOLE_SIDE
    places = _spread([WHOLE.place(port.port)[1] + 2 for port in named])
    for port, middle in zip(named, places, strict=True):
        y = WHOLE.place(port.port)[1] + 2
        colour = MARKS[drawn.picture[port.port]]
        start = WHOLE.place(port.port)[0] + WHOLE.cell_width + 3
        if start < edge:
            yield Box(x=start, y=y, width=edge - start, height=1, colour=between(RANGES[port_class(port.port)][0], colour, 2))
        yield Line(x=edge, y=y, to_x=edge + 9, to_y=y, colour=colour)
        yield Line(x=edge + 9, y=y, to_x=edge + 21, to_y=middle, colour=colour)
        name = f"{port.port} {port.service}" if port.service else str(port.port)
        yield Words(x=edge + 26, y=middle + 5, text=_shorten(name, SMALL, LENS.x - edge - 74), size=SMALL, colour=colour)
    if len(ports) > len(named):
        text = words.more(len(ports) - len(named), voice)
        yield Words(x=edge + 26, y=TOP + WHOLE_SIDE + 22, text=text, size=SMALL, colour=FAINT)


def _spread(wanted: list[int]) -> list[int]:
    """The wanted heights (ascending), moved apart to LABEL_STEP as little as the whole picture's height demands."""
    places: list[int] = []
    for height in wanted:
        places.append(max(height, places[-1] + LABEL_STEP if places else TOP + 6))
    limit = TOP + WHOLE_SIDE - 6
    for at in range(len(places) - 1, -1, -1):
        places[at] = min(places[at], limit)
        limit = places[at] - LABEL_STEP
    return places


def _lens(drawn: PortMap, voice: Voice) -> Iterator[Shape]:
    """What stands around and in the enlarged system range: in each open cell its number."""
    yield Words(x=LENS.x, y=TOP - 30, text=words.lens_heading(voice), size=SIZE)
    for column in range(0, LENS.columns, 5):
        yield Words(x=LENS.x + column * LENS.cell_width + 2, y=TOP - 9, text=f"+{column}", size=SMALL, colour=FAINT)
    for first in range(0, LAST_SYSTEM + 1, LENS.columns):
        round_ = first % 100 == 0
        y = LENS.place(first)[1] + 17
        yield Words(x=LENS.x - 8, y=y, text=str(first), size=SMALL, colour=TEXT if round_ else FAINT, anchor="end")
    width, height = LENS.columns * LENS.cell_width, -(-len(LENS.numbers) // LENS.columns) * LENS.cell_height
    # A seam at the right and the lower edge of each cell, so that neighbours can be counted.
    for x in range(LENS.x + LENS.cell_width - 1, LENS.x + width, LENS.cell_width):
        yield Box(x=x, y=LENS.y, width=1, height=height, colour=PAGE)
    for y in range(LENS.y + LENS.cell_height - 1, LENS.y + height, LENS.cell_height):
        yield Box(x=LENS.x, y=y, width=width, height=1, colour=PAGE)
    for number in _by_number(drawn):
        if number in LENS.numbers:
            x, y = LENS.place(number)
            size = 12 if number < 1000 else 10
            yield Words(x=x + LENS.cell_width // 2, y=y + 17, text=str(number), size=size, colour=PAGE, anchor="middle")


def _lists(drawn: PortMap, voice: Voice) -> tuple[list[Shape], int]:
    """The open ports by how far they reach, with all their numbers as far as six lines go; and where the next line would be."""
    shapes: list[Shape] = []
    y = FOOT
    column = EDGE + 300
    for exposure, found in by_exposure(drawn.picture.open).items():
        cell = Cell(exposure.value)
        shapes += [Box(x=EDGE, y=y - 13, width=16, height=16, colour=MARKS[cell])]
        shapes += [Words(x=EDGE + 26, y=y, text=voice.say(words.CELLS[cell]), size=SIZE)]
        count = f"{sum(map(len, found.values())):,}"
        shapes += [Words(x=column - 16, y=y, text=count, size=SIZE, colour=MARKS[cell], anchor="end")]
        for line in _wrap(words.number_words(found), LENS.x - 60 - column, voice):
            shapes.append(Words(x=column, y=y, text=line, size=SIZE))
            y += LINE_STEP
        y += 4
    return shapes, y


def _legend(drawn: PortMap, voice: Voice) -> tuple[list[Shape], int]:
    """The three ranges and what their shades mean; what is in use; the clients' range. And where the next line would be."""
    counts = count_cells(drawn.picture)
    shapes: list[Shape] = []
    y, x = FOOT, LENS.x
    for range_ in PortClass:
        shades = shades_of(range_)
        size = 16 // len(shades)
        shapes += [Box(x=x + at * size, y=y - 13, width=size, height=16, colour=shade) for at, shade in enumerate(shades)]
        shapes += [Words(x=x + 26, y=y, text=words.range_name(range_, voice), size=SIZE)]
        y += LINE_STEP
    shapes += [Words(x=x + 26, y=y, text=words.shades(voice), size=SIZE, colour=FAINT)]
    y += LINE_STEP
    if counts[Cell.IN_USE]:
        shapes += [Box(x=x, y=y - 13, width=16, height=16, colour=MARKS[Cell.IN_USE])]
        shapes += [Words(x=x + 26, y=y, text=f"{voice.say(words.CELLS[Cell.IN_USE])}: {counts[Cell.IN_USE]:,}", size=SIZE)]
        y += LINE_STEP
    if drawn.ephemeral:
        shapes += [Box(x=x + 7, y=y - 13, width=2, height=16, colour=TEXT)]
        shapes += [Words(x=x + 26, y=y, text=words.clients(drawn, voice), size=SIZE)]
        y += LINE_STEP
    return shapes, y


def _length(text: str, size: int) -> int:
    """About how wide the text is: fonts differ, so this is what the wider of the usual ones take."""
    return width_of(text) * size * 62 // 100


def _shorten(text: str, size: int, room: int) -> str:
    """The text, cut with an ellipsis where it would not fit."""
    while _length(text, size) > room:
        text = text.removesuffix("…")[:-1] + "…"
    return text


def _wrap(pieces: list[tuple[str, int]], room: int, voice: Voice) -> list[str]:
    """The pieces in lines that fit, at most MOST_LINES; the ports that are left out are counted."""
    lines, now, left = [], "", sum(count for _, count in pieces)
    for piece, count in pieces:
        if now and _length(f"{now} {piece}", SIZE) > room:
            lines.append(now)
            now = ""
            if len(lines) == MOST_LINES:
                lines[-1] = f"{lines[-1].removesuffix(',')} {words.more(left, voice)}"
                return lines
        now = f"{now} {piece}" if now else piece
        left -= count
    return [*lines, now]
