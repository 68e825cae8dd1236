"""Tables for a terminal: columns as wide as their content, shortened where the window is narrower. Pure: text in, lines out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

GAP = 2
"""Blanks between columns."""
_NARROWEST = 6
"""A column that may shrink keeps this much."""


def width_of(text: str) -> int:
    """Columns that the text takes on a terminal: East Asian wide characters take two, combining marks none (UAX #11)."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1 for character in text)


def shorten(text: str, width: int) -> str:
    """The text in at most `width` columns; what was cut is shown by an ellipsis."""
    if width_of(text) <= width:
        return text
    if width <= 0:
        return ""
    kept, used = [], 0
    for character in text:
        size = width_of(character)
        if used + size > width - 1:
            break
        kept.append(character)
        used += size
    return "".join(kept) + "…"


def layout(
    rows: Sequence[Sequence[str]],
    headers: Sequence[str] | None,
    width: int,
    *,
    shrink: Collection[int] = (),
    right: Collection[int] = (),
    paint: Callable[[int, int, str], str] | None = None,
) -> list[str]:
    """Lines of a table, each starting with one blank, no blanks at the end.

    `shrink` names the columns that may be shortened, widest first, when the table is wider than `width`; `right` those aligned right;
    `paint` (row index, -1 for the header; column; padded text) may colour a cell.
    """
    lines = [list(headers)] if headers else []
    lines += [list(row) for row in rows]
    if not lines:
        return []
    columns = len(lines[0])
    sizes = [max(width_of(line[column]) for line in lines) for column in range(columns)]
    _fit(sizes, width - 1 - GAP * (columns - 1), shrink)
    result = []
    for number, line in enumerate(lines, -1 if headers else 0):
        cells = []
        for column, text in enumerate(line):
            cell = shorten(text, sizes[column])
            blanks = " " * (sizes[column] - width_of(cell))
            padded = blanks + cell if column in right else cell + blanks
            if column == columns - 1 and column not in right:
                padded = cell
            cells.append(paint(number, column, padded) if paint else padded)
        result.append((" " + (" " * GAP).join(cells)).rstrip())
    return result


def _fit(sizes: list[int], room: int, shrink: Collection[int]) -> None:
    """Take from the widest that may shrink, those of one width alike, until all fit or all are at their narrowest."""
    excess = sum(sizes) - room
    while excess > 0:
        widest = max((sizes[column] for column in shrink), default=0)
        if widest <= _NARROWEST:
            return
        alike = [column for column in shrink if sizes[column] == widest]
        next_width = max([_NARROWEST, *(sizes[column] for column in shrink if sizes[column] < widest)])
        step = min(excess, (widest - next_width) * len(alike))
        excess -= step
        for at, column in enumerate(alike):
            sizes[column] -= step // len(alike) + (at < step % len(alike))


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """The text in lines of at most `width` columns, every one after the first indented. Breaks at blanks, and between wide characters."""
    lines, line = [], ""
    for word in _words(text):
        piece = word if line.strip() else word.lstrip(" ")
        if line.strip() and width_of(line + piece.rstrip(" ")) > width:
            lines.append(line.rstrip(" "))
            line, piece = indent, word.lstrip(" ")
        line += piece
    lines.append(line.rstrip(" "))
    return lines


_NO_LINE_START = "、。，．・：；？！）」』】…ー々ゃゅょっァィゥェォャュョッ,.;:!?)"


def _words(text: str) -> list[str]:
    """Pieces that may stand on different lines: words with the blanks before them, single wide characters (Japanese has no blanks)."""
    pieces: list[str] = []
    fresh = True
    for character in text:
        wide = width_of(character) == 2
        if character == " ":
            pieces.append(" ")
            fresh = False
        elif pieces and (character in _NO_LINE_START or not (wide or fresh)):
            pieces[-1] += character
        else:
            pieces.append(character)
        fresh = wide if character != " " else False
    return pieces
