"""`portulan guard open DOOR`: a door more in the policy."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from datetime import date

    from portulan.cli.face import Face
    from portulan.model.guard_check import Edited
    from portulan.text.voice import Voice

SUMMARY = mark("open a door in the policy: a line more, comments stay")
EXAMPLES = (
    ("portulan guard open https", mark("to everyone")),
    ("portulan guard open 5432/tcp --to office", mark("to a source of the policy, or a network")),
    ("portulan guard open ssh --to office --limit 10/minute", mark("at most ten new connections a minute from each address")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    add_door(parser, voice)
    parser.add_argument("--limit", metavar="RATE", help=voice.say("at most so many new connections from each address: 10/minute"))
    parser.add_argument("--log", action="store_true", help=voice.say("log what it lets in"))
    parser.add_argument("--note", metavar="TEXT", help=voice.say("why it is open"))
    parser.add_argument("--until", metavar="DAY", help=voice.say("the last day, 2026-12-31: the first apply after it shuts the line"))
    parser.add_argument("--helper", metavar="NAME", help=voice.say("the kernel's helper for services that need more ports: ftp, sip, …"))


def add_door(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """What opening and closing share."""
    from portulan.cli.guard import add_policy

    parser.add_argument("door", metavar="DOOR", help=voice.say("a service's name, a port, a range: https, 5432/tcp, 8000-8010, ping"))
    parser.add_argument("--to", action="append", default=[], metavar="SOURCE", help=voice.say("only these senders; may be given again"))
    add_policy(parser, voice)
    parser.add_argument("--dry-run", action="store_true", help=voice.say("only show what would be changed"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it, show it."""
    from portulan.verbs.guard_edit import guard_open

    edited = guard_open(
        options.door, options.to, policy=options.policy, limit=options.limit, log=options.log, note=options.note, until=_day(options.until),
        helper=options.helper, dry_run=options.dry_run,
    )  # fmt: skip
    return tell(options, face, edited, opened=True)


def _day(text: str | None) -> date | None:
    from datetime import date

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise BadInput("guard.day", text=text) from None


def tell(options: argparse.Namespace, face: Face, edited: Edited, *, opened: bool) -> int:
    """What was changed, and what to think of."""
    from portulan.cli.table import wrap
    from portulan.text.clean import clean
    from portulan.text.guard_check import doubt_words, gathered, level_name
    from portulan.text.guard_edit import outcome, remedy

    voice = face.voice
    if options.json:
        face.envelope("guard-edit", [edited])
        return 0
    face.line(outcome(voice, edited, options.door, opened=opened))
    way = remedy(voice, edited, options) if opened else ""
    if way:
        face.line(" " + way)
    for sign, lines, colour in (("-", edited.removed, "red"), ("+", edited.added, "green")):
        for line in lines:
            face.line(" " + face.style(f"{sign} {clean(line)}", colour))
    for doubts in gathered(edited.doubts):
        name = level_name(voice, doubts[0].level)
        for line in wrap(f"{name}  {doubt_words(voice, doubts)}", face.width - 1):
            face.line(" " + line)
    if edited.written:
        face.line()
        _show_plan(face, options.policy)
    return 0


def _show_plan(face: Face, policy: str | None) -> None:
    """What the changed policy would change here, where that may be read."""
    from argparse import Namespace

    from portulan.cli.guard_plan import run as show
    from portulan.errors import CannotTell, MachineFailed

    try:
        show(Namespace(policy=policy, json=False), face)
    except (CannotTell, MachineFailed):  # the file is changed all the same
        face.line(face.voice.say("Nothing is applied yet.  What it would change:  sudo portulan guard plan"))
