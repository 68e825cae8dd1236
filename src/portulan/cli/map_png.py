"""The sheet as PNG, by Pillow.

English is set in the font that Pillow carries, so that the same values give the same bytes on every machine. Japanese needs a font of the
system's; the caller finds one (`map_font`).
"""

from __future__ import annotations

from portulan.cli.map_palette import PAGE, cell_colour
from portulan.cli.map_shapes import Box, Line, Ring
from portulan.cli.map_sheet import compose
from portulan.model.port import port_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from portulan.cli.map_font import FontFile
    from portulan.cli.map_shapes import Grid, Shape, Sheet
    from portulan.model.picture import PortMap
    from portulan.text.voice import Voice

_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
"""Pillow's names: left, middle or right of the baseline."""


def build_png(drawn: PortMap, voice: Voice, font: FontFile | None = None) -> bytes:
    """The picture as a PNG file, its words in `font` or else in Pillow's own (which is Latin only)."""
    sheet = compose(drawn, voice)
    return sheet_png(sheet, voice.language, font, [(_cells(drawn, grid), (grid.x, grid.y)) for grid in sheet.grids])


def sheet_png(sheet: Sheet, language: str, font: FontFile | None, cells: Sequence[tuple[Image, tuple[int, int]]] = ()) -> bytes:
    """A sheet as a PNG file; `cells` are its grids, drawn, and where they belong."""
    from io import BytesIO

    from PIL import Image, ImageDraw
    from PIL.PngImagePlugin import PngInfo

    image = Image.new("RGB", (sheet.width, sheet.height), PAGE)
    for drawn, place in cells:
        image.paste(drawn, place)
    pen = ImageDraw.Draw(image)
    for shape in sheet.shapes:
        _draw(shape, pen, font)
    # For readers that cannot see the picture: the keywords are those of the PNG specification, section 11.3.3.2.
    notes = PngInfo()
    notes.add_itxt("Title", sheet.title, language)
    notes.add_itxt("Description", sheet.description, language)
    out = BytesIO()
    image.save(out, "PNG", optimize=True, pnginfo=notes)
    return out.getvalue()


def _cells(drawn: PortMap, grid: Grid) -> Image:
    """A grid: one pixel per port, then each made as large as a cell."""
    from PIL import Image

    rows = -(-len(grid.numbers) // grid.columns)
    pixels = b"".join(bytes(cell_colour(drawn.picture[port], port_class(port))) for port in grid.numbers)
    pixels += bytes(PAGE) * (rows * grid.columns - len(grid.numbers))
    small = Image.frombytes("RGB", (grid.columns, rows), pixels)
    return small.resize((grid.columns * grid.cell_width, rows * grid.cell_height), Image.Resampling.NEAREST)


def _draw(shape: Shape, pen: ImageDraw, font: FontFile | None) -> None:
    """One shape."""
    if isinstance(shape, Box):
        pen.rectangle((shape.x, shape.y, shape.x + shape.width - 1, shape.y + shape.height - 1), fill=shape.colour)
    elif isinstance(shape, Ring):
        pen.rectangle((shape.x, shape.y, shape.x + shape.side - 1, shape.y + shape.side - 1), outline=shape.colour)
    elif isinstance(shape, Line):
        pen.line((shape.x, shape.y, shape.to_x, shape.to_y), fill=shape.colour)
    else:
        from portulan.cli.map_font import load

        # A picture cannot be attacked by control characters, but a font has no glyph for them: only what it can show is drawn.
        text = "".join(character for character in shape.text if character.isprintable())
        pen.text((shape.x, shape.y), text, fill=shape.colour, font=load(font, shape.size), anchor=_ANCHORS[shape.anchor])
