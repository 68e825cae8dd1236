"""Which hop is asked when: all at once, then again those that are silent, until what is not known is not worth waiting for. Pure: the clock comes in.

The first volley asks the near hops; more are asked when the farthest of it answers, so that a host five hops away does not get 25 connections.
A hop's probe is overdue after one and a half of the longest round trip once the host has answered, before that only after a longer while: near
routers answer long before far ones do. Silent hops right before the host are asked most: what is missing there may be the host's own answer.
"""

from __future__ import annotations

from portulan.model.path import ARRIVED, NOT_SENT, REJECTED, Answer, Clock
from portulan.model.record import Record
from portulan.model.scan import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

VOLLEY = 16
_TRIES, _TRIES_CLOSE = 3, 6
_EDGE_AT_ONCE, _TRIES_EDGE, _TRIES_LOSSY_EDGE = 3, 7, 10
"""Where silence begins: asked once, then thrice at a time, since a hop whose answers are lost would put the filter one hop too near."""
_SLACK_S = 0.02
_SHORTEST_S = 0.25
_FRONTIER = 4
"""How many silent hops at the end of a volley still let the next one go."""


class Sent(Record):
    """A probe that went out."""

    key: int
    hop: int
    at_s: float


class Rounds:
    """One trace in progress: `due` says what to send, `take` gets the answers, `wake_s` when to come back, `done` whether that is all."""

    def __init__(self, *, first: int = 1, last: int = 30, volley: int = VOLLEY, wait_s: float = 1.0, begin_key: int = 0) -> None:
        """Ask hops `first` to `last` (not less than `first`); a probe is given up after `wait_s`."""
        last = max(first, last)
        self.first, self.last, self.volley, self.wait_s = first, last, volley, wait_s
        self.limit = min(last, first + volley - 1)
        """The farthest hop that is asked yet."""
        self.sent: dict[int, Sent] = {}
        self.answers: dict[int, tuple[Answer, float]] = {}
        """By key: the answer, and when it came (seconds)."""
        self.nameless: list[tuple[Answer, float]] = []
        """Of the host, but for which probe it does not say."""
        self.of_hop: dict[int, list[int]] = {}
        """Hop -> keys of its probes."""
        self.one_by_one = False
        """A router answered without saying for which probe (RFC 792 asks for no more of a datagram than its header): from now on only one is under way."""
        self._next_key = begin_key
        self._longest_s = 0.0

    # What is known

    def answers_of(self, hop: int) -> list[Answer]:
        """The answers that came for a hop."""
        return [self.answers[key][0] for key in self.of_hop.get(hop, ()) if key in self.answers]

    def tries(self, hop: int) -> int:
        """How often a hop was asked."""
        return len(self.of_hop.get(hop, ()))

    @property
    def final(self) -> int | None:
        """The least distance at which something other than "too far" was said."""
        hops = [
            self.sent[key].hop for key, (answer, _) in self.answers.items() if answer.reason in ARRIVED or answer.reason in REJECTED
        ]  # fmt: skip
        if hops:
            return min(hops)
        if self.nameless:
            return min(self.limit, self.farthest + 1)
        return None

    @property
    def farthest(self) -> int:
        """The farthest hop that said "too far"; `first` less one where none did."""
        expired = [self.sent[key].hop for key, (answer, _) in self.answers.items() if answer.reason is Reason.TIME_EXCEEDED]
        return max(expired, default=self.first - 1)

    @property
    def blocked(self) -> Answer | None:
        """Why probes do not even leave this host."""
        found = [answer for answer, _ in self.answers.values() if answer.reason in NOT_SENT]
        return found[-1] if found and len(found) == len(self.answers) else None

    # What to do

    def due(self, now_s: float) -> Iterator[tuple[int, int]]:
        """(key, hop) of each probe to send now; those yielded count as sent."""
        if not self.sent:
            yield from self._send(range(self.first, self.limit + 1), now_s)
            return
        if self.blocked is not None:
            return
        self._widen(now_s)
        hops = [hop for hop in self._wanted() if self.tries(hop) < self._most_tries(hop) and self._overdue_s(hop) <= now_s]
        if self.one_by_one:
            hops = [] if self._under_way(now_s) else sorted(hops, key=self.tries)[:1]
        elif self._is_edge(self.farthest + 1) and self.farthest + 1 in hops and self.tries(self.farthest + 1):
            hops += [self.farthest + 1] * (_EDGE_AT_ONCE - 1)
        yield from self._send(hops, now_s)

    def _send(self, hops: range | list[int], now_s: float) -> Iterator[tuple[int, int]]:
        for hop in hops:
            key = self._next_key
            self._next_key += 1
            self.sent[key] = Sent(key, hop, now_s)
            self.of_hop.setdefault(hop, []).append(key)
            yield key, hop

    def take(self, answer: Answer, now_s: float) -> None:
        """An answer. Those of other probes, and second ones, are left aside."""
        if answer.key is None and answer.reason not in ARRIVED:
            under_way = self._under_way(now_s)
            if self.one_by_one and len(under_way) == 1:
                self.take(self._timed(answer, under_way[0], now_s), now_s)
            self.one_by_one = True
        elif answer.key is None:
            self.nameless.append((answer, now_s))
        elif answer.key in self.sent and answer.key not in self.answers:
            self.answers[answer.key] = answer, now_s
            self._longest_s = max(self._longest_s, now_s - self.sent[answer.key].at_s)

    def _under_way(self, now_s: float) -> list[int]:
        """Probes that are still worth waiting for."""
        patience_s = self.patience_s()
        return [key for key, sent in self.sent.items() if key not in self.answers and sent.at_s + patience_s > now_s]

    def _timed(self, answer: Answer, key: int, now_s: float) -> Answer:
        """An answer that can be of one probe only, with a time that this process took."""
        rtt_ns = int((now_s - self.sent[key].at_s) * 1e9)
        return answer._replace(key=key, rtt_ns=rtt_ns, early_ns=rtt_ns, clock=Clock.PROCESS)

    def wake_s(self) -> float | None:
        """When the next thing is due, by the same clock; None: nothing is, until an answer comes or for good."""
        if self.blocked is not None:
            return None
        if self.one_by_one and self._last_under_way_s is not None:
            return self._last_under_way_s
        return min((self._overdue_s(hop) for hop in self._wanted()), default=None)

    @property
    def _last_under_way_s(self) -> float | None:
        """When the last of the silent probes is given up."""
        sent = [self.sent[key].at_s for key in self.sent if key not in self.answers]
        return max(sent) + self.patience_s() if sent else None

    def done(self, now_s: float) -> bool:
        """Whether waiting longer would not tell more."""
        if not self.sent:
            return False
        if self.blocked is not None:
            return True
        self._widen(now_s)
        return all(self.tries(hop) >= self._most_tries(hop) and self._overdue_s(hop, final=True) <= now_s for hop in self._wanted())

    def _widen(self, now_s: float) -> None:
        """Let the next volley go where the path is longer than this one."""
        if self.final is not None or self.limit >= self.last:
            return
        farthest = self.farthest
        if farthest == self.limit or (
            farthest > self.limit - _FRONTIER and all(self._overdue_s(hop) <= now_s for hop in range(farthest + 1, self.limit + 1))
        ):
            self.limit = min(self.last, self.limit + self.volley)

    def _wanted(self) -> list[int]:
        """Silent hops that could still tell something."""
        final = self.final
        end = self.limit if final is None else final - 1
        return [hop for hop in range(self.first, end + 1) if not any(key in self.answers for key in self.of_hop.get(hop, ()))]

    def _most_tries(self, hop: int) -> int:
        """More where a lost answer would move the verdict: right before the host, and where silence begins."""
        if self.final is not None:
            return _TRIES_CLOSE if hop > self.farthest else _TRIES
        if not self._is_edge(hop):
            return _TRIES
        return _TRIES_LOSSY_EDGE if self._loses() else _TRIES_EDGE

    def _is_edge(self, hop: int) -> bool:
        """Whether silence begins here, after a hop that answered."""
        return self.final is None and self.first <= self.farthest == hop - 1

    def _loses(self) -> bool:
        """Whether a hop that answers did not do so every time."""
        return any(
            any(key in self.answers for key in keys) and not all(key in self.answers for key in keys) for keys in self.of_hop.values()
        )

    def _overdue_s(self, hop: int, *, final: bool = False) -> float:
        """When its last probe is not worth waiting for; one that was never sent is due at once."""
        keys = self.of_hop.get(hop)
        if not keys:
            return 0.0
        return self.sent[keys[-1]].at_s + self.patience_s(last=final or len(keys) >= self._most_tries(hop))

    def patience_s(self, *, last: bool = False) -> float:
        """How long a probe is waited for. While nobody has spoken for the port, the last try gets all the time there is."""
        if self.final is not None:
            return min(self.wait_s, 1.5 * self._longest_s + _SLACK_S)
        return self.wait_s if last else min(self.wait_s, max(_SHORTEST_S, 2 * self._longest_s + _SLACK_S))
