"""A policy as commands for ufw(8): a shell script that begins with a reset and ends with ufw enabled."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.guard.policy.export_parts import ANYBODY, Who, in_force, one_line, place_of, place_of_ping, port_words, senders_of, shell
from portulan.model.guard_export import Export, Target
from portulan.model.policy import Refusal
from portulan.model.port import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from portulan.model.policy import Crossing, Line, Policy

_COMMENT = 100
_TRANSPORTS = (Transport.TCP, Transport.UDP)
MOST_COMMANDS = 5_000
"""Each takes ufw a moment, and it reads all its rules again for each."""


def export_ufw(policy: Policy, today: date) -> Export:
    """The script. Raises BadInput for the first line that ufw has no words for: rates of one's own, helpers, SCTP, ping outwards, masquerading, patterns of interfaces' names."""
    lines = ["#!/bin/sh", f"# {one_line(policy.file, _COMMENT)}: all rules of ufw are replaced", "set -e", "ufw --force reset"]
    way = "reject" if policy.refusal is Refusal.REJECT else "deny"
    lines.append(f"ufw default {way} incoming")
    lines.append(f"ufw default {'allow' if policy.outgoing is None else way} outgoing")
    lines.append(f"ufw default {way} routed")
    lines.append(f"ufw logging {'low' if policy.log is not None or any(line.log for line in policy.doors) else 'off'}")
    if policy.ping_out_spot is not None:
        raise BadInput("export.ping-out", **place_of_ping(policy))
    body = [*_doors(policy, policy.doors, today, out=False)]
    if policy.outgoing is not None:
        body += _doors(policy, policy.outgoing, today, out=True)
        body += [
            f"ufw allow out proto udp from any port {mine} to {where} port {theirs} comment 'DHCP'"
            for mine, where, theirs in ((68, "0.0.0.0/0", 67), (546, "fe80::/10", 547), (546, "ff02::1:2", 547))
        ]
    body += _crossings(policy, today)
    if len(body) > MOST_COMMANDS:
        raise BadInput("export.too-many", most=MOST_COMMANDS, file=policy.file)
    remarks = ["neighbours", "published"]
    if not any(source.everyone for source in policy.ping):
        remarks.append("ping")
    if policy.log is not None:
        remarks.append("log-rate")
    return Export(Target.UFW, "\n".join([*lines, *body, "ufw --force enable"]) + "\n", None, tuple(remarks))


def _doors(policy: Policy, lines: tuple[Line, ...], today: date, *, out: bool) -> Iterator[str]:
    for line in in_force(lines, today):
        _check(policy, line)
        meant = list(dict.fromkeys((*senders_of(line.sources, 4), *senders_of(line.sources, 6))))
        if ANYBODY in meant:
            meant = [ANYBODY]
        for transport, words in port_words(line, ":"):
            if transport not in _TRANSPORTS:
                raise BadInput("export.transport", **place_of(policy, line))
            for each in meant:
                yield _command(policy, line, each, transport, words, out=out)


def _check(policy: Policy, line: Line) -> None:
    if line.limit is not None:
        raise BadInput("export.rate", **place_of(policy, line))
    if line.helper is not None:
        raise BadInput("export.helper", **place_of(policy, line))


def _command(policy: Policy, line: Line, each: Who, transport: Transport, words: str, *, out: bool) -> str:
    parts = ["ufw allow"]
    if each.link is not None:
        if each.link.endswith("*"):
            raise BadInput("export.pattern", **place_of(policy, line))
        parts.append(f"{'out' if out else 'in'} on {each.link}")
    elif out:
        parts.append("out")
    if line.log:
        parts.append("log")
    who = each.network or "any"
    ends = f"from any to {who}" if out else f"from {who} to any"
    parts.append(f"proto {transport.value} {ends} port {words} comment {shell(_note(line.text, line.note))}")
    return " ".join(parts)


def _crossings(policy: Policy, today: date) -> Iterator[str]:
    for crossing in policy.crossings:
        if crossing.is_over(today):
            continue
        _check_crossing(policy, crossing)
        note = shell(_note(crossing.text, crossing.note))
        whats = (
            [""]
            if crossing.everything
            else [f" proto {each.value} from any to any port {words}" for each, words in port_words(crossing, ":")]
        )
        for come in crossing.source.links:
            for go in crossing.target.links:
                yield from (f"ufw route allow in on {come} out on {go}{what} comment {note}" for what in whats)


def _check_crossing(policy: Policy, crossing: Crossing) -> None:
    if crossing.limit is not None:
        raise BadInput("export.rate", **place_of(policy, crossing))
    if crossing.masquerade:
        raise BadInput("export.masquerade", **place_of(policy, crossing))
    if crossing.log:
        raise BadInput("export.log", **place_of(policy, crossing))
    if any(link.endswith("*") for link in (*crossing.source.links, *crossing.target.links)):
        raise BadInput("export.pattern", **place_of(policy, crossing))
    if any(transport not in _TRANSPORTS for transport, _ in crossing.ports):
        raise BadInput("export.transport", **place_of(policy, crossing))


def _note(text: str, note: str | None) -> str:
    return one_line(f"{text}: {note}" if note else text, _COMMENT)
