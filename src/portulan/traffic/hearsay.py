"""First payloads: what they say their flow is, and the words of some of them, for the names in them."""

from __future__ import annotations

import numpy as np

from portulan.model.record import Record
from portulan.model.traffic import PROTOCOLS
from portulan.traffic.fold import grouped, mixed
from portulan.traffic.recognise import recognise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from portulan.traffic.gather import I8, Bytes
    from portulan.traffic.keys import Keys

MOST_KEPT = 1 << 13
"""First payloads that are kept: of the earliest flows that name a server."""
LONGEST_KEPT = 2048
_SLOT_BITS = 18
_SLOTS = 1 << _SLOT_BITS
_TAKEN = np.uint64(1 << 63)
"""A bit that no key has: a slot that is not used is nobody's."""
_HTTP, _TLS = PROTOCOLS.index("http"), PROTOCOLS.index("tls")
_CLIENT_HELLO = 1
"""Of the handshake's message types (RFC 8446 4), in the sixth byte of a record."""


class Known:
    """Which directions have spoken already, and when: a cache that forgets. It saves work and changes nothing: who is not in it is asked again."""

    def __init__(self, words: int) -> None:
        """Of keys of so many words. Memory is taken as it is used."""
        self._held = np.zeros((_SLOTS, words + 2), np.uint64)  # key, time and place of one stand side by side: they are asked for together

    def slots(self, keys: Keys) -> I8:
        """Where each would stand."""
        return _slots(keys)

    def earlier(self, keys: Keys, slots: I8, when: I8, place: I8) -> NDArray[np.bool_]:
        """Whether each is known to have spoken before that."""
        held = self._held.take(slots, axis=0)
        then, there = held[:, -2].view(np.int64), held[:, -1].view(np.int64)
        known: NDArray[np.bool_] = held[:, -3] == keys[-1] | _TAKEN
        for column, mine in enumerate(keys[:-1]):
            known &= held[:, column] == mine
        known &= (then < when) | (then == when) & (there < place)
        return known

    def note(self, keys: Keys, slots: I8, when: I8, place: I8) -> None:
        """These have spoken."""
        self._held[slots] = np.stack((*keys[:-1], keys[-1] | _TAKEN, when.view(np.uint64), place.view(np.uint64)), 1)


class First(Record):
    """First payloads: where they begin, how many bytes are there, and of which packet."""

    at: I8
    there: I8
    transport: NDArray[np.uint8]
    when: I8
    place: I8


class Kept:
    """The first payloads of clients that name a server: those of the earliest flows, so that it does not matter who saw them in what pieces."""

    def __init__(self) -> None:
        self._held: list[tuple[int, int, bytes, int, bytes]] = []
        self._latest = np.iinfo(np.int64).max

    def _wanted(self, buffer: Bytes, codes: NDArray[np.uint8], at: I8, there: I8, when: I8) -> I8:
        """Which of these are worth keeping."""
        first = buffer.take(at)
        tls = (codes == _TLS) & (there > 5) & (buffer.take(at + 5) == _CLIENT_HELLO)
        http = (codes == _HTTP) & ~((first == ord("H")) & (buffer.take(at + 4) == ord("/")))  # an answer begins with HTTP/
        return np.flatnonzero((tls | http) & (when <= self._latest))

    def keep(self, buffer: Bytes, keys: Keys, codes: NDArray[np.uint8], at: I8, there: I8, when: I8, place: I8) -> None:
        """Those of them that are wanted."""
        rows = self._wanted(buffer, codes, at, there, when)
        if not len(rows):
            return
        memory = memoryview(buffer)  # type: ignore[arg-type]
        raw = np.stack([word[rows] for word in keys], 1).tobytes()
        size = 8 * len(keys)
        begins, ends = at[rows], at[rows] + np.minimum(there[rows], LONGEST_KEPT)
        columns = (when[rows], place[rows], codes[rows], begins, ends)
        for number, (moment, where, code, begin, end) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            self._held.append((moment, where, raw[number * size : (number + 1) * size], code, bytes(memory[begin:end])))
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

    def of(self, keys: Keys, said_ns: I8, said_place: I8) -> dict[bytes, tuple[int, bytes]]:
        """By key, as bytes: protocol and payload, of those that are the first of their direction in this table; one may have been the first of a part only."""
        self._shorten()
        held = [one for one in self._held if len(one[2]) == 8 * len(keys)]
        if not held or not len(said_ns):
            return {}
        raw = np.frombuffer(b"".join(key for _, _, key, _, _ in held), np.uint64).reshape(-1, len(keys))
        theirs = tuple(np.ascontiguousarray(raw[:, place]) for place in range(len(keys)))
        some = _perhaps(keys, theirs)
        order, begin = grouped([np.concatenate((word[some], other)) for word, other in zip(keys, theirs, strict=True)])
        row = np.repeat(order[begin], np.diff(begin, append=len(order)))
        mine = (order >= len(some)) & (row < len(some))
        row = some[row[mine]]
        found = {}
        for index, when, place in zip((order[mine] - len(some)).tolist(), said_ns[row].tolist(), said_place[row].tolist(), strict=True):
            one = held[index]
            if one[:2] == (when, place):
                found[one[2]] = one[3], one[4]
        return found


def _perhaps(keys: Keys, wanted: Keys) -> I8:
    """Which of these may be among those that are wanted; all that are, and a few more."""
    marked = np.zeros(_SLOTS, bool)
    marked[_slots(wanted)] = True
    return np.flatnonzero(marked[_slots(keys)])


def _slots(keys: Keys) -> I8:
    return (mixed(keys) >> np.uint64(64 - _SLOT_BITS)).view(np.int64)


class Hearsay:
    """Both, for the rows of one table."""

    def __init__(self) -> None:
        self.known = Known(2), Known(5)
        self.kept = Kept()

    def news(self, family: int, keys: Keys, first: First) -> I8:
        """Which of these first payloads must be looked at: the others come after one of their direction that was."""
        known = self.known[family]
        slots = known.slots(keys)
        new = np.flatnonzero(~known.earlier(keys, slots, first.when, first.place))
        if not len(new):
            return new
        new = new[np.argsort(first.when[new])[::-1]]  # of one direction, the earliest is noted last; there are no two of one time
        own, slots = tuple(word[new] for word in keys), slots[new]
        known.note(own, slots, first.when[new], first.place[new])
        kept: I8 = new[~known.earlier(own, slots, first.when[new], first.place[new])]
        return kept

    def listen(self, buffer: Bytes, heard: Sequence[tuple[Keys, First]]) -> list[NDArray[np.uint8]]:
        """What these say, family by family; they are all asked at once."""
        codes = recognise(buffer, *(np.concatenate([getattr(first, name) for _, first in heard]) for name in ("at", "there", "transport")))
        found, begin = [], 0
        for keys, first in heard:
            mine = codes[begin : begin + len(first.at)]
            begin += len(first.at)
            self.kept.keep(buffer, keys, mine, first.at, first.there, first.when, first.place)
            found.append(mine)
        return found

    def __getstate__(self) -> Kept:
        """What other processes need."""
        return self.kept

    def __setstate__(self, kept: Kept) -> None:
        self.known = Known(2), Known(5)
        self.kept = kept


def name_key(keys: Keys) -> bytes:
    """One direction's key, as bytes."""
    return b"".join(word.tobytes() for word in keys)
