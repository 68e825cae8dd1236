"""The SVG."""

import re
from xml.etree import ElementTree as ET

from map_samples import sample
from portulan.cli.map_palette import MARKS, RANGES, cell_colour, hexadecimal
from portulan.cli.map_sheet import LENS, WHOLE
from portulan.cli.map_svg import build_svg
from portulan.model.address import Exposure
from portulan.model.picture import Cell, OpenPort
from portulan.model.port import PORTS, PortClass, Transport, port_class
from portulan.text.voice import Voice

SVG = "{http://www.w3.org/2000/svg}"
ENGLISH = Voice("en")


def parsed(drawn, voice=ENGLISH):
    return ET.fromstring(build_svg(drawn, voice))


def painted(root, grid):
    """What colour each port's cell has in a grid, the shapes painted in order."""
    cells = {}

    def paint(x, y, width, height, colour):
        assert height == grid.cell_height
        row, first = (y - grid.y) // grid.cell_height, (x - grid.x) // grid.cell_width
        for column in range(first, first + width // grid.cell_width):
            port = grid.numbers.start + row * grid.columns + column
            assert port not in cells, "each cell is painted once"
            cells[port] = colour

    group = root.findall(f"{SVG}g")[(WHOLE, LENS).index(grid)]
    for path in group.findall(f"{SVG}path"):
        for x, y, width, height in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path.get("d")):
            paint(int(x), int(y), int(width), int(height), path.get("fill"))
    for rect in group.findall(f"{SVG}rect"):
        paint(*(int(rect.get(name)) for name in ("x", "y", "width", "height")), rect.get("fill"))
    return cells


def test_every_port_is_painted_once_in_its_colour():
    drawn = sample()
    for grid in (WHOLE, LENS):
        cells = painted(parsed(drawn), grid)
        assert sorted(cells) == list(grid.numbers)
        for port, colour in cells.items():
            assert colour == hexadecimal(cell_colour(drawn.picture[port], port_class(port)))


def test_it_has_title_description_and_language():
    root = parsed(sample())
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]
    assert (root[0].tag, root[0].text) == (f"{SVG}title", "web-01: 16 open ports, 2026-03-01 12:00 UTC")
    assert (root[1].tag, "443/tcp https: open on all addresses" in root[1].text) == (f"{SVG}desc", True)
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


def test_open_ports_tell_their_name_on_hover():
    titles = [title.text for title in parsed(sample()).iter(f"{SVG}title")]
    assert "443/tcp https: open on all addresses\n443/udp https: open on a private address" in titles
    assert "8000/tcp: open on a private address" in titles


def test_its_words_are_text():
    words = [text.text for text in parsed(sample()).iter(f"{SVG}text")]
    assert {"443", "5432 postgresql", "system ports 0-1023, enlarged", "tcp 9100"} <= set(words)


def test_it_is_small():
    assert len(build_svg(sample(), ENGLISH)) < 40_000
    worst = [OpenPort(transport=Transport.TCP, port=port, exposure=Exposure.ALL) for port in range(1, PORTS, 64)]
    assert len(build_svg(sample(worst), ENGLISH)) < 400_000


def test_the_same_picture_gives_the_same_bytes():
    assert build_svg(sample(), ENGLISH) == build_svg(sample(), ENGLISH)


def test_a_hostile_host_name_is_escaped():
    data = build_svg(sample(host='<script>"&\x00\x1b\ud800\uffff</script>'), ENGLISH)
    root = ET.fromstring(data)
    assert not list(root.iter(f"{SVG}script"))
    assert "<script>" not in data.decode()
    assert root[0].text.startswith('<script>"&')


def test_the_three_ranges_stand_beside_the_picture():
    fills = {rect.get("fill") for rect in parsed(sample()).findall(f"{SVG}rect")}
    assert {hexadecimal(RANGES[range_][1]) for range_ in PortClass} <= fills
    assert hexadecimal(MARKS[Cell.IN_USE]) in fills
