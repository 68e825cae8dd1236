"""`portulan scanners`: who is trying the doors, in captures or as it happens."""

from __future__ import annotations

from portulan.cli import lines
from portulan.cli.face import Face
from portulan.cli.stopping import INTERRUPTED, Stop, cut_off
from portulan.errors import BadInput, CannotTell
from portulan.model.scanner import Verdict
from portulan.text.scanners import NO_OWN, missing
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection

    from portulan.model.scanner import Scanner, Scanners

NO = mark("somebody was trying the doors")
EXAMPLES = (
    ("sudo portulan scanners", mark("who is trying this host's doors, as it happens (Ctrl-C ends it)")),
    ("portulan scanners --read office.pcap", mark("who tried them in a capture")),
    ("sudo portulan scanners --block 1h", mark("shut each out for an hour, by a timed element of a set in the kernel")),
    ("sudo portulan scanners --jsonl >> scanners.jsonl", mark("a JSON object for each, when it is sure")),
)
_STEP_S, _LEAST_S = 0.5, 0.1
_MOST_TOLD = 1000
"""Rows that are remembered as they were told: of those, only what has changed since is told at the end."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST_DIGITS = 9
_LEAST_ROOM = 30
"""Columns for what a source did."""


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    say = voice.say
    parser.add_argument(
        "-r", "--read", nargs="+", action="extend", default=[], metavar="FILE", help=say("pcap or pcapng, gz and zst too; several are one capture; -: standard input")
    )  # fmt: skip
    parser.add_argument("--resync", action="store_true", help=say("go on behind damage, where records can be proved again"))
    parser.add_argument(
        "-i", "--interface", action="append", default=[], metavar="NAME", help=say("listen on this interface (again for more); else on all")
    )
    parser.add_argument("--duration", metavar="SECONDS", help=say("listen so long; else until Ctrl-C"))
    parser.add_argument(
        "--block", nargs="?", const="10m", metavar="TIME",
        help=say("shut each scanner out for so long (10m if nothing is said; 90s, 2h, 1d): never this host, its router and name servers, or who is logged in"),
    )  # fmt: skip
    parser.add_argument(
        "--never", action="append", default=[], metavar="NETWORK",
        help=say("never block these addresses, nor those of `never-block` in the policy's [settings] (again for more)"),
    )  # fmt: skip
    parser.add_argument(
        "--policy", metavar="FILE", help=say("the policy in which `never-block` stands; else the usual one, if there is one")
    )
    parser.add_argument("--all", action="store_true", help=say("every source's evidence: each door it tried, and how that ended"))
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help=say("one JSON object a line, each source as soon as it is sure, and at the end once more if it has gone on"),
    )


def run(options: argparse.Namespace, face: Face) -> int:
    """Read or listen, and tell. 0: nobody; 1: somebody was trying the doors; 3: nothing could be judged."""
    if options.json and options.jsonl:
        raise BadInput("form.two", first="--json", second="--jsonl")
    told: Collection[Scanner] = ()
    if (options.never or options.policy) and not options.block:
        raise BadInput("blocks.alone")
    if options.read:
        for name in ("interface", "duration"):
            if getattr(options, name):
                raise BadInput("traffic.file-and-wire", option=f"--{name}")
        if options.block:
            raise BadInput("blocks.live", option="--block")
        answer = _read(options, face)
    else:
        answer, told = _listen(options, face)
    if options.json:
        face.envelope("scanners", answer.rows, missing=missing(face.voice, answer), extra=summary(answer))
    elif options.jsonl:
        lines.rows(face, (one for one in answer.rows if one not in told))
        lines.last(face, "scanners", missing=missing(face.voice, answer), extra=summary(answer))
    else:
        show(face, answer, every=options.all, told=told)
    return INTERRUPTED if cut_off(answer.origins) else status_of(answer)


def summary(answer: Scanners) -> dict[str, object]:
    """What the envelope tells beside its rows."""
    return {name: value for name, value in answer._asdict().items() if name != "rows"}


def _read(options: argparse.Namespace, face: Face) -> Scanners:
    from portulan.cli.patience import Patience
    from portulan.system.columns import expect_columns
    from portulan.text.traffic import reading_line

    expect_columns()
    from portulan.verbs.scanners import scanners

    stop = Stop()
    with stop, Patience(face, lambda passed_s: reading_line(face.voice, passed_s)):
        return scanners(options.read, resync=options.resync, stopped=lambda: stop.asked)


def _listen(options: argparse.Namespace, face: Face) -> tuple[Scanners, Collection[Scanner]]:
    """Until Ctrl-C or the end of --duration; each source is told when it is sure. The answer, and what was told."""
    import sys
    from time import monotonic

    if sys.platform != "linux":
        raise CannotTell("traffic.linux-only")
    end_s = None if options.duration is None else monotonic() + duration(options.duration)
    from portulan.text.traffic_live import listening
    from portulan.verbs.scanners import ScannerWatch

    stop = Stop()
    told: list[Scanner] = []
    treated = _blocker(options)
    with ScannerWatch(options.interface) as watch:
        if not options.json and not options.jsonl:
            face.note(listening(face.voice, (one.name for one in watch.listening.interfaces), watch.listening.left_out))
            if watch.missing:
                face.note(" " + face.voice.say(NO_OWN))
        with stop:
            while not stop.asked and (end_s is None or monotonic() < end_s):
                rows = tuple(map(treated, watch.step(_STEP_S if end_s is None else max(0.0, min(_STEP_S, end_s - monotonic())))))
                if options.jsonl:
                    lines.rows(face, rows)
                elif not options.json:
                    for one in rows:
                        show_one(face, one, every=options.all)
                told = (told + list(rows))[-_MOST_TOLD:]
                face.out.flush()
            answer = watch.finish()
            return answer._replace(rows=tuple(map(treated, answer.rows))), told


def _blocker(options: argparse.Namespace) -> Callable[[Scanner], Scanner]:
    """What is done with each scanner before it is told: with --block it is shut out."""
    if options.block is None:
        return lambda one: one
    from portulan.verbs.scanners_block import Blocker

    return Blocker(block_time(options.block), never=options.never, policy=options.policy).block


def block_time(text: str) -> int:
    """Seconds, of `90s`, `10m`, `2h`, `1d`. Raises BadInput."""
    from portulan.verbs.scanners_block import LEAST_S, MOST_S

    number, unit = (text[:-1], text[-1:]) if text[-1:].isalpha() else (text, "s")
    seconds = int(number) * _UNITS.get(unit, 0) if number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS else 0
    if not LEAST_S <= seconds <= MOST_S:
        raise BadInput("blocks.time", text=text, least=LEAST_S, most=MOST_S)
    return seconds


def duration(text: str) -> float:
    """Seconds. Raises BadInput."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not _LEAST_S <= value < 1e9:
        raise BadInput("traffic.seconds", text=text, option="--duration")
    return value


