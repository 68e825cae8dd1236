"""`portulan trace --live`: the hops on the screen, round after round, with the keys that users of mtr know."""

from __future__ import annotations

from io import StringIO

from portulan.cli.face import Face
from portulan.cli.hops import notes, table, who
from portulan.cli.screen import QUIT, Screen, fit, spark
from portulan.cli.table import width_of
from portulan.text.path import headline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Trace
    from portulan.verbs.live import Watch

_PAGE_S = 0.25
_VIEWS = ("numbers", "graph")


class View:
    """What is shown, and what keys change of it."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.graph = self.jitter = False
        self.names = watch.wants_names
        self.quit = False

    def press(self, keys: str) -> None:
        """q quits, p or space pauses and goes on, r resets, d graph or numbers, n names, j jitter."""
        for key in keys:
            if key in QUIT:
                self.quit = True
            elif key in "pP ":
                self.watch.paused = not self.watch.paused
            elif key in "rR":
                self.watch.reset()
            elif key in "dD":
                self.graph = not self.graph
            elif key in "nN":
                self.names = not self.names
                self.watch.wants_names = self.watch.wants_names or self.names
            elif key in "jJ":
                self.jitter = not self.jitter

    def page(self, face: Face, trace: Trace, *, width: int, plain: bool) -> list[str]:
        """The lines of one page."""
        if not self.names:
            trace = trace._replace(
                hops=tuple(hop._replace(seen=tuple(seen._replace(name=None) for seen in hop.seen)) for hop in trace.hops)
            )
        text = StringIO()
        paper = Face(face.voice, text, text, width=width, colour=face.colour)
        paper.paragraph(headline(face.voice, trace))
        paper.line()
        if self.graph:
            self._graph(paper, trace, plain=plain)
        else:
            table(paper, trace._replace(rounds=max(2, trace.rounds)), jitter=self.jitter)
        for note in notes(face.voice, trace):
            paper.line()
            paper.paragraph(note)
        return text.getvalue().split("\n")[:-1]

    def _graph(self, paper: Face, trace: Trace, *, plain: bool) -> None:
        names = [fit(who(paper.voice, hop), max(15, paper.width // 3)) for hop in trace.hops]
        size = max((width_of(name) for name in names), default=0)
        top = max((value for hop in trace.hops for value in hop.history[-paper.width :] if value is not None), default=1.0)
        for hop, name in zip(trace.hops, names, strict=True):
            bars = spark(hop.history, paper.width - size - 8, plain=plain, top=top)
            paper.line(f" {hop.hop:>2}  {name}{' ' * (size - width_of(name))}  {bars}")

    def bottom(self, face: Face) -> str:
        """The keys, and whether it is paused."""
        keys = face.voice.say("q quit · p pause · r reset · d graph · n names · j jitter")
        rounds = face.voice.count("{n} round", "{n} rounds", self.watch.repeats)
        return f"{rounds} · {face.voice.say('paused')} · {keys}" if self.watch.paused else f"{rounds} · {keys}"


def live(watch: Watch, screen: Screen, *, systems: str | None, count: int | None) -> None:
    """Until q, or `count` rounds."""
    view = View(watch)
    with screen:
        watch.probing.watch(screen.keyboard, lambda: view.press(screen.keys()))
        try:
            while not view.quit and (count is None or watch.repeats < count):
                watch.step(_PAGE_S)
                width = screen.size()[0]
                screen.draw(
                    view.page(screen.face, watch.now(systems), width=width, plain=screen.plain), fit(view.bottom(screen.face), width)
                )
            if not view.quit:
                watch.settle()
        except KeyboardInterrupt:
            pass
