"""`portulan guard prove`: real packets to every port of a host that has exactly these rules, in a closed network, and a certificate of what came through."""

from __future__ import annotations

import sys

from portulan.text.voice import mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from portulan.cli.face import Face
    from portulan.model.guard_proof import Certificate
    from portulan.text.voice import Voice

SUMMARY = mark("prove it: real packets to all ports, in a closed network")
NO = mark("a packet did not fare as the policy, or the simulation, says")
EXAMPLES = (
    ("portulan guard prove", mark("the policy here, as each class of senders, to all 65,536 ports")),
    ("portulan guard prove --live-rules", mark("a copy of all rules of this machine, whoever made them")),
    ("portulan guard prove --json > certificate.json", mark("the certificate, to keep")),
)
_STEP = 20
"""Progress is told in as many parts of the whole."""


def arguments(parser: argparse.ArgumentParser, voice: Voice) -> None:
    """Its arguments."""
    from portulan.cli.guard import add_policy

    add_policy(parser, voice)
    parser.add_argument(
        "--live-rules",
        action="store_true",
        help=voice.say(
            "a copy of all of this machine's own rules, not the policy's alone; the policy, if there is one, is what they are held against"
        ),
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=voice.say("all ports as one class of senders only, as the others those where something changes"),
    )


def run(options: argparse.Namespace, face: Face) -> int:
    """Prove. 1: something differs."""
    from portulan.model.guard_proof import difference_row, message_difference_row, messages_row, tally_row
    from portulan.text.guard_proof import left_out_sentence
    from portulan.verbs.guard_prove import guard_prove

    certificate = guard_prove(
        options.policy, live_rules=options.live_rules, quick=options.quick, on_progress=_teller(face) if sys.stderr.isatty() else None
    )
    missing = [left_out_sentence(face.voice, code) for code in certificate.left_out]
    if options.json:
        told = {
            name: getattr(certificate, name)
            for name in (
                "host",
                "kernel",
                "took_s",
                "nft",
                "live",
                "policy",
                "policy_hash",
                "rules_hash",
                "more_differences",
                "limited",
                "untried",
                "not_simulated",
            )
        }
        extra = {
            **told,
            "packets": certificate.packets,
            "proved": certificate.proved,
            "differences": tuple(map(difference_row, certificate.differences)),
            "messages": tuple(map(messages_row, certificate.messages)),
            "message_differences": tuple(map(message_difference_row, certificate.message_differences)),
        }
        rows = list(map(tally_row, certificate.tallies))
        face.envelope("guard-prove", rows, taken_at=certificate.taken_at, missing=missing, extra=extra)
    else:
        _show(face, certificate, missing)
    return 0 if certificate.proved else 1


def _teller(face: Face):  # type: ignore[no-untyped-def] # noqa: ANN202 - a function of two numbers
    told = [-1]

    def tell(done: int, of: int) -> None:
        part = done * _STEP // max(1, of)
        if part != told[0]:
            told[0] = part
            face.note(" " + face.voice.say("{done} of {of} packets", done=f"{done:,}", of=f"{of:,}"))

    return tell


def _show(face: Face, certificate: Certificate, missing: list[str]) -> None:
    from portulan.text.guard_proof import difference_lines, facts, headline, rows

    voice = face.voice
    face.line(face.style(headline(voice, certificate), "bold", "green" if certificate.proved else "red"))
    for line in difference_lines(voice, certificate):
        face.paragraph(line, " ")
    face.line()
    headers = [voice.say("WAY"), voice.say("SENDERS"), voice.say("FOR EXAMPLE"), voice.say("LET THROUGH")]
    face.table(rows(voice, certificate), headers, shrink=(1, 3))
    face.line()
    for line in facts(voice, certificate):
        face.paragraph(line, " ")
    for text in missing:
        face.paragraph(text, " ")
