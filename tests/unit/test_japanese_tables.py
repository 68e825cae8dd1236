"""Japanese tables align: a wide character takes two columns. Judged on what the tests have recorded and the README shows, by the columns a terminal would use."""

import re
from pathlib import Path
from unicodedata import combining, east_asian_width

import pytest

import catalogues
from portulan.cli.table import width_of

ROOT = Path(__file__).resolve().parents[2]
SHOWN = [
    ROOT / "README.ja.md",
    *sorted((ROOT / "tests" / "golden" / "__snapshots__").rglob("*.ambr")),
]


def translations():
    [path] = catalogues.po_files(ROOT)
    return {
        message.id: message.string
        for message in catalogues.load(path)
        if message.id and isinstance(message.id, str) and isinstance(message.string, str)
    }


JAPANESE = translations()
HEADERS = {text for english, text in JAPANESE.items() if re.fullmatch(r"[A-Z][A-Z /-]*(\([A-Z]+\))?", english)}
LEVELS = ("error", "warning", "info")
LABELS = {
    text
    for english, text in JAPANESE.items()
    if re.fullmatch(r"[a-z][a-z' -]{0,16}", english) and english not in LEVELS and not text.isascii()
}


def cells(line):
    """(text, first column, column behind it) of each cell: what two blanks or more keep apart."""
    wide = "".join(
        character + ("\0" if east_asian_width(character) in "WF" else "") if not combining(character) else "" for character in line
    )
    return [(match[0].replace("\0", ""), match.start(), match.end()) for match in re.finditer(r"\S+(?: \S+)*", wide)]


def tables(text):
    """(the heading's cells, the cells of each row) of the tables in a text."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        head = cells(line)
        if len(head) > 1 and all(name in HEADERS for name, _, _ in head) and not line.isascii():
            rows = []
            for below in lines[at + 1 :]:
                row = cells(below)
                if len(row) < 2 or "'''" in below:
                    break
                rows.append(row)
            yield head, rows


def crooked(text):
    """Cells of tables that stand neither under the beginning nor under the end of the heading that they stand under.

    A column without a heading says nothing, nor does the second part of a cell (a program, two blanks, its unit).
    """
    found = []
    for head, rows in tables(text):
        for row in rows:
            begins, ends = {begin for _, begin, _ in row}, {end for _, _, end in row}
            for cell, begin, end in row:
                above = [(first, behind) for _, first, behind in head if begin < behind and first < end]
                if above and all(first not in begins and behind not in ends for first, behind in above):
                    found.append((cell, [name for name, _, _ in head]))
    return found


def ragged(text):
    """Lists of a label and a value whose values do not begin in the same column."""
    found, column, before = [], None, ""
    for line in text.splitlines():
        row = cells(line)
        if len(row) > 1 and row[0][0] in LABELS and row[0][1] <= 5:
            if column is not None and row[1][1] != column:
                found.append((before, line))
            column, before = row[1][1], line
        elif len(row) != 1 or row[0][1] < 6:  # not a continuation of the value
            column = None
    return found


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_every_cell_stands_under_its_heading(path):
    assert crooked(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_the_values_of_a_list_stand_below_each_other(path):
    assert ragged(path.read_text("utf-8")) == []


def test_there_are_tables_and_lists_to_judge():
    texts = [path.read_text("utf-8") for path in SHOWN]
    assert sum(len(rows) for text in texts for _, rows in tables(text)) > 100
    assert sum(cells(line)[0][0] in LABELS for text in texts for line in text.splitlines() if len(cells(line)) > 1) > 100


def test_what_does_not_align_is_found():
    right = " ポート    サービス\n 80/tcp    http\n 4789/udp  名前"
    assert list(tables(right))
    assert crooked(right) == []
    assert crooked(right.replace("80/tcp    http", "80/tcp   http")) != []
    assert ragged(" プログラム   a\n コマンド     b") == []
    assert ragged(" プログラム   a\n コマンド   b") != []


def label(text):
    """Up to which column the label of a line goes: `rules   the policy's` up to the eighth; None where it has none."""
    found = re.match(r"\S+(?: \S+)* {2,}(?=\S)", text)
    return width_of(found[0]) if found else None


def test_labels_that_stand_below_each_other_in_english_do_in_japanese():
    groups = {}
    [path] = catalogues.po_files(ROOT)
    for message in catalogues.load(path):
        if isinstance(message.id, str) and message.id and label(message.id):
            for module, _ in message.locations:
                groups.setdefault((module, label(message.id)), []).append(message)
    # Somebody who filled a label up with blanks meant it to be a column.
    columns = {key: found for key, found in groups.items() if any(re.match(r"\S+(?: \S+)* {3,}", message.id) for message in found)}
    assert len([key for key, found in columns.items() if len(found) > 1]) >= 4
    ragged = {
        key: [message.string for message in found]
        for key, found in columns.items()
        if len({label(message.string) for message in found}) > 1
    }
    assert ragged == {}
