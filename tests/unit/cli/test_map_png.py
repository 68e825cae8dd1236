"""The PNG."""

from io import BytesIO

from PIL import Image

from map_samples import sample
from portulan.cli.map_palette import MARKS, PAGE, RANGES
from portulan.cli.map_png import build_png
from portulan.cli.map_sheet import LENS, WHOLE, compose
from portulan.model.picture import Cell
from portulan.model.port import PortClass
from portulan.text.voice import Voice

ENGLISH = Voice("en")


def read(data):
    image = Image.open(BytesIO(data))
    image.load()
    return image


def test_it_is_as_large_as_its_sheet_and_says_what_it_is():
    image = read(build_png(sample(), ENGLISH))
    sheet = compose(sample(), ENGLISH)
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (sheet.width, sheet.height))
    assert image.text["Title"] == sheet.title
    assert image.text["Description"] == sheet.description


def test_famous_ports_have_their_colours_in_both_grids():
    image = read(build_png(sample(), ENGLISH))
    for grid in (WHOLE, LENS):
        assert image.getpixel(grid.place(22)) == MARKS[Cell.ALL]
        assert image.getpixel(grid.place(25)) == MARKS[Cell.LOOPBACK]
        assert image.getpixel(grid.place(443)) == MARKS[Cell.ALL]
        assert image.getpixel(grid.place(21)) == RANGES[PortClass.SYSTEM][1]
    assert image.getpixel(WHOLE.place(60999)) == MARKS[Cell.IN_USE]
    assert image.getpixel(WHOLE.place(65535)) == RANGES[PortClass.DYNAMIC][0]
    assert image.getpixel((0, 0)) == PAGE


def test_words_are_drawn():
    image = read(build_png(sample(), ENGLISH))
    title = image.crop((36, 30, 400, 66))
    assert len(title.getcolors(10_000)) > 10


def test_the_same_picture_gives_the_same_bytes():
    assert build_png(sample(), ENGLISH) == build_png(sample(), ENGLISH)


def test_a_hostile_host_name_draws_and_is_escaped_in_the_notes():
    image = read(build_png(sample(host="a\x00\x1b[2J\u202e\ud800b" + "x" * 9000), ENGLISH))
    assert image.text["Title"].startswith(r"a\x00\x1b[2J\u202e\ud800bxxx")
