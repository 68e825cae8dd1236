"""`portulan scanners`: who is trying the doors, in captures or as it happens."""

from __future__ import annotations

from portulan.cli.face import Face
from portulan.model.scanner import Verdict
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.model.scanner import Scanner, Scanners

NO = mark("somebody was trying the doors")
EXAMPLES = (
    ("sudo portulan scanners", mark("who is trying this host's doors, as it happens (Ctrl-C ends it)")),
    ("portulan scanners --read office.pcap", mark("who tried them in a capture")),
    ("sudo portulan scanners --jsonl >> scanners.jsonl", mark("a JSON object for each, when it is sure")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    say = voice.say
    parser.add_argument(
        "-r", "--read", nargs="+", action="extend", default=[], metavar="FILE", help=say("pcap or pcapng, gz and zst too; several are one capture; -: standard input")
    )  # fmt: skip
    parser.add_argument(
        "-i", "--interface", action="append", default=[], metavar="NAME", help=say("listen on this interface (again for more); else on all")
    )
    parser.add_argument("--duration", metavar="SECONDS", help=say("listen so long; else until Ctrl-C"))
    parser.add_argument("--all", action="store_true", help=say("every source's evidence: each door it tried, and how that ended"))
    parser.add_argument("--jsonl", action="store_true", help=say("one JSON object a line, each source as soon as it is sure"))


def status_of(answer: Scanners) -> int:
    """1: scanners were found; 3: nothing of it could be judged; 0: none."""
    if any(one.verdict is Verdict.SCANNER for one in answer.rows):
        return 1
    return 3 if answer.cannot_judge and not answer.judged else 0


def show(face: Face, answer: Scanners, *, every: bool = False) -> None:
    """The answer for people."""
    from portulan.cli.table import wrap
    from portulan.text.scanners import doubts, headline

    found = any(one.verdict is Verdict.SCANNER for one in answer.rows)
    for line in wrap(headline(face.voice, answer), min(face.width, 100) - 2):
        face.line(" " + face.style(line, "bold", *(("red",) if found else ())))
    for one in answer.rows:
        show_one(face, one, every=every)
    for text in doubts(face.voice, answer):
        face.paragraph(text, " ")


def show_one(face: Face, one: Scanner, *, every: bool = False) -> None:
    """One source: what it did, what it knows now, and with `every` the evidence."""
    from portulan.cli.table import width_of, wrap
    from portulan.text.scanners import evidence, kind, source, sureness, what_it_did

    voice = face.voice
    name = source(voice, one)
    text = what_it_did(voice, one)
    sure = sureness(voice, one)
    if sure:
        text += f"   ({sure})"
    label = f" {name}   "
    room = min(face.width, 110) - width_of(label)
    if room < 30:  # several addresses, or a long one: what it did stands below
        face.line(" " + face.style(name, "bold"))
        label, room = "   ", min(face.width, 110) - 3
        lines = wrap(text, room)
    else:
        lines = wrap(text, room)
        face.line(f" {face.style(name, 'bold')}   {lines.pop(0)}")
    for line in lines:
        face.line(" " * width_of(label) + line)
    if every:
        how = kind(voice, one)
        if how:
            face.line(f"   {how}")
        for each in one.evidence:
            face.line("   " + evidence(voice, each))
