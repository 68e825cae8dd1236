"""Is a port open, and how fast does it answer: asked again and again, of one port or of many."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from time import monotonic, time

from portulan.errors import BadInput
from portulan.model.path import Answer, Kind, Target
from portulan.model.scan import Reason, State
from portulan.probe.pace import Pace
from portulan.probe.tally import Tally
from portulan.system.probing import open_probing
from portulan.verbs.destinations import parse_destination

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.model.path import PingSummary, Probe
    from portulan.system.probing import Prober, Probing

COUNT = 4
_SHORTEST_S, _LONGEST_S = 0.001, 86_400.0
_LONGEST_WAIT_S = 60.0
_MANY = 64
"""From so many targets on, work is done in pieces: each wake-up costs more than what it is for. The times are the kernel's either way."""
_PIECE_S = 0.01
_UNANSWERED = Answer(None, Reason.NONE, None)


def ping(
    targets: Sequence[str],
    *,
    count: int = COUNT,
    interval_s: float = 1.0,
    wait_s: float = 1.0,
    icmp: bool = False,
    tls: bool = False,
    version: int | None = None,
    each: Callable[[Probe], None] | None = None,
) -> tuple[PingSummary, ...]:
    """Ask each of `HOST:PORT[/udp]` (with `icmp` each host) `count` times; one summary for each, `each` is told every probe.

    Raises BadInput, CannotTell (name servers silent), NotPermitted (ICMP), MachineFailed.
    """
    with Pinger(targets, count=count, interval_s=interval_s, wait_s=wait_s, icmp=icmp, tls=tls, version=version) as pinger:
        while not pinger.done:
            for probe in pinger.step():
                if each is not None:
                    each(probe)
        return pinger.summaries()


def wait_open(target: str, *, timeout_s: float | None = None, interval_s: float = 0.2, wait_s: float = 1.0, tls: bool = False, version: int | None = None) -> PingSummary:  # fmt: skip
    """Ask until the port is open, or the time is over. With `tls` until a handshake succeeds. Raises as `ping`."""
    end_s = None if timeout_s is None else monotonic() + timeout_s
    with Pinger([target], count=None, interval_s=interval_s, wait_s=wait_s, tls=tls, version=version) as pinger:
        while end_s is None or monotonic() < end_s:
            for probe in pinger.step(None if end_s is None else max(0.0, end_s - monotonic())):
                if probe.state is State.OPEN and (not tls or probe.tls_failure is None):
                    return pinger.summaries()[0]
        return pinger.summaries()[0]


class Pinger:
    """Targets being asked; `step` goes on a little."""

    def __init__(
        self,
        targets: Sequence[str],
        *,
        count: int | None,
        interval_s: float = 1.0,
        wait_s: float = 1.0,
        icmp: bool = False,
        tls: bool = False,
        version: int | None = None,
    ) -> None:
        """Look all targets up and get ready. `count` None: without end. Raises as `ping`."""
        _check(targets, count, interval_s, wait_s)
        self.probing: Probing = open_probing()
        try:
            parsed = [parse_destination(text, icmp=icmp, tls=tls, version=version) for text in targets]
            self.tallies = [Tally(target) for target in parsed]
            shared = {
                kind: self.probing.each(next(one for one in parsed if one.kind is kind))
                for kind in {one.kind for one in parsed} - {Kind.ICMP}
            }
            self._probers: list[tuple[Target, Prober]] = [
                (target, shared[target.kind] if target.kind in shared else self.probing.each(target)) for target in parsed
            ]
        except BaseException:
            self.probing.close()
            raise
        if len(parsed) > _MANY:
            from portulan.system.limits import open_many

            open_many(len(parsed) * (int(wait_s / interval_s) + 2))
        self._wait_s = wait_s
        self._piece_s = _PIECE_S if len(parsed) > _MANY else 0.0
        self._pace = Pace(len(parsed), interval_s, count, monotonic())
        self._waiting: dict[int, float] = {}
        """Probe -> when it was sent, since the epoch."""
        self._order: deque[tuple[int, float]] = deque()
        """(probe, when it is given up), in their order."""
        self.paused = False

    def __enter__(self) -> Pinger:
        return self

    def __exit__(self, *_: object) -> None:
        self.probing.close()

    @property
    def done(self) -> bool:
        """Whether all were sent and have an answer, or were given up."""
        return self._pace.done and not self._waiting

    def step(self, most_s: float | None = None) -> list[Probe]:
        """Send what is due, wait for the next thing (at most so long), and tell what came to its end."""
        now_s = monotonic()
        due = self._pace.due(now_s)
        for number in due:
            target, prober = self._probers[number % len(self._probers)]
            self._waiting[number] = time()
            self._order.append((number, now_s + self._wait_s))
            prober.send(target, number)
        ended = self._ended(self.probing.wait(self._patience_s(most_s)))
        now_s = monotonic()
        while self._order and (self._order[0][1] <= now_s or self._order[0][0] not in self._waiting):
            number, _ = self._order.popleft()
            if number in self._waiting:
                self._probers[number % len(self._probers)][1].forget(number)
                ended.append(self._end(number, _UNANSWERED))
        return ended

    def _patience_s(self, most_s: float | None) -> float:
        now_s = monotonic()
        wakes = [end_s for _, end_s in list(self._order)[:1]]
        if not self._pace.done:
            wakes.append(self._pace.wake_s())
        patience_s = max(0.0, min(wakes, default=now_s) - now_s)
        if self._piece_s and patience_s < self._piece_s:
            from time import sleep

            sleep(self._piece_s)
            return 0.0
        return patience_s if most_s is None else min(patience_s, most_s)

    def _ended(self, answers: list[Answer]) -> list[Probe]:
        return [self._end(answer.key, answer) for answer in answers if answer.key is not None and answer.key in self._waiting]

    def _end(self, number: int, answer: Answer) -> Probe:
        sent_at = datetime.fromtimestamp(self._waiting.pop(number), UTC)
        return self.tallies[number % len(self.tallies)].take(number // len(self.tallies) + 1, sent_at, answer)

    def summaries(self) -> tuple[PingSummary, ...]:
        """Each target, so far."""
        return tuple(tally.summary() for tally in self.tallies)


def _check(targets: Sequence[str], count: int | None, interval_s: float, wait_s: float) -> None:
    if not targets:
        raise BadInput("ping.no-target")
    if count is not None and count < 1:
        raise BadInput("ping.count", text=str(count))
    if not _SHORTEST_S <= interval_s <= _LONGEST_S:
        raise BadInput("ping.interval", text=f"{interval_s:g}")
    if not _SHORTEST_S <= wait_s <= _LONGEST_WAIT_S:
        raise BadInput("path.wait", text=f"{wait_s:g}")
