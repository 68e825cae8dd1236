"""How fast to ask. Pure: times come in.

Probes leave in slices. The order is random, so each slice holds the same share of ports that answer: a slice that answers less than slower ones did shows
loss that our own rate makes, and the rate is halved and grows again in small steps; loss that does not depend on the rate is left alone. Open ports tell the
two apart from a third case: where they answer as before and only refusals are fewer, the target limits its refusals, and asking slower would win nothing.
A round trip that grows tells of a queue on the way that we fill.
"""

from __future__ import annotations

from bisect import bisect_right
from math import log, log2, sqrt

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_RATE = 50_000.0
_LEAST_RATE = 20.0
_SLICE_S = 0.004
_LEAST_SLICE, _MOST_SLICE = 16, 2048
_BURST_S = 0.02
"""How far sending may lag behind its rate before what was missed is let go."""
_FIRST_LOOK, _CAREFUL_LOOK = 200, 4000
_MUCH_LESS, _SURE = 0.93, 4.0
_LIKELIER = 3.0
_ONE_LOOK = 20_000
_FEW_OPEN = 30.0
_ENOUGH_CONTROLS, _MORE_LOST = 100, 0.2
_QUIET_RATE = 6_000.0
_NEARLY_ALL = 0.9
"""Where more is lost, the target limits what it answers."""
_PATIENT, _LEAST_BY_QUEUE, _LEAST_BY_ROUND = 5, 1_000.0, 1_000.0
_GROWTH, _CAREFUL_GROWTH = 2.0, 1.05
_FIRST_WAIT_S, _LEAST_WAIT_S, _MOST_WAIT_S = 1.0, 0.005, 3.0
_REPEAT_S = 0.9
"""A SYN-ACK that comes a second late is a repeated one whose first was lost: no round trip."""


class RoundTrip:
    """What answers take, and so how long to wait for one (after RFC 6298, with the tail of what was seen besides)."""

    def __init__(self, longest_s: float = _MOST_WAIT_S) -> None:
        self.longest_s = longest_s
        self.smooth_s = self.spread_s = self.tail_s = 0.0
        self.least_s = 9.0
        self.low_s = 0.0
        """The quickest of each batch, smoothed: it grows when a queue does, and not when this process only had to wait for its turn."""
        self.count = 0

    def add(self, times_s: NDArray[np.float64]) -> None:
        """Round trips of one batch of answers."""
        times_s = np.maximum(times_s, 1e-5)
        times_s = times_s[times_s < min(self.least_s, float(times_s.min(initial=9.0))) + _REPEAT_S]
        if not times_s.size:
            return
        mean = float(times_s.mean())
        spread = float(np.abs(times_s - mean).mean())
        low = float(times_s.min())
        self.least_s = min(self.least_s, low)
        if not self.count:
            self.smooth_s, self.spread_s, self.low_s = mean, max(spread, mean / 2), low
        else:
            self.low_s += (low - self.low_s) / 8
            self.smooth_s += (mean - self.smooth_s) / 8
            self.spread_s += (max(spread, abs(mean - self.smooth_s)) - self.spread_s) / 4
        self.count += int(times_s.size)
        place = int(0.99 * (times_s.size - 1))  # not np.quantile, which loads the masked arrays: 13 ms
        self.tail_s = max(0.9 * self.tail_s, float(np.partition(times_s, place)[place]))

    def forget_queue(self) -> None:
        """What was seen of a queue is old: where nearly nothing answers any more it would never be corrected."""
        self.low_s = self.least_s

    @property
    def wait_s(self) -> float:
        """How long an answer may take."""
        if not self.count:
            return min(_FIRST_WAIT_S, self.longest_s)
        return min(self.longest_s, max(_LEAST_WAIT_S, 1.5 * self.tail_s, self.smooth_s + 4 * self.spread_s))

    @property
    def queueing(self) -> bool:
        """Whether answers take so much longer than the quickest that a queue must be building up."""
        return self.count > 0 and self.low_s > 1.5 * self.least_s + 0.02