def status_of(answer: Scanners) -> int:
    """1: scanners were found; 3: nothing of it could be judged; 0: none."""
    if any(one.verdict is Verdict.SCANNER for one in answer.rows):
        return 1
    return 3 if answer.cannot_judge and not answer.judged else 0


def show(face: Face, answer: Scanners, *, every: bool = False, told: Collection[Scanner] = ()) -> None:
    """The answer for people; `told`: rows that were told already, as they were found. Those that have gone on since are told once more."""
    from portulan.cli.table import wrap
    from portulan.text.scanners import counts, doubts, headline

    found = any(one.verdict is Verdict.SCANNER for one in answer.rows)
    for line in wrap(headline(face.voice, answer), min(face.width, 100) - 2):
        face.line(" " + face.style(line, "bold", *(("red",) if found else ())))
    numbers = counts(face.voice, answer)
    if numbers is not None:
        face.paragraph(numbers, " ")
    for one in answer.rows:
        if one not in told:
            show_one(face, one, every=every)
    for text in doubts(face.voice, answer):
        face.paragraph(text, " ")


def show_one(face: Face, one: Scanner, *, every: bool = False) -> None:
    """One source: what it did, what it knows now, and with `every` the evidence."""
    from portulan.cli.table import width_of, wrap
    from portulan.text.scanners import blocked, source, sureness, what_it_did

    voice = face.voice
    name, text, sure = source(voice, one), what_it_did(voice, one), sureness(voice, one)
    label, width = f" {name}   ", min(face.width, 110)
    if width - width_of(label) < _LEAST_ROOM:  # several addresses, or a long one: what it did stands below
        for line in wrap(name, width - 1):
            face.line(" " + face.style(line, "bold"))
        label, begin = "   ", "   "
    else:
        begin = f" {face.style(name, 'bold')}   "
    told = wrap(text, width - width_of(label))
    if sure and width_of(label) + width_of(told[-1]) + width_of(sure) + 5 <= face.width:
        told[-1] += f"   ({sure})"
    elif sure:
        told.append(f"({sure})")
    for at, line in enumerate(told):
        face.line((begin if not at else " " * width_of(label)) + line)
    for block in one.blocks:
        face.line("   " + face.style(blocked(voice, block), "green" if block.until else "yellow"))
    if every:
        show_evidence(face, one)


def show_evidence(face: Face, one: Scanner) -> None:
    """How a source went about it, the contacts that decided, and what it knows."""
    from portulan.text.scanners import evidence, kind, knows

    voice = face.voice
    how = kind(voice, one)
    if how:
        face.line(f"   {how}")
    for each in one.evidence:
        face.line("   " + evidence(voice, each))
    learnt = knows(voice, one)
    if learnt is not None:
        face.line(f"   {learnt}")
