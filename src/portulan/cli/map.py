"""`portulan map`: all 65,536 ports as one picture, on the terminal or as a file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from portulan.cli.face import Face
from portulan.errors import BadInput
from portulan.model.picture import PortMap
from portulan.text import map as words
from portulan.text.gaps import gap_sentence
from portulan.text.voice import Voice, mark

EXAMPLES = (
    ("portulan map", mark("the picture, in this window")),
    ("portulan map -o ports.png", mark("as a file, to look at closely or to keep")),
    ("portulan map -o ports.svg", mark("the same with text that can be searched and ports that tell their name")),
    ("portulan map --transport udp", mark("UDP only")),
)
FORMATS = (".png", ".svg")
TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.cli.map_font import FontFile


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=voice.say("write the picture to this file, .png or .svg, instead of the terminal")
    )
    parser.add_argument("--transport", choices=("tcp", "udp"), help=voice.say("only this transport; otherwise all in one picture"))
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Draw the picture where it was asked for."""
    from portulan.verbs.map import port_map

    # A wrong name is said before the machine is asked.
    path = target_of(options.output) if options.output is not None else None
    drawn = port_map(options.transport, source=options.source)
    show(drawn, face, path, json=options.json)
    return 0


def show(drawn: PortMap, face: Face, path: Path | None, *, json: bool) -> None:
    """The picture as a file, as JSON (both may be asked for), or else on the terminal; on stderr what is missing in it."""
    missing = [gap_sentence(face.voice, gap) for gap in drawn.gaps]
    if path is not None:
        _save(drawn, face, path)
    if json:
        from portulan.host.picture import count_cells, stretches

        clients = (drawn.ephemeral.first, drawn.ephemeral.last) if drawn.ephemeral else None
        facts = {"host": drawn.host, "transport": drawn.transport, "ephemeral": clients, "counts": count_cells(drawn.picture)}
        face.envelope("map", stretches(drawn.picture), taken_at=drawn.taken_at, missing=missing, extra=facts)
        return
    if path is None:
        _print(drawn, face, missing)
    for text in missing:
        face.note(" " + text)


def _print(drawn: PortMap, face: Face, missing: list[str]) -> None:
    """The picture on the terminal, with room left for the sentences that follow it."""
    from portulan.cli.map_ink import Depth, choose_depth, width_of
    from portulan.cli.map_terminal import picture_lines

    width, rows = _window(face)
    if rows is not None:
        rows -= sum(-(-(width_of(text) + 1) // width) for text in missing)
    depth = choose_depth(colour=face.colour, environment=os.environ)
    try:
        "▀▕".encode(getattr(face.out, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        depth = Depth.PLAIN
    for line in picture_lines(drawn, face.voice, width=width, rows=rows, depth=depth):
        face.line(line)


def _window(face: Face) -> tuple[int, int | None]:
    """Columns and lines of the terminal that is written to. Elsewhere the face's width, and no end: a picture gains from every column."""
    try:
        if face.out.isatty():
            size = os.get_terminal_size(face.out.fileno())
            if size.columns > 0 and size.lines > 0:
                return size.columns, size.lines
    except (OSError, ValueError):
        pass
    return face.width, None


def target_of(text: str) -> Path:
    """The file to write, its links followed. Raises BadInput for a name without a format that we can write."""
    path = Path(text)
    if path.suffix.lower() not in FORMATS:
        raise BadInput("picture.unknown-format", path=text, known=", ".join(FORMATS))
    return Path(os.path.realpath(path))


def _save(drawn: PortMap, face: Face, path: Path) -> None:
    """The picture as a file of the format that the name ends in."""
    if path.suffix.lower() == ".svg":
        from portulan.cli.map_svg import build_svg

        data = build_svg(drawn, face.voice)
    else:
        data = _png(drawn, face)
    save(path, data, face)


def save(path: Path, data: bytes, face: Face) -> None:
    """Write a picture and say where it is. Raises BadInput."""
    _write(path, data)
    face.note(face.voice.say("Written: {path}", path=str(path)))


def _png(drawn: PortMap, face: Face) -> bytes:
    """The PNG in the reader's language, or in English where no font has its characters."""
    from portulan.cli.map_png import build_png

    voice, font = font_of(face)
    return build_png(drawn, voice, font)


def font_of(face: Face) -> tuple[Voice, FontFile | None]:
    """The language for the words of a PNG and the font for them: English where no font has the reader's characters, which is said."""
    from portulan.cli.map_font import find_font

    if face.voice.language != "ja":
        return face.voice, None
    font = find_font()
    if font is None:
        face.note(face.voice.say(words.ENGLISH_ONLY))
        return Voice("en"), None
    return face.voice, font


def _write(path: Path, data: bytes) -> None:
    """Write the file beside its place and rename it over: there is never half a picture. Raises BadInput where that is not possible."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        try:
            with fresh.open("xb") as file:
                file.write(data)
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadInput("picture.cannot-write", path=str(path), reason=error.strerror or str(error)) from error
