"""What is known of each hop over many rounds: sent, answered, times, the latest. Pure."""

from __future__ import annotations

from collections import Counter, deque

from portulan.model.path import NOT_SENT, Answer, Hop, HopSeen
from portulan.model.scan import Reason
from portulan.probe.statistics import path_losses, times_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEPT = 3600
"""Round trips kept of each hop: an hour at one a second. Counts go on for ever."""
_HISTORY = 120


class Heap:
    """One hop's record."""

    __slots__ = ("answered", "reasons", "recent", "sent", "times", "uncertain_ns", "who")

    def __init__(self) -> None:
        self.sent = self.answered = 0
        self.uncertain_ns = 0
        self.times: deque[int] = deque(maxlen=_KEPT)
        self.recent: deque[float | None] = deque(maxlen=_HISTORY)
        self.who: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()


class Monitor:
    """All hops of one path."""

    def __init__(self) -> None:
        self._hops: dict[int, Heap] = {}
        self._waiting: dict[int, tuple[int, float]] = {}
        """Key -> (hop, when it was sent)."""

    def sent(self, key: int, hop: int, now_s: float) -> None:
        """A probe went out."""
        self._hops.setdefault(hop, Heap()).sent += 1
        self._waiting[key] = hop, now_s

    def take(self, answer: Answer) -> None:
        """Its answer came; later ones to the same probe are left aside."""
        waiting = self._waiting.pop(-1 if answer.key is None else answer.key, None)
        if waiting is None:
            return
        heap = self._hops[waiting[0]]
        heap.reasons[answer.reason.value] += 1
        if answer.reason in NOT_SENT:
            heap.recent.append(None)
            return
        heap.answered += 1
        if answer.by is not None:
            heap.who[answer.by] += 1
        if answer.rtt_ns is None:
            return
        heap.times.append(answer.rtt_ns)
        heap.uncertain_ns = max(heap.uncertain_ns, answer.early_ns, answer.late_ns)
        heap.recent.append(round(answer.rtt_ns / 1e6, 3))

    def expire(self, before_s: float) -> list[int]:
        """Give up what was sent before this time; its keys."""
        gone = [key for key, (_, sent_s) in self._waiting.items() if sent_s <= before_s]
        for key in gone:
            heap = self._hops[self._waiting.pop(key)[0]]
            heap.recent.append(None)
            heap.reasons[Reason.NONE.value] += 1
        return gone

    @property
    def waiting(self) -> int:
        """How many answers may still come."""
        return len(self._waiting)

    def hops(self, last: int, names: Mapping[str, str | None], systems: Mapping[str, str]) -> tuple[Hop, ...]:
        """Hops 1 to `last`. Probes that are still under way count neither as sent nor as lost."""
        under_way = Counter(hop for hop, _ in self._waiting.values())
        heaps = [self._hops.get(hop, Heap()) for hop in range(1, last + 1)]
        sent = [heap.sent - under_way[hop] for hop, heap in enumerate(heaps, 1)]
        lost = path_losses(sent, [heap.answered for heap in heaps])
        return tuple(
            Hop(
                hop=at + 1,
                seen=tuple(HopSeen(who, names.get(who), systems.get(who), count) for who, count in heap.who.most_common()),
                sent=sent[at],
                answered=heap.answered,
                loss=round(lost[at], 6),
                withheld=round((1 - heap.answered / sent[at] if sent[at] else 1.0) - lost[at], 6),
                times=times_of(heap.times, heap.uncertain_ns),
                reasons=dict(heap.reasons),
                history=tuple(heap.recent),
            )
            for at, heap in enumerate(heaps)
        )

    def addresses(self) -> Iterable[str]:
        """All that ever answered."""
        return {who for heap in self._hops.values() for who in heap.who}
