"""Which connections run that could not be made anew, and their end.

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
    from collections.abc import Collection, Iterable

    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset
    from portulan.wire.ctnetlink import Tracked

_TRANSPORTS = {TCP: Transport.TCP, UDP: Transport.UDP}
_REFUSED = (Outcome.DROP, Outcome.REJECT)


IN, THROUGH, OUT = "in", "through", "out"


def find_shut_sessions(rules: Ruleset, network: Network) -> list[Tracked]:
    """Entries of connections that these rules would not let begin again. Raises CannotTell, NotPermitted, MachineFailed."""
    listening = listening_ports()[Transport.TCP]
    firsts = [(entry, opened(entry, listening)) for entry in read_tracked()]
    shut = shut_firsts({first for _, first in firsts}, rules, network)
    return [entry for entry, first in firsts if first in shut]


def shut_firsts(firsts: Iterable[Tuple], rules: Ruleset, network: Network) -> frozenset[Tuple]:
    """Of connections by their first packets, those that these rules would not let begin again: into this host, through it, out of it."""
    tracer = Tracer(rules, network)
    own = own_addresses(network)
    ways: dict[tuple[Address, Address], str] = {}

    def refused(first: Tuple) -> bool:
        transport, source, target = _TRANSPORTS[first.protocol], _address(first.source), _address(first.target)
        if (source, target) not in ways:
            ways[source, target] = link_to(source, target, network)
        packet = Packet(transport, source, target, first.target_port, first.source_port, ways[source, target])
        return tracer.trace(packet).outcome in _REFUSED

    found = []
    for first in firsts:
        if first.protocol not in _TRANSPORTS or {_address(first.source), _address(first.target)} <= own:
            continue
        # Of an exchange of datagrams nobody knows for sure who began it: what this host sends may be an answer.
        answer = first.protocol == UDP and way_of(first, own) == OUT
        if refused(first) and not (answer and not refused(first.turned)):
            found.append(first)
    return frozenset(found)


def own_addresses(network: Network) -> frozenset[Address]:
    """This host's own."""
    return frozenset(address for link in network.links for address, _ in link.addresses)


def way_of(first: Tuple, own: Collection[Address]) -> str:
    """Which way a connection goes."""
    return OUT if _address(first.source) in own else IN if _address(first.target) in own else THROUGH


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
    destroy(row for connection, row in own_connections() if connection.turned in wanted or connection in wanted)
    forget(entries)
    own = own_addresses(read_network())
    return tuple(session_of(first, way_of(first, own)) for first in firsts)


def session_of(first: Tuple, way: str = IN) -> Session:
    """A connection as it is told, by its first packet."""
    source, target = str(ip_address(first.source)), str(ip_address(first.target))
    peer, to = (target, "") if way == OUT else (source, target if way == THROUGH else "")
    return Session(_TRANSPORTS[first.protocol], first.target_port, peer, first.source_port, way, to)


def cut_shut(script: str) -> tuple[Session, ...]:
    """End what the rules of a script would not let in again. Raises CannotTell, NotPermitted, MachineFailed."""
    from portulan.system.firewall.scratch import rules_of

    return cut_sessions(find_shut_sessions(rules_of(script), read_network()))


def _address(packed: bytes) -> Address:
    return Address(4 if len(packed) == 4 else 6, int.from_bytes(packed))
