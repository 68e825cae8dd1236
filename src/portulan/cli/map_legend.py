"""The words around the picture of all ports in a terminal: title, headings, and the open ports by how far they reach (the legend)."""

from __future__ import annotations

from portulan.cli.map_ink import Depth, Piece, pieces_width, width_of
from portulan.cli.map_palette import FAINT, MARKS, TEXT, shades_of
from portulan.host.picture import by_exposure, count_cells
from portulan.model.picture import Cell
from portulan.model.port import PortClass
from portulan.text import map as words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.cli.map_palette import Colour
    from portulan.model.picture import PortMap
    from portulan.text.voice import Voice

SIGNS = {Cell.UNASSIGNED: ".", Cell.ASSIGNED: ":", Cell.IN_USE: "+", Cell.LOOPBACK: "o", Cell.PRIVATE: "p", Cell.PUBLIC: "P", Cell.ALL: "#"}
"""The cells without colour."""
DYNAMIC_SIGN = "-"
"""A dynamic port that nobody uses: the registry never assigns those."""


def title_line(drawn: PortMap, voice: Voice, width: int) -> list[Piece]:
    """Host and count at the left, the moment at the right where it fits."""
    title, moment = words.title(drawn, voice), words.moment(drawn)
    room = width - width_of(title) - len(moment) - 2
    return [Piece(f" {title}")] + ([Piece(" " * room + moment + " ", FAINT)] if room > 0 else [])


def _swatch(*colours: Colour, sign: str, depth: Depth) -> list[Piece]:
    """The colour (or two) that a word of the legend explains; the sign where there are none."""
    if depth is Depth.PLAIN:
        return [Piece(f"{sign} ")] if sign else []
    return [*(Piece(" " * (2 // len(colours)), TEXT, colour) for colour in colours), Piece(" ")]


def lens_heading(voice: Voice, depth: Depth, width: int) -> list[list[Piece]]:
    """What the enlarged part is, and what its two shades mean."""
    heading = [*_range_swatch(PortClass.SYSTEM, depth), Piece(words.lens_heading(voice))]
    return _flow([heading, *_shades(voice, depth)], width)


def _shades(voice: Voice, depth: Depth) -> list[list[Piece]]:
    """Assigned and unassigned."""
    if depth is Depth.PLAIN:
        light, dark = (voice.say(words.CELLS[cell]) for cell in (Cell.ASSIGNED, Cell.UNASSIGNED))
        return [[Piece(f"{SIGNS[Cell.ASSIGNED]} {light}")], [Piece(f"{SIGNS[Cell.UNASSIGNED]} {DYNAMIC_SIGN} {dark}")]]
    return [[Piece(words.shades(voice), FAINT)]]


def _range_swatch(range_: PortClass, depth: Depth) -> list[Piece]:
    """A range's shades, before its name."""
    return _swatch(*shades_of(range_), sign="", depth=depth)


def whole_heading(run: int, voice: Voice, depth: Depth, width: int, *, explain: bool) -> list[list[Piece]]:
    """How many ports a cell stands for, and the three ranges by colour and number."""
    items = [[Piece(words.whole_heading(run, voice))]]
    named = [range_ for range_ in PortClass if explain or range_ is not PortClass.SYSTEM]
    items += [[*_range_swatch(range_, depth), Piece(words.range_name(range_, voice), FAINT)] for range_ in named]
    return _flow(items + (_shades(voice, depth) if explain else []), width)


def legend(drawn: PortMap, voice: Voice, depth: Depth, width: int, limit: int | None) -> list[list[Piece]]:
    """The open ports by how far they reach, each kind with its colour; then what is in use without being open."""
    kinds = {Cell(exposure.value): words.number_words(found) for exposure, found in by_exposure(drawn.picture.open).items()}
    clients = words.clients(drawn, voice)
    in_use = count_cells(drawn.picture)[Cell.IN_USE]
    if in_use or clients:
        kinds[Cell.IN_USE] = [(f"{'|' if depth is Depth.PLAIN else '▕'} {clients}", 0)] if clients else []
    counts = {cell: f"{sum(count for _, count in numbers):,}" for cell, numbers in kinds.items()} | {Cell.IN_USE: f"{in_use:,}"}
    names = {cell: voice.say(words.CELLS[cell]) for cell in kinds}
    lead, figures = max(map(width_of, names.values()), default=0), max(map(len, counts.values()))
    lines = []
    for cell, numbers in kinds.items():
        head = [
            Piece(" "),
            *_swatch(MARKS[cell], sign=SIGNS[cell], depth=depth),
            Piece(f"{counts[cell]:>{figures}} ", MARKS[cell]),
            Piece(names[cell] + " " * (lead - width_of(names[cell]) + 1)),
        ]
        lines += _wrap(head, numbers, width, limit, voice)
    return lines


def _wrap(head: list[Piece], texts: list[tuple[str, int]], width: int, limit: int | None, voice: Voice) -> list[list[Piece]]:
    """`head`, then the texts on as many lines as they need, at most `limit`; the ports that are left out are counted."""
    indent = pieces_width(head)
    if indent > width - 12:
        indent = 4
    lines: list[list[Piece]] = []
    now, left = list(head), sum(count for _, count in texts)
    for at, (text, count) in enumerate(texts):
        more = words.more(left, voice)
        last = limit is not None and len(lines) == limit - 1
        reserve = 1 + width_of(more) if last and at < len(texts) - 1 else 0
        if pieces_width(now) + 1 + width_of(text) + reserve > width and pieces_width(now) > indent:
            if last:
                now[-1] = Piece(now[-1].text.removesuffix(","))
                return [*lines, [*now, Piece(f" {more}", FAINT)]]
            lines.append(now)
            now = [Piece(" " * indent)]
        now.append(Piece(f" {text}"))
        left -= count
    return [*lines, now]


def _flow(items: Iterable[list[Piece]], width: int) -> list[list[Piece]]:
    """The items side by side, two spaces apart, on as many lines as they need."""
    lines: list[list[Piece]] = []
    for item in items:
        if lines and pieces_width(lines[-1]) + 2 + pieces_width(item) <= width:
            lines[-1] += [Piece("  "), *item]
        else:
            lines.append([Piece(" "), *item])
    return lines
