"""The simple shapes that the picture of all ports is made of as a file. All lengths are pixels, from the upper left corner."""

from __future__ import annotations

from dataclasses import dataclass

from portulan.cli.map_palette import TEXT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.cli.map_palette import Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A part of the picture, one cell per port, row after row."""

    x: int
    y: int
    numbers: range
    columns: int
    cell_width: int
    cell_height: int

    def place(self, port: int) -> tuple[int, int]:
        """The upper left corner of a port's cell."""
        row, column = divmod(port - self.numbers.start, self.columns)
        return self.x + column * self.cell_width, self.y + row * self.cell_height


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A filled rectangle."""

    x: int
    y: int
    width: int
    height: int
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """The outline of a square, one pixel thick, inside its edges."""

    x: int
    y: int
    side: int
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of one pixel from one point to another."""

    x: int
    y: int
    to_x: int
    to_y: int
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Text on a baseline."""

    x: int
    y: int
    """Of the baseline."""
    text: str
    size: int
    colour: Colour = TEXT
    anchor: str = "start"
    """Which point of the text x is: start, middle or end."""


Shape = Box | Ring | Line | Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything to draw: the ground in PAGE, the grids, then the shapes in order."""

    width: int
    height: int
    title: str
    description: str
    grids: tuple[Grid, ...]
    shapes: tuple[Shape, ...]
