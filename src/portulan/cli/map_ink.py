"""Coloured text for terminals of any depth: true colour, 256, 16, or plain characters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from portulan.cli.map_palette import FAINT, MARKS, PAGE, RANGES, TEXT, Colour, between
from portulan.model.picture import Cell
from portulan.model.port import PortClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Depth(IntEnum):
    """How many colours a terminal shows."""

    PLAIN = 1
    BASIC = 16
    INDEXED = 256
    TRUE = 1 << 24


def choose_depth(*, colour: bool, environment: Mapping[str, str]) -> Depth:
    """The depth: none unless `colour`, else what COLORTERM and TERM promise, 16 at least."""
    if not colour:
        return Depth.PLAIN
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Depth.TRUE
    terminal = environment.get("TERM", "")
    if terminal.endswith("-direct"):
        return Depth.TRUE
    return Depth.INDEXED if "256color" in terminal or "COLORTERM" in environment else Depth.BASIC


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text in one colour on one ground."""

    text: str
    front: Colour = TEXT
    ground: Colour = PAGE


@lru_cache(maxsize=4096)
def width_of(text: str) -> int:
    """How many columns the text takes: two for a wide (Chinese, Japanese, Korean) character, none for a combining one."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1 for character in text)


def pieces_width(pieces: Iterable[Piece]) -> int:
    """How many columns the pieces take together."""
    return sum(width_of(piece.text) for piece in pieces)


# xterm's numbers: a table, because the nearest of the 256 would turn our dark blue and violet into one grey.
_DARK_MIDDLE_LIGHT = {PortClass.SYSTEM: (54, 61, 98), PortClass.USER: (17, 24, 25), PortClass.DYNAMIC: (22, 29, 65)}
_INDEXED: dict[Colour, int] = {PAGE: 233, TEXT: 255, FAINT: 247}
_INDEXED |= {MARKS[Cell.IN_USE]: 250, MARKS[Cell.LOOPBACK]: 39, MARKS[Cell.PRIVATE]: 227, MARKS[Cell.PUBLIC]: 208, MARKS[Cell.ALL]: 197}
_INDEXED |= {between(*RANGES[name], 2 * at): index for name, indices in _DARK_MIDDLE_LIGHT.items() for at, index in enumerate(indices)}

# The sixteen leave no room for shades: what is mostly unassigned is black in the first two ranges and green in the last.
_BASIC: dict[Colour, int] = {PAGE: 0, TEXT: 15, FAINT: 7}
_BASIC |= {MARKS[Cell.IN_USE]: 7, MARKS[Cell.LOOPBACK]: 14, MARKS[Cell.PRIVATE]: 11, MARKS[Cell.PUBLIC]: 13, MARKS[Cell.ALL]: 9}
_BASIC |= dict(zip((colour for pair in RANGES.values() for colour in pair), (0, 4, 0, 8, 2, 10), strict=True))


@lru_cache(maxsize=256)
def _nearest(colour: Colour, depth: Depth) -> int:
    """The terminal's number for a colour of ours, or for the one of ours that is most like it."""
    table = _INDEXED if depth is Depth.INDEXED else _BASIC
    return table[min(table, key=lambda known: sum((a - b) ** 2 for a, b in zip(known, colour, strict=True)))]


@lru_cache(maxsize=1024)
def _sequence(front: Colour, ground: Colour, depth: Depth) -> str:
    """The control sequence (ECMA-48 SGR; the 38 and 48 forms are ITU T.416's, in xterm's spelling) that sets both colours."""
    if depth is Depth.TRUE:
        return "\x1b[38;2;{};{};{};48;2;{};{};{}m".format(*front, *ground)
    ink, paper = _nearest(front, depth), _nearest(ground, depth)
    if depth is Depth.INDEXED:
        return f"\x1b[38;5;{ink};48;5;{paper}m"
    return f"\x1b[{30 + ink if ink < 8 else 82 + ink};{40 + paper if paper < 8 else 92 + paper}m"


def clip(pieces: Iterable[Piece], width: int) -> list[Piece]:
    """The pieces as far as `width` columns go; an ellipsis ends what was cut."""
    kept: list[Piece] = []
    room = width
    for piece in pieces:
        room -= width_of(piece.text)
        if room < 0:
            text, room = piece.text, room + width_of(piece.text)
            while text and width_of(text) > room - 1:
                text = text[:-1]
            return [*kept, Piece(f"{text}…"[:room], piece.front, piece.ground)]
        kept.append(piece)
    return kept


def paint(pieces: Iterable[Piece], depth: Depth, width: int) -> str:
    """One line, filled to `width` columns with the ground; without colour just the text."""
    kept = clip(pieces, width)
    if depth is Depth.PLAIN:
        return "".join(piece.text for piece in kept).rstrip()
    kept.append(Piece(" " * (width - pieces_width(kept))))
    out, now = [], ""
    for piece in kept:
        wanted = _sequence(piece.front, piece.ground, depth)
        if wanted != now and piece.text:
            out.append(wanted)
            now = wanted
        out.append(piece.text)
    return "".join(out) + "\x1b[0m"
