"""First payloads: what they say their flow is, and the words of some of them, for the names in them."""

from __future__ import annotations

import numpy as np

from portulan.model.traffic import PROTOCOLS
from portulan.traffic.fold import mixed
from portulan.traffic.recognise import recognise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from portulan.traffic.gather import I8, U8, Bytes
    from portulan.traffic.keys import Keys

MOST_KEPT = 1 << 13
"""First payloads that are kept: of the earliest flows that name a server."""
LONGEST_KEPT = 1536
_SLOTS = 1 << 16
_HTTP, _TLS = PROTOCOLS.index("http"), PROTOCOLS.index("tls")
_CLIENT_HELLO = 1
"""Of the handshake's message types (RFC 8446 4), in the sixth byte of a record."""


class Known:
    """Which directions have spoken already, and when: a cache that forgets. It saves work and changes nothing: who is not in it is asked again."""

    def __init__(self, words: int) -> None:
        """Of keys of so many words."""
        self._keys = [np.zeros(_SLOTS, np.uint64) for _ in range(words)]
        self._when = np.full(_SLOTS, np.iinfo(np.int64).max)
        self._place = np.full(_SLOTS, np.iinfo(np.int64).max)

    def slots(self, keys: Keys) -> U8:
        """Where each would stand."""
        return mixed(keys) >> np.uint64(48)

    def earlier(self, keys: Keys, slots: I8, when: I8, place: I8) -> NDArray[np.bool_]:
        """Whether each is known to have spoken before that."""
        then, there = self._when[slots], self._place[slots]
        known = (then < when) | (then == when) & (there < place)
        for word, mine in zip(self._keys, keys, strict=True):
            known &= word[slots] == mine
        return known  # type: ignore[no-any-return]

    def note(self, keys: Keys, slots: I8, when: I8, place: I8) -> None:
        """These have spoken."""
        for word, mine in zip(self._keys, keys, strict=True):
            word[slots] = mine
        self._when[slots], self._place[slots] = when, place


class Kept:
    """The first payloads of clients that name a server: those of the earliest flows, so that it does not matter who saw them in what pieces."""

    def __init__(self) -> None:
        self._held: list[tuple[int, int, bytes, int, bytes]] = []
        self._latest = np.iinfo(np.int64).max

    def wanted(self, buffer: Bytes, codes: NDArray[np.uint8], at: I8, there: I8, when: I8) -> I8:
        """Which of these are worth keeping."""
        first = buffer.take(at)
        tls = (codes == _TLS) & (there > 5) & (buffer.take(at + 5) == _CLIENT_HELLO)
        http = (codes == _HTTP) & ~((first == ord("H")) & (buffer.take(at + 4) == ord("/")))  # an answer begins with HTTP/
        return np.flatnonzero((tls | http) & (when <= self._latest))

    def keep(self, key: bytes, code: int, when: int, place: int, payload: bytes) -> None:
        """One of them."""
        self._held.append((when, place, key, code, payload))
        if len(self._held) > 2 * MOST_KEPT:
            self._shorten()

    def _shorten(self) -> None:
        earliest: dict[bytes, tuple[int, int, bytes, int, bytes]] = {}
        for one in sorted(self._held):
            earliest.setdefault(one[2], one)
        self._held = list(earliest.values())[:MOST_KEPT]
        if len(self._held) == MOST_KEPT:
            self._latest = self._held[-1][0]

    def add(self, other: Kept) -> None:
        """Those of another table too."""
        self._held += other._held
        self._shorten()

    def words(self) -> dict[bytes, tuple[int, bytes]]:
        """By key (`name_key`): protocol and payload."""
        self._shorten()
        return {key: (code, payload) for _, _, key, code, payload in self._held}


class Hearsay:
    """Both, for the rows of one table."""

    def __init__(self) -> None:
        self.known = Known(2), Known(5)
        self.kept = Kept()

    def listen(
        self, family: int, buffer: Bytes, keys: Keys, transport: NDArray[np.uint8], at: I8, there: I8, when: I8, place: I8
    ) -> tuple[I8, NDArray[np.uint8]]:
        """(which of these first payloads had to be looked at, what they say). The others come after one of their direction that was."""
        known = self.known[family]
        slots = known.slots(keys).view(np.int64)
        new = np.flatnonzero(~known.earlier(keys, slots, when, place))
        if not len(new):
            return new, np.zeros(0, np.uint8)
        keys = tuple(word[new] for word in keys)
        at, there, when, place = at[new], there[new], when[new], place[new]
        known.note(keys, slots[new], when, place)
        codes = recognise(buffer, at, there, transport[new])
        for one in self.kept.wanted(buffer, codes, at, there, when).tolist():
            begin = int(at[one])
            payload = buffer[begin : begin + min(int(there[one]), LONGEST_KEPT)].tobytes()
            self.kept.keep(name_key(tuple(word[one : one + 1] for word in keys)), int(codes[one]), int(when[one]), int(place[one]), payload)
        return new, codes

    def __getstate__(self) -> Kept:
        """What other processes need."""
        return self.kept

    def __setstate__(self, kept: Kept) -> None:
        self.known = Known(2), Known(5)
        self.kept = kept


def name_key(keys: Keys) -> bytes:
    """One direction's key, as bytes."""
    return b"".join(word.tobytes() for word in keys)
