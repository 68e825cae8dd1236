"""What holds of every picture: nothing open is ever lost, in no size and no format."""

import re
from io import BytesIO
from itertools import accumulate
from xml.etree import ElementTree as ET

from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from map_samples import sample
from portulan.cli.map_ink import Depth, width_of
from portulan.cli.map_legend import SIGNS
from portulan.cli.map_palette import RANGES, cell_colour
from portulan.cli.map_png import build_png
from portulan.cli.map_sheet import LENS, WHOLE
from portulan.cli.map_svg import build_svg
from portulan.cli.map_terminal import GUTTER, picture_lines
from portulan.host.picture import count_cells, draw, shrink, stretches
from portulan.model.address import Exposure
from portulan.model.picture import CELLS, OpenPort
from portulan.model.port import PORTS, Transport, port_class
from portulan.model.portset import PortRange, PortSet
from portulan.text.voice import Voice

numbers = st.integers(0, PORTS - 1) | st.integers(0, 1023)
opened = st.builds(OpenPort, transport=st.sampled_from([Transport.TCP, Transport.UDP]), port=numbers, exposure=st.sampled_from(Exposure))
crowds = st.lists(opened, max_size=60)
sets = st.lists(st.tuples(numbers, st.integers(0, 3000)), max_size=8).map(
    lambda runs: PortSet.of(PortRange(first, min(first + size, PORTS - 1)) for first, size in runs)
)
pictures = st.builds(draw, sets, crowds, st.lists(numbers, max_size=20))
ENGLISH, JAPANESE = Voice("en"), Voice("ja")


@settings(max_examples=40, deadline=None)
@given(pictures)
def test_counts_and_stretches_cover_every_port_once(picture):
    assert sum(count_cells(picture).values()) == PORTS
    rows = stretches(picture)
    assert [row.first for row in rows] == [0, *accumulate(row.last - row.first + 1 for row in rows)][:-1]
    assert rows[-1].last == PORTS - 1
    assert {(n, door.transport, door.exposure) for row in rows for n in range(row.first, row.last + 1) for door in row.open} == {
        (port.port, port.transport, port.exposure) for port in picture.open
    }
    assert PortSet.of(PortRange(row.first, row.last) for row in rows if row.assigned) == picture.assigned
    assert PortSet.of(PortRange(row.first, row.last) for row in rows if row.in_use) == picture.in_use