class Pace:
    """The rate of one scan, in probes a second."""

    def __init__(self, trip: RoundTrip, most: float | None = None, *, first: float = _FIRST_RATE, limits: bool = False) -> None:
        """Begins at the rate `first`, and is never faster than `most`. With `limits`, refusals are limited as a rule, as those of UDP are: that they grow fewer says nothing of the path."""
        self.trip = trip
        self.most = most or 1e9
        self.rate = min(self.most, first)
        self.slowed = 0
        self.limited = False
        """Whether the target was seen to limit its refusals."""
        self._limits = limits
        self._controls: tuple[int, int] | None = None
        self._least_lost = 1.0
        self._ceiling = False
        self._held = False
        self._rate_before = self.rate
        self._queued = 0
        self._due = 0.0
        self.begin()

    def begin(self) -> None:
        """A new round: slices are compared within one round only, as later ones hold fewer ports that answer."""
        self.trip.forget_queue()
        self.quiet = False
        """Whether to ask so slowly that nothing is lost by it: what is lost then is lost by the path itself."""
        self._rates: list[float] = []
        self._sizes: list[int] = []
        self._ends: list[float] = []
        self._began = 0.0
        self._answers = np.zeros(256, np.int64)
        self._opens = np.zeros(256, np.int64)
        self._judged = 0
        self._levels: dict[int, tuple[int, int, int]] = {}
        self.wants_controls = False
        """Whether open ports should be asked again now, to tell whose fault it is that fewer answers come."""

    @property
    def slice(self) -> int:
        """The number of the slice that is sent next."""
        return len(self._rates)

    def allowance(self, now: float) -> tuple[int, float]:
        """(how many probes may be sent now, and when the next may be if none)."""
        if now < self._due:
            return 0, self._due
        return int(min(_MOST_SLICE, max(_LEAST_SLICE, self._now_rate * _SLICE_S))), now

    @property
    def _now_rate(self) -> float:
        return min(self.rate, _QUIET_RATE) if self.quiet else self.rate

    def sent(self, count: int, began: float, ended: float, *, judged: bool = True) -> None:
        """A slice has left. Controls are not judged: they all answer."""
        if judged:
            self._began = self._began if self._ends else began
            self._rates.append(self.rate)
            self._sizes.append(count)
            self._ends.append(ended)
        self._due = max(self._due + count / self._now_rate, ended - _BURST_S)

    def answered(self, slices: NDArray[np.int64], opened: NDArray[np.bool_]) -> None:
        """First answers, by the slice their probe left in, and which of them came from open ports."""
        size = len(self._rates) + 1
        if size > len(self._answers):
            grown = np.zeros((2, 2 * size), np.int64)
            grown[0, : len(self._answers)], grown[1, : len(self._opens)] = self._answers, self._opens
            self._answers, self._opens = grown
        room = len(self._answers)
        self._answers += np.bincount(slices, minlength=room)[:room]
        self._opens += np.bincount(slices[opened], minlength=room)[:room]

    def adapt(self, now: float) -> None:
        """Judge the slices whose answers must have come by now, and set the rate."""
        if not self.trip.count:
            return
        ripe = bisect_right(self._ends, now - self.trip.wait_s)
        asked = sum(self._sizes[self._judged : ripe])
        if not asked or (asked < self._look and ripe < len(self._ends)):
            return
        got = int(self._answers[self._judged : ripe].sum())
        opened = int(self._opens[self._judged : ripe].sum())
        rate = self._achieved(ripe, asked)
        if not (self.limited or self._limits) and self._fewer(asked, got, usual := self._usual(rate)):
            verdict = self._whose_fault(asked, got, opened, usual)
            if verdict is None:
                return  # look at more slices together
            if verdict:
                self._judged = len(self._rates)  # what is under way left too fast too
                self._slow_down(rate / 2)
                return
            self.limited = True
        known = self._levels.get(int(log2(rate)), (0, 0, 0))
        self._levels[int(log2(rate))] = known[0] + asked, known[1] + got, known[2] + opened
        self._judged = ripe
        if self.trip.queueing:
            self._drain(rate)
            return
        self._queued = 0
        if not self._held:
            grown = rate * (_CAREFUL_GROWTH if self._ceiling else _GROWTH)
            self.rate = min(self.most, max(self.rate, grown))

    def _drain(self, rate: float) -> None:
        """A queue builds up on the way: feed it less. Where that does not help, it is not ours, and this is what a round trip takes now."""
        self._judged = len(self._rates)
        self._queued += 1
        if self._queued > _PATIENT or rate < _LEAST_BY_QUEUE:
            self._queued, self.trip.least_s = 0, self.trip.low_s
        else:
            self._slow_down(0.8 * rate)

    @property
    def _look(self) -> int:
        """How many probes to judge at once: more of them once the limit of the path was met, to see small losses too."""
        return _CAREFUL_LOOK if self._ceiling else _FIRST_LOOK

    def _achieved(self, ripe: int, asked: int) -> float:
        """The rate at which the slices up to `ripe` really left: this host may be slower than it was told to be."""
        wanted = max(self._rates[self._judged : ripe])
        spent = self._ends[ripe - 1] - (self._ends[self._judged - 1] if self._judged else self._began)
        return min(wanted, asked / spent) if spent > 0 else wanted

    def _usual(self, rate: float) -> tuple[int, int, int]:
        """(asked, answered, of them open) of slices that left clearly slower than `rate`: what is compared with must not have been lost in the same way."""
        slower = [counts for level, counts in self._levels.items() if level < int(log2(rate))]
        asked, got, opened = (sum(column) for column in zip(*slower, strict=True)) if slower else (0, 0, 0)
        return asked, got, opened

    @staticmethod
    def _fewer(asked: int, got: int, known: tuple[int, int, int]) -> bool:
        """Whether these slices answered less than those before, beyond chance."""
        before, answers, _ = known
        if not before or not answers:
            return False
        usual, share = answers / before, got / asked
        sigma = sqrt(usual * (1 - usual) * (1 / asked + 1 / before)) + 1e-9
        return share < _MUCH_LESS * usual and (usual - share) / sigma > _SURE

    def _whose_fault(self, asked: int, got: int, opened: int, known: tuple[int, int, int]) -> bool | None:
        """True: packets are lost by our rate. False: the target limits its refusals only. None: cannot tell yet.

        By the likelihood of the answers of open ports: as many as before, or thinned like the rest.
        """
        before, answers, opens = known
        usual, share = answers / before, got / asked
        expected = asked * opens / before
        if expected < _FEW_OPEN or self._controls is not None:
            return self._by_controls(share / usual)
        ratio = opened * log(usual / max(share, 1e-9)) - expected * (1 - share / usual)
        if ratio > _LIKELIER:
            return False
        if abs(ratio) < _LIKELIER and expected > 1 and asked < _ONE_LOOK:
            return None
        return True

    def _by_controls(self, left: float) -> bool | None:
        """The same by open ports asked again, where too few are met on the way: they answer more than the share `left` of all if refusals are limited."""
        if self._controls is None:
            self.wants_controls = True
            return None
        asked, answered = self._controls
        self._controls = None
        return not asked or answered / asked < (1 + left) / 2

    def controlled(self, asked: int, answered: int) -> None:
        """How many open ports were asked again since `wants_controls` was set, and answered; 0 and 0 where none is known."""
        self.wants_controls = False
        self._controls = asked, answered

    def _slow_down(self, rate: float) -> None:
        self.rate = min(self.most, self.rate, max(_LEAST_RATE, rate))
        self._ceiling = True
        self.slowed += 1

    def hold(self, rate: float) -> None:
        """Go on at the pace of a target that limits its refusals, and no faster."""
        self._rate_before = self.rate if not self._held else self._rate_before
        self.rate = min(self.most, max(_LEAST_RATE, rate))
        self._held = True

    def release(self) -> None:
        """A new block: whether its targets limit their refusals is seen anew, and it is asked as fast as the path took before."""
        self.limited = False
        if self._held:
            self._held, self.rate = False, min(self.most, self._rate_before)

    def judge_round(self, asked: int, answered: int) -> None:
        """Judge a whole round by the controls that were asked in it: where nearly everything is silent, slices say nothing."""
        if asked < _ENOUGH_CONTROLS:
            return
        lost = 1 - answered / asked
        if lost > self._least_lost + _MORE_LOST and not self._held and self.rate > _LEAST_BY_ROUND:
            self._slow_down(self.rate / 2)
        else:
            self._least_lost = min(self._least_lost, lost)

    def judge_first(self, at_once: int, later: int) -> None:
        """Judge the first round by those who answered only when asked again, against the controls that were asked slowly."""
        lost = later / max(1, at_once + later)
        if at_once + later >= _ENOUGH_CONTROLS and self._least_lost < 1 and self._least_lost + _MORE_LOST < lost < _NEARLY_ALL:
            self._slow_down(self.rate * (1 - lost))
