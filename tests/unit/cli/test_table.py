"""Tables for a terminal; the laws are in tests/property/test_table.py."""

import pytest

from portulan.cli.table import GAP, layout, shorten, width_of, wrap

ROWS = [["22/tcp", "ssh", "sshd"], ["8080/tcp", "http-alt", "nginx: worker"]]
HEADERS = ["PORT", "SERVICE", "HELD BY"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("é", 1),
        ("e\u0301", 1),
        ("日本", 4),
        ("ｱ", 1),
        ("Ａ", 2),
        ("한", 2),
        ("…", 1),
        ("·", 1),
        ("👩", 2),
        ("a日e\u0301", 4),
    ],
)
def test_columns_on_a_terminal(text, columns):
    assert width_of(text) == columns


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("nginx", 5, "nginx"),
        ("nginx", 9, "nginx"),
        ("nginx", 4, "ngi…"),
        ("nginx", 1, "…"),
        ("nginx", 0, ""),
        ("nginx", -1, ""),
        ("", 0, ""),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("日本語", 2, "…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
    ],
)
def test_what_is_cut_is_shown_by_an_ellipsis(text, width, short):
    assert shorten(text, width) == short


def test_columns_are_as_wide_as_their_content():
    assert layout(ROWS, HEADERS, 80) == [
        " PORT      SERVICE   HELD BY",
        " 22/tcp    ssh       sshd",
        " 8080/tcp  http-alt  nginx: worker",
    ]


def test_without_headers():
    assert layout(ROWS, None, 80) == [" 22/tcp    ssh       sshd", " 8080/tcp  http-alt  nginx: worker"]


def test_nothing_is_no_lines():
    assert layout([], None, 80) == []
    assert layout([], HEADERS, 80) == [" PORT  SERVICE  HELD BY"]
    assert layout([], [], 80) == []


def test_numbers_are_aligned_right():
    assert layout([["a", "1"], ["b", "1,041"]], ["N", "COUNT"], 80, right=(1,)) == [" N  COUNT", " a      1", " b  1,041"]


def test_wide_characters_take_two_columns():
    assert layout([["日本", "x"], ["ab", "y"]], None, 80) == [" 日本  x", " ab    y"]


def test_blanks_at_the_end_are_left_out():
    assert layout([["a", ""], ["bbb", "  "]], None, 80) == [" a", " bbb"]


def test_the_widest_that_may_shrink_shrinks_first():
    rows = [["x" * 10, "y" * 30, "z" * 20]]
    assert layout(rows, None, 60, shrink=(1, 2)) == [" " + "  ".join(["x" * 10, "y" * 24 + "…", "z" * 20])]
    assert layout(rows, None, 40, shrink=(1, 2)) == [" " + "  ".join(["x" * 10, "y" * 11 + "…", "z" * 12 + "…"])]
    assert layout(rows, None, 40, shrink=(2,)) == [" " + "  ".join(["x" * 10, "y" * 30, "z" * 5 + "…"])]


def test_no_column_becomes_narrower_than_can_be_read():
    assert layout([["x" * 10, "y" * 30]], None, 5, shrink=(0, 1)) == [" xxxxx…  yyyyy…"]
    assert layout([["x", "y" * 4]], None, 5, shrink=(0, 1)) == [" x  yyyy"]


def test_just_fitting_is_fitting():
    rows = [["abc", "defgh"]]
    assert layout(rows, None, 1 + 3 + GAP + 5, shrink=(1,)) == [" abc  defgh"]


def test_paint_gets_row_column_and_padded_text():
    seen = []

    def paint(row, column, text):
        seen.append((row, column, text))
        return f"<{text}>"

    assert layout([["a", "1"], ["bb", "22"]], ["N", "M"], 80, right=(1,), paint=paint) == [" <N >  < M>", " <a >  < 1>", " <bb>  <22>"]
    assert seen == [(-1, 0, "N "), (-1, 1, " M"), (0, 0, "a "), (0, 1, " 1"), (1, 0, "bb"), (1, 1, "22")]


def test_without_a_header_the_first_row_is_row_0():
    seen = []
    layout([["a"], ["b"]], None, 80, paint=lambda row, column, text: seen.append(row) or text)
    assert seen == [0, 1]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 20, [""]),
        ("one two three", 80, ["one two three"]),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 3, ["one", "two", "three"]),
        ("unbreakable", 3, ["unbreakable"]),
        ("a unbreakable b", 3, ["a", "unbreakable", "b"]),
        ("one  two", 80, ["one  two"]),
        ("one   two", 4, ["one", "two"]),
        ("trailing ", 80, ["trailing"]),
        ("日本語で話す", 6, ["日本語", "で話す"]),
        ("日本語、です。", 6, ["日本", "語、で", "す。"]),
        ("ポート80は", 8, ["ポート80", "は"]),
        ("nginx が80番を", 8, ["nginx が", "80番を"]),
    ],
)
def test_lines_of_a_text(text, width, lines):
    assert wrap(text, width) == lines


def test_every_line_but_the_first_is_indented():
    assert wrap("one two three four", 10, "  ") == ["one two", "  three", "  four"]
