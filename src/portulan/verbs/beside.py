"""Which of several ports of one host say anything: each asked at full distance, twice."""

from __future__ import annotations

from time import monotonic

from portulan.errors import PortulanError
from portulan.model.path import Target
from portulan.model.scan import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.model.path import Answer
    from portulan.system.probing import Prober, Probing

_TURNS = 2
_SLACK_S = 0.02


class Beside:
    """Ports of one host, by their place in a list."""

    def __init__(self, probing: Probing, others: Sequence[Target], first_key: int, wait_s: float) -> None:
        """Keys begin at `first_key`. Ports that may not be asked (ICMP is not for everybody) are left out."""
        self._probing, self._wait_s = probing, wait_s
        self.key = first_key
        """The next one that is free."""
        self.asked: dict[int, Target] = {}
        self.answers: dict[int, Answer] = {}
        self._probers: dict[int, Prober] = {}
        self._place: dict[int, int] = {}
        for at, other in enumerate(others):
            try:
                self._probers[at] = probing.each(other)
            except PortulanError:
                continue
            self.asked[at] = other

    def ask(self) -> None:
        """Send, and wait: for all, but once the host itself has spoken not much longer than that took."""
        for _ in range(_TURNS):
            for at, other in self.asked.items():
                if at not in self.answers:
                    self._place[self.key] = at
                    self._probers[at].send(other, self.key)
                    self.key += 1
            if self._collect(monotonic()):
                return

    def _collect(self, begun_s: float) -> bool:
        """Whether that is enough."""
        end_s, spoken = begun_s + self._wait_s, False
        while len(self.answers) < len(self.asked):
            now_s = monotonic()
            if now_s >= end_s:
                return spoken
            for answer in self._probing.wait(end_s - now_s):
                at = self._place.get(-1 if answer.key is None else answer.key)
                if at is None or at in self.answers:
                    continue
                self.answers[at] = answer
                if not spoken and answer.by == self.asked[at].address and answer.reason is not Reason.RESET:
                    spoken = True
                    now_s = monotonic()
                    end_s = min(end_s, now_s + 0.5 * (now_s - begun_s) + _SLACK_S)
        return True
