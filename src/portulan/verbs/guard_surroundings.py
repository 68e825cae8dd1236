"""The machine that a policy is for: its interfaces, who listens on it, who is logged in from elsewhere."""

from __future__ import annotations

import sys

from portulan.audit.risks import risks
from portulan.errors import CannotTell, MachineFailed, ParseError
from portulan.guard.policy.check import Surroundings
from portulan.model.address import Exposure
from portulan.model.chart import Endpoint, State
from portulan.model.guard_check import Caller, Danger
from portulan.model.port import Transport
from portulan.model.survey import Selection
from portulan.system.source import open_source
from portulan.verbs.chart import look
from portulan.verbs.guarding import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset

SERVERS = (Transport.TCP, Transport.UDP)
SERVING = (State.LISTENING, State.BOUND)
_LOGIN = ("sshd", "dropbear")
_SSH = 22


def look_around() -> tuple[Surroundings, tuple[str, ...]]:
    """What is known of this machine, and codes of what is not: network, listeners, published. Raises nothing."""
    unseen: list[str] = []
    network = _network(unseen)
    items: tuple[Endpoint, ...] | None = None
    try:
        items = listeners()
    except (CannotTell, MachineFailed, ParseError):
        unseen.append("listeners")
    listening = None
    if items is not None:
        outside = {(item.transport, item.port) for item in items if item.exposure is not Exposure.LOOPBACK}
        listening = frozenset(outside)
    rules = _rules(unseen)
    if listening is not None and rules is not None:
        listening |= _published(rules)
    return Surroundings(network, listening, logins(items or ()), _callers(network), dangers(), rules), tuple(unseen)


def listeners() -> tuple[Endpoint, ...]:
    """Whoever listens in this network namespace. Raises CannotTell, MachineFailed."""
    items, survey = look(open_source("auto"), Selection(transports=SERVERS))
    own = next((space.inode for space in survey.namespaces if space.own), None)
    return tuple(item for item in items if item.netns in (None, own) and item.state in SERVING)


def logins(items: Iterable[Endpoint]) -> tuple[int, ...]:
    """The ports on which ssh listens for others: known by its program, or by its number where that may not be seen."""
    found = set()
    for item in items:
        if item.transport is Transport.TCP and item.exposure is not Exposure.LOOPBACK:
            names = {owner.name for owner in item.owners or ()}
            if names.intersection(_LOGIN) or (item.port == _SSH and names <= {"systemd"}):
                found.add(item.port)
    return tuple(sorted(found))


def dangers() -> tuple[Danger, ...]:
    """Our own table of services that should not be open to everyone."""
    return tuple(
        Danger(risk.name, tuple((kind.value, part.first, part.last) for kind in risk.transports for part in risk.ports.ranges))
        for risk in risks()
    )


def _network(unseen: list[str]) -> Network | None:
    if not sys.platform.startswith("linux"):
        unseen.append("network")
        return None
    from portulan.system.linux.network import read_network

    try:
        return read_network()
    except (CannotTell, MachineFailed, ParseError):
        unseen.append("network")
        return None


def _callers(network: Network | None) -> tuple[Caller, ...]:
    """The ssh login that we were started through."""
    if network is None:
        return ()
    from portulan.system.linux.login import read_peer
    from portulan.verbs.guard_ways_in import link_to

    peer = read_peer()
    if peer is None:
        return ()
    source, target = parse(peer.address), parse(peer.own_address)
    return (Caller(source.version, source.number, peer.address, peer.own_port, link_to(source, target, network), target.number),)


def _rules(unseen: list[str]) -> Ruleset | None:
    """All rules; none of them where there are none, None where they may not be read."""
    if not sys.platform.startswith("linux"):
        return None
    from portulan.model.ruleset import Ruleset
    from portulan.system.firewall.present import has_rules
    from portulan.system.firewall.read import read_ruleset

    try:
        return read_ruleset() if has_rules(None) else Ruleset()
    except (CannotTell, MachineFailed, ParseError):
        unseen.append("published")
        return None


def _published(rules: Ruleset) -> set[tuple[Transport, int]]:
    """Ports that rules may send on to a container."""
    from portulan.guard.published import translated_ports

    return {(kind, port) for port in translated_ports(rules) for kind in SERVERS}
