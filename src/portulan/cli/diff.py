"""`portulan diff`: what changed between two scans, or between a scan and what this machine knows of itself."""

from __future__ import annotations

from portulan.cli.face import Face
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.model.scan_diff import DiffAnswer, HostCompared

NO = mark("something differs")
EXAMPLES = (
    ("portulan diff monday.json today.json", mark("what opened and what closed since")),
    ("portulan diff nmap.xml today.csv", mark("other forms, nmap's own too")),
    ("portulan diff today.xml host", mark("a scan against this machine's own list")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    what = voice.say(
        "a scan's answer in a file (JSON, JSON lines, CSV, grepable, nmap's XML; -: standard input), or host: what this machine knows"
    )
    parser.add_argument("before", metavar="BEFORE", help=what)
    parser.add_argument("after", metavar="AFTER", help=voice.say("the same, to compare with"))


def run(options: argparse.Namespace, face: Face) -> int:
    """0: no difference; 1: some."""
    from portulan.verbs.diff import diff

    answer = diff(options.before, options.after)
    if options.json:
        extra = {"before": answer.before, "after": answer.after, "addresses": answer.addresses, "skipped": answer.skipped}
        face.envelope("diff", answer.items, extra=extra)
    else:
        show(face, answer)
    return 1 if answer.items else 0


def show(face: Face, answer: DiffAnswer) -> None:
    """The answer for people."""
    from portulan.text.scan_diff import headline, row_of, skipped_line

    voice = face.voice
    face.paragraph(headline(voice, answer), " ")
    if answer.items:
        face.line()
        headers = (voice.say("ADDRESS"), voice.say("PORT"), voice.say("SERVICE"), voice.say("BEFORE"), voice.say("AFTER"))
        _states(face, [row_of(voice, each) for each in answer.items], headers)
    skipped = skipped_line(voice, answer.skipped)
    if skipped is not None:
        face.note(" " + skipped)


def show_host(face: Face, answer: HostCompared) -> None:
    """What only one side knows."""
    from portulan.text.scan_diff import host_headline, host_meanings, host_row, skipped_line

    voice = face.voice
    face.paragraph(host_headline(voice, answer), " ")
    if answer.items:
        face.line()
        headers = (voice.say("ADDRESS"), voice.say("PORT"), voice.say("SERVICE"), voice.say("OUTSIDE"), voice.say("INSIDE"))
        _states(face, [host_row(voice, each) for each in answer.items], headers)
        face.line()
        for text in host_meanings(voice, answer):
            face.paragraph(text, " ")
    skipped = skipped_line(voice, answer.foreign)
    if skipped is not None:
        face.note(" " + skipped)


def _states(face: Face, rows: list[tuple[str, str, str, str, str]], headers: tuple[str, ...]) -> None:
    def styles(row: int, column: int) -> tuple[str, ...]:
        return ("green",) if column > 2 and rows[row][column] == "open" else ()

    face.table(rows, headers, shrink=(0, 1, 2, 4), styles=styles)
