"""A path watched round after round, as mtr does: one probe to each hop an interval, and what they say together."""

from __future__ import annotations

from time import monotonic

from portulan.model.path import ARRIVED, REJECTED
from portulan.model.scan import Reason
from portulan.probe.monitor import Monitor
from portulan.verbs.trace import Tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portulan.model.path import Trace

_FIRST_KEY = 1 << 20


class Watch(Tracer):
    """Goes on where `Tracer.run` has ended: `step` again and again."""

    interval_s = 1.0
    paused = False

    def begin(self, interval_s: float) -> None:
        """Count from now on, every `interval_s`. What the first look found stays the verdict's ground."""
        self.interval_s = interval_s
        self.repeats = 0
        self._last = super().last_hop
        self._live_key = _FIRST_KEY
        self._hop_of: dict[int, int] = {}
        self._next_s = monotonic()
        self._silent_ends = 0
        self.monitor = Monitor()

    @property
    def last_hop(self) -> int:
        """The farthest hop: the host, or as far as answers come."""
        return getattr(self, "_last", None) or super().last_hop

    def reset(self) -> None:
        """Forget the numbers."""
        self.monitor = Monitor()
        self._hop_of.clear()
        self.repeats = 0

    def step(self, most_s: float) -> bool:
        """Send a round if it is due, wait for answers at most so long; whether a round began."""
        now_s = monotonic()
        began = not self.paused and now_s >= self._next_s
        if began:
            self._next_s = max(self._next_s + self.interval_s, now_s)
            self.repeats += 1
            for hop in range(1, max(1, self.last_hop) + 1):
                self._live_key += 1
                self._hop_of[self._live_key] = hop
                self.monitor.sent(self._live_key, hop, monotonic())
                self.prober.send(self.target, self._live_key, hop)
        left_s = most_s if self.paused else min(most_s, self._next_s - monotonic())
        for answer in self.probing.wait(max(0.0, left_s)):
            if answer.key is None or answer.key not in self._hop_of:
                continue
            self._learn(self._hop_of[answer.key], answer.reason)
            self.monitor.take(answer)
            if self.wants_names and answer.by is not None:
                self.names.ask(answer.by)
        for key in self.monitor.expire(monotonic() - self.wait_s):
            self.prober.forget(key)
            self._hop_of.pop(key, None)
        return began

    def _learn(self, hop: int, reason: Reason) -> None:
        """Routes change: the host may be nearer or farther now."""
        if reason in ARRIVED or reason in REJECTED:
            self._last = min(self._last, hop) or hop
        elif reason is Reason.TIME_EXCEEDED and hop == self._last < self.most_hops and self.rounds.final is not None:
            self._last = hop + 1

    def settle(self) -> None:
        """Wait for the answers that are still to come."""
        self.paused = True
        end_s = monotonic() + self.wait_s
        while self.monitor.waiting and monotonic() < end_s:
            self.step(max(0.0, end_s - monotonic()))
        self.paused = False

    def now(self, systems: str | None = None) -> Trace:
        """All that is known."""
        return self.result(systems=systems)
