"""A path and a target made of arithmetic: answers arrive late, get lost, are limited, as told, by a clock that runs as fast as it is asked.

What the kernel does is proved elsewhere, by real packets; here thousands of cases are run that a real path would take days for.
"""

import heapq

import numpy as np

from portulan.model.scan import REASONS, Answers, Reason, Verdict

SILENT, CLOSED, OPEN = range(3)


class SimulatedPath:
    """A prober (scan.prober.Prober). `truth` maps pairs to SILENT, CLOSED or OPEN."""

    rounds, controls = 64, 64

    def __init__(
        self, truth, *, loss=0.0, delay_s=0.001, laggards=0.0, refusals_a_second=None, capacity=None, most_at_once=1 << 30, seed=1
    ):
        self.truth, self.loss, self.delay_s, self.laggards = truth, loss, delay_s, laggards
        self.refusals, self.capacity, self.most_at_once = refusals_a_second, capacity, most_at_once
        self.dice = np.random.default_rng(seed)
        self.now = 1_000_000.0
        self.waiting, self.number = [], 0
        self.tokens, self.filled = float(refusals_a_second or 0) / 10, self.now
        self.link_free = self.now
        self.asked, self.responders, self.forged, self.closed = set(), [""], 0, False
        self.remember = True

    def clock(self):
        self.now += 2e-6
        return self.now

    def room(self):
        return self.most_at_once

    def send(self, pairs, tag):
        began = self.now
        self.now += len(pairs) * 5e-6
        at = np.linspace(began, self.now, len(pairs))
        if self.remember:
            keys = set(zip(pairs.tolist(), [tag] * len(pairs), strict=True))
            assert not keys & self.asked, "a pair was asked twice from one source port"
            self.asked |= keys
        kept = self.dice.random(len(pairs)) >= self.loss
        if self.capacity:
            self.crowd(at, kept)
        truth = self.truth(pairs)
        if self.refusals:
            self.limit(at, kept, truth)
        kept &= (truth != SILENT) & (self.dice.random(len(pairs)) >= self.loss)
        if kept.any():
            arrive = at[kept] + self.delay_s
            batch = Answers(
                pairs[kept],
                np.full(int(kept.sum()), tag, np.uint8),
                np.where(truth[kept] == OPEN, Verdict.OPEN, Verdict.CLOSED).astype(np.uint8),
                np.where(truth[kept] == OPEN, REASONS.index(Reason.SYN_ACK), REASONS.index(Reason.RESET)).astype(np.uint8),
                np.full(int(kept.sum()), 64, np.uint8),
                arrive,
                np.zeros(int(kept.sum()), np.uint16),
            )
            late = self.dice.random(len(arrive)) < self.laggards
            batch.at[late] += 1.5
            for part in (late, ~late):
                if part.any():
                    self.number += 1
                    heapq.heappush(self.waiting, (float(arrive[part].max()), self.number, Answers(*(column[part] for column in batch))))
        return len(pairs), began, self.now

    def crowd(self, at, kept):
        """A link that carries so many a second, holds five milliseconds of them, and drops what is more."""
        for place, when in enumerate(at.tolist()):
            free = max(self.link_free, when) + 1 / self.capacity
            if free - when < 0.005:
                self.link_free = free
            else:
                kept[place] = False

    def limit(self, at, kept, truth):
        """A target that refuses so many a second, and a tenth of that at once."""
        for place in np.flatnonzero(kept & (truth == CLOSED)).tolist():
            self.tokens = min(self.refusals / 10, self.tokens + (at[place] - self.filled) * self.refusals)
            self.filled = at[place]
            kept[place] = self.tokens >= 1
            self.tokens -= kept[place]

    def receive(self, wait_s):
        if wait_s and not (self.waiting and self.waiting[0][0] <= self.now):
            soonest = self.waiting[0][0] if self.waiting else self.now + wait_s
            self.now = min(self.now + wait_s, max(self.now, soonest))
        if not self.waiting or self.waiting[0][0] > self.now:
            return None
        return heapq.heappop(self.waiting)[2]

    def forget(self, sent_before):
        pass

    def overflowed(self):
        return 0

    def close(self):
        self.closed = True
