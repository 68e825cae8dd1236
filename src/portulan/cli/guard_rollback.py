"""`portulan guard rollback`: end a trial, or go back to earlier rules."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.text.guard_life import concern_lines, short
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("end a trial at once, or put earlier rules on trial")
NO = mark("refused: it would shut out this login, or the last way in")
EXAMPLES = (
    ("portulan guard rollback", mark("the rules before these")),
    ("portulan guard rollback --to 3", mark("number 3 of the history, on trial")),
    ("portulan guard rollback --off", mark("no rules of ours at all")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard_apply import add_root, add_trial

    parser.add_argument("--to", metavar="NUMBER", help=voice.say("rules of the history, by their number"))
    parser.add_argument("--off", action="store_true", help=voice.say("take all rules of ours away, now and at boot"))
    add_trial(parser, voice)
    add_root(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it. 0: done; 1: refused."""
    from portulan.cli.guard_apply import seconds_of, show_applied
    from portulan.model.guard_life import Applied
    from portulan.verbs.guard_rollback import guard_off, guard_rollback

    if options.off:
        answer = guard_off(root=options.root)
    else:
        found = guard_rollback(_number(options.to), seconds=seconds_of(options.seconds), shut_me_out=options.shut_me_out, root=options.root)
        if isinstance(found, Applied):
            return show_applied(found, options, face, "rollback")
        answer = found
    if options.json:
        face.envelope("guard-rollback", [answer])
        return 0
    voice = face.voice
    if answer.verdict == "back" and answer.hash is not None:
        face.line(voice.say("The trial is ended: rules {hash} are in force again.", hash=short(answer.hash)))
    elif answer.verdict == "back":
        face.line(voice.say("The trial is ended: no rules of ours are in force."))
    elif answer.verdict == "off":
        face.line(voice.say("All rules of ours are taken away, now and at boot: ports are as open as other tables leave them."))
    else:
        face.line(voice.say("There were no rules of ours."))
    for line in concern_lines(voice, answer.concerns):
        face.note(line)
    return 0


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadInput("guard.number", text=text)
    return int(text)
