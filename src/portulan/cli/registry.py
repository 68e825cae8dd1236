"""`portulan registry`: bring the registry of port numbers up to date, or go back to the packaged one."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.text import lookup as text
from portulan.text.voice import mark
from portulan.verbs.registry import IANA, reset_registry, update_registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("portulan registry update", mark("fetch IANA's registry of today and use it")),
    ("portulan registry update --from FILE", mark("use a file of IANA's, XML or CSV, that you have already")),
    ("portulan registry reset", mark("go back to the table that came with Portulan")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """What the command understands."""
    parser.add_argument(
        "action", choices=("update", "reset"), help=voice.say("update: take a new table; reset: go back to the packaged one")
    )
    parser.add_argument(
        "--from", dest="source", metavar="FILE|URL", help=voice.say("IANA's XML or CSV; without it, it is fetched from IANA")
    )
    parser.add_argument("--force", action="store_true", help=voice.say("take a file that is small, old, or lacks the best-known ports"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it, and say what changed."""
    voice = face.voice
    if options.action == "reset":
        if options.source or options.force:
            raise BadInput("registry.reset-alone")
        removed = reset_registry()
        if options.json:
            face.envelope("registry", [{"action": "reset", "changed": removed}])
        else:
            face.line(voice.say("The packaged table is in use again.") if removed else voice.say("The packaged table was in use already."))
        return 0
    source = options.source or IANA
    if "://" in source:
        face.note(voice.say("fetching {source} …", source=source))
    update = update_registry(source, force=options.force)
    if options.json:
        face.envelope("registry", [update])
        return 0
    face.line(text.update_line(update, voice))
    face.line(" " + voice.say("table    {path}", path=update.path))
    face.line(" " + voice.say("go back  portulan registry reset"))
    return 0
