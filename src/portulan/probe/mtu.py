"""How big a packet the path takes: ask with the biggest, and again with what a router says it could send on (RFC 1191, RFC 8201). Pure."""

from __future__ import annotations

from portulan.model.path import ARRIVED, REJECTED, Answer, PathMtu
from portulan.model.scan import Reason

_PLATEAUS = (65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)
"""RFC 1191, section 7.1: for old routers that do not say."""
_LEAST = {4: 68, 6: 1280}


class MtuSearch:
    """One search. `take` gives the size to ask next, None when nothing is to be asked."""

    def __init__(self, version: int) -> None:
        self._version = version
        self.size: int | None = None
        """The one that is under way, or was last."""
        self.sure = False
        self.by: str | None = None

    def asked(self, size: int) -> None:
        """A packet of this size left."""
        self.size = size

    def take(self, answer: Answer, size: int) -> int | None:
        """An answer to a packet of this size."""
        if size != self.size or self.sure:
            return None
        if answer.reason is Reason.TOO_BIG:
            said = answer.mtu or next(each for each in (*_PLATEAUS, 0) if each < size)
            if not _LEAST[self._version] <= said < size:
                return None  # RFC 8201, section 4: nonsense, or an attack
            self.by = answer.by
            self.size = said
            return said
        if answer.reason in ARRIVED or answer.reason in REJECTED:
            self.sure = True
        return None

    def result(self) -> PathMtu | None:
        """What is known; None where nothing could even leave."""
        return None if self.size is None else PathMtu(self.size, self.sure, self.by)
