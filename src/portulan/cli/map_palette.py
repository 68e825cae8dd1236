"""The colours of the picture of all ports, one palette for terminal, PNG and SVG.

The ground is dark, so that one open port among thousands shines. The three ranges have three quiet hues (violet, blue, green), dark
where a number is unassigned and lighter where it is assigned; open ports go from cool to warm as they reach farther. Every two of them
stay apart for the three common forms of colour blindness: the test of this file simulates those.
"""

from __future__ import annotations

from functools import lru_cache

from portulan.model.picture import Cell
from portulan.model.port import PortClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.picture import Spot

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255 each."""


def _colour(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


PAGE, TEXT, FAINT = _colour("#080F1B"), _colour("#E3EBF3"), _colour("#8B9CB0")
"""The ground beside the cells, words on it, and words of less weight."""

RANGES = {
    PortClass.SYSTEM: (_colour("#362B62"), _colour("#7059B4")),
    PortClass.USER: (_colour("#0F2A45"), _colour("#2A6090")),
    PortClass.DYNAMIC: (_colour("#24503C"), _colour("#458A6A")),
}
"""Each range's colour where a number is unassigned, and where it is assigned."""

MARKS = {
    Cell.IN_USE: _colour("#A9B4BD"),
    Cell.LOOPBACK: _colour("#45C8FF"),
    Cell.PRIVATE: _colour("#FFF06B"),
    Cell.PUBLIC: _colour("#F88A22"),
    Cell.ALL: _colour("#FF4D82"),
}
"""The colours of ports that somebody uses."""

LEVELS = 4
"""In how many steps the share of assigned ports shades a cell that stands for several."""


def shades_of(range_: PortClass) -> tuple[Colour, ...]:
    """What the legend shows of a range: assigned, then unassigned. IANA assigns no dynamic port (RFC 6335, section 6)."""
    dark, light = RANGES[range_]
    return (dark,) if range_ is PortClass.DYNAMIC else (light, dark)


def cell_colour(cell: Cell, range_: PortClass) -> Colour:
    """The colour of one port."""
    return MARKS[cell] if cell in MARKS else RANGES[range_][cell is Cell.ASSIGNED]


def spot_colour(spot: Spot, range_: PortClass) -> Colour:
    """The colour of a drawn cell: of its most telling port, else between unassigned and assigned, by their share."""
    if spot.cell in MARKS:
        return MARKS[spot.cell]
    # A single assigned port among many is still a step off the ground.
    level = -(-spot.assigned * LEVELS // spot.ports)
    return between(*RANGES[range_], level)


@lru_cache(maxsize=256)
def between(dark: Colour, light: Colour, level: int) -> Colour:
    """The colour `level` LEVELS-ths of the way from the first to the second."""
    red, green, blue = (a + (b - a) * level // LEVELS for a, b in zip(dark, light, strict=True))
    return red, green, blue


def hexadecimal(colour: Colour) -> str:
    """`#ff3b77`."""
    return "#" + "".join(f"{part:02x}" for part in colour)
