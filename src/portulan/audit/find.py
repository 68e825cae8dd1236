"""All findings together, the worst first."""

from __future__ import annotations

from portulan.audit.chains import find_firewall
from portulan.audit.cleartext import find_cleartext
from portulan.audit.doors import find_open, find_ssh, find_unreached
from portulan.audit.facts import EVERYONE, UNKNOWN, only_outgoing, openness
from portulan.audit.foreign import find_foreign
from portulan.audit.icmp6 import find_icmp6
from portulan.audit.ipv6 import find_open_by_ipv6
from portulan.audit.processes import find_by_hand, find_old_programs
from portulan.audit.published import find_published
from portulan.audit.reverse import find_empty_doors, find_useless
from portulan.model.finding import LEVELS, Level, Unjudged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.audit.facts import Facts
    from portulan.model.finding import Finding

_FAMILIES = (
    find_open, find_published, find_open_by_ipv6, find_cleartext, find_firewall, find_icmp6, find_by_hand, find_old_programs, find_foreign, find_ssh, find_unreached,
    find_empty_doors, find_useless,
)  # fmt: skip


def find_all(facts: Facts) -> tuple[Finding, ...]:
    """Every finding, the worst first, then by port; each once."""
    if facts.ruleset is not None:
        facts = facts._replace(outgoing=only_outgoing(facts.ruleset))
    found: dict[str, Finding] = {}
    for family in _FAMILIES:
        for one in family(facts):
            found.setdefault(one.key, one)
    return tuple(
        sorted(found.values(), key=lambda one: (-LEVELS.index(one.level), one.subject.port is not None, one.subject.port or 0, one.key))
    )


def find_unjudged(facts: Facts) -> tuple[Unjudged, ...]:
    """What could not be judged, so that nothing being found there says nothing."""
    found = []
    if facts.ruleset is not None:
        found += [Unjudged("rules.incomplete", {"code": code, "text": text}) for code, text in facts.ruleset.incomplete]
        if facts.ruleset.opaque:
            found.append(Unjudged("rules.opaque", {"count": len(facts.ruleset.opaque)}))
    unknown = [door for door in facts.doors if (door.reached is None or door.reached.wide == UNKNOWN) and openness(door)[0] == EVERYONE]
    if unknown and facts.ruleset is not None:
        found.append(Unjudged("reach.unknown", {"count": len(unknown)}))
    unseen = [door for door in facts.doors if any(item.owners is None and not item.held_by_kernel for item in door.items)]
    if unseen:
        found.append(Unjudged("holders.unseen", {"count": len(unseen)}, Level.WARNING))
    if facts.network is None:
        found.append(Unjudged("network.unread", hides=Level.WARNING))
    return tuple(found)
