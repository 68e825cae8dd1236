"""What should be known of a port besides whether it can be bound. Pure: codes and facts."""

from __future__ import annotations

from portulan.host.binding import is_ephemeral, needs_privilege
from portulan.model.binding import Answer
from portulan.model.chart import State
from portulan.model.port import Transport
from portulan.model.why import Cause, Caution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from portulan.model.binding import Wish
    from portulan.model.ground import Ground
    from portulan.model.why import Attempt, Holder


def find_cautions(
    wish: Wish,
    answer: Answer,
    cause: Cause,
    attempts: tuple[Attempt, ...],
    holders: tuple[Holder, ...],
    ground: Ground,
    *,
    moved: Iterable[str],
    privileged: bool,
) -> tuple[Caution, ...]:
    """What should be known besides."""
    found: list[Caution] = []
    if is_ephemeral(wish.port, ground.ephemeral) and ground.ephemeral is not None:
        reserved = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ground.reserved)
        kept = not is_ephemeral(wish.port, ground.ephemeral, ground.reserved)
        found.append(
            Caution("reserved" if kept else "ephemeral", {"first": ground.ephemeral[0], "last": ground.ephemeral[1], "reserved": reserved})
        )
    if privileged and cause is not Cause.PRIVILEGED:
        found.append(Caution("privileged", {"start": ground.unprivileged_start or 0}))
    elif (
        needs_privilege(wish.port, ground.unprivileged_start or 0) and answer is not Answer.NO and wish.uid == ground.uid and wish.uid == 0
    ):
        found.append(Caution("needs-privilege", {"start": ground.unprivileged_start or 0}))
    found += [Caution("moved", {"address": where}) for where in moved]
    if answer is Answer.YES and any(one.shares for one in holders):
        code = "takes-datagrams" if wish.transport is not Transport.TCP and wish.reuse_address else "shared"
        if wish.transport is not Transport.TCP or any(one.endpoint.state is State.LISTENING for one in holders):
            found.append(Caution(code))
    if answer is Answer.NO:
        found += [Caution("other-address", {"address": one.address}) for one in attempts if one.answer is Answer.YES]
    return tuple(found)
