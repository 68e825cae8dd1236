"""`portulan guard boot`: what loads the confirmed rules at boot."""

from __future__ import annotations

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("what loads the confirmed rules at boot; nothing is enabled without --enable")
NO = mark("nothing loads the confirmed rules at boot")
EXAMPLES = (
    ("portulan guard boot", mark("what a boot loads, and what would be done to change that")),
    ("portulan guard boot --enable", mark("let the confirmed rules be loaded")),
    ("portulan guard boot --disable", mark("not any more")),
)
_CHOICES = ("systemd", "nftables")


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard_apply import add_root

    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--enable", nargs="?", const="", choices=("", *_CHOICES), metavar="HOW",
        help=voice.say("by a unit of its own (systemd) or a line in /etc/nftables.conf (nftables); by default what suits here"),
    )  # fmt: skip
    group.add_argument("--disable", action="store_true", help=voice.say("take that away again"))
    add_root(parser, voice)


def run(options: argparse.Namespace, face: Face) -> int:
    """Do it, or tell. 0: the rules are loaded at boot, or what was asked is done; 1: they are not."""
    from portulan.cli.guard_confirm import show_boot
    from portulan.verbs.guard_status import guard_boot

    wanted = False if options.disable else True if options.enable is not None else None
    boot = guard_boot(enabled=wanted, how=options.enable or None, root=options.root)
    if options.json:
        face.envelope("guard-boot", [boot])
    else:
        show_boot(face, boot)
    return 0 if boot.by is not None or options.disable else 1
