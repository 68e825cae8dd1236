"""`portulan conflicts`: what will collide before it starts."""

from __future__ import annotations

import os

from portulan.cli.face import Face, program_name
from portulan.cli.table import GAP, width_of, wrap
from portulan.model.declared import Kind, Severity
from portulan.text import conflicts as text
from portulan.text.gaps import gap_sentence
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.model.declared import Conflicts

NO = mark("something collides, or will not start as its file says")
EXAMPLES = (
    ("portulan conflicts", mark("this machine's servers and units, and the project here")),
    ("portulan conflicts .", mark("every known file below this folder")),
    ("portulan conflicts --kind nginx site.txt", mark("a file whose name does not tell whose it is")),
    ("portulan conflicts --all", mark("every declared port, with file and line")),
    ("portulan conflicts --json", mark("for programs")),
)
_STYLES = {Severity.ERROR: ("bold", "red"), Severity.WARNING: ("bold", "yellow"), Severity.NOTE: ("bold",)}
_MOST_PROBLEMS = 12
_SHORTEST_PATH = 24


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "path", nargs="*", metavar="PATH", help=voice.say("files and folders; none: this machine's usual places, and the project here")
    )
    parser.add_argument("--all", action="store_true", help=voice.say("notes too, and every declared port with its file and line"))
    parser.add_argument("--kind", metavar="KIND", help=voice.say("whose files these are: {kinds}", kinds=", ".join(Kind)))
    parser.add_argument("--not-running", action="store_true", help=voice.say("compare files only, not with what is running"))
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell what collides. 0: nothing does for sure; 1: something does."""
    from portulan.verbs.conflicts import conflicts

    answer = conflicts(options.path, kind=options.kind, live=not options.not_running, source=options.source)
    folder = _folder()
    problems = [text.problem_sentence(face.voice, problem, folder) for problem in answer.problems]
    missing = [*problems, *(gap_sentence(face.voice, gap) for gap in text.merged_gaps(answer))]
    if options.json:
        extra = {
            "host": answer.host, "declared": answer.declared, "files": answer.files, "problems": answer.problems, "ephemeral": answer.ephemeral,
        }  # fmt: skip
        face.envelope("conflicts", answer.items, taken_at=answer.taken_at, missing=missing, extra=extra)
    else:
        tell(face, answer, missing, everything=options.all, folder=folder)
    return 1 if any(one.severity is Severity.ERROR for one in answer.items) else 0


def tell(face: Face, answer: Conflicts, missing: list[str], *, everything: bool, folder: str) -> None:
    """The findings, the worst first; then, if asked for, every declaration; last what was not understood."""
    voice = face.voice
    face.line(text.headline(voice, answer))
    for block in text.blocks(voice, answer, folder=folder, notes=everything):
        face.line()
        _block(face, block)
    if everything and answer.declared:
        face.line()
        _declarations(face, text.rows(voice, answer, folder))
    for sentence in missing[:_MOST_PROBLEMS]:
        face.note(" " + sentence)
    if len(missing) > _MOST_PROBLEMS:
        rest = len(missing) - _MOST_PROBLEMS
        face.note(" " + voice.count("… and {n} more:  add --json", "… and {n} more:  add --json", rest))
    if text.unreadable(answer) and hasattr(os, "geteuid") and os.geteuid():
        face.note(" " + voice.say("See all:  sudo {command}", command=f"{program_name()} conflicts"))


def _declarations(face: Face, rows: list[tuple[str, str, str, str, str]]) -> None:
    """Every declaration. A path is cut at its beginning: its end and the line tell more."""
    voice = face.voice
    headers = (voice.say("PORT"), voice.say("DECLARED BY"), voice.say("STARTS"), voice.say("ADDRESS"), voice.say("FILE"))
    others = [(port, name, starts, address) for port, name, address, _, starts in rows]
    taken = sum(max(width_of(line[column]) for line in (headers, *others)) + GAP for column in range(4)) + 1
    room = max(_SHORTEST_PATH, face.width - taken)
    face.table([(*line, _tail(path, room)) for line, (_, _, _, path, _) in zip(others, rows, strict=True)], headers, shrink=(1, 3))


def _tail(path: str, room: int) -> str:
    return path if width_of(path) <= room else "…" + path[max(len(path) - room + 1, 0) :]


def _block(face: Face, block: text.Block) -> None:
    for line in wrap(block.sentence, face.width):
        face.line(face.style(line, *_STYLES[block.severity]))
    face.table(block.places, shrink=(1,))
    label = face.voice.say("ways out") if block.remedies else ""
    for at, command in enumerate(block.remedies):
        face.line(" " + (face.style(label, "dim") if at == 0 else " " * width_of(label)) + "   " + command)


def _folder() -> str:
    """Where we are, so that paths below it can be short."""
    try:
        return os.getcwd()
    except OSError:
        return ""
