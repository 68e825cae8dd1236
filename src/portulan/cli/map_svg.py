"""The sheet as SVG 1.1: small (cells of one colour are one path of merged runs), its words selectable, its open ports named on hover."""

from __future__ import annotations

from itertools import groupby

from portulan.cli.map_palette import MARKS, PAGE, cell_colour, hexadecimal
from portulan.cli.map_shapes import Box, Line, Ring
from portulan.cli.map_sheet import compose
from portulan.model.port import port_class
from portulan.text.map import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portulan.cli.map_palette import Colour
    from portulan.cli.map_shapes import Grid, Shape, Sheet
    from portulan.model.picture import PortMap
    from portulan.text.voice import Voice

FONTS = "system-ui, 'Noto Sans', 'Noto Sans CJK JP', 'Hiragino Sans', 'Yu Gothic UI', sans-serif"


def build_svg(drawn: PortMap, voice: Voice) -> bytes:
    """The picture as an SVG file; the same values give the same bytes."""
    sheet = compose(drawn, voice)
    cells = [
        line
        for grid in sheet.grids
        for line in ('<g shape-rendering="crispEdges">', *_quiet_cells(drawn, grid), *_open_cells(drawn, grid, voice), "</g>")
    ]
    return sheet_svg(sheet, voice.language, cells)


def sheet_svg(sheet: Sheet, language: str, cells: Sequence[str] = ()) -> bytes:
    """A sheet as an SVG file; `cells` are its grids, drawn."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sheet.width}" height="{sheet.height}" viewBox="0 0 {sheet.width} {sheet.height}"',
        f'role="img" aria-labelledby="title description" xml:lang="{language}" font-family="{FONTS}">',
        f'<title id="title">{_escape(sheet.title)}</title>',
        f'<desc id="description">{_escape(sheet.description)}</desc>',
        f'<rect width="{sheet.width}" height="{sheet.height}" fill="{hexadecimal(PAGE)}"/>',
        *cells,
    ]
    lines += [_shape(shape) for shape in sheet.shapes]
    return "\n".join([*lines, "</svg>", ""]).encode()


def _quiet_cells(drawn: PortMap, grid: Grid) -> Iterator[str]:
    """The cells that are not open, one path per colour."""
    paths: dict[Colour, list[str]] = {}
    opened = {port.port for port in drawn.picture.open}
    for start in range(grid.numbers.start, grid.numbers.stop, grid.columns):
        row = range(start, min(start + grid.columns, grid.numbers.stop))
        # An open cell is drawn by itself: here it joins the run at its left, underneath.
        for colour, run in groupby(row, lambda port: None if port in opened else cell_colour(drawn.picture[port], port_class(port))):
            numbers = list(run)
            if colour is not None:
                x, y = grid.place(numbers[0])
                paths.setdefault(colour, []).append(
                    f"M{x} {y}h{len(numbers) * grid.cell_width}v{grid.cell_height}h-{len(numbers) * grid.cell_width}z"
                )
    for colour in sorted(paths):
        yield f'<path fill="{hexadecimal(colour)}" d="{"".join(paths[colour])}"/>'


def _open_cells(drawn: PortMap, grid: Grid, voice: Voice) -> Iterator[str]:
    """Each open port as a rectangle with a title, one line per transport."""
    for number, ports in groupby(drawn.picture.open, lambda port: port.port):
        if number in grid.numbers:
            x, y = grid.place(number)
            title = _escape("\n".join(describe(port, voice) for port in ports))
            fill = hexadecimal(MARKS[drawn.picture[number]])
            yield f'<rect x="{x}" y="{y}" width="{grid.cell_width}" height="{grid.cell_height}" fill="{fill}"><title>{title}</title></rect>'


def _shape(shape: Shape) -> str:
    """One shape."""
    colour = hexadecimal(shape.colour)
    if isinstance(shape, Box):
        return f'<rect x="{shape.x}" y="{shape.y}" width="{shape.width}" height="{shape.height}" fill="{colour}"/>'
    if isinstance(shape, Ring):
        # A stroke lies on both sides of its path: half a pixel in, it fills whole pixels.
        place = f'x="{shape.x}.5" y="{shape.y}.5" width="{shape.side - 1}" height="{shape.side - 1}"'
        return f'<rect {place} fill="none" stroke="{colour}"/>'
    if isinstance(shape, Line):
        return f'<path d="M{shape.x} {shape.y}L{shape.to_x} {shape.to_y}" stroke="{colour}"/>'
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    return f'<text x="{shape.x}" y="{shape.y}" font-size="{shape.size}" fill="{colour}"{anchor}>{_escape(shape.text)}</text>'


def _escape(text: str) -> str:
    """Text as XML 1.0 may hold it: the characters that XML forbids are gone, its own are named."""
    allowed = "".join(c for c in text if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff")
    return allowed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
