"""End the connections that run through doors which are shut now.

The socket is ended before its entry in the kernel's table is deleted: a server that still speaks would make a new entry, in its own direction, and be answered.
"""

from __future__ import annotations

from ipaddress import ip_address

from portulan.guard.trace import Tracer
from portulan.model.guard_life import Session
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Packet
from portulan.system.firewall.warm import listening_ports
from portulan.system.linux.network import read_network
from portulan.system.linux.tracked import destroy, forget, own_connections, read_tracked
from portulan.verbs.guard_ways_in import link_to
from portulan.wire.ctnetlink import TCP, UDP, Tuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset
    from portulan.wire.ctnetlink import Tracked

_TRANSPORTS = {TCP: Transport.TCP, UDP: Transport.UDP}
_REFUSED = (Outcome.DROP, Outcome.REJECT)


def find_shut_sessions(rules: Ruleset, network: Network) -> list[Tracked]:
    """Entries of connections that came in and that these rules would not let in again. Raises CannotTell, NotPermitted, MachineFailed."""
    tracer = Tracer(rules, network)
    own = {address for link in network.links for address, _ in link.addresses}
    ways: dict[tuple[Address, Address], str] = {}
    listening = listening_ports()[Transport.TCP]
    found = []
    for entry in read_tracked():
        transport = _TRANSPORTS.get(entry.original.protocol)
        if transport is None:
            continue
        first = opened(entry, listening)
        source, target = _address(first.source), _address(first.target)
        if source in own:
            continue
        if (source, target) not in ways:
            ways[source, target] = link_to(source, target, network)
        if tracer.trace(Packet(transport, source, target, first.target_port, first.source_port, ways[source, target])).outcome in _REFUSED:
            found.append(entry)
    return found


def opened(entry: Tracked, listening: Collection[int]) -> Tuple:
    """The direction in which a connection was opened. A TCP connection that was met while it ran is entered as its next packet went: from a port on which somebody listens, that was an answer."""
    first = entry.original
    answer = first.protocol == TCP and first.source_port in listening and first.target_port not in listening
    return first.turned if answer else first


def cut_sessions(entries: list[Tracked]) -> tuple[Session, ...]:
    """End them. Raises CannotTell, NotPermitted, MachineFailed."""
    listening = listening_ports()[Transport.TCP]
    firsts = [opened(entry, listening) for entry in entries]
    wanted = frozenset(firsts)
    destroy(row for connection, row in own_connections() if connection.turned in wanted)
    forget(entries)
    return tuple(map(session_of, firsts))


def session_of(first: Tuple) -> Session:
    """A connection as it is told, by its first packet."""
    return Session(_TRANSPORTS[first.protocol], first.target_port, str(ip_address(first.source)), first.source_port)


def cut_shut(script: str) -> tuple[Session, ...]:
    """End what the rules of a script would not let in again. Raises CannotTell, NotPermitted, MachineFailed."""
    from portulan.system.firewall.scratch import rules_of

    return cut_sessions(find_shut_sessions(rules_of(script), read_network()))


def _address(packed: bytes) -> Address:
    return Address(4 if len(packed) == 4 else 6, int.from_bytes(packed))
