"""`portulan guard confirm`: make the rules on trial last."""

from __future__ import annotations

from portulan.text.guard_life import concern_lines, short
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.model.guard_life import Confirmed
    from portulan.text.voice import Voice

SUMMARY = mark("make the rules on trial last; from a connection made after apply")
EXAMPLES = (
    ("portulan guard confirm", mark("from a new ssh login: it shows that you can come in")),
    ("portulan guard confirm --cut", mark("and end what still runs through doors that are shut now")),
    ("portulan guard confirm --console", mark("at the machine itself")),
    ("portulan guard confirm --boot", mark("and let them be loaded at boot")),
)
_ENDED = {
    "in": mark("ended: {port}/{transport} from {peer}"),
    "through": mark("ended: {port}/{transport} from {peer} to {to}"),
    "out": mark("ended: {port}/{transport} of {peer}, from here"),
}


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard_apply import add_root

    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--console", action="store_true", help=voice.say("I sit at the machine: no ssh login has to show that there is a way in")
    )
    who.add_argument(
        "--vouch", action="store_true", help=voice.say("I have made sure myself that there is a way in (for configuration management)")
    )
    parser.add_argument("--cut", action="store_true", help=voice.say("end connections through doors that are shut now"))
    parser.add_argument("--boot", action="store_true", help=voice.say("let these rules be loaded at boot from now on"))
    add_root(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it. 0: confirmed; 4: confirmed, but not all of it could be written."""
    from portulan.verbs.guard_confirm import guard_confirm

    confirmed = guard_confirm(console=options.console, vouch=options.vouch, cut=options.cut, boot=options.boot, root=options.root)
    failed = any(each.code in ("guard.not-written", "guard.boot-failed", "guard.cut-failed") for each in confirmed.concerns)
    if options.json:
        face.envelope("guard-confirm", [confirmed])
    else:
        _show(confirmed, face, cut=options.cut)
    return 4 if failed else 0


def _show(confirmed: Confirmed, face: Face, *, cut: bool) -> None:
    voice = face.voice
    said = voice.say(
        "Confirmed: rules {hash} are in force for good (number {number}).", hash=short(confirmed.hash), number=confirmed.number
    )
    face.line(face.style(said, "bold"))
    for each in confirmed.cut:
        said = voice.say(_ENDED[each.way], port=each.port, transport=each.transport.value, peer=each.peer, to=each.to)
        face.line(said)
    if cut and not confirmed.cut:
        face.line(voice.say("No connection runs through a door that is shut now."))
    show_boot(face, confirmed.boot)
    for line in concern_lines(voice, confirmed.concerns):
        face.note(line)


def show_boot(face: Face, boot: object) -> None:
    """What a boot loads, and what would let it."""
    from portulan.model.guard_life import BootState

    assert isinstance(boot, BootState)
    voice = face.voice
    if boot.by is not None:
        what = {"systemd": "portulan-guard.service", "nftables": "/etc/nftables.conf"}[boot.by]
        face.line(voice.say("At boot {what} loads {file}.", what=what, file=boot.file))
        return
    face.line(
        voice.say(
            "At boot nothing loads {file}. To let it be loaded:  portulan guard boot --enable {how}   which does:",
            file=boot.file,
            how=boot.chosen,
        )
    )
    for step in boot.steps:
        face.line("  " + step)
