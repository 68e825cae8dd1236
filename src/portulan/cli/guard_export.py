"""`portulan guard export`: the policy in the language of iptables, ufw or firewalld."""

from __future__ import annotations

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.text.voice import Voice

SUMMARY = mark("the policy for iptables, ufw or firewalld")
EXAMPLES = (
    ("portulan guard export --to iptables > rules.v4", mark("what iptables-restore reads")),
    ("portulan guard export --to iptables --ipv6 > rules.v6", mark("what ip6tables-restore reads")),
    ("portulan guard export --to ufw", mark("commands that make ufw do the same")),
    ("portulan guard export --to firewalld > /etc/firewalld/zones/portulan.xml", mark("a zone of firewalld")),
)


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy

    add_policy(parser, voice)
    parser.add_argument("--to", required=True, metavar="TARGET", help=voice.say("iptables, ufw or firewalld"))
    parser.add_argument("--ipv6", action="store_true", help=voice.say("iptables: the rules of IPv6, which are a text of their own"))


def run(options: argparse.Namespace, face: Face) -> int:
    """Write it. 2: a line cannot be said there."""
    from datetime import UTC, datetime

    from portulan.text.guard_export import remark_lines
    from portulan.verbs.guard_export import guard_export

    export = guard_export(options.to, options.policy, version=6 if options.ipv6 else 4)
    remarks = remark_lines(face.voice, export)
    if options.json:
        face.envelope("guard-export", [export], taken_at=datetime.now(UTC), missing=())
    else:
        face.out.write(export.text)
        for remark in remarks:
            face.note(" " + remark)
    return 0
