"""The colours are told apart, also by eyes that see fewer."""

from itertools import combinations

import pytest

from portulan.cli.map_palette import FAINT, LEVELS, MARKS, PAGE, RANGES, TEXT, between, cell_colour, hexadecimal, shades_of, spot_colour
from portulan.model.picture import Cell, Spot
from portulan.model.port import PortClass
from sights import SIGHTS, distance, luminance

GROUNDS = {(name, at): colour for name, pair in RANGES.items() for at, colour in enumerate(pair) if (name, at) != (PortClass.DYNAMIC, 1)}
"""What lies under the marks. A dynamic port that is assigned does not occur in the registry."""


@pytest.mark.parametrize("sight", SIGHTS)
def test_marks_differ_from_each_other_and_from_every_ground(sight):
    for (name, one), (other_name, other) in combinations({**MARKS, **GROUNDS, "page": PAGE}.items(), 2):
        wanted = 20 if name in MARKS or other_name in MARKS else 10
        assert distance(one, other, sight) > wanted, (name, other_name)


@pytest.mark.parametrize("colour", [TEXT, FAINT, *MARKS.values()])
def test_words_are_legible_on_the_page(colour):
    # WCAG 2.1, 1.4.3: 4.5 to 1 for text.
    assert (luminance(colour) + 0.05) / (luminance(PAGE) + 0.05) > 4.5


@pytest.mark.parametrize("cell", [Cell.LOOPBACK, Cell.PRIVATE, Cell.PUBLIC, Cell.ALL])
def test_numbers_are_legible_in_open_cells(cell):
    assert (luminance(MARKS[cell]) + 0.05) / (luminance(PAGE) + 0.05) > 4.5


def test_the_legend_shows_what_occurs():
    assert [len(shades_of(range_)) for range_ in PortClass] == [2, 2, 1]
    assert shades_of(PortClass.DYNAMIC) == (RANGES[PortClass.DYNAMIC][0],)


def test_a_cell_of_one_port():
    assert cell_colour(Cell.UNASSIGNED, PortClass.USER) == RANGES[PortClass.USER][0]
    assert cell_colour(Cell.ASSIGNED, PortClass.USER) == RANGES[PortClass.USER][1]
    assert {cell_colour(Cell.ALL, range_) for range_ in PortClass} == {MARKS[Cell.ALL]}


def test_a_cell_of_several_is_shaded_by_its_share():
    dark, light = RANGES[PortClass.SYSTEM]
    shades = [spot_colour(Spot(Cell.ASSIGNED, assigned, 100), PortClass.SYSTEM) for assigned in (0, 1, 25, 26, 75, 76, 100)]
    steps = [between(dark, light, level) for level in (0, 1, 1, 2, 3, 4, 4)]
    assert shades == steps
    assert (between(dark, light, 0), between(dark, light, LEVELS)) == (dark, light)
    assert spot_colour(Spot(Cell.PRIVATE, 50, 100), PortClass.SYSTEM) == MARKS[Cell.PRIVATE]


def test_hexadecimal():
    assert hexadecimal((255, 0, 16)) == "#ff0010"
