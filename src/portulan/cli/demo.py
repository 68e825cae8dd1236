"""`portulan demo`: three machines in a closed network, and what this program shows on them."""

from __future__ import annotations

import time
from contextlib import closing

from portulan.cli.demo_page import Page
from portulan.cli.stopping import INTERRUPTED
from portulan.model.demo import SCENES, DemoStep, Drawn, Manner, Opened, SceneBegins, Typed
from portulan.text import demo as text
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.model.demo import DemoEvent
    from portulan.text.voice import Voice

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("portulan demo", mark("all of it, in less than a minute (Ctrl-C ends it)")),
    ("portulan demo conflict", mark("one scene: two programs that want one port")),
    ("portulan demo firewall scanners", mark("two of them")),
    ("portulan demo --fast", mark("without pauses, to read it afterwards")),
)
_LEAST_LINES = 24
"""A window that is lower has no room for a page that draws itself."""
_INDENT = 3
_ALL = "all"
"""Instead of naming each scene: argparse holds what is meant by none against the choices, too."""


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument(
        "scene", nargs="*", default=_ALL, choices=(*SCENES, _ALL), metavar="SCENE",
        help=voice.say("only these scenes: {scenes}", scenes=", ".join(SCENES)),
    )  # fmt: skip
    parser.add_argument("--fast", action="store_true", help=voice.say("no pauses"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Play. 0: played, if need be without what this machine cannot do; 130: ended early."""
    from portulan.verbs.demo import demo

    slow = not (options.fast or options.json)
    live = slow and face.out.isatty() and _is_high(face)
    manner = Manner(
        language=face.voice.language, width=max(40, face.width - _INDENT), colour=face.colour and not options.json, live=live, as_json=options.json, slow=slow
    )  # fmt: skip
    steps: list[DemoStep] = []
    hosts: Opened | None = None
    began_s = time.monotonic()
    show = Show(face, slow=slow)
    try:
        with closing(demo(() if _ALL in options.scene else options.scene, manner=manner)) as events:
            for event in events:
                if isinstance(event, DemoStep):
                    event = event._replace(text=text.sentence(face.voice, event))  # noqa: PLW2901 - the same, said
                    steps.append(event)
                elif isinstance(event, Opened):
                    hosts = event
                if not options.json:
                    show.take(event)
    except KeyboardInterrupt:
        show.end()
        face.note(" " + face.voice.say(text.ENDED))
        return INTERRUPTED
    if options.json:
        missing = [step.text or "" for step in steps if step.code in text.PARTIAL]
        extra = {
            "hosts": hosts.hosts if hosts else (),
            "rights": hosts.rights if hosts else "",
            "took_s": round(time.monotonic() - began_s, 3),
        }
        face.envelope("demo", steps, missing=missing, extra=extra)
    else:
        show.close()
    return 0


def _is_high(face: Face) -> bool:
    import os

    try:
        return os.get_terminal_size(face.out.fileno()).lines >= _LEAST_LINES
    except (OSError, ValueError):
        return False


_READ_S = 0.02
"""How long a person takes for one letter of an English sentence, more or less."""


class Show:
    """Puts the events on the page, one after another, with time to read them."""

    def __init__(self, face: Face, *, slow: bool) -> None:
        self.face, self.slow = face, slow
        self.page = Page(face)

    def take(self, event: DemoEvent) -> None:
        """One event."""
        page = self.page
        if isinstance(event, Opened):
            page.opening(event)
            self._rest(2.0)
        elif isinstance(event, SceneBegins):
            page.scene(event)
            self._read(text.INTROS[event.scene])
        elif isinstance(event, Typed):
            page.command(event)
            self._rest(0.2 if event.beside else 0.4)
        elif isinstance(event, Drawn):
            page.draw(event.text)
            self.face.out.flush()
        elif not event.beside:
            page.step(event)
            self._read(text.STEPS[event.code])

    def _read(self, message: str) -> None:
        """Time to read a sentence, and what it is about."""
        self._rest(0.3 + _READ_S * len(message))

    def _rest(self, seconds: float) -> None:
        self.face.out.flush()
        if self.slow:
            time.sleep(seconds)

    def end(self) -> None:
        """It ended early: what was being drawn goes."""
        self.page.erase()

    def close(self) -> None:
        """The last words."""
        self.page.closing()
