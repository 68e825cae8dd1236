"""How fast a target tells of closed UDP ports: most send few ICMP errors a second (RFC 1812, section 4.3.2.8; RFC 4443, section 2.4), Linux one.

Such a limit is a bucket: a burst goes out at once, then each further answer waits for the next token. Once the bucket is empty the answers come as
evenly as the tokens, whatever is asked; that spacing is what is learnt here, from the answers alone.
"""

from __future__ import annotations

from itertools import pairwise

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FEWEST = 4
"""Answers after the burst that an estimate needs."""
_ASKED_MORE = 1.6
"""A limit shows only where more is asked than answered, by this factor: a fifth lost each way makes 1.56 without any."""
_SILENCE = 3.0
"""After so many spacings without an answer, what was seen was not the pace of tokens but a burst."""
_SHORTEST_S = 0.25
"""Probes leave in batches, and tokens may come so too: what is seen within this time says nothing."""
_KEPT = 4096


class Pace(Record):
    """A limit, answers a second, with the bounds it lies between."""

    per_s: float
    low: float
    high: float
    burst: int
    """How many were answered at once before."""

    def time_for(self, answers: int) -> tuple[float, float]:
        """How long so many further answers take, seconds: at least and at most."""
        return answers / self.high, answers / self.low


class IcmpPace:
    """Learns the limit of one target. Memory is bounded: a token's spacing needs the first and the last answer and how many lay between."""

    def __init__(self) -> None:
        self._sent = 0
        self._times: list[float] = []
        self._answered = 0

    def asked(self, count: int) -> None:
        """So many probes went out."""
        self._sent += count

    def answered(self, times: Iterable[float]) -> None:
        """Refusals came in at these times."""
        before = len(self._times)
        self._times.extend(times)
        self._answered += len(self._times) - before
        if len(self._times) > _KEPT:
            self._times = sorted(self._times)[-_KEPT:]

    def limit(self, until: float) -> Pace | None:
        """The limit as far as it shows by then; None while none shows: too few answers, or as many as probes."""
        times = sorted(each for each in self._times if each <= until)
        count = len(times)
        if count < _FEWEST or self._sent < _ASKED_MORE * self._answered:
            return None
        burst = 0 if self._answered > len(self._times) else _burst(times)
        steady = times[max(0, burst - 1) :]
        spaces = len(steady) - 1
        if spaces < _FEWEST - 1:
            return None
        # Tokens come evenly; the first and the last answer may each be late by up to one token's time (a timer's tick, the probe that had to come first).
        span = steady[-1] - steady[0]
        if span < _SHORTEST_S or until - steady[-1] > max(_SHORTEST_S, _SILENCE * span / spaces):
            return None
        # Nothing after the last answer bounds the pace from above too: by now another would have come.
        per_s = spaces / span
        low = max(spaces - 1, 0.5) / max(span, until - steady[0])
        return Pace(per_s=per_s, low=min(low, per_s), high=(spaces + 1) / span, burst=burst)


def _burst(times: list[float]) -> int:
    """How many came at once at the beginning: those before the first pause that is long beside all the spacing before it.

    The median pause is a token's; a burst is what came faster than a quarter of it.
    """
    pauses = [later - earlier for earlier, later in pairwise(times)]
    usual = sorted(pauses)[len(pauses) * 3 // 4]
    for place, pause in enumerate(pauses):
        if pause > usual / 4:
            return place + 1
    return len(times)
