"""`portulan ping` on a terminal, of several targets: a line for each, with its latest round trips as a small graph."""

from __future__ import annotations

from time import monotonic

from portulan.cli.screen import QUIT, Screen, fit, spark
from portulan.cli.table import width_of
from portulan.text.clean import clean
from portulan.text.path import milliseconds, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.probe.tally import Tally
    from portulan.text.voice import Voice
    from portulan.verbs.ping import Pinger

_PAGE_S = 0.25
_LONGEST = 40
_WINDOW = 60
"""The latest round trips that the shown median is of."""


def page(voice: Voice, tallies: list[Tally], width: int, *, plain: bool) -> list[str]:
    """A line for each target, those that are not open first."""
    ordered = sorted(tallies, key=lambda tally: tally.last is None or tally.last.value == "open")
    names = [fit(clean(tally.target.text, _LONGEST), max(12, width // 3)) for tally in ordered]
    states = [voice.say("…") if tally.last is None else state(voice, tally.last) for tally in ordered]
    size, room = max(map(width_of, names)), max(map(width_of, states))
    lines = []
    for tally, name, said in zip(ordered, names, states, strict=True):
        latest = tally.recent[-1] if tally.recent else None
        loss = f"{1 - tally.answered / tally.sent:.1%}" if tally.sent else ""
        head = f" {name}{' ' * (size - width_of(name))}  {said}{' ' * (room - width_of(said))}  {milliseconds(latest):>6} ms  {loss:>6}  "
        lines.append(head + spark(list(tally.recent), max(0, width - width_of(head) - 1), plain=plain))
    return lines


def live(pinger: Pinger, screen: Screen) -> None:
    """Until q or Ctrl-C, or all were asked as often as they should be."""
    voice = screen.face.voice
    typed: list[str] = []
    with screen:
        pinger.probing.watch(screen.keyboard, lambda: typed.append(screen.keys()))
        drawn_s = 0.0
        try:
            while not pinger.done and not any(key in QUIT for key in "".join(typed)):
                pinger.step(_PAGE_S)
                if monotonic() - drawn_s >= _PAGE_S:
                    drawn_s = monotonic()
                    width = screen.size()[0]
                    opened = sum(tally.last is not None and tally.last.value == "open" for tally in pinger.tallies)
                    bottom = voice.say("{open} of {all} open · q quit", open=opened, all=len(pinger.tallies))
                    screen.draw(page(voice, pinger.tallies, width, plain=screen.plain), bottom)
        except KeyboardInterrupt:
            pass
