"""`portulan traffic` without a file: what passes, on a page that is drawn again and again, or told at the end."""

from __future__ import annotations

import sys
from io import StringIO
from time import monotonic

from portulan.cli.face import Face
from portulan.cli.screen import QUIT, Screen, fit
from portulan.cli.stopping import Stop
from portulan.errors import BadInput, CannotTell, MachineFailed
from portulan.text.traffic import amount, door, headline, holders, origin_lines, says, service_name
from portulan.text.traffic_live import kept, listening, missing, notes, untold
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from portulan.model.traffic import PortTraffic, Traffic
    from portulan.text.voice import Voice
    from portulan.verbs.traffic_live import TrafficWatch

_PAGE_S = 0.5
_STEP_S = 0.25
_REST = 8
_LEAST_S = 0.1
_DIGITS = 9
_AUTO = "auto"
_ORDERS: dict[str, Callable[[PortTraffic], tuple[float | str, int]]] = {
    "b": lambda row: (-row.bytes, 0),
    "r": lambda row: (-(row.bytes_per_s or 0.0), -row.bytes),
    "f": lambda row: (-row.flows, -row.bytes),
    "n": lambda row: (row.transport, row.port or 0),
}
"""Keys, and what they sort by: bytes, rate, flows, number."""
LIVE_ONLY = ("interface", "filter", "sample", "write", "duration", "interval", "promiscuous", "no_processes", "jsonl")
"""Options that mean nothing for files."""


def arguments(parser: argparse._ActionsContainer, voice: Voice) -> None:
    """The options of listening."""
    parser.add_argument(
        "-i",
        "--interface",
        action="append",
        default=[],
        metavar="NAME",
        help=voice.say("listen on this interface (again for more); else on all"),
    )
    parser.add_argument(
        "-f", "--filter", metavar="EXPRESSION", help=voice.say("only packets that this expression in tcpdump's language matches")
    )
    parser.add_argument("-w", "--write", metavar="FILE", help=voice.say("keep the packets in this file (pcapng)"))
    parser.add_argument("--duration", metavar="SECONDS", help=voice.say("listen so long; else until Ctrl-C"))
    parser.add_argument("--interval", metavar="SECONDS", help=voice.say("with --jsonl: between two objects (1)"))
    parser.add_argument(
        "--sample", metavar="N", help=voice.say("look at one packet in N, by chance; auto: at fewer only when too many come")
    )
    parser.add_argument("--promiscuous", action="store_true", help=voice.say("hear what is for other hosts too, on one interface"))
    parser.add_argument("--no-processes", action="store_true", help=voice.say("do not ask whose the flows are"))
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help=voice.say("one JSON object a line: each row of a file; or all, again and again while packets pass"),
    )


def run(
    options: argparse.Namespace,
    face: Face,
    show: Callable[[Traffic], None],
    *,
    bucket_s: float | None = None,
    top: int = 10,
    cap: int | None = None,
) -> int:
    """Listen until q, Ctrl-C or the end of --duration. `show` prints an answer in the form that was asked for. Raises BadInput, CannotTell."""
    if sys.platform != "linux":
        raise CannotTell("traffic.linux-only")
    duration_s, interval_s = _seconds(options, "duration"), _seconds(options, "interval") or 1.0
    sample = options.sample or "1"
    if sample != _AUTO and not (sample.isascii() and sample.isdigit() and len(sample) <= _DIGITS and int(sample)):
        raise BadInput("traffic.sample", text=sample)
    on_screen = face.out.isatty() and sys.stdin is not None and sys.stdin.isatty() and not (
        options.json or options.jsonl or getattr(options, "csv", False) or options.write == "-"
    )  # fmt: skip
    screen = Screen(face) if on_screen else None
    if options.write == "-":
        face.out = face.err  # the packets have standard output to themselves
    from portulan.verbs.traffic_live import TrafficWatch

    watch = TrafficWatch(
        options.interface, ports=options.ports, filter=options.filter, sample=None if sample == _AUTO else int(sample), write=options.write,
        processes=not options.no_processes, promiscuous=options.promiscuous, inner=getattr(options, "inner", False), drop_rights=True, files_later=getattr(options, "plot", None) is not None,
        bucket_s=bucket_s, top=top, **({} if cap is None else {"cap": cap}),
    )  # fmt: skip
    end_s = None if duration_s is None else monotonic() + duration_s
    stop = Stop()
    gone: CannotTell | MachineFailed | None = None
    with watch:
        try:
            if screen is not None:
                _live(watch, screen, stop, end_s)
            else:
                if not options.json and not options.jsonl:
                    face.note(listening(face.voice, (one.name for one in watch.listening.interfaces), watch.listening.left_out))
                _count(watch, stop, end_s, interval_s if options.jsonl else None, show)
        except (CannotTell, MachineFailed) as error:  # no interface any more, or a full disk: what was counted is told all the same
            gone = error
            if isinstance(error, MachineFailed):
                watch.file = None
        with stop:
            answer = watch.finish()
    show(answer)
    if not options.json and not options.jsonl:
        _last_words(face, watch, answer, options.write, apart=getattr(options, "csv", False))
    if gone is not None:
        raise gone
    return 0


