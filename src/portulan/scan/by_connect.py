"""Ports asked by ordinary connections, closed at once: what anybody may do."""

from __future__ import annotations

import numpy as np

from portulan.errors import MachineFailed
from portulan.model.address import format_address
from portulan.model.scan import REASONS, Answers, Doubt, Reason, Verdict
from portulan.scan.socket_addresses import socket_addresses
from portulan.system.connecting import FEW, Connections
from portulan.system.connection_table import PLENTY, watch_table
from portulan.system.uplinks import Uplinks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.scan.space import Space
    from portulan.system.connecting import Outcomes

MOST = 4096
"""Connections begun at once, unless told otherwise."""
_MOST_RESPONDERS = 1 << 16
_CODE = {reason: code for code, reason in enumerate(REASONS)}
_VERDICT = np.full(len(REASONS), Verdict.UNREACHABLE, np.uint8)
_VERDICT[_CODE[Reason.SYN_ACK]] = Verdict.OPEN
_VERDICT[[_CODE[Reason.SYN_PROXY], _CODE[Reason.TARPIT]]] = Verdict.PROXIED
_VERDICT[_CODE[Reason.REFUSED]] = Verdict.CLOSED


class ConnectProber:
    """A `scan.prober.Prober`. The kernel gives every attempt another source port, so tags only tell answers apart."""

    rounds = 64
    controls = 64

    def __init__(self, space: Space, *, most: int = MOST, scope: int = 0, uplinks: Uplinks | None = None) -> None:
        """For a space of one family; `scope` is the interface of its link-local addresses.

        Raises CannotTell where too few descriptors may be open, MachineFailed.
        """
        self._space = space
        self._scope = scope
        self._uplinks = Uplinks() if uplinks is None else uplinks
        self._table = watch_table()
        self._connections = Connections(space.version, most, self._uplinks.own_addresses)
        self.responders = ["address"]
        self._place_of_responder: dict[bytes, int] = {b"": 0}
        self.forged = 0
        self._few = self._connections.most < min(most, FEW)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What there is to say of the connecting so far."""
        short = self._table is not None and self._table.short
        return (*((Doubt.TABLE_FULL,) if short else ()), *((Doubt.DESCRIPTORS,) if self._few else ()))

    def room(self) -> int:
        """How many connections may be begun now, by the pool of sockets and by this host's table of connections."""
        return min(self._connections.room, PLENTY if self._table is None else self._table.room())

    def send(self, pair: NDArray[np.int64], tag: int) -> tuple[int, float, float]:
        """Begin a connection to each; see `Prober.send`. Raises MachineFailed, also when a link has gone since the scan began."""
        unroutable = self._connections.unroutable
        targets = socket_addresses(self._space, *self._space.split(pair), self._scope)
        try:
            handed_over = self._connections.attempt(targets, pair.tolist(), tag)
        except MachineFailed:
            self._uplinks.check()
            raise
        if self._connections.unroutable > unroutable:
            self._uplinks.check()
        if self._table is not None:
            self._table.took(handed_over[0])
        return handed_over

    def receive(self, wait_s: float) -> Answers | None:
        """What has been answered; see `Prober.receive`."""
        outcomes = self._connections.collect(wait_s)
        if outcomes is None:
            return None
        reason = np.array([_CODE[each] for each in outcomes.reasons], np.uint8)
        return Answers(
            pair=np.array(outcomes.keys, np.int64),
            tag=np.array(outcomes.tags, np.uint8),
            verdict=_VERDICT[reason],
            reason=reason,
            ttl=np.zeros(len(reason), np.uint8),
            at=np.array(outcomes.times),
            by=self._responders_of(outcomes),
        )

    def forget(self, sent_before: float) -> None:
        """Give up what was begun before then."""
        self._connections.drop(sent_before)

    def overflowed(self) -> int:
        """None is ever lost: each has a socket that keeps it."""
        return 0

    def close(self) -> None:
        """Close every socket."""
        self._connections.close()

    def _responders_of(self, outcomes: Outcomes) -> NDArray[np.uint16]:
        known = self._place_of_responder
        for offender in set(outcomes.offenders) - known.keys():
            if len(self.responders) < _MOST_RESPONDERS:
                known[offender] = len(self.responders)
                self.responders.append(format_address(offender))
        return np.array([known.get(each, 0) for each in outcomes.offenders], np.uint16)
