"""The page of `demo`: headings, commands as they are typed, below each what it printed, and what one sees of it."""

from __future__ import annotations

import re

from portulan.cli.table import width_of, wrap
from portulan.text import demo as text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.cli.face import Face
    from portulan.model.demo import DemoStep, Opened, SceneBegins, Typed

_HOME, _REST_OF_LINE, _REST, _LEFT = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[?1049l"
"""How `cli.screen` begins a page, ends a line, ends a page, and gives the screen back."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_OTHERS = re.compile(r"\x1b(?!\[[0-9;]*m)(?:\[[0-9;?]*[ -/]*[@-~]|\][^\a\x1b]*(?:\a|\x1b\\)|.)?|[\r\a\b]")
"""Escapes that are no colours (ECMA-48: control sequences, operating system commands), and controls."""
_LAST_LINE_ONLY = ("conflict.second",)
"""Commands that say where they failed in many lines, and why in the last."""
_WIDEST = 100
_NAMES = 8
"""Columns of the longest host's name."""
_CABLE = 9
_INDENT = 3


class Page:
    """Writes to one reader."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self._drawn = 0
        """Lines of the page that draws itself, which stands last."""

    def opening(self, event: Opened) -> None:
        """The three machines and their cables."""
        face, voice = self.face, self.face.voice
        face.line(" " + face.style(voice.say(text.TITLE), "bold"))
        self._paragraph(voice.say(text.OPENING))
        face.line()
        columns = [(host.name, host.addresses[0], " · ".join(host.services)) for host in event.hosts]
        sizes = [max(map(width_of, column)) for column in columns]
        cable = "─" * _CABLE
        names = [face.style(name, "bold") + " " + "─" * (size - len(name) - 1) if at + 1 < len(columns) else face.style(name, "bold")
                 for at, ((name, *_), size) in enumerate(zip(columns, sizes, strict=True))]  # fmt: skip
        face.line("   " + f"{cable} ".join(names))
        for row in (1, 2):
            cells = [column[row] + " " * (size - width_of(column[row])) for column, size in zip(columns, sizes, strict=True)]
            face.line(face.style(("   " + (" " * (_CABLE + 1)).join(cells)).rstrip(), "dim"))
        face.line()

    def scene(self, event: SceneBegins) -> None:
        """A heading, and what is to come."""
        face, voice = self.face, self.face.voice
        face.line(" " + face.style(f"{event.number}/{event.of}  {voice.say(text.TITLES[event.scene])}", "bold", "cyan"))
        self._paragraph(voice.say(text.INTROS[event.scene]))
        face.line()

    def command(self, event: Typed) -> None:
        """A command, behind the name of the machine that it is typed on."""
        face = self.face
        host = event.host + " " * (_NAMES - len(event.host))
        face.line(" " + face.style(host, "dim") + " $ " + face.style(event.command, *(("dim",) if event.beside else ("bold", "green"))))

    def draw(self, said: str) -> None:
        """The last page that a program has drawn, in the place of the one before."""
        lines = last_page(said)
        if lines is None:
            return
        back = f"\x1b[{self._drawn}F" if self._drawn else ""
        self.face.out.write(back + "".join(f"   {self._coloured(line)}{_REST_OF_LINE}\n" for line in lines) + _REST)
        self._drawn = len(lines)

    def erase(self) -> None:
        """Take away what draws itself."""
        if self._drawn:
            self.face.out.write(f"\x1b[{self._drawn}F{_REST}")
            self._drawn = 0

    def step(self, step: DemoStep) -> None:
        """What a command printed, and what one sees of it."""
        face = self.face
        self.erase()
        lines = printed(step.output or "")
        for line in lines[-1:] if step.code in _LAST_LINE_ONLY else lines:
            for part in fitted(self._coloured(line), face.width - _INDENT):
                face.line(" " * _INDENT + part if part else "")
        if lines:
            face.line()
        self._paragraph(step.text or "", *(("yellow",) if step.code in text.PARTIAL else ()))
        if step.code in text.COMMANDS:
            face.line("   " + face.style(text.COMMANDS[step.code], "green"))
        face.line()

    def closing(self) -> None:
        """The last words."""
        self._paragraph(self.face.voice.say(text.CLOSING))
        self.face.line("   " + self.face.style("portulan", "green"))

    def _paragraph(self, said: str, *styles: str) -> None:
        for line in wrap(said, max(24, min(self.face.width, _WIDEST) - 2)):
            self.face.line(" " + self.face.style(line, *styles))

    def _coloured(self, line: str) -> str:
        return line if self.face.colour else _COLOURS.sub("", line)


def last_page(said: str) -> list[str] | None:
    """The lines of the last whole page of a program that draws, without the last one (its keys); None before there is one."""
    pages = [page.partition(_REST)[0] for page in said.partition(_LEFT)[0].split(_HOME)[1:] if _REST in page]
    if not pages:
        return None
    lines = [_OTHERS.sub("", line).rstrip() for line in pages[-1].split("\n")][:-1]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def fitted(line: str, width: int) -> list[str]:
    """The line; one that is too wide in several, without colours, each as far in as it was."""
    plain = _COLOURS.sub("", line)
    if width_of(plain) <= width:
        return [line]
    inset = " " * (len(plain) - len(plain.lstrip()))
    return [inset + part for part in wrap(plain.strip(), max(24, width - len(inset)))]


def printed(output: str) -> list[str]:
    """The lines that a program left behind: none of those it has drawn over, no empty ones before and after, and of escapes only colours."""
    lines = [_OTHERS.sub("", line).rstrip() for line in output.rpartition(_LEFT)[2].split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines
