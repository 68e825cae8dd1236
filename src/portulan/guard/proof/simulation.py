"""What the simulation says of the packets of a proof: by all senders and ports at once where they go to the host's own addresses, one by one where they go elsewhere."""

from __future__ import annotations

import numpy as np

from portulan.guard.proof.judge import LET_IN, PORTS, REFUSED, UNKNOWN, words_by_piece
from portulan.guard.reach import simulate
from portulan.guard.trace import Tracer
from portulan.model.guard_proof import Road
from portulan.model.portset import PortRange, PortSet
from portulan.model.reach import Outcome, Packet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from portulan.guard.proof.judge import Words
    from portulan.model.guard_proof import Team
    from portulan.model.network import Network
    from portulan.model.port import Transport
    from portulan.model.ruleset import Ruleset

_WHOLE = PortSet.of([PortRange(0, PORTS - 1)])
_WORDS = {Outcome.ACCEPT: LET_IN, Outcome.DROP: REFUSED, Outcome.REJECT: REFUSED, Outcome.MAYBE: UNKNOWN}


class Simulation:
    """Of rules and a network as they were read."""

    def __init__(self, ruleset: Ruleset, network: Network, telling: Collection[int], transports: Iterable[Transport]) -> None:
        """`telling`: ports at which something may change; of the roads that are followed one packet at a time only these are asked."""
        self._reach = simulate(ruleset, network, ports=dict.fromkeys(transports, _WHOLE), answers=False)
        self._verdicts = self._reach.prepare()
        self._tracer = Tracer(ruleset, network)
        self._telling = telling

    def words(self, team: Team, transport: Transport) -> Words:
        """For each port."""
        if team.road in (Road.INPUT, Road.PUBLISHED) and team.version in self._verdicts:
            edges = self._verdicts[team.version].matrix.ports.edges
            return words_by_piece(map(int, edges), lambda port: self._ask(team, transport, port))
        found = np.full(PORTS, UNKNOWN, np.uint8)
        if team.road is not Road.OUTPUT:
            for port in self._telling:
                found[port] = _WORDS[self._tracer.trace(_packet(team, transport, port)).outcome]
        return found

    def _ask(self, team: Team, transport: Transport, port: int) -> int:
        return _WORDS[self._reach.query(_packet(team, transport, port)).outcome]


def _packet(team: Team, transport: Transport, port: int) -> Packet:
    return Packet(transport, team.sender, team.target, port, None, team.link)
