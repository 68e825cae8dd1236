"""When which target is asked: each once an interval, all of them spread evenly over it. Pure: the clock comes in.

Probe number k is of target k mod n and goes at k times the interval / n: one number says it all, however many targets there are.
"""

from __future__ import annotations


class Pace:
    """Probes of `targets` targets, `count` of each (None: without end), every `interval_s`."""

    def __init__(self, targets: int, interval_s: float, count: int | None, begin_s: float) -> None:
        self.targets, self.begin_s = targets, begin_s
        self.step_s = interval_s / targets
        self.total = None if count is None else targets * count
        self.sent = 0
        """Also the number of the next probe."""

    def due(self, now_s: float) -> range:
        """The numbers of the probes to send now; they count as sent. What could not be sent in its time is sent late, not twice as fast: a pause moves all."""
        ready = int((now_s - self.begin_s) / self.step_s) + 1 if now_s >= self.begin_s else 0
        if ready - self.sent > self.targets:  # more than an interval late: the machine slept
            self.begin_s = now_s - self.sent * self.step_s
            ready = self.sent + 1
        end = ready if self.total is None else min(ready, self.total)
        numbers = range(self.sent, max(self.sent, end))
        self.sent = numbers.stop
        return numbers

    @property
    def done(self) -> bool:
        """Whether all were sent."""
        return self.total is not None and self.sent >= self.total

    def wake_s(self) -> float:
        """When the next is due."""
        return self.begin_s + self.sent * self.step_s
