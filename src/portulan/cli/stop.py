"""`portulan stop PORT`: end whoever holds a port."""

from __future__ import annotations

import os

from portulan.cli.ask import ask, can_ask
from portulan.cli.face import Face, program_name
from portulan.cli.table import wrap
from portulan.cli.who import show_block
from portulan.errors import BadInput
from portulan.model.chart import Gap
from portulan.model.stop import Step, StepKind, Stop, Verdict
from portulan.text.gaps import gap_sentence, way_out
from portulan.text.stop import command_text, outcome, plan_facts
from portulan.text.voice import Voice, mark
from portulan.text.who import blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

NO = mark("not stopped: nobody holds the port, or it is held still")
EXAMPLES = (
    ("portulan stop 8000", mark("show who holds the port, ask, end it")),
    ("portulan stop 8000 --dry-run", mark("only show what would be done")),
    ("portulan stop 53/udp -y", mark("without being asked, for scripts")),
    ("portulan stop 8000 --wait 30", mark("half a minute to end by itself, then SIGKILL")),
    ("portulan stop 80 --direct", mark("signals, though a unit or a container runs it")),
)
_STATUS = {Verdict.FREED: 0, Verdict.PLANNED: 0, Verdict.NOT_PERMITTED: 3, Verdict.UNSEEN: 3}
_BLIND = (Verdict.NOT_PERMITTED, Verdict.UNSEEN, Verdict.STILL_HELD, Verdict.CAME_BACK)
"""Answers that more rights may change."""
_LONGEST_WAIT_S = 3600


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("port", metavar="PORT", help=voice.say("a port (80), a transport's (53/udp) or a service (ssh)"))
    parser.add_argument("-y", "--yes", action="store_true", help=voice.say("do it without asking"))
    parser.add_argument("--dry-run", action="store_true", help=voice.say("show what would be done, and do nothing"))
    parser.add_argument(
        "--wait", default="10", metavar="SECONDS", help=voice.say("how long it may take to end by itself before it is killed (10)")
    )
    parser.add_argument("--no-kill", action="store_true", help=voice.say("ask it to end, and never kill it"))
    parser.add_argument(
        "--direct", action="store_true", help=voice.say("signals to the processes, even where a unit or a container runs them")
    )
    parser.add_argument(
        "--connections", action="store_true", help=voice.say("end what only has a connection on the port, too, where nobody serves it")
    )
    parser.add_argument("--netns", metavar="NS", help=voice.say("in another network namespace, by name or inode"))
    parser.add_argument("--source", default="auto", metavar="SOURCE", help=voice.say("how to look: auto, bpf, proc, psutil"))


def run(options: argparse.Namespace, face: Face) -> int:
    """End it. 0: the port is free; 1: it is not, or nobody held it; 3: not permitted, or nobody that may be seen holds it."""
    from portulan.verbs.stop import stop

    asker = _Asker(face, quiet=options.json)
    answer = stop(
        options.port, netns=options.netns, wait_s=_seconds(options.wait), kill=not options.no_kill, direct=options.direct,
        connections=options.connections, dry_run=options.dry_run, confirm=None if options.yes or options.dry_run else asker.confirm,
        told=None if options.json else asker.tell, source=options.source,
    )  # fmt: skip
    if answer.verdict is Verdict.DECLINED and not asker.asked:
        answer = answer._replace(verdict=Verdict.NO_TERMINAL)
    # Which sockets are on the port in one network namespace the kernel tells everyone: only who holds them may be kept from us.
    gaps = tuple(gap for gap in answer.who.gaps if answer.verdict in _BLIND and not gap.code.startswith("namespace"))
    missing = [gap_sentence(face.voice, gap) for gap in gaps]
    if options.json:
        who = answer.who
        extra = {
            "host": who.host, "source": who.source, "port": who.port, "service": who.service, "verdict": answer.verdict,
            "refusals": answer.refusals, "steps": answer.steps, "wait_s": answer.wait_s, "connections": answer.connections,
            "elsewhere": answer.elsewhere, "left": answer.left, "took_s": answer.took_s,
        }  # fmt: skip
        face.envelope("stop", answer.targets, taken_at=who.taken_at, missing=missing, extra=extra)
    else:
        _show(face, answer, options, gaps, missing)
    if answer.verdict is Verdict.NOBODY and any(gap.code == "psutil.forbidden" for gap in answer.who.gaps):
        return 3
    return _STATUS.get(answer.verdict, 1)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_WAIT_S:
        raise BadInput("stop.wait", text=text)
    return seconds


class _Asker:
    """Shows the plan on stderr and asks, where somebody can answer."""

    def __init__(self, face: Face, *, quiet: bool) -> None:
        self.face = Face(face.voice, face.err, face.err, width=face.width, colour=face.colour)
        self.quiet = quiet
        self.asked = False

    def confirm(self, plan: Stop) -> bool:
        """Whether the person says yes; no without a person."""
        self.asked = can_ask()
        if self.asked or not self.quiet:
            show_plan(self.face, plan)
        return self.asked and ask(self.face, self.face.voice.say("End it?"))

    def tell(self, step: Step) -> None:
        """Each step as it is taken."""
        if step.kind is not StepKind.TERM or self.asked:
            self.face.note(" " + command_text(self.face.voice, step))


def show_plan(face: Face, plan: Stop) -> None:
    """Who holds the port, and what would be done about it."""
    stories = blocks(face.voice, plan.who)
    for block in stories:
        last = block is stories[-1]
        show_block(face, block._replace(stops=(), facts=(*block.facts, *(plan_facts(face.voice, plan) if last else ()))))
        if not last:
            face.line()


def _show(face: Face, answer: Stop, options: argparse.Namespace, gaps: tuple[Gap, ...], missing: list[str]) -> None:
    voice = face.voice
    if answer.verdict is Verdict.PLANNED:
        show_plan(face, answer)
        return
    again = f"{program_name()} stop {answer.who.port}" + (f" --netns {options.netns}" if options.netns else "")
    lines = outcome(voice, answer, again)
    for text in wrap(lines[0], min(face.width, 100)):
        face.line(face.style(text, "bold"))
    for text in lines[1:]:
        face.line(text)
    for text in missing:
        face.note(" " + text)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    more = way_out(voice, gaps, root=root, command=again)
    if more and not answer.refusals:
        face.note(" " + more)
