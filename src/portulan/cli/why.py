"""`portulan why PORT`: can a server bind it, and if not, why not, and what to do."""

from __future__ import annotations

import os

from portulan.cli.face import Face, program_name
from portulan.cli.table import width_of, wrap
from portulan.model.binding import Answer
from portulan.text.gaps import gap_sentence, way_out
from portulan.text.voice import Voice, mark
from portulan.text.why import Story, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from portulan.model.why import Why

NO = mark("the port cannot be bound")
EXAMPLES = (
    ("portulan why 80", mark("can a server bind port 80?")),
    ("portulan why 53/udp --address 127.0.0.1", mark("another transport, one address")),
    ("portulan why 8080 --no-reuseaddr", mark("a server that does not set SO_REUSEADDR")),
    ("sudo portulan why 80 --uid 1000", mark("a server that another user runs")),
    ("portulan why 80 --json", mark("for programs")),
)
_STATUS = {Answer.YES: 0, Answer.NO: 1, Answer.MAYBE: 3}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("port", metavar="PORT", help=voice.say("a port (80), a transport's (53/udp) or a service (ssh)"))
    parser.add_argument("--address", metavar="ADDRESS", help=voice.say("the address that the server binds; by default all of them"))
    parser.add_argument("--uid", type=int, metavar="UID", help=voice.say("the user that the server runs as; by default you"))
    parser.add_argument(
        "--no-reuseaddr", action="store_true", help=voice.say("the server does not set SO_REUSEADDR, as nearly all TCP servers do")
    )
    parser.add_argument("--reuseaddr", action="store_true", help=voice.say("the server sets SO_REUSEADDR, as few UDP servers do"))
    parser.add_argument("--reuseport", action="store_true", help=voice.say("the server sets SO_REUSEPORT"))
    parser.add_argument("--v6only", action="store_true", help=voice.say("its IPv6 socket leaves IPv4 alone (IPV6_V6ONLY)"))
    parser.add_argument("--device", metavar="INTERFACE", help=voice.say("the interface that the server binds to (SO_BINDTODEVICE)"))
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def plain(words: list[str]) -> dict[str, object] | None:
    """What the parser would make of words without options; None when that would be an error."""
    if len(words) != 1:
        return None
    options = {"no_reuseaddr": False, "reuseaddr": False, "reuseport": False, "v6only": False}
    return {"port": words[0], "address": None, "uid": None, **options, "device": None, "source": "auto"}


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell why. 0: it can be bound; 1: it cannot; 3: that could not be found out."""
    from portulan.verbs.why import why

    answer = why(
        options.port,
        address=options.address,
        uid=options.uid,
        reuse_address=False if options.no_reuseaddr else True if options.reuseaddr else None,
        reuse_port=options.reuseport,
        v6_only=True if options.v6only else None,
        device=options.device,
        source=options.source,
    )
    missing = [gap_sentence(face.voice, gap) for gap in answer.gaps]
    if options.json:
        extra = {name: getattr(answer, name) for name in answer._fields if name not in ("items", "gaps", "taken_at")}
        face.envelope("why", answer.items, taken_at=answer.taken_at, missing=missing, extra=extra)
    else:
        _show(face, tell(face.voice, answer))
        for text in missing:
            face.note(" " + text)
        if answer.gaps and (more := _more(face.voice, answer)):
            face.note(" " + more)
    return _STATUS[answer.answer]


def _more(voice: Voice, answer: Why) -> str | None:
    """The command that would show more."""
    return way_out(voice, answer.gaps, root=hasattr(os, "geteuid") and os.geteuid() == 0, command=f"{program_name()} why {answer.port}")


def _show(face: Face, story: Story) -> None:
    for line in wrap(story.lead, face.width):
        face.line(face.style(line, "bold"))
    if story.body:
        face.line()
        for text in story.body:
            face.paragraph(text, " ")
    if story.processes:
        face.line()
        face.table(story.processes, shrink=(0, 3))
    labelled(face, story.facts)
    if story.ways:
        face.line()
        _ways(face, story.ways)


def labelled(face: Face, facts: Sequence[tuple[str, str]]) -> None:
    """Labels in a column, each text wrapped beside it."""
    size = max(11, *(width_of(label) for label, _ in facts))
    for label, text in facts:
        first, *rest = wrap(text, max(20, face.width - size - 4)) or [""]
        face.line(" " + face.style(label, "dim") + " " * (size - width_of(label)) + "   " + first)
        for line in rest:
            face.line(" " * (size + 4) + line)


def _ways(face: Face, ways: Sequence[tuple[str, str, str]]) -> None:
    """When, what to type, what it does: beside each other where there is room, else below."""
    size = max(8, *(width_of(when) for when, _, _ in ways))
    longest = max((width_of(command) for _, command, _ in ways), default=0)
    before = ""
    for when, command, meaning in ways:
        head = " " + (face.style(when, "dim") if when != before else " " * width_of(when)) + " " * (size - width_of(when)) + "  "
        before = when
        indent = " " * (size + 3)
        room = face.width - size - 3
        if command and meaning and width_of(command) + 3 + width_of(meaning) <= room:
            gap = longest - width_of(command) if longest + 3 + width_of(meaning) <= room else 0
            face.line(head + command + " " * (gap + 3) + meaning)
            continue
        # A command is never cut into lines: it is there to be copied.
        lines = ([command] if command else []) + (["  " * bool(command) + line for line in wrap(meaning, room - 2)] if meaning else [])
        face.line(head + lines[0])
        for line in lines[1:]:
            face.line(indent + line)
