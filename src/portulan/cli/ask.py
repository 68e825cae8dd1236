"""A question to the person at the terminal, if there is one."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.cli.face import Face

_YES = ("y", "yes", "はい")


def can_ask() -> bool:
    """Whether a person can read a question and type an answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def ask(face: Face, question: str) -> bool:
    """Ask; yes is typed out, anything else, nothing at all too, is no."""
    face.err.write(question + " [y/N] ")
    face.err.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # the end of the input came instead: the next line is not ours
        face.err.write("\n")
    return answer.strip().lower() in _YES
