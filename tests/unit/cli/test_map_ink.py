"""Colours for terminals of any depth."""

import re

import pytest

from portulan.cli.map_ink import Depth, Piece, choose_depth, clip, paint, pieces_width, width_of
from portulan.cli.map_palette import FAINT, MARKS, PAGE, RANGES, TEXT
from portulan.model.picture import Cell


@pytest.mark.parametrize(
    ("colour", "environment", "depth"),
    [
        (False, {"COLORTERM": "truecolor"}, Depth.PLAIN),
        (True, {"COLORTERM": "truecolor", "TERM": "xterm"}, Depth.TRUE),
        (True, {"COLORTERM": "24bit"}, Depth.TRUE),
        (True, {"TERM": "xterm-direct"}, Depth.TRUE),
        (True, {"TERM": "screen-256color"}, Depth.INDEXED),
        (True, {"COLORTERM": "1", "TERM": "rxvt"}, Depth.INDEXED),
        (True, {"TERM": "linux"}, Depth.BASIC),
        (True, {}, Depth.BASIC),
    ],
)
def test_the_environment_chooses(colour, environment, depth):
    assert choose_depth(colour=colour, environment=environment) is depth


def test_width_counts_columns():
    assert [width_of(text) for text in ("", "port", "ポート", "e\u0301", "▀▕")] == [0, 4, 6, 1, 2]


def test_true_colour_is_written_once_for_neighbours_that_agree():
    line = paint([Piece("ab", (1, 2, 3), (4, 5, 6)), Piece("c", (1, 2, 3), (4, 5, 6)), Piece("", (9, 9, 9))], Depth.TRUE, 3)
    assert line == "\x1b[38;2;1;2;3;48;2;4;5;6mabc\x1b[0m"


def test_lines_are_filled_with_the_page():
    assert paint([Piece("a")], Depth.TRUE, 4) == "\x1b[38;2;{};{};{};48;2;{};{};{}ma   \x1b[0m".format(*TEXT, *PAGE)
    assert paint([Piece("a ")], Depth.PLAIN, 4) == "a"


def test_sixteen_colours_use_the_codes_that_every_terminal_has():
    assert paint([Piece("x", MARKS[Cell.ALL])], Depth.BASIC, 1) == "\x1b[91;40mx\x1b[0m"
    assert paint([Piece("x", PAGE, MARKS[Cell.ALL])], Depth.BASIC, 1) == "\x1b[30;101mx\x1b[0m"
    assert paint([Piece("x", FAINT, PAGE)], Depth.BASIC, 1) == "\x1b[37;40mx\x1b[0m"


@pytest.mark.parametrize("depth", [Depth.BASIC, Depth.INDEXED])
def test_marks_stay_apart_with_fewer_colours(depth):
    grounds = [RANGES[name][at] for name in RANGES for at in (0, 1)]
    inks = [re.sub(r"x.*", "", paint([Piece("x", mark)], depth, 1)) for mark in MARKS.values()]
    under = [re.sub(r"x.*", "", paint([Piece("x", ground)], depth, 1)) for ground in grounds]
    assert len(set(inks)) == len(MARKS)
    assert not set(inks) & set(under)


def test_256_colours_keep_the_ranges_apart():
    line = paint([Piece("x", colour) for pair in RANGES.values() for colour in pair], Depth.INDEXED, 6)
    assert len(set(re.findall(r"38;5;(\d+)", line))) == 6


def test_what_does_not_fit_is_cut_with_an_ellipsis():
    pieces = [Piece("abc"), Piece("ポート"), Piece("z")]
    assert "".join(piece.text for piece in clip(pieces, 10)) == "abcポートz"
    for width in range(12):
        kept = clip(pieces, width)
        assert pieces_width(kept) <= width
    assert "".join(piece.text for piece in clip(pieces, 7)) == "abcポ…"
    assert clip([Piece("ab")], 1) == [Piece("…")]
    assert pieces_width(clip([Piece("ab")], 0)) == 0
