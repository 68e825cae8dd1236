"""`portulan guard status`: where things stand, and what would undo the rules."""

from __future__ import annotations

from portulan.model.guard_life import Phase
from portulan.text.guard_life import concern_lines, short, status_line
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("where things stand, and what would undo the rules")
NO = mark("no confirmed rules are in force, or something would undo them")
EXAMPLES = (("portulan guard status", mark("the policy, the kernel and the boot compared")),)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy
    from portulan.cli.guard_apply import add_root

    add_policy(parser, voice)
    add_root(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell. 0: the policy is in force, and nothing stands against it; 1: not so."""
    from portulan.cli.guard_confirm import show_boot
    from portulan.verbs.guard_status import guard_status

    status = guard_status(options.policy, root=options.root)
    answer = 0 if status.phase is Phase.IN_FORCE and not status.concerns else 1
    if options.json:
        face.envelope("guard-status", [status])
        return answer
    face.line(face.style(status_line(face.voice, status), "bold"))
    if status.file is not None:
        face.line(face.voice.say("policy  {file}  ({hash})", file=status.file, hash=short(status.wanted)))
    if status.notes.confirmed is not None:
        show_boot(face, status.boot)
    for line in concern_lines(face.voice, status.concerns):
        face.line(line)
    if status.phase is Phase.NOTHING and status.file is not None:
        face.note(face.voice.say("to try the policy:  portulan guard apply"))
    return answer
