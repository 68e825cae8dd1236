"""`portulan release NAME…`."""

from __future__ import annotations

from portulan.cli.face import Face
from portulan.text.errors import sentences
from portulan.text.lease import released
from portulan.text.voice import Voice, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

NO = mark("there is no such lease, or a program still serves the port")
EXAMPLES = (("portulan release db", mark("forget its number; end the process that only holds it")),)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """The command's arguments."""
    parser.add_argument("names", nargs="+", metavar="NAME", help=voice.say("whose port is given back"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Give back, one after the other; what was given back before something failed stays so."""
    from portulan.verbs.lease import release

    given, missing = [], []
    for name in options.names:
        lease, faults = release(name)
        given.append(lease)
        for fault in faults:
            lines = sentences(face.voice, fault)
            missing.append(lines[0].removeprefix("portulan: "))
            if not options.json:
                face.note(lines[0])
        if not options.json:
            face.note(released(face.voice, lease))
    if options.json:
        face.envelope("release", given, missing=missing)
    return 0
