"""A packet as a picture: its bytes, layer by layer, what some of them mean below, and the two port numbers in brackets. Pure: a value in, lines out."""

from __future__ import annotations

from portulan.cli.table import width_of, wrap
from portulan.model.record import Record
from portulan.text.explain import field_words, layer_words, packet_title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portulan.model.explain import Dissected, Field, Layer
    from portulan.text.voice import Voice

    Paint = Callable[..., str]

_INDENT = 7
"""Columns before the first byte: the place of the row, as hexadecimal digits."""
_LETTERS_FROM = 75
"""Columns that 16 bytes a row need, with their letters beside them."""
_MOST_ROWS = 4
"""Rows of data that are shown; nobody reads a packet's pictures byte by byte."""


class Row(Record):
    """Some bytes of one layer."""

    at: int
    bytes: bytes
    fields: tuple[Field, ...]
    """Those that begin here."""


def packet_lines(packet: Dissected, voice: Voice, *, width: int, paint: Paint) -> Iterator[str]:
    """The whole picture; `paint(text, style, …)` colours."""
    data = bytes.fromhex(packet.data)
    per_row = 16 if width >= _LETTERS_FROM else 8
    for line in wrap(packet_title(voice, packet), width):
        yield paint(line, "bold")
    for layer in packet.layers:
        yield from _layer_lines(layer, data, per_row, voice, width, paint)


def _layer_lines(layer: Layer, data: bytes, per_row: int, voice: Voice, width: int, paint: Paint) -> Iterator[str]:
    name, meaning = layer_words(voice, layer)
    size = voice.count("{n} byte", "{n} bytes", layer.size)
    first, *rest = wrap(f"{name}  {size}  {meaning}", width - 1)
    yield " " + paint(name, "bold" if any(field.is_port for field in layer.fields) else "cyan") + first[len(name) :]
    yield from ("  " + line for line in rest)
    free = not layer.fields
    end = min(layer.at + layer.size, layer.at + _MOST_ROWS * per_row) if free else layer.at + layer.size
    for at in range(layer.at, end, per_row):
        stop = min(at + per_row, end)
        row = Row(at, data[at:stop], tuple(field for field in layer.fields if at <= field.at < stop))
        yield _bytes_line(row, per_row if free else 0, paint)
        yield from _meanings(row, layer, voice, width, paint)
    if end < layer.at + layer.size:
        yield " " * _INDENT + voice.count("… {n} more byte", "… {n} more bytes", layer.at + layer.size - end)


def _bytes_line(row: Row, letters_of: int, paint: Paint) -> str:
    """`0022  [a1 12|cc 79] 00 17`, and of data the letters beside it."""
    ports = [field for field in row.fields if field.is_port]
    begins = {field.at - row.at for field in ports}
    ends = {field.at + field.size - row.at for field in ports}
    parts = []
    for at, byte in enumerate(row.bytes):
        inside = any(field.at <= row.at + at < field.at + field.size for field in ports)
        sign = "|" if at in begins and at in ends else "[" if at in begins else "]" if at in ends else " "
        parts.append(paint(sign, "yellow", "bold") if sign != " " else sign)
        parts.append(paint(f"{byte:02x}", "yellow", "bold") if inside else f"{byte:02x}")
    if len(row.bytes) in ends:
        parts.append(paint("]", "yellow", "bold"))
    text = f" {row.at:04x} ".ljust(_INDENT - 1) + "".join(parts)
    if letters_of:
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row.bytes)
        text += " " * (3 * (letters_of - len(row.bytes)) + 2) + paint(letters, "dim")
    return text


def _meanings(row: Row, layer: Layer, voice: Voice, width: int, paint: Paint) -> Iterator[str]:
    """What the marked bytes mean, the last first, each at the end of a line that comes down from its bytes."""
    columns = [(_INDENT + 3 * (field.at - row.at), field) for field in row.fields]
    while columns:
        column, field = columns.pop()
        before = ""
        for earlier, _ in columns:
            before += " " * (earlier - len(before)) + "│"
        text = field_words(voice, layer, field)
        head = before + " " * (column - len(before)) + "└ "
        shown = paint(text, "yellow", "bold") if field.is_port else paint(text, "dim")
        if len(head) + width_of(text) <= width:
            yield head + shown
        else:  # a long address on a narrow screen
            yield head.rstrip()
            yield " " * max(0, width - width_of(text)) + shown
