"""Ways in judged by all rules of a machine together: what ours let in, another table may still refuse."""

from __future__ import annotations

from portulan.guard.policy.supposed import with_ours
from portulan.guard.reach import simulate
from portulan.guard.trace import trace
from portulan.model.guard_compiled import FAMILY, TABLE
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome, Packet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.network import Network
    from portulan.model.reach import Place, Reached
    from portulan.model.ruleset import Ruleset

_ADMITTED = (Outcome.ACCEPT, Outcome.MAYBE)
_FROM_OUTSIDE = ("everyone", "networks", "maybe")
_KERNEL = "kernel"
SOME = "?"
"""A table that cannot be named."""


class Together:
    """Rules of ours, and what there is besides."""

    def __init__(self, ours: Ruleset, rules: Ruleset, network: Network) -> None:
        """`rules`: all that the machine has; ours among them are replaced."""
        self.ours, self.all, self._before, self._network = ours, with_ours(rules, ours), rules, network

    def lets_in(self, packet: Packet) -> tuple[bool, str]:
        """(whether ours let it in, the table that refuses it all the same; empty: none)."""
        passage = trace(self.all, self._network, packet)
        if passage.outcome in _ADMITTED:
            return True, ""
        if trace(self.ours, self._network, packet).outcome in _ADMITTED:
            return True, table_of(passage.rule)
        return False, ""

    def anybody(self, port: int) -> tuple[bool, str]:
        """(whether ours let anybody from outside in by a TCP port, the table that lets in nobody all the same; empty: none)."""
        reached = self._door(self.all, port)
        if reached.wide in _FROM_OUTSIDE:
            return True, ""
        if self._door(self.ours, port).wide in _FROM_OUTSIDE:
            return True, _shutter(reached)
        return False, ""

    def anybody_yet(self, port: int) -> bool:
        """Whether anybody from outside is let in by it now, before ours are replaced."""
        return self._door(self._before, port).wide in _FROM_OUTSIDE

    def _door(self, rules: Ruleset, port: int) -> Reached:
        return simulate(rules, self._network, ports={Transport.TCP: PortSet.of([PortRange(port, port)])}).door(Transport.TCP, port)


def table_of(rule: Place | None) -> str:
    """`ip filter`, where a rule stands."""
    return SOME if rule is None else f"{rule.family} {rule.table}".strip()


def _shutter(reached: Reached) -> str:
    places = [access.rule for access in reached.accesses if access.rule is not None and access.links != ("lo",)]
    others = [place for place in places if (place.family, place.table) != (FAMILY, TABLE) and place.family != _KERNEL]
    return table_of(others[0] if others else None)


def packet_to(source: Address, own: Address | None, port: int, link: str, network: Network) -> Packet | None:
    """The first packet of a login. `own`: the address that it is for; None: any of this host's by that interface, else any. None: it has none."""
    if own is None:
        found = [
            (each.name != link, address) for each in network.links for address, _ in each.addresses if address.version == source.version
        ]
        if not found:
            return None
        own = min(found, key=lambda one: one[0])[1]
    return Packet(Transport.TCP, source, own, port, None, link)
