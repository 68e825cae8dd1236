"""The walk by which a source is judged: Threshold Random Walk (Jung, Paxson, Berger, Balakrishnan: Fast portscan detection, 2004). Pure.

Each first contact of a source with a door moves the logarithm of the odds that it is a scanner: by ln(P(outcome | scanner) / P(outcome | benign)). A benign source is
answered with probability theta0, a scanner with theta1. At ln(beta / alpha) it is a scanner, at ln((1 - beta) / (1 - alpha)) benign.

Renewal: nobody is benign for ever. The walk is never below the second threshold: a source that was found benign and turns into a scanner is found after seven
failures instead of four. What it costs is told by `false_alarms`: of a source that is answered 95 times in 100, one false report in 10^9 first contacts; 80 times, one
in 36,000; and each source is once, at its start, four failures from the threshold: a risk of 8 in a million at 95, 4 in 1,000 at 80.

Some outcomes say less than that, since benign sources meet them too:
- A peer of a peer-to-peer network finds most others gone. Whoever contacts a network for the first time, on a port above 1023 that is not the one of the contact
  before, may be one: such a contact is one of a benign source that is answered with probability `theta_peer`. Whoever tries a second port there, or the same port
  elsewhere, is none.
- Of datagrams many are never answered (logs, metrics, streams): no answer is met by a benign source with probability `quiet`.
- Who is answered and ends the connection by a reset at once, without a word, wanted to know whether the door is open. Clients that tried two ways at once (RFC 8305) do
  so, too, on their first contact with a host: that says nothing; on another door of the same host it is half a failure.
"""

from __future__ import annotations

from math import exp, log

from portulan.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Odds(Record):
    """What outcomes are expected, and how sure a verdict must be."""

    theta0: float = 0.8
    theta1: float = 0.2
    alpha: float = 0.01
    """Benign sources that are called scanners, of those that are judged once."""
    beta: float = 0.99
    """Scanners that are found."""
    theta_peer: float = 0.3
    quiet: float = 0.32

    @property
    def upper(self) -> float:
        """Where a source is a scanner."""
        return log(self.beta / self.alpha)

    @property
    def lower(self) -> float:
        """Where it is benign."""
        return log((1 - self.beta) / (1 - self.alpha))


class Steps(Record):
    """How far one contact moves the walk."""

    answered: float
    failed: float
    peer_answered: float
    peer_failed: float
    abandoned: float
    """An answer that was not wanted."""
    silent: float
    """No answer to a datagram."""
    upper: float
    lower: float

    def of(self, *, failed: bool, peer: bool, silent_datagram: bool) -> float:
        """Of one contact."""
        if not failed:
            return self.peer_answered if peer else self.answered
        if peer:
            return self.peer_failed
        return self.silent if silent_datagram else self.failed

    def onward(self, walk: float, step: float) -> float:
        """Where it leads to."""
        return max(self.lower, walk + step)


def steps_of(odds: Odds) -> Steps:
    """The logarithms."""
    failing = 1 - odds.theta1
    return Steps(
        answered=log(odds.theta1 / odds.theta0),
        failed=log(failing / (1 - odds.theta0)),
        peer_answered=min(0.0, log(odds.theta1 / odds.theta_peer)),
        peer_failed=log(failing / (1 - odds.theta_peer)),
        abandoned=log(failing / (1 - odds.theta0)) / 2,
        silent=log(failing / odds.quiet),
        upper=odds.upper,
        lower=odds.lower,
    )


def odds_of(walk: float) -> float:
    """How many times as likely from a scanner as from a benign source."""
    return exp(max(-700.0, min(walk, 700.0)))


def false_alarms(odds: Odds, answered: float, *, settled: bool) -> float:
    """How often a benign source is called a scanner that is answered with this probability.

    Settled: per first contact, once it has been found benign; else the risk of one that begins, until it is found benign.

    A walk of equal steps is a gambler's ruin (Feller, volume 1, XIV.2); settled, it begins anew at the lower end each time it comes back there.
    """
    steps = steps_of(odds)
    against = 1 - answered
    up = _count(steps.upper, steps.failed)
    down = _count(-steps.lower, -steps.answered)
    if not settled:
        return _ruin(answered, against, down, up)
    height = _count(steps.upper - steps.lower, steps.failed)
    return 1 / _climb(answered, against, height)


def _count(far: float, step: float) -> int:
    return -int(-far // step) if step > 0 else 0


def _ruin(answered: float, against: float, down: int, up: int) -> float:
    """The probability of `up` steps up before `down` down."""
    if answered == against:
        return down / (down + up)
    ratio = answered / against if against else float("inf")
    return 0.0 if against == 0 else (ratio**down - 1) / (ratio ** (down + up) - 1)


def _climb(answered: float, against: float, height: int) -> float:
    """How many contacts it takes on average to get up from a floor where a step down leads nowhere."""
    if against == 0:
        return float("inf")
    level = total = 0.0
    for _ in range(height):
        level = 1 / against + (answered / against) * level
        total += level
    return total


def walk_of(steps: Steps, failures: Sequence[bool]) -> float:
    """Where plain contacts lead to from the start."""
    at = 0.0
    for failed in failures:
        at = steps.onward(at, steps.of(failed=failed, peer=False, silent_datagram=False))
    return at
