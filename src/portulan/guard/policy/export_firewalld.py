"""A policy as one zone of firewalld (firewalld.zone(5), firewalld.richlanguage(5)): the file `portulan.xml`, for /etc/firewalld/zones."""

from __future__ import annotations

from portulan.errors import BadInput
from portulan.guard.policy.export_parts import ANYBODY, in_force, one_line, place_of, place_of_ping, place_of_table, port_words, senders_of
from portulan.model.guard_export import Export, Target
from portulan.model.policy import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from portulan.model.policy import Crossing, Line, Policy

_FAMILIES = {4: "ipv4", 6: "ipv6"}
_KEPT = {
    "ipv4": ("destination-unreachable", "time-exceeded", "parameter-problem"),
    "ipv6": (
        "destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem", "echo-request", "echo-reply", "router-advertisement", "router-solicitation",
        "neighbour-advertisement", "neighbour-solicitation",
    ),
}  # fmt: skip
_TEXT = 100
MOST_RULES = 5_000


def export_firewalld(policy: Policy, today: date) -> Export:
    """The zone. Raises BadInput for the first line that a zone has no words for: rates for each sender, helpers, senders by interface, [outgoing], [forward]."""
    beyond: tuple[Line | Crossing, ...] = (*(policy.outgoing or ()), *policy.crossings)
    for line in beyond[:1]:
        raise BadInput("export.beyond-zone", **place_of(policy, line))
    if policy.ping_out_spot is not None:
        raise BadInput("export.beyond-zone", **place_of_ping(policy))
    if policy.outgoing is not None:
        raise BadInput("export.beyond-zone", **place_of_table(policy, "outgoing"))
    target = "DROP" if policy.refusal is Refusal.DROP else "%%REJECT%%"
    body = [*_kept(), *_ping(policy)]
    for each in in_force(policy.doors, today):
        body += _door(policy, each)
    if len(body) > MOST_RULES:
        raise BadInput("export.too-many", most=MOST_RULES, file=policy.file)
    head = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<zone target="{target}">',
        "  <short>Portulan</short>",
        f"  <description>{one_line(policy.file, _TEXT)}</description>",
        '  <service name="dhcpv6-client"/>',
    ]
    remarks = ["published", "neighbours", *(["log-rate"] if policy.log is not None else [])]
    return Export(Target.FIREWALLD, "\n".join([*head, *dict.fromkeys(body), "</zone>"]) + "\n", None, tuple(remarks))


def _kept() -> Iterator[str]:
    for family, kinds in _KEPT.items():
        for kind in kinds:
            yield f'  <rule family="{family}"><icmp-type name="{kind}"/><accept/></rule>'


def _ping(policy: Policy) -> Iterator[str]:
    for each in senders_of(policy.ping, 4):
        if each.link is not None:
            raise BadInput("export.ping", file=policy.file)
        source = f'<source address="{each.network}"/>' if each.network is not None else ""
        yield f'  <rule family="ipv4">{source}<icmp-type name="echo-request"/><accept/></rule>'


def _door(policy: Policy, line: Line) -> Iterator[str]:
    if line.limit is not None:
        raise BadInput("export.rate", **place_of(policy, line))
    if line.helper is not None:
        raise BadInput("export.helper", **place_of(policy, line))
    log = f'<log prefix="{one_line(f"portulan {line.text}", 40)}: "/>' if line.log else ""
    for transport, words in port_words(line, "-"):
        place = f'port="{words}" protocol="{transport.value}"/>'
        for version, family in _FAMILIES.items():
            for each in senders_of(line.sources, version):
                if each.link is not None:
                    raise BadInput("export.by-interface", **place_of(policy, line))
                if each == ANYBODY and not log:
                    yield f"  <port {place}"
                else:
                    source = f'<source address="{each.network}"/>' if each.network is not None else ""
                    yield f'  <rule family="{family}">{source}<port {place}{log}<accept/></rule>'
