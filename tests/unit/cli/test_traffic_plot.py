"""Bars over time: nothing is lost, nothing lies over another thing, and eyes that see fewer colours tell them apart."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import combinations

import pytest
from PIL import Image

from portulan.cli.map_palette import PAGE
from portulan.cli.map_png import sheet_png
from portulan.cli.map_shapes import Box
from portulan.cli.traffic_plot import ACROSS, COLOURS, DOWN, LEFT, REST, TOP, bars, compose
from portulan.model.traffic import Bucket
from portulan.text.voice import Voice
from sights import SIGHTS, distance
from traffic_samples import OFFICE

T0 = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_differ_for_every_sight(sight):
    for one, other in combinations((*COLOURS, REST, PAGE), 2):
        assert distance(one, other, sight) > 20, (one, other)


def test_every_byte_is_in_a_bar():
    drawn = bars(OFFICE.buckets)
    assert sum(drawn.totals.values()) == sum(one.bytes for one in OFFICE.buckets)
    assert sum(sum(column.values()) for column in drawn.columns) == sum(one.bytes for one in OFFICE.buckets)


def test_more_stretches_than_pixels_are_put_together():
    many = tuple(Bucket(T0 + timedelta(seconds=at), 1.0, "tcp", 80, "http", 1, 10) for at in range(5000))
    drawn = bars(many)
    assert len(drawn.columns) <= ACROSS
    assert drawn.totals == {("tcp", 80, "http"): 50_000}
    assert drawn.width_s == 7.0


def test_services_beyond_the_colours_are_drawn_together():
    many = tuple(Bucket(T0, 1.0, "tcp", at, None, 1, 1000 - at) for at in range(20))
    drawn = bars(many)
    assert len(drawn.doors) == len(COLOURS)
    assert drawn.totals[None] == sum(1000 - at for at in range(len(COLOURS), 20))


def test_bars_stay_in_their_place():
    for count in (1, 2, 61, 780, 3000):
        many = tuple(Bucket(T0 + timedelta(seconds=at), 1.0, "tcp", 80 + at % 3, None, 1, at * at + 1) for at in range(count))
        sheet = compose(bars(many), OFFICE, Voice("en"))
        boxes = [shape for shape in sheet.shapes if isinstance(shape, Box) and shape.colour in COLOURS and shape.x < LEFT + ACROSS]
        assert boxes
        for box in boxes:
            assert box.width > 0
            assert box.x >= LEFT
            assert box.x + box.width <= LEFT + ACROSS
            assert box.y >= TOP
            assert box.y + box.height <= TOP + DOWN


def test_nothing_to_draw():
    assert bars(()) is None


def test_a_png():
    sheet = compose(bars(OFFICE.buckets), OFFICE, Voice("en"))
    with Image.open(BytesIO(sheet_png(sheet, "en", None))) as image:
        assert image.size == (sheet.width, sheet.height)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
        assert COLOURS[0] in colours
        assert image.text["Description"].startswith("443/tcp https")
