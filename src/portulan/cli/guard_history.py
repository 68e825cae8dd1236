"""`portulan guard history`: the rules that were confirmed."""

from __future__ import annotations

from portulan.text.guard_life import short
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("the last ten policies that were confirmed")
EXAMPLES = (("portulan guard history", mark("with the numbers for rollback --to")),)
_BY = {"connection": mark("a new login"), "console": mark("at the machine"), "vouch": mark("vouched for")}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard_apply import add_root

    add_root(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Tell, the newest last."""
    from portulan.verbs.guard_status import guard_history

    past, effective = guard_history(root=options.root)
    if options.json:
        face.envelope("guard-history", past, extra={"in_force": effective})
        return 0
    voice = face.voice
    if not past:
        face.line(voice.say("Nothing was confirmed yet."))
        return 0
    rows = [
        (
            str(each.number), f"{each.confirmed_at.astimezone():%Y-%m-%d %H:%M}", short(each.hash), voice.say(_BY.get(each.by, "?")), each.file,
            voice.say("in force") if each is past[-1] and each.hash == effective else "",
        )
        for each in past
    ]  # fmt: skip
    face.table(
        rows,
        [voice.say(title) for title in (mark("NUMBER"), mark("CONFIRMED"), mark("RULES"), mark("BY"), mark("POLICY"), "")],
        shrink=(4,),
    )
    return 0
