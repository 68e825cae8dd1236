"""How fast a scan by sockets can go on without filling this host's table of connections: it would lose other programs' packets then. Pure.

The probers keep within the table by looking at it (`system.connection_table`); this says beforehand what that will come to.
"""

from __future__ import annotations

from portulan.model.scan import Method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.tracking import Tracking

SHARE = 0.5
"""Of what is free, so much at most."""
_LEAST = 1.0


def rate_below(tracking: Tracking | None, method: Method, pairs: int) -> float | None:
    """Probes a second that a long scan comes to if nobody answers, within half of what is free; None: it may be as fast as it likes.

    Each probe holds an entry until the entry's time is over, and so does each pair that is asked again, from another port; a scan that is smaller than that half
    even when asked three times never meets the limit. Raw SYNs leave below the table, and the kernel's own list needs no packets.
    """
    if tracking is None or method in (Method.SYN, Method.LOCAL):
        return None
    room = tracking.free * SHARE
    if pairs * 3 <= room:
        return None
    hold_s = tracking.udp_s if method is Method.UDP else tracking.syn_sent_s
    return max(_LEAST, room / hold_s)
