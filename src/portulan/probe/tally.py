"""All probes of one target, counted as they come. Pure."""

from __future__ import annotations

from collections import Counter, deque

from portulan.model.path import NOT_SENT, Kind, PingSummary, Probe, Target, state_of
from portulan.model.scan import Reason, State
from portulan.probe.statistics import times_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from portulan.model.path import Answer

_KEPT = 3600
_HISTORY = 240


class Tally:
    """One target."""

    __slots__ = ("answered", "by", "changes", "days", "last", "opened", "reason", "recent", "sent", "states", "target", "times", "tls", "tls_failure", "tls_version", "uncertain_ns")  # fmt: skip

    def __init__(self, target: Target) -> None:
        self.target = target
        self.sent = self.answered = self.changes = self.uncertain_ns = 0
        self.opened = False
        self.last: State | None = None
        self.reason, self.by = Reason.NONE, None  # type: Reason, str | None
        self.states: Counter[str] = Counter()
        self.times: deque[int] = deque(maxlen=_KEPT)
        """Round trips kept: an hour at one a second. Counts go on for ever."""
        self.tls: deque[int] = deque(maxlen=_KEPT)
        self.recent: deque[float | None] = deque(maxlen=_HISTORY)
        self.tls_version: str | None = None
        self.tls_failure: str | None = None
        self.days: float | None = None

    def take(self, sequence: int, sent_at: datetime, answer: Answer) -> Probe:
        """One probe's end: an answer, or one with the reason "no response"."""
        target, reason = self.target, answer.reason
        self.sent += 1
        by_host = answer.by == target.address
        state = state_of(target.kind, reason, by_host=by_host)
        self.states[state.value] += 1
        if self.last is not None and state is not self.last:
            self.changes += 1
        self.last = state
        if state is State.OPEN or not self.opened:
            self.reason, self.by = reason, None if by_host else answer.by
        self.opened = self.opened or state is State.OPEN
        timed = answer.rtt_ns is not None and reason is not Reason.NONE
        if reason is not Reason.NONE and reason not in NOT_SENT and not answer.resent:
            self.answered += 1
        if timed and answer.rtt_ns is not None:
            self.times.append(answer.rtt_ns)
            self.uncertain_ns = max(self.uncertain_ns, answer.early_ns, answer.late_ns)
        self.recent.append(round(answer.rtt_ns / 1e6, 3) if timed and answer.rtt_ns is not None else None)
        tls_ms = self._secure(answer, sent_at)
        return Probe(
            target=target.text, address=target.address, port=target.port, transport=target.kind, sequence=sequence, sent_at=sent_at, state=state, reason=reason,
            by=None if by_host else answer.by, rtt_ms=None if answer.rtt_ns is None else round(answer.rtt_ns / 1e6, 6),
            uncertain_ms=round(max(answer.early_ns, answer.late_ns) / 1e6, 6) if timed else None, clock=answer.clock if timed else None, resent=answer.resent,
            tls_ms=tls_ms, tls_version=None if answer.secure is None else answer.secure.version,
            tls_failure=None if answer.secure is None else answer.secure.failure, certificate_days=self.days if answer.secure is not None else None,
        )  # fmt: skip

    def _secure(self, answer: Answer, now: datetime) -> float | None:
        secure = answer.secure
        if secure is None:
            return None
        self.tls_version, self.tls_failure = secure.version, secure.failure
        if secure.not_after is not None:
            self.days = round((secure.not_after - now).total_seconds() / 86_400, 2)
        if secure.handshake_ns is None:
            return None
        self.tls.append(secure.handshake_ns)
        return round(secure.handshake_ns / 1e6, 6)

    def summary(self) -> PingSummary:
        """All of them together, so far."""
        target = self.target
        state = State.OPEN if self.opened else self.last or (State.OPEN_FILTERED if target.kind is Kind.UDP else State.FILTERED)
        return PingSummary(
            target=target.text, address=target.address, port=target.port, transport=target.kind, state=state, reason=self.reason, by=self.by, sent=self.sent,
            answered=self.answered, loss=round(1 - self.answered / self.sent, 6) if self.sent else 0.0, states=dict(self.states),
            times=times_of(self.times, self.uncertain_ns), changes=self.changes, tls=times_of(self.tls), tls_version=self.tls_version,
            tls_failure=self.tls_failure, certificate_days=self.days,
        )  # fmt: skip