@settings(max_examples=30, deadline=None)
@given(pictures, st.integers(1, PORTS))
def test_no_open_port_is_lost_by_shrinking(picture, run):
    spots = shrink(picture, run)
    assert sum(spot.ports for spot in spots) == PORTS
    assert sum(spot.assigned for spot in spots) == len(picture.assigned)
    for port in picture.open:
        assert CELLS.index(spots[port.port // run].cell) >= CELLS.index(picture[port.port])


def blocks(lines):
    """The cells of a plain picture as [(first port, its signs), …] per block; a block's run follows from its labels."""
    found = []
    for line in lines:
        match = re.fullmatch(r"([ \d]{4}\d)[ |]([.:+opP#-]+)( .*)?", line)
        if not match:
            found.append([])
        else:
            found[-1].append((int(match[1]), match[2]))
    return [block for block in found if block]


@settings(max_examples=30, deadline=None)
@given(crowds, st.integers(30, 300), st.integers(16, 160) | st.none())
def test_every_open_port_has_its_sign_in_every_window(crowd, width, rows):
    drawn = sample(crowd)
    found = blocks(picture_lines(drawn, ENGLISH, width=width, rows=rows, depth=Depth.PLAIN))
    whole = found[-1]
    assert whole[0][0] == 0
    per_line = whole[1][0]
    for port in drawn.picture.open:
        line, place = divmod(port.port, per_line)
        signs = whole[line][1]
        sign = signs[place * len(signs) // per_line]
        assert list(SIGNS.values()).index(sign) >= CELLS.index(drawn.picture[port.port])
    if len(found) == 2:
        lens = found[0]
        for port in drawn.picture.open:
            if port.port < 1024:
                line, place = divmod(port.port, lens[1][0])
                sign = lens[line][1][place * len(lens[0][1]) // lens[1][0]]
                assert list(SIGNS.values()).index(sign) >= CELLS.index(drawn.picture[port.port])


def colours(line):
    """A true-colour line as [(character, ink, ground), …]."""
    cells, ink, ground = [], None, None
    for sequence, text in re.findall(r"\x1b\[([\d;]*)m([^\x1b]*)", line):
        if sequence != "0":
            parts = [int(part) for part in sequence.split(";")]
            ink, ground = tuple(parts[2:5]), tuple(parts[7:10])
        cells += [(character, ink, ground) for character in text]
    return cells


@settings(max_examples=25, deadline=None)
@given(crowds, st.integers(30, 300), st.integers(24, 160))
@example([], 300, 170)
def test_every_open_port_has_its_colour_in_every_window(crowd, width, rows):
    drawn = sample(crowd)
    lines = [colours(line) for line in picture_lines(drawn, ENGLISH, width=width, rows=rows, depth=Depth.TRUE)]
    texts = ["".join(character for character, _, _ in line) for line in lines]
    heading = next(at for at, text in enumerate(texts) if text.startswith(" all ports"))
    labels = [(at, int(texts[at][: GUTTER - 1])) for at in range(heading + 1, len(texts)) if re.match(r" *\d+[ ▕]", texts[at][:GUTTER])]
    labels = [(at, label) for at, label in labels if label == 0 or label % 256 == 0]
    starts = [at for at, label in labels if label == 0]
    first_line, per_line = starts[0], labels[1][1]
    columns = next(columns for columns in (256, 128, 64, 32, 16) if columns <= max(16, max(30, width) - GUTTER - 10))
    run = per_line // columns // 2
    for port in drawn.picture.open:
        row, place = divmod(port.port, per_line)
        storey, column = divmod(place // run, columns)
        character, ink, ground = lines[first_line + row][GUTTER + column]
        shown = ground if character == " " or storey else ink
        mates = range(port.port // run * run, port.port // run * run + run)
        farthest = max(mates, key=lambda mate: drawn.picture.cells[mate])
        assert shown == cell_colour(drawn.picture[farthest], port_class(farthest))


@settings(max_examples=30, deadline=None)
@given(crowds, st.integers(30, 300), st.integers(24, 160), st.sampled_from(Depth), st.sampled_from([ENGLISH, JAPANESE]))
def test_the_picture_fits_every_window(crowd, width, rows, depth, voice):
    lines = picture_lines(sample(crowd), voice, width=width, rows=rows, depth=depth)
    assert len(lines) < rows
    for line in lines:
        bare = re.sub(r"\x1b\[[\d;]*m", "", line)
        assert "\x1b" not in bare
        assert width_of(bare) <= width
        assert depth is Depth.PLAIN or width_of(bare) == width


@settings(max_examples=6, deadline=None)
@given(crowds)
def test_each_port_has_its_colour_in_the_png(crowd):
    drawn = sample(crowd)
    image = Image.open(BytesIO(build_png(drawn, ENGLISH)))
    for grid in (WHOLE, LENS):
        for first in range(grid.numbers.start, grid.numbers.stop, grid.columns):
            row = range(first, min(first + grid.columns, grid.numbers.stop))
            x, y = grid.place(first)
            upper_left = image.crop((x, y, x + len(row) * grid.cell_width, y + 1)).tobytes()
            pixels = [tuple(upper_left[at : at + 3]) for at in range(0, len(upper_left), 3 * grid.cell_width)]
            assert pixels == [cell_colour(drawn.picture[port], port_class(port)) for port in row]


@settings(max_examples=15, deadline=None)
@given(crowds, st.text(max_size=40), st.sampled_from([ENGLISH, JAPANESE]))
def test_the_svg_is_xml_and_names_every_open_port(crowd, host, voice):
    drawn = sample(crowd, host=host)
    root = ET.fromstring(build_svg(drawn, voice))
    titles = "\n".join(title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title"))
    for port in drawn.picture.open:
        assert f"{port.port}/{port.transport}" in titles


def test_ranges_are_told_apart_in_the_ground():
    assert len({colour for pair in RANGES.values() for colour in pair}) == 6
