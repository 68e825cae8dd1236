"""The picture of all ports in a terminal of any size.

From top to bottom: the system ports one by one, a hundred to a line, since everything that is famous is there; all 65,536 in true
proportion, as many to a cell as the window asks for; the open ports by how far they reach, which is the legend too. Beside each line stand
its first number and the open numbers on it. With colours a character shows two cells, one above the other (the upper half block).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from portulan.cli.map_ink import Depth, Piece, paint, pieces_width
from portulan.cli.map_legend import DYNAMIC_SIGN, SIGNS, legend, lens_heading, title_line, whole_heading
from portulan.cli.map_palette import FAINT, PAGE, TEXT, cell_colour, spot_colour
from portulan.host.picture import shrink
from portulan.model.picture import Cell
from portulan.model.port import LAST_SYSTEM, PORTS, PortClass, port_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from portulan.model.picture import PortMap, Spot
    from portulan.text.voice import Voice

NARROWEST = 30
"""Columns; a narrower window breaks the lines itself."""
GUTTER = 6
"""Columns left of the cells: a port number and the mark of the clients' range."""
MARGIN = 10
"""Columns to the right of the cells that a wider picture must leave for the open numbers."""
LEAST_LINES = 4
"""Lines of the whole picture below which the lens gives way."""
WIDEST_RUN = 4096
"""As many ports to a cell as a heading must have room for."""
MOST_LINES = 3
"""Lines of numbers per kind of openness in a window; what is more is counted. Without a window there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """How a range of ports is laid out."""

    numbers: range
    columns: int
    """Cells side by side."""
    storeys: int = 1
    """Rows of cells in one line of text: two with half blocks."""
    run: int = 1
    """Ports to a cell."""
    wide: int = 1
    """Characters to a cell, side by side."""

    @property
    def per_line(self) -> int:
        """Ports on one line of text."""
        return self.columns * self.storeys * self.run

    @property
    def lines(self) -> int:
        """Lines of text."""
        return -(-len(self.numbers) // self.per_line)


def picture_lines(drawn: PortMap, voice: Voice, *, width: int, rows: int | None, depth: Depth) -> list[str]:
    """The picture for a window of `width` columns and `rows` lines, one of them left for the prompt; `rows` None: a page without end."""
    width = max(width, NARROWEST)
    lens, whole, limit = _fit(drawn, voice, width, rows, depth)
    lines = [title_line(drawn, voice, width)]
    if lens:
        lines += lens_heading(voice, depth, width)
        lines += _block_lines(drawn, lens, lens.numbers, depth, width)
    lines += whole_heading(whole.run, voice, depth, width, explain=not lens)
    beside = range(LAST_SYSTEM + 1, PORTS) if lens else whole.numbers
    lines += _block_lines(drawn, whole, beside, depth, width)
    lines += legend(drawn, voice, depth, width, limit)
    return [paint(line, depth, width) for line in lines]


def _fit(drawn: PortMap, voice: Voice, width: int, rows: int | None, depth: Depth) -> tuple[Block | None, Block, int | None]:
    """The lens (where there is room for one), the whole, and how many lines of numbers each kind of openness may take."""
    if rows is None:
        return _lens(width, depth, exact=True), _whole(width, 16, depth), None
    lens = _lens(width, depth, exact=False)
    choices = [(enlarged, limit) for enlarged in (lens, None) for limit in range(MOST_LINES, 0, -1)]
    for enlarged, limit in choices:
        # Headings may wrap in a narrow window or a wordy language, so whatever is not the whole picture is laid out and counted.
        words = [*legend(drawn, voice, depth, width, limit), *whole_heading(WIDEST_RUN, voice, depth, width, explain=not enlarged)]
        if enlarged:
            words += lens_heading(voice, depth, width)
        room = rows - 2 - len(words) - (enlarged.lines if enlarged else 0)
        if room >= LEAST_LINES or (enlarged, limit) == choices[-1]:
            break
    return enlarged, _whole(width, room, depth), limit


def _lens(width: int, depth: Depth, *, exact: bool) -> Block:
    """The system ports; `exact` where lines are plenty, so that each port has a cell even without half blocks."""
    room, numbers = width - GUTTER, range(LAST_SYSTEM + 1)
    storeys = 1 if depth is Depth.PLAIN else 2
    if depth is not Depth.PLAIN and room >= 200 + MARGIN:
        return Block(numbers=numbers, columns=100, wide=2)
    if room >= 100 + MARGIN:
        return Block(numbers=numbers, columns=100)
    columns = 50 if room >= 50 + MARGIN else 25 if room >= 25 + 4 else 20
    return Block(numbers=numbers, columns=columns, storeys=storeys, run=1 if exact or storeys == 2 else 2)


def _whole(width: int, lines: int, depth: Depth) -> Block:
    """All ports, on at most `lines` lines: powers of two both ways, so that a line begins at a round number of the 256 by 256 picture."""
    room = width - GUTTER - MARGIN
    columns = next((columns for columns in (256, 128, 64, 32) if columns <= room), 16)
    storeys = 1 if depth is Depth.PLAIN else 2
    cells = columns * storeys
    while cells * 2 <= min(lines * columns * storeys, PORTS):
        cells *= 2
    return Block(numbers=range(PORTS), columns=columns, storeys=storeys, run=PORTS // cells)


def _block_lines(drawn: PortMap, block: Block, beside: range, depth: Depth, width: int) -> Iterator[list[Piece]]:
    """The lines of a block: first number, cells, and those open numbers that are also in `beside`."""
    spots = shrink(drawn.picture, block.run, block.numbers)
    clients = drawn.ephemeral
    for at in range(block.lines):
        first = block.numbers.start + at * block.per_line
        ports = range(first, min(first + block.per_line, block.numbers.stop))
        handed = clients is not None and clients.first < ports.stop and clients.last >= ports.start
        mark = ("|" if depth is Depth.PLAIN else "▕") if handed else " "
        start = at * block.columns * block.storeys
        storeys = [spots[start + block.columns * storey :][: block.columns] for storey in range(block.storeys)]
        line = [Piece(f"{first:>{GUTTER - 1}}{mark}", FAINT), *_cells(storeys, ports, block, depth)]
        used = range(max(ports.start, beside.start), min(ports.stop, beside.stop))
        yield [*line, *_numbers_beside(drawn, used, width - pieces_width(line))]


def _cells(storeys: list[list[Spot]], ports: range, block: Block, depth: Depth) -> Iterator[Piece]:
    """One line of cells."""
    for column in range(len(storeys[0])):
        first = ports.start + column * block.run
        if depth is Depth.PLAIN:
            yield Piece(_sign(storeys[0][column], port_class(first)))
            continue
        upper = lower = spot_colour(storeys[0][column], port_class(first))
        if block.storeys == 2:
            below = first + block.columns * block.run
            lower = spot_colour(storeys[1][column], port_class(below)) if column < len(storeys[1]) else PAGE
        yield Piece(" " * block.wide, TEXT, lower) if upper == lower else Piece("▀", upper, lower)


def _sign(spot: Spot, range_: PortClass) -> str:
    """A cell as a character; what nobody uses by the majority of its ports."""
    if spot.cell in (Cell.UNASSIGNED, Cell.ASSIGNED):
        if spot.assigned * 2 >= spot.ports:
            return SIGNS[Cell.ASSIGNED]
        return DYNAMIC_SIGN if range_ is PortClass.DYNAMIC else SIGNS[Cell.UNASSIGNED]
    return SIGNS[spot.cell]


def _numbers_beside(drawn: PortMap, ports: range, room: int) -> list[Piece]:
    """The open numbers of a line, each in its colour, as many as fit; the rest as `+3`."""
    known = drawn.picture.open
    first = bisect_left(known, ports.start, key=lambda port: port.port)
    opened = sorted({port.port for port in known[first : bisect_left(known, ports.stop, first, key=lambda port: port.port)]})
    pieces: list[Piece] = []
    for at, number in enumerate(opened):
        left = len(opened) - at - 1
        text, rest = f" {number}", f" +{left}" if left else ""
        if pieces_width(pieces) + len(text) + len(rest) > room:
            # The port is in the picture and in the list below; here only its number has no room.
            return [*pieces, Piece(f" +{left + 1}"[:room], FAINT)]
        pieces.append(Piece(text, cell_colour(drawn.picture[number], port_class(number))))
    return pieces
