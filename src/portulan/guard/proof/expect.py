"""What a policy says of the packets of a proof, by the plain interpreter of its meaning."""

from __future__ import annotations

from portulan.guard.policy.meaning import decide, decide_forward, decide_icmp, decide_out
from portulan.guard.proof.judge import LET_IN, LIMITED, REFUSED, words_by_piece
from portulan.model.guard_proof import Road
from portulan.model.reach import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from portulan.guard.policy.meaning import Judged
    from portulan.guard.proof.judge import Words
    from portulan.model.guard_proof import Team
    from portulan.model.policy import Crossing, Line, Policy
    from portulan.model.port import Transport

_WORDS = {Outcome.ACCEPT: LET_IN, Outcome.MAYBE: LIMITED, Outcome.DROP: REFUSED, Outcome.REJECT: REFUSED}


class Expectation:
    """Of one policy on one day."""

    def __init__(self, policy: Policy, today: date, uplinks: Collection[str], *, inner: str, door: int, source_port: int) -> None:
        """`inner`: the interface to the container, whose port `door` all published ports are sent to; `source_port`: whence all packets come."""
        self._policy, self._today, self._uplinks = policy, today, uplinks
        self._inner, self._door, self._source_port = inner, door, source_port
        lines: tuple[Line | Crossing, ...] = (*policy.doors, *(policy.outgoing or ()), *policy.crossings)
        spans = [part for line in lines for _, ports in line.ports for part in ports.ranges]
        self._cuts = frozenset(cut for part in spans for cut in (part.first, part.last + 1))

    def words(self, team: Team, transport: Transport) -> Words:
        """For each port."""
        return words_by_piece(self._cuts, lambda port: _WORDS[self.say(team, transport, port).outcome])

    def say(self, team: Team, transport: Transport, port: int) -> Judged:
        """For one of them."""
        policy, today, version, sender = self._policy, self._today, team.version, team.sender.number
        if team.road is Road.OUTPUT:
            return decide_out(policy, today, transport, version, team.target.number, team.link, port, source_port=self._source_port)
        if team.road is Road.FORWARD:
            return decide_forward(
                policy, today, transport, team.link, team.beyond, port, uplinks=self._uplinks, version=version, sender=sender
            )
        if team.road is Road.PUBLISHED:
            return decide_forward(
                policy,
                today,
                transport,
                team.link,
                self._inner,
                self._door,
                uplinks=self._uplinks,
                version=version,
                sender=sender,
                asked=port,
            )
        return decide(policy, today, transport, version, sender, team.link, port, source_port=self._source_port)

    def message(self, team: Team, kind: int, hop_limit: int) -> bool:
        """Whether an ICMP message of a type gets in; of OUTPUT: out."""
        out = team.road is Road.OUTPUT
        other = team.target if out else team.sender
        said = decide_icmp(self._policy, team.version, kind, other.number, team.link, hop_limit=hop_limit, out=out)
        return said.outcome is Outcome.ACCEPT
