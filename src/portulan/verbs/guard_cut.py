"""Which connections run that could not be made anew, and their end.

The socket is ended before its entry in the kernel's table is deleted: a server that still speaks would make a new entry, in its own direction, and be answered.
Where no socket here can be ended (what is forwarded; a UDP server, whose socket serves others too), the way back is shut: `system.firewall.ended`.
"""

from __future__ import annotations

from ipaddress import ip_address

from portulan.errors import CannotTell
from portulan.guard.trace import Tracer
from portulan.model.guard_life import Session
from portulan.model.network import Address
from portulan.model.port import Transport
from portulan.model.reach import Outcome, Packet
from portulan.model.rule import Range, Rule, Translate
from portulan.model.ruleset import Base, Chain, Table
from portulan.system.firewall.ended import silence
from portulan.system.firewall.warm import listening_ports
from portulan.system.linux.network import read_network
from portulan.system.linux.tracked import destroy, forget, own_connections, read_tracked
from portulan.verbs.guard_ways_in import link_to
from portulan.wire.ctnetlink import TCP, UDP, Tuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import TypeAlias

    from portulan.model.network import Network
    from portulan.model.ruleset import Ruleset
    from portulan.wire.ctnetlink import Tracked

    Led: TypeAlias = tuple[bytes, int]
    """Packed address and port."""

_TRANSPORTS = {TCP: Transport.TCP, UDP: Transport.UDP}
_REFUSED = (Outcome.DROP, Outcome.REJECT)
_NOT_BY_RULES = ("martian", "no-route")
_DSTNAT = -100
"""NF_IP_PRI_NAT_DST of include/uapi/linux/netfilter_ipv4.h."""


IN, THROUGH, OUT = "in", "through", "out"


def find_shut_sessions(rules: Ruleset, network: Network) -> list[Tracked]:
    """Entries of connections that these rules would not let begin again. Raises CannotTell, NotPermitted, MachineFailed."""
    listening = listening_ports()[Transport.TCP]
    running = [(entry, opened(entry, listening)) for entry in read_tracked()]
    shut = shut_firsts(((first, led_to(entry, first)) for entry, first in running), rules, network)
    return [entry for entry, first in running if first in shut]


def shut_firsts(running: Iterable[tuple[Tuple, Led | None]], rules: Ruleset, network: Network) -> frozenset[Tuple]:
    """Of connections by their first packets, and by where those were led, the ones that these rules would not let begin again: into this host, through it, out of it."""
    tracers: dict[Led | None, Tracer] = {}
    own = own_addresses(network)
    ways: dict[tuple[Address, Address], str] = {}

    def refused(first: Tuple, led: Led | None) -> bool:
        transport, source, target = _TRANSPORTS[first.protocol], _address(first.source), _address(first.target)
        if (source, target) not in ways:
            ways[source, target] = link_to(source, target, network)
        if led not in tracers:
            tracers[led] = Tracer(rules if led is None else _leading(rules, led), network)
        packet = Packet(transport, source, target, first.target_port, first.source_port, ways[source, target])
        passage = tracers[led].trace(packet)
        # What the kernel itself would not even route runs all the same: then its way is not known well enough to say anything of it.
        return passage.outcome in _REFUSED and not any(step.action in _NOT_BY_RULES for step in passage.steps)

    found = []
    for first, led in running:
        if first.protocol not in _TRANSPORTS or {_address(first.source), _address(first.target)} <= own:
            continue
        if way_of(first, own) != OUT:
            shut = refused(first, led)
        else:
            # Of an exchange of datagrams nobody knows for sure who began it: what this host sends may be an answer.
            shut = refused(first, None) and not (first.protocol == UDP and not refused(first.turned, None))
        if shut:
            found.append(first)
    return frozenset(found)


def own_addresses(network: Network) -> frozenset[Address]:
    """This host's own."""
    return frozenset(address for link in network.links for address, _ in link.addresses)


def way_of(first: Tuple, own: Collection[Address]) -> str:
    """Which way a connection goes."""
    return OUT if _address(first.source) in own else IN if _address(first.target) in own else THROUGH


def led_to(entry: Tracked, first: Tuple) -> Led | None:
    """Where a connection was led that was not meant for who got it; None where it goes where it was sent."""
    answers = answers_of(entry, first)
    if (answers.source, answers.source_port) == (first.target, first.target_port):
        return None
    return answers.source, answers.source_port


def _leading(rules: Ruleset, led: Led) -> Ruleset:
    """These rules on a host where everything is led there: other tables do that, and ours judge what was led by the port that was asked for."""
    address, port = int.from_bytes(led[0]), led[1]
    leads = Translate("dnat", address=Range(address, address), port=Range(port, port))
    chain = Chain("ip" if len(led[0]) == 4 else "ip6", "elsewhere", "arrivals", (Rule(None, (leads,)),), Base("nat", "prerouting", _DSTNAT))
    return rules._replace(tables=(*rules.tables, Table(chain.family, chain.table)), chains=(*rules.chains, chain))


def opened(entry: Tracked, listening: Collection[int]) -> Tuple:
    """The direction in which a connection was opened. A TCP connection that was met while it ran is entered as its next packet went: from a port on which somebody listens, that was an answer."""
    first = entry.original
    answer = first.protocol == TCP and first.source_port in listening and first.target_port not in listening
    return first.turned if answer else first


def answers_of(entry: Tracked, first: Tuple) -> Tuple:
    """The other direction, as whoever was called sends it."""
    return entry.reply if first == entry.original else entry.original


def cut_sessions(entries: list[Tracked]) -> tuple[Session, ...]:
    """End them. Raises CannotTell, NotPermitted, Refused, MachineFailed."""
    listening = listening_ports()[Transport.TCP]
    own = own_addresses(read_network())
    firsts = [opened(entry, listening) for entry in entries]
    # As packets of the side that is kept from going on by itself have it: whoever was called; of what went out this host.
    sent = [first if way_of(first, own) == OUT else answers_of(entry, first) for entry, first in zip(entries, firsts, strict=True)]
    wanted = frozenset(sent)
    sockets = {connection: row for connection, row in own_connections() if connection in wanted}
    silence(each for each in sent if each.protocol != TCP or each not in sockets)
    try:
        destroy(sockets.values())
    except CannotTell:
        silence(sockets)  # a kernel that cannot end sockets: what they send next is refused
    forget(entries)
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
