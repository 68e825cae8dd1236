"""When a block of a scan ends, and what that leaves open. Pure."""

from __future__ import annotations

from portulan.model.record import Record
from portulan.model.scan import Basis, Doubt
from portulan.scan.estimate import rounds_needed

_MUCH = 10
"""Where nothing is limited, rounds that take long come to their end all the same; but not after so many times a person's patience, where most of the way is still ahead."""
_AHEAD = 1.2
"""How much faster than the target's own pace it is asked, so that its pace stays the limit."""


class Rules(Record):
    """What a person may choose."""

    goal: float = 1e-6
    """The expected number of missed open ports at which to stop."""
    patience_s: float = 10.0
    """How long to go on for what can only be told slowly, once open ports are complete; and where nothing answers at all."""
    assume_loss: float = 0.3
    """The loss to reckon with where nothing answers."""
    most_rate: float | None = None
    """Probes a second at most."""
    first_rate: float = 50_000.0
    """Probes a second to begin with; what follows depends on what gets through."""
    longest_wait_s: float = 3.0
    """How long an answer may take at most."""
    datagrams: bool = False
    """Whether a service may be open and silent, and refusals are limited as a rule: UDP."""


class Evidence(Record):
    """What is known at the end of a round."""

    silent: int
    """Rows without an answer."""
    times: int
    """How often each of them was asked."""
    most_times: int
    goal: float
    """The block's share of the goal."""
    basis: Basis
    missed: float
    """Open ports among the silent ones, expected at most."""
    missed_closed: float
    refusing: int
    """Closed ports that answered."""
    loss_closed: float
    limited: bool
    left_s: float | None
    """How long the silent ones would take at the pace at which refusals come; None: none came."""
    round_s: float
    """What the last round took."""
    spent_s: float
    """Since the first round ended."""
    patience_s: float


class Stop(Record):
    """A block ends."""

    basis: Basis
    missed: float
    undecided: bool = False
    """The silent ones may be closed as well."""
    undecided_s: float | None = None
    doubt: Doubt | None = None


class GoOn(Record):
    """Another round, at this rate if it is told."""

    rate: float | None = None


def decide(known: Evidence) -> Stop | GoOn:  # noqa: PLR0911 - each case is a line
    """Whether a block ends here."""
    if not known.silent:
        return Stop(Basis.ANSWERED, 0.0)
    last = known.times >= known.most_times
    impatient = known.spent_s > known.patience_s
    if known.basis is Basis.ASSUMED:
        if not (last or impatient or known.missed < known.goal):
            return GoOn()
        if known.limited:
            return Stop(known.basis, known.missed, undecided=True, undecided_s=known.left_s, doubt=Doubt.LIMITED)
        return Stop(known.basis, known.missed, doubt=Doubt.ASSUMED)
    if known.missed < known.goal:
        if known.missed_closed < known.goal:
            return Stop(known.basis, known.missed)
        needed = rounds_needed(known.refusing, known.loss_closed, known.goal)
        hopeless = known.limited or needed >= known.most_times
        if hopeless and not last and known.left_s is not None and known.left_s < known.patience_s - known.spent_s:
            return GoOn(_AHEAD * known.silent / max(known.left_s, 1e-3))
        if hopeless:
            return Stop(known.basis, known.missed, undecided=True, undecided_s=known.left_s, doubt=Doubt.LIMITED)
        more_s = (needed - known.times) * known.round_s
        if known.spent_s > _MUCH * known.patience_s and more_s > known.spent_s:
            return Stop(known.basis, known.missed, undecided=True, undecided_s=more_s, doubt=Doubt.SLOW)
    return Stop(known.basis, known.missed, undecided=True, doubt=Doubt.ROUNDS) if last else GoOn()
