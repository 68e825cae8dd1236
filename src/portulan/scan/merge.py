"""Several parts of one scan as one: families, shards. Pure."""

from __future__ import annotations

from portulan.model.scan import Basis, Certainty, Doubt, Effort, Loss
from portulan.scan.estimate import upper_bound
from portulan.scan.job import JobEnd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from portulan.scan.stopping import Rules

WEAKNESS = (Basis.KERNEL, Basis.ANSWERED, Basis.OPEN, Basis.CLOSED, Basis.ASSUMED)
"""From what loss was learnt, the surest first."""


def merge_certainties(parts: Sequence[Certainty]) -> Certainty:
    """How sure all parts are together. What may be missed adds up, and so do the goals that were shared out."""
    first = parts[0]
    if len(parts) == 1:
        return first
    missed, goal = sum(part.missed for part in parts), sum(part.goal for part in parts)
    times = [part.undecided_s for part in parts if part.undecided_s is not None]
    assumed = [part.assumed_loss for part in parts if part.assumed_loss is not None]
    doubts = {doubt for part in parts for doubt in part.doubts}
    return Certainty(
        exact=all(part.exact for part in parts) and missed <= goal,
        goal=goal,
        missed=missed,
        basis=max((part.basis for part in parts), key=WEAKNESS.index),
        loss_open=_merge_losses([part.loss_open for part in parts]),
        loss_closed=_merge_losses([part.loss_closed for part in parts]),
        assumed_loss=max(assumed) if assumed else None,
        undecided=sum(part.undecided for part in parts),
        undecided_s=max(times) if times else None,
        doubts=tuple(doubt for doubt in Doubt if doubt in doubts),
    )


def _merge_losses(parts: Sequence[Loss]) -> Loss:
    lost, asked = sum(part.lost for part in parts), sum(part.asked for part in parts)
    return Loss(lost, asked, upper_bound(lost, asked))


def merge_efforts(parts: Sequence[JobEnd], took_s: float) -> Effort:
    """What all parts took together, in so many seconds."""
    probes = sum(part.probes for part in parts)
    return Effort(
        probes=probes,
        answers=sum(part.answers for part in parts),
        rounds=max((part.rounds for part in parts), default=0),
        duplicates=sum(part.duplicates for part in parts),
        late=sum(part.late for part in parts),
        forged=sum(part.forged for part in parts),
        overflowed=sum(part.overflowed for part in parts),
        slowed=sum(part.slowed for part in parts),
        rate=probes / took_s if took_s > 0 else 0.0,
        took_s=took_s,
    )


def merge_ends(parts: Sequence[JobEnd], rules: Rules, took_s: float) -> JobEnd:
    """The ends of all shards of one job as one; of none, that of a job in which nothing was asked."""
    nothing = Certainty(False, rules.goal, 0.0, Basis.ANSWERED, Loss(0, 0, 1.0), Loss(0, 0, 1.0))
    certainty = merge_certainties([part.certainty for part in parts]) if parts else nothing
    effort = merge_efforts(parts, took_s)
    return JobEnd(
        certainty=certainty._replace(goal=rules.goal),
        probes=effort.probes,
        answers=effort.answers,
        rounds=effort.rounds,
        duplicates=effort.duplicates,
        late=effort.late,
        forged=effort.forged,
        overflowed=effort.overflowed,
        slowed=effort.slowed,
        took_s=took_s,
        responders=(),
        found=sum(part.found for part in parts),
    )
