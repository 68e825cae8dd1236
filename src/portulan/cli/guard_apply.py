"""`portulan guard apply`: put the policy on trial."""

from __future__ import annotations

from portulan.cli.face import program_name
from portulan.errors import BadInput
from portulan.text.guard_life import concern_lines, rules_name, short, shut_lines, takeover_lines
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.model.guard_life import Applied
    from portulan.text.voice import Voice

SUMMARY = mark("put the policy on trial: in force now, gone by itself unless you confirm it")
NO = mark("refused: it would shut out this login, or the last way in")
EXAMPLES = (
    ("portulan guard apply", mark("the policy here, for a minute")),
    ("portulan guard apply --seconds 300", mark("for five minutes")),
    ("portulan guard apply --takeover", mark("how to hand over from ufw, firewalld or others")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy

    add_policy(parser, voice)
    add_trial(parser, voice)
    parser.add_argument(
        "--trust-file", action="store_true", help=voice.say("as root, though others than root may change the policy's file")
    )
    parser.add_argument(
        "--takeover", action="store_true", help=voice.say("only tell how to hand over from other firewalls; nothing is changed")
    )
    add_root(parser, voice)


def add_trial(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The options of whatever begins a trial."""
    parser.add_argument("--seconds", default="60", metavar="N", help=voice.say("how long the trial goes on without being confirmed (60)"))
    parser.add_argument(
        "--shut-me-out",
        action="count",
        default=0,
        help=voice.say("though it shuts out this login, or the last way in; it must be given twice"),
    )


def add_root(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """`--root FOLDER`."""
    parser.add_argument("--root", default="", metavar="FOLDER", help=voice.say("keep what is written down below another folder"))


def seconds_of(text: str) -> int:
    """A number of seconds. Raises BadInput."""
    from portulan.verbs.guard_apply import LONGEST_S, SHORTEST_S

    if not (text.isascii() and text.isdigit()):
        raise BadInput("guard.seconds", text=text, least=SHORTEST_S, most=LONGEST_S)
    return int(text)


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it. 0: on trial, or in force already; 1: refused."""
    from portulan.verbs.guard_apply import guard_apply
    from portulan.verbs.guard_ways_in import read_others

    if options.takeover:
        for line in takeover_lines(face.voice, read_others()):
            face.paragraph(line)
        return 0
    applied = guard_apply(
        options.policy,
        seconds=seconds_of(options.seconds),
        shut_me_out=options.shut_me_out,
        trust_file=options.trust_file,
        root=options.root,
    )
    return show_applied(applied, options, face, "apply")


def show_applied(applied: Applied, options: argparse.Namespace, face: Face, action: str) -> int:
    """What came of it."""
    voice, name = face.voice, program_name()
    if options.json:
        face.envelope(f"guard-{action}", [applied])
        return int(applied.verdict == "refused")
    if applied.verdict == "refused":
        for line in shut_lines(voice, applied.shut):
            face.note(line)
        face.note(
            voice.say(
                "Nothing was changed. To do it all the same, say it twice:  {name} guard {action} --shut-me-out --shut-me-out",
                name=name,
                action=action,
            )
        )
        return 1
    if applied.verdict == "unchanged":
        face.line(voice.say("The rules {hash} are in force already: nothing was changed.", hash=short(applied.hash)))
    elif applied.verdict == "restored":
        face.line(
            voice.say(
                "Somebody had changed the rules {hash} by hand. They are loaded anew, as they were confirmed.", hash=short(applied.hash)
            )
        )
    else:
        if applied.number:
            earlier = voice.say("These are earlier rules: number {number} of  {name} guard history", number=applied.number, name=name)
            face.line(earlier)
        until = "" if applied.until is None else f"{applied.until.astimezone():%H:%M:%S}"
        trial = voice.say("On trial until {until}. Open a NEW connection and type:  {name} guard confirm", until=until, name=name)
        face.line(face.style(trial, "bold"))
        face.line(
            voice.say(
                "If you can't, do nothing: it ends by itself, and what was before ({old}) is in force again.",
                old=rules_name(voice, applied.old),
            )
        )
        if applied.entered:
            entered = voice.count("{n} connection that runs goes on.", "{n} connections that run go on.", applied.entered)
            face.line(entered)
    for line in [*("! " + each for each in shut_lines(voice, applied.shut)), *concern_lines(voice, applied.concerns)]:
        face.note(line)
    return 0
