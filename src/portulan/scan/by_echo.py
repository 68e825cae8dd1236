"""Hosts asked by ICMP echo. The port of each pair means nothing here: a space of hosts has one, whatever it is."""

from __future__ import annotations

from itertools import repeat

import numpy as np

from portulan.errors import MachineFailed
from portulan.model.address import format_address, pack_address
from portulan.model.scan import REASONS, Answers, Reason, Verdict
from portulan.scan.order import mix
from portulan.system.echoing import Echoes
from portulan.system.uplinks import Uplinks
from portulan.wire.echo import build_echoes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from portulan.scan.order import Key
    from portulan.scan.space import Space
    from portulan.system.echoing import Destination

_ROOM = 1 << 20
_REASON = REASONS.index(Reason.ECHO_REPLY)


class EchoProber:
    """A `scan.prober.Prober` whose tags are sequence numbers."""

    rounds = 128
    controls = 127

    def __init__(self, space: Space, key: Key, *, scope: int = 0, uplinks: Uplinks | None = None) -> None:
        """For a space of one family with one port. Raises NotPermitted where no pings may be sent, MachineFailed."""
        self._space, self._key, self._scope = space, key, scope
        self._uplinks = Uplinks() if uplinks is None else uplinks
        self._echoes = Echoes(space.version)
        self.responders = ["address"]
        self.forged = 0

    def room(self) -> int:
        """Pings hold nothing of this host."""
        return _ROOM

    def send(self, pair: NDArray[np.int64], tag: int) -> tuple[int, float, float]:
        """Ping each; see `Prober.send`. Raises MachineFailed, also when a link has gone since the scan began."""
        unroutable = self._echoes.unroutable
        identifier = self._key[0] & 0xFFFF
        messages = build_echoes(self._space.version, identifier, tag, self._cookies(pair, tag))
        rows = messages.tobytes()
        try:
            handed_over = self._echoes.send(
                identifier, self._destinations(pair), (rows[at : at + messages.shape[1]] for at in range(0, len(rows), messages.shape[1]))
            )
        except MachineFailed:
            self._uplinks.check()
            raise
        if self._echoes.unroutable > unroutable:
            self._uplinks.check()
        return handed_over

    def receive(self, wait_s: float) -> Answers | None:
        """Replies; see `Prober.receive`."""
        found = self._echoes.receive(wait_s)
        if not found:
            return None
        packed = b"".join(pack_address(each.address.partition("%")[0]) for each in found)
        pair = self._space.places(np.frombuffer(packed, np.uint8).reshape(len(found), -1))
        tag = np.array([each.sequence & 0xFF for each in found], np.uint8)
        cookie = np.array([each.cookie for each in found], np.uint64)
        ours = (pair >= 0) & (cookie == self._cookies(pair, tag))
        self.forged += int((~ours).sum())
        which = np.flatnonzero(ours)
        if not which.size:
            return None
        return Answers(
            pair=pair[which], tag=tag[which], verdict=np.full(which.size, Verdict.OPEN, np.uint8), reason=np.full(which.size, _REASON, np.uint8),
            ttl=np.array([each.ttl for each in found], np.uint8)[which], at=np.array([each.at for each in found])[which],
            by=np.zeros(which.size, np.uint16),
        )  # fmt: skip

    def forget(self, sent_before: float) -> None:
        """Nothing is held for them."""

    def overflowed(self) -> int:
        """Not known of pings."""
        return 0

    def close(self) -> None:
        """Close the socket."""
        self._echoes.close()

    def _cookies(self, pair: NDArray[np.int64], tag: int | NDArray[np.uint8]) -> NDArray[np.uint64]:
        return mix(pair.astype(np.uint64) ^ (np.asarray(tag, np.uint64) << np.uint64(56)), self._key)

    def _destinations(self, pair: NDArray[np.int64]) -> Iterator[Destination]:
        rows = self._space.packed(pair).tobytes()
        size = self._space.size
        texts = (format_address(rows[at : at + size]) for at in range(0, len(rows), size))
        if self._space.version == 4:
            return zip(texts, repeat(0), strict=False)
        return zip(texts, repeat(0), repeat(0), repeat(self._scope), strict=False)
