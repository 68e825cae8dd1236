"""What a socket that stands in the way is to a person: a server, a connection, something that is closing. Pure.

The kernel does not tell whether a connection was opened from here or accepted here. Its local port does, nearly always: the kernel hands clients ports
of the ephemeral range, and servers stay out of it. Where both ends lie in that range, or neither, several connections on one port were
accepted; one alone is taken for an outgoing one if its port is in the range.
"""

from __future__ import annotations

from portulan.model.binding import Answer
from portulan.model.chart import Ownership, State
from portulan.model.port import Transport
from portulan.model.why import HELD, Cause, Holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portulan.model.binding import Held, Judgement, Wish
    from portulan.model.chart import Endpoint


def cause_of(wish: Wish, held: Held, endpoint: Endpoint, *, accepted: bool) -> Cause:  # noqa: PLR0911 - a table
    """The cause that one held socket is. `accepted`: whether connections on this port were accepted here (`were_accepted`)."""
    if endpoint.ownership is Ownership.KERNEL:
        return Cause.KERNEL
    if wish.reuse_port and held.reuse_port and held.uid is not None and held.uid != wish.uid:
        return Cause.REUSE_PORT_USER
    if endpoint.ownership is Ownership.HIDDEN:
        return Cause.IN_FLIGHT
    if held.transport is not Transport.TCP:
        return Cause.UDP
    if held.state is State.LISTENING:
        return Cause.MPTCP if held.mptcp else Cause.LISTENER
    if held.state is State.BOUND:
        return Cause.BOUND
    if held.state is State.TIME_WAIT:
        return Cause.TIME_WAIT
    return Cause.LEFT_OVER if accepted and held.state is not State.SYN_SENT else Cause.CONNECTION


def were_accepted(endpoints: Iterable[Endpoint], ephemeral: tuple[int, int] | None) -> bool:
    """Whether the TCP connections on a port were accepted by a server that was here, rather than opened from here."""
    peers = [endpoint.peer for endpoint in endpoints if endpoint.peer and endpoint.transport is Transport.TCP]
    if not peers:
        return False
    port = next(endpoint.port for endpoint in endpoints if endpoint.peer)
    if ephemeral is None:
        return len(set(peers)) > 1
    ours = ephemeral[0] <= port <= ephemeral[1]
    theirs = any(ephemeral[0] <= int(peer.rpartition(":")[2]) <= ephemeral[1] for peer in peers)
    if ours is not theirs:
        return not ours
    return len(set(peers)) > 1 or not ours


def find_holders(
    wish: Wish,
    judgement: Judgement,
    endpoints: Mapping[int, Endpoint],
    ephemeral: tuple[int, int] | None,
    *,
    refused: bool,
) -> tuple[Holder, ...]:
    """Who stands in the way of a wish, what matters most first, each endpoint once. `endpoints` by cookie; `refused`: the kernel has said so."""
    accepted = were_accepted({id(one): one for one in endpoints.values()}.values(), ephemeral)
    found: dict[int, Holder] = {}
    for obstacle in judgement.obstacles:
        endpoint = endpoints.get(obstacle.held.cookie)
        if endpoint is None:
            continue
        cause = cause_of(wish, obstacle.held, endpoint, accepted=accepted)
        certain = obstacle.certain or (refused and judgement.answer is not Answer.NO)
        found.setdefault(id(endpoint), Holder(cause, obstacle.overlap, certain, shares=False, endpoint=endpoint))
    return tuple(sorted(found.values(), key=lambda one: (not one.certain, HELD.index(one.cause))))
