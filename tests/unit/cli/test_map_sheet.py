"""The sheet that PNG and SVG draw."""

import itertools

from map_samples import sample
from portulan.cli.map_palette import FAINT, MARKS, PAGE
from portulan.cli.map_shapes import Box, Line, Ring, Words
from portulan.cli.map_sheet import LABEL_STEP, LENS, MOST_LABELS, MOST_RINGS, WHOLE, WHOLE_SIDE, compose
from portulan.model.address import Exposure
from portulan.model.picture import Cell, OpenPort
from portulan.model.port import Transport
from portulan.text.voice import Voice

ENGLISH, JAPANESE = Voice("en"), Voice("ja")
EDGE_OF_WHOLE = WHOLE.x + WHOLE_SIDE


def texts(sheet):
    return [shape for shape in sheet.shapes if isinstance(shape, Words)]


def labels(sheet):
    return [shape for shape in texts(sheet) if shape.x == EDGE_OF_WHOLE + 26 and shape.colour != FAINT]


def crowd(n, first=1100):
    return [OpenPort(transport=Transport.TCP, port=first + at, exposure=Exposure.LOOPBACK) for at in range(n)]


def test_a_grid_places_ports_row_after_row():
    assert (WHOLE.place(0), WHOLE.place(257)) == ((WHOLE.x, WHOLE.y), (WHOLE.x + 4, WHOLE.y + 4))
    assert WHOLE.place(65535) == (WHOLE.x + WHOLE_SIDE - 4, WHOLE.y + WHOLE_SIDE - 4)
    assert LENS.place(443) == (LENS.x + 18 * 24, LENS.y + 17 * 25)


def test_everything_lies_inside():
    for drawn in (sample(), sample(crowd(900)), sample(crowd(40, 64000))):
        for voice in (ENGLISH, JAPANESE):
            sheet = compose(drawn, voice)
            for shape in sheet.shapes:
                assert 0 <= shape.x < sheet.width
                assert 0 <= shape.y < sheet.height
                if isinstance(shape, Box):
                    assert shape.x + shape.width <= sheet.width
                    assert shape.y + shape.height <= sheet.height


def test_every_open_port_of_the_lens_bears_its_number():
    written = {(shape.text, shape.colour) for shape in texts(compose(sample(), ENGLISH))}
    assert {(str(port), PAGE) for port in (22, 25, 53, 68, 80, 323, 443)} <= written


def test_every_open_port_beyond_has_a_ring_a_thread_and_a_name():
    sheet = compose(sample(), ENGLISH)
    beyond = [5432, 8000, 8001, 8002, 8080, 9100, 51820]
    rings = [shape for shape in sheet.shapes if isinstance(shape, Ring)]
    assert [(ring.x + 2, ring.y + 2) for ring in rings] == [WHOLE.place(port) for port in beyond]
    assert [shape.text for shape in labels(sheet)] == [
        "5432 postgresql",
        "8000",
        "8001",
        "8002",
        "8080 http-alt",
        "9100 hp-pdl-dat…",
        "51820",
    ]
    colours = [MARKS[cell] for cell in (Cell.LOOPBACK, *[Cell.PRIVATE] * 3, Cell.ALL, Cell.PUBLIC, Cell.ALL)]
    assert [shape.colour for shape in labels(sheet)] == colours
    threads = [
        shape for shape in sheet.shapes if isinstance(shape, Box) and shape.height == 1 and shape.x < EDGE_OF_WHOLE and shape.y >= WHOLE.y
    ]
    assert {thread.y for thread in threads if thread.x + thread.width == EDGE_OF_WHOLE} == {WHOLE.place(port)[1] + 2 for port in beyond}


def test_labels_keep_their_distance_and_their_place():
    for more in ([], crowd(30), crowd(30, 65000), crowd(200)):
        sheet = compose(sample(more), ENGLISH)
        heights = [shape.y for shape in labels(sheet)]
        assert all(after - before >= LABEL_STEP for before, after in itertools.pairwise(heights))
        assert WHOLE.y < heights[0] + LABEL_STEP
        assert heights[-1] <= WHOLE.y + WHOLE_SIDE


def test_too_many_to_name_are_counted_and_the_farthest_stay():
    sheet = compose(sample(crowd(200)), ENGLISH)
    assert len(labels(sheet)) == MOST_LABELS
    assert {"8080 http-alt", "51820", "9100 hp-pdl-dat…", "8001"} <= {shape.text for shape in labels(sheet)}
    assert f"… {207 - MOST_LABELS} more" in {shape.text for shape in texts(sheet)}


def test_too_many_to_ring_have_none():
    assert not any(isinstance(shape, Ring) for shape in compose(sample(crowd(MOST_RINGS)), ENGLISH).shapes)


def test_a_full_list_ends_in_a_count():
    every_other = [OpenPort(transport=Transport.TCP, port=10000 + 2 * at, exposure=Exposure.PRIVATE) for at in range(500)]
    line = next(shape.text for shape in texts(compose(sample(every_other), ENGLISH)) if shape.text.endswith("more") and "," in shape.text)
    listed = " ".join(shape.text for shape in texts(compose(sample(every_other), ENGLISH)))
    named = sum(f" {10000 + 2 * at}" in listed for at in range(500))
    # 53, 8000-8002 and, on UDP, 53 and 443: the first four are listed, the last two are not.
    assert line.endswith(f"… {500 - named + 2} more")


def test_the_description_says_it_all_in_words():
    sheet = compose(sample(), ENGLISH)
    assert sheet.title == "web-01: 16 open ports, 2026-03-01 12:00 UTC"
    assert "22/tcp ssh: open on all addresses" in sheet.description
    assert sheet.description.count(";") == 15


def test_without_a_known_clients_range_none_is_drawn():
    from dataclasses import replace

    def bars(drawn):
        return [shape for shape in compose(drawn, ENGLISH).shapes if isinstance(shape, Box) and shape.width == 2]

    assert len(bars(sample())) == 2
    assert bars(replace(sample(), ephemeral=None)) == []


def test_a_label_pushed_aside_is_still_tied_to_its_row():
    sheet = compose(sample(), ENGLISH)
    starts = {shape.y for shape in sheet.shapes if isinstance(shape, Line) and shape.x == EDGE_OF_WHOLE}
    assert WHOLE.place(8001)[1] + 2 in starts
