"""Connections that were ended: their servers may not go on by themselves.

A server that still speaks after its connection's entry was deleted would have a new one, in its own direction, and its client would be answered by that. For what
this host cannot end by its socket (what it forwards, and UDP servers, whose one socket serves all) a table of ours remembers who is not to be spoken to any more, and
the kernel itself lets each element go. Only what would begin a new entry is refused, so whoever is let in again by other rules is answered as anybody else.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop

from portulan.system.firewall.load import load_script
from portulan.wire.ctnetlink import TCP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.wire.ctnetlink import Tuple

FAMILY, TABLE = "inet", "portulan_ended"
MOST = 1 << 20
"""Connections of each family at one time."""
REMOVAL = f"add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"
"""Takes the table away, whether it is there or not."""
_SETS = {4: ("ended4", "ipv4_addr", "ip"), 16: ("ended6", "ipv6_addr", "ip6")}
_PROTOCOLS = {6: "tcp", 17: "udp"}
_REMEMBERED_S = {TCP: 432_000}
"""As long as the kernel keeps an idle connection (Documentation/networking/nf_conntrack-sysctl.rst)."""
_SILENCE_S = 180
"""Of UDP. Whoever still speaks then, unanswered for so long, does so for itself, and [outgoing] judges it."""
_BEFORE_FILTER = -10


def _frame() -> str:
    lines = [f"add table {FAMILY} {TABLE}"]
    rules = []
    for name, kind, header in _SETS.values():
        lines.append(
            f"add set {FAMILY} {TABLE} {name} {{ type inet_proto . {kind} . inet_service . {kind} . inet_service; size {MOST}; flags timeout; }}"
        )
        key = f"meta l4proto . {header} saddr . th sport . {header} daddr . th dport"
        rules += [
            f"meta l4proto tcp {key} @{name} reject with tcp reset",
            f"{key} @{name} reject",
        ]
    lines += [f"add chain {FAMILY} {TABLE} refuse", f"flush chain {FAMILY} {TABLE} refuse"]
    lines += [f"add rule {FAMILY} {TABLE} refuse {rule}" for rule in rules]
    for hook in ("forward", "output"):
        lines += [
            f"add chain {FAMILY} {TABLE} {hook} {{ type filter hook {hook} priority {_BEFORE_FILTER}; policy accept; }}",
            f"flush chain {FAMILY} {TABLE} {hook}",
            f"add rule {FAMILY} {TABLE} {hook} ct state new,invalid jump refuse",
        ]
    return "\n".join(lines) + "\n"


def silence(answers: Iterable[Tuple]) -> None:
    """Refuse what would begin these anew, each as its server's packets have it. Raises as `load_script` does."""
    elements: dict[str, dict[str, int]] = {}
    for each in answers:
        name = _SETS[len(each.source)][0]
        source, target = (inet_ntop(AF_INET if len(one) == 4 else AF_INET6, one) for one in (each.source, each.target))
        key = f"{_PROTOCOLS[each.protocol]} . {source} . {each.source_port} . {target} . {each.target_port}"
        elements.setdefault(name, {})[key] = _REMEMBERED_S.get(each.protocol, _SILENCE_S)
    lines = []
    for name, seconds in elements.items():
        place, keys = f"element {FAMILY} {TABLE} {name}", ", ".join(seconds)
        timed = ", ".join(f"{key} timeout {each}s" for key, each in seconds.items())
        # One that is there would keep its time: so it is taken away first, in the same moment.
        lines += [f"add {place} {{ {keys} }}", f"delete {place} {{ {keys} }}", f"add {place} {{ {timed} }}"]
    if lines:
        load_script(_frame() + "\n".join(lines) + "\n")
