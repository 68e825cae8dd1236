"""`portulan who PORT`, and `portulan 80`: an answer, not a dump."""

from __future__ import annotations

import os

from portulan.cli.face import Face, program_name
from portulan.cli.table import width_of, wrap
from portulan.model.who import Who
from portulan.text.gaps import gap_sentence, way_out
from portulan.text.voice import Voice, mark
from portulan.text.who import Block, blocks, elsewhere, nobody

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

NO = mark("nobody holds the port")
EXAMPLES = (
    ("portulan 80", mark("who holds port 80")),
    ("portulan who 53/udp", mark("one transport only")),
    ("portulan who ssh", mark("by the name of the service")),
    ("portulan who 80 --json", mark("for programs")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("port", metavar="PORT", help=voice.say("a port (80), a transport's (53/udp) or a service (ssh)"))
    parser.add_argument("--no-reach", action="store_true", help=voice.say("without who can reach the port: the firewall is not read"))
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def plain(words: list[str]) -> dict[str, object] | None:
    """What the parser would make of words without options; None when that would be an error."""
    return {"port": words[0], "no_reach": False, "source": "auto"} if len(words) == 1 else None


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell who. 0: somebody; 1: nobody; 3: nobody that may be seen, and something may not."""
    from portulan.verbs.who import who

    answer = who(options.port, source=options.source, reach=not options.no_reach)
    missing = [gap_sentence(face.voice, gap) for gap in answer.gaps]
    if options.json:
        extra = {
            "host": answer.host, "source": answer.source, "port": answer.port, "service": answer.service, "remedies": answer.remedies,
            "ephemeral": answer.ephemeral,
        }  # fmt: skip
        face.envelope("who", answer.items, taken_at=answer.taken_at, missing=missing, extra=extra)
    else:
        _tell(face, answer, missing)
    return 0 if answer.items else 3 if could_hide(answer) else 1


def could_hide(answer: Who) -> bool:
    """Whether what was kept from us could hold the port: a socket is listed by the kernel whoever holds it, but not those of closed namespaces."""
    return any(gap.code in ("namespace.forbidden", "namespace.unreachable", "psutil.forbidden") for gap in answer.gaps)


def _tell(face: Face, answer: Who, missing: list[str]) -> None:
    voice = face.voice
    stories = blocks(voice, answer)
    if not stories:
        face.line(nobody(voice, answer))
    lead = elsewhere(voice, answer)
    if lead:
        face.paragraph(lead)
        face.line()
    for number, block in enumerate(stories):
        if number:
            face.line()
        show_block(face, block)
    for text in missing:
        face.note(" " + text)
    more = way_out(voice, answer.gaps, root=hasattr(os, "geteuid") and os.geteuid() == 0, command=f"{program_name()} {answer.port}")
    if more:
        face.note(" " + more)


def show_block(face: Face, block: Block) -> None:
    """One holder's story."""
    first, *rest = wrap(block.sentence, face.width)
    face.line(face.style(first, "bold"))
    for line in rest:
        face.line(face.style(line, "bold"))
    if block.processes:
        face.line()
        face.table(block.processes, shrink=(0, 3))
    _facts(face, [*block.facts, *((face.voice.say("stop it") if at == 0 else "", stop) for at, stop in enumerate(block.stops))])


def _facts(face: Face, facts: list[tuple[str, str]]) -> None:
    """Labels in a column, each text wrapped beside it."""
    size = max((width_of(label) for label, _ in facts), default=0)
    size = max(size, 11)
    for label, text in facts:
        first, *rest = wrap(text, max(20, face.width - size - 4))
        face.line(" " + face.style(label, "dim") + " " * (size - width_of(label)) + "   " + first)
        for line in rest:
            face.line(" " * (size + 4) + line)
