"""`portulan guard close DOOR`: a door less in the policy."""

from __future__ import annotations

from portulan.cli.guard_open import add_door, tell
from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("close a door in the policy: other ports of its lines stay open")
EXAMPLES = (
    ("portulan guard close 3389", mark("to everybody")),
    ("portulan guard close ssh --to office", mark("to one of those whom its line names")),
    ("portulan guard close 8005/tcp --dry-run", mark("only show what would become of the lines")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    add_door(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it, show it."""
    from portulan.verbs.guard_edit import guard_close

    return tell(options, face, guard_close(options.door, options.to, policy=options.policy, dry_run=options.dry_run), opened=False)