def _seconds(options: argparse.Namespace, name: str) -> float | None:
    text = getattr(options, name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not _LEAST_S <= value < 1e9:
        raise BadInput("traffic.seconds", text=text, option=f"--{name}")
    return value


def _left(end_s: float | None, most_s: float) -> float:
    return most_s if end_s is None else max(0.0, min(most_s, end_s - monotonic()))


def _count(watch: TrafficWatch, stop: Stop, end_s: float | None, interval_s: float | None, show: Callable[[Traffic], None]) -> None:
    """Until it is stopped, telling all of it at intervals, if there are any."""
    next_s = monotonic() + (interval_s or 0.0)
    with stop:
        while not stop.asked and (end_s is None or monotonic() < end_s):
            watch.step(_left(end_s, _STEP_S if interval_s is None else min(_STEP_S, max(0.0, next_s - monotonic()))))
            if interval_s is not None and monotonic() >= next_s:
                next_s = max(next_s + interval_s, monotonic())
                show(watch.now())


class View:
    """What is shown, and what keys change of it."""

    def __init__(self, watch: TrafficWatch) -> None:
        self.watch = watch
        self.order = "b"
        self.paused = self.quit = False

    def press(self, keys: str) -> None:
        """q quits, p or space lets the page stand still, b r f n sort, z counts anew."""
        for key in keys:
            if key in QUIT:
                self.quit = True
            elif key in "pP ":
                self.paused = not self.paused
            elif key in _ORDERS:
                self.order = key
            elif key in "zZ":
                self.watch.reset()

    def page(self, face: Face, answer: Traffic, *, width: int) -> list[str]:
        """The lines of one page."""
        text, voice = StringIO(), face.voice
        paper = Face(voice, text, text, width=width, colour=face.colour)
        now = voice.say("now {amount}/s", amount=amount(answer.bytes_per_s or 0.0))
        paper.line(fit(f" {headline(voice, answer)} · {now}", width))
        paper.line()
        rows = sorted(answer.ports, key=_ORDERS[self.order])
        lines = [[voice.say(each) for each in _HEADERS], *(self._row(voice, row) for row in rows)]
        if rows and not any(row.processes or row.untold for row in rows):  # nobody asked whose the flows are
            lines = [line[:_HELD] + line[_HELD + 1 :] for line in lines]
        paper.table(lines[1:], lines[0], shrink=(0, 5, 6), right=(2, 3, 4))
        for line in (*origin_lines(voice, answer.origins), *missing(voice, answer.missing)):
            paper.paragraph(line, " ")
        return text.getvalue().split("\n")[:-1]

    def _row(self, voice: Voice, row: PortTraffic) -> list[str]:
        marked: dict[str, int] = {}
        for one in row.marks:
            marked[one.protocol] = marked.get(one.protocol, 0) + one.flows
        said = " ".join((*(f"! {protocol}" for protocol in marked), says(row.protocols, row.flows, marked))).strip()
        whose = holders(row.processes) if row.processes else untold(voice, row) or "-"
        pace = "-" if row.bytes_per_s is None else voice.say("{amount}/s", amount=amount(row.bytes_per_s))
        return [service_name(row.service), door(row.transport, row.port), pace, amount(row.bytes), f"{row.flows:,}", whose, said]

    def bottom(self, voice: Voice) -> str:
        """The keys, and whether the page stands still."""
        keys = voice.say("q quit · p pause · sort: b bytes  r rate  f flows  n number · z count anew")
        return f"{voice.say('paused: counting goes on')} · {keys}" if self.paused else keys


_HEADERS = (mark("SERVICE"), mark("PORT"), mark("RATE"), mark("BYTES"), mark("FLOWS"), mark("HELD BY"), mark("SAYS / IS"))
_HELD = 5


def _live(watch: TrafficWatch, screen: Screen, stop: Stop, end_s: float | None) -> None:
    """Until q, or it is stopped."""
    view, face = View(watch), screen.face
    with screen, stop:  # in this order: on the way out of the screen, no packet is cut either
        lines: list[str] = []
        next_s = 0.0
        while not (view.quit or stop.asked) and (end_s is None or monotonic() < end_s):
            if monotonic() >= next_s:
                begun_s = monotonic()
                width = screen.size()[0]
                if not view.paused or not lines:
                    lines = view.page(face, watch.now(), width=width)
                screen.draw(lines, fit(view.bottom(face.voice), width))
                # A page of very many flows takes its time, in which nobody reads what comes: it is drawn less often then.
                next_s = monotonic() + max(_PAGE_S, _REST * (monotonic() - begun_s))
            watch.step(_left(end_s, _STEP_S))
            view.press(screen.keys())


def _last_words(face: Face, watch: TrafficWatch, answer: Traffic, path: str | None, *, apart: bool) -> None:
    """`apart`: a table for programs has standard output to itself."""
    if apart:
        face.out = face.err
    for line in origin_lines(face.voice, answer.origins) if apart else ():
        face.paragraph(line, " ")
    for line in notes(face.voice, answer):
        face.paragraph(line, " ")
    for line in missing(face.voice, answer.missing):
        face.paragraph(face.voice.say("Not told: {what}.", what=line), " ")
    if path is not None and path != "-" and watch.file is not None:
        face.note(kept(face.voice, path, watch.file.packets))
