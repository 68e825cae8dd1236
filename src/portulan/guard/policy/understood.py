"""A policy told back line by line, and what it keeps without a line: so that nobody has to guess what a name opens."""

from __future__ import annotations

from portulan.guard.policy.wording import limit_text, ports_text
from portulan.model.guard_check import Kept, Understood

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from portulan.model.policy import Line, Policy

EVERYTHING, PING = "everything", "ping"


def understood(policy: Policy, today: date) -> tuple[Understood, ...]:
    """All lines, in the order of the file within each table."""
    found = [*_ping(policy), *(understood_line("doors", line, today) for line in policy.doors)]
    found += [understood_line("outgoing", line, today) for line in policy.outgoing or ()]
    for crossing in policy.crossings:
        found.append(
            Understood(
                "forward", crossing.text, crossing.spot.line, (EVERYTHING,) if crossing.everything else ports_text(crossing.ports), (),
                None if crossing.limit is None else limit_text(crossing.limit), crossing.log, crossing.note, crossing.until,
                None, crossing.is_over(today),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.line))


def understood_line(section: str, line: Line, today: date) -> Understood:
    """A line of [doors] or [outgoing]."""
    return Understood(
        section, line.text, line.spot.line, ports_text(line.ports), tuple(source.name for source in line.sources),
        None if line.limit is None else limit_text(line.limit), line.log, line.note, line.until, line.helper, line.is_over(today),
    )  # fmt: skip


def _ping(policy: Policy) -> Iterator[Understood]:
    for section, sources, spot in (("doors", policy.ping, policy.ping_spot), ("outgoing", policy.ping_out, policy.ping_out_spot)):
        if sources and spot is not None:
            yield Understood(section, PING, spot.line, (PING,), tuple(source.name for source in sources))


def implied(policy: Policy) -> tuple[Kept, ...]:
    """What is let through, or not, without a line. `guard.policy.meaning` has the same as a decision."""
    found = [
        Kept("kept.answers", "ct state established, related", ""),
        Kept("kept.loopback", "iif lo", ""),
        Kept("kept.errors-4", "icmp type 3, 11, 12", "RFC 1191, RFC 1812 4.3.2"),
        Kept("kept.errors-6", "icmpv6 type 1, 2, 3, 4", "RFC 4890 4.3.1"),
        Kept("kept.echo-6", "icmpv6 type 128, 129", "RFC 4890 4.3.1"),
        Kept("kept.neighbours-6", "icmpv6 type 133-136, 141, 142, 148, 149, hop limit 255", "RFC 4890 4.4.1"),
        Kept("kept.listeners-6", "icmpv6 type 130-132, 143, 151-153, from fe80::/10", "RFC 4890 4.4.1"),
        Kept("kept.dhcp-4", "udp 67 -> 68", "RFC 2131 4.1"),
        Kept("kept.dhcp-6", "udp 547 -> 546, from fe80::/10", "RFC 8415 7.2"),
        Kept("refused.invalid", "ct state invalid", ""),
    ]
    if policy.zones:
        found.append(Kept("refused.forward-zones", "forward", ""))
    else:
        found += [Kept("refused.forward-uplink", "forward, iif uplink", ""), Kept("kept.forward", "forward", "")]
    if policy.outgoing is None:
        found.append(Kept("kept.outgoing", "output", ""))
    else:
        found += [
            Kept("kept.outgoing-answers", "output, ct state established, related; oif lo", ""),
            Kept(
                "kept.outgoing-icmp",
                "output, icmp type 3, 11, 12; icmpv6 type 1-4, 128-132, 143, 151-153; 133-136, 141, 142, 148, 149, hop limit 255",
                "RFC 1191, RFC 4890 4.4.1",
            ),
            Kept("kept.outgoing-dhcp", "output, udp 68 -> 67; udp 546 -> 547 to ff02::1:2, fe80::/10", "RFC 2131 4.1, RFC 8415 7.1"),
            Kept("refused.outgoing", "output", ""),
        ]
    found.append(Kept("refused.rest", "input", ""))
    return tuple(found)
