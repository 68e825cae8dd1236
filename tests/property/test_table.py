"""Tables never leave the window, and wrapped text loses nothing."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portulan.cli.table import GAP, layout, shorten, width_of, wrap
from portulan.text.clean import clean
from strategies import acts, hostile_text

NARROWEST = 6
cells = hostile_text.map(lambda text: clean(text, 60))
sentences = st.lists(
    st.sampled_from(["a", "port", "80/tcp", "日本語", "です。", "、", "ポート", "e\u0301", " ", "  ", "(nginx)", "ッ", "…", "!"])
    | st.text("ab 漢、", max_size=6),
    max_size=20,
).map(" ".join)


@st.composite
def tables(draw):
    """(rows, headers or None, columns that may shrink, columns aligned right)."""
    columns = draw(st.integers(1, 6))
    row = st.lists(cells, min_size=columns, max_size=columns)
    rows = draw(st.lists(row, min_size=1, max_size=5))
    some = st.sets(st.integers(0, columns - 1))
    return rows, draw(st.none() | row), draw(some), draw(some)


@given(table=tables(), width=st.integers(20, 200))
def test_a_table_fits_the_window_wherever_it_can(table, width):
    rows, headers, shrink, right = table
    lines = layout(rows, headers, width, shrink=shrink, right=right)
    everything = [*([headers] if headers else []), *rows]
    assert len(lines) == len(everything)
    natural = [max(width_of(row[column]) for row in everything) for column in range(len(rows[0]))]
    least = sum(min(size, NARROWEST) if column in shrink else size for column, size in enumerate(natural)) + 1 + GAP * (len(natural) - 1)
    for line in lines:
        assert width_of(line) <= max(width, least)
        assert not line.endswith(" ")
        assert not any(map(acts, line))


@given(table=tables())
def test_a_table_with_room_shows_everything(table):
    rows, headers, shrink, right = table
    for line, row in zip(layout(rows, headers, 10_000, shrink=shrink, right=right), [*([headers] if headers else []), *rows], strict=True):
        at = 0
        for cell in row:
            assert cell.strip() in line[at:]
            at = line.index(cell.strip(), at) + len(cell.strip())


@given(table=tables(), width=st.integers(20, 200))
def test_columns_stand_under_one_another(table, width):
    rows, _, shrink, _ = table
    marked = [["|" + cell for cell in row] for row in rows]
    lines = layout(marked, None, width, shrink=shrink)
    places = set()
    for line, row in zip(lines, marked, strict=True):
        starts, at = [], 0
        for _ in row:
            at = line.index("|", at)
            starts.append(width_of(line[:at]))
            at += 1
        if not any("|" in cell[1:] for cell in row):
            places.add(tuple(starts))
    assert len(places) <= 1


@given(text=cells, width=st.integers(0, 80))
def test_a_shortened_text_fits_and_is_a_beginning(text, width):
    short = shorten(text, width)
    assert width_of(short) <= width
    if width_of(text) <= width:
        assert short == text
    elif width:
        assert short.endswith("…")
        assert text.startswith(short[:-1])


@given(sizes=st.lists(st.integers(7, 60), min_size=2, max_size=5), width=st.integers(20, 200))
def test_the_narrowing_is_shared_fairly(sizes, width):
    # Of columns that may shrink, none is cut while a wider one is left: what is cut ends within one column of the widest.
    (line,) = layout([["x" * size for size in sizes]], None, width, shrink=range(len(sizes)))
    found = [len(cell) for cell in line.split()]
    for size, shown in zip(sizes, found, strict=True):
        assert shown == size or shown >= max(found) - 1


def squeezed(text):
    return "".join(text.split(" "))


@given(text=sentences, width=st.integers(4, 100), indent=st.sampled_from(["", " ", "    "]))
def test_wrapping_keeps_every_character_but_blanks(text, width, indent):
    assert squeezed("".join(wrap(text, width, indent))) == squeezed(text)


@given(text=sentences, width=st.integers(8, 100))
def test_wrapping_keeps_every_word_whole(text, width):
    lines = wrap(text, width)
    narrow = [word for word in text.split() if word.isascii()]
    broken = [word for line in lines for word in line.split() if word.isascii()]
    assert [word for word in broken if word not in narrow] == []


@given(text=sentences, width=st.integers(8, 100), indent=st.sampled_from(["", "  "]))
def test_a_line_is_too_long_only_where_it_cannot_be_broken(text, width, indent):
    for number, line in enumerate(wrap(text, width, indent)):
        if number:
            assert line.startswith(indent)
        if width_of(line) > width:
            # One piece: a word, or a wide character with the marks that must not begin a line.
            rest = line.strip(" ")
            assert " " not in rest
            assert not any(width_of(one) == 2 and width_of(other) == 2 and other not in "、。ッ" for one, other in pairwise(rest))


@given(text=sentences)
def test_wide_windows_change_nothing(text):
    assert wrap(text, 10_000) == [text.strip(" ")]
