"""Round trips in numbers. Pure; nanoseconds in, milliseconds out."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

from portulan.model.path import Times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MS = 1e6


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that this share (0 to 1) of sorted values do not exceed, between two of them by a straight line. Needs at least one."""
    place = share * (len(ordered) - 1)
    at = int(place)
    rest = place - at
    return ordered[at] if not rest else ordered[at] + (ordered[at + 1] - ordered[at]) * rest


def jitter(times: Sequence[float]) -> float | None:
    """RFC 3550, section 6.4.1: J += (|D| - J) / 16, where D is how two transits in succession differ. Of round trips; None for fewer than two.

    It begins with 0, as there. mtr calls this the interarrival jitter.
    """
    if len(times) < 2:
        return None
    smoothed = 0.0
    for before, after in pairwise(times):
        smoothed += (abs(after - before) - smoothed) / 16
    return smoothed


def times_of(round_trips_ns: Sequence[int], uncertain_ns: int = 0) -> Times | None:
    """What they say together, in their order; None of none."""
    if not round_trips_ns:
        return None
    ordered = sorted(round_trips_ns)
    amount = len(ordered)
    mean = sum(ordered) / amount
    shaken = jitter(round_trips_ns)
    return Times(
        least=_ms(ordered[0]),
        average=_ms(mean),
        median=_ms(percentile(ordered, 0.5)),
        p95=_ms(percentile(ordered, 0.95)),
        most=_ms(ordered[-1]),
        jitter=None if shaken is None else _ms(shaken),
        last=_ms(round_trips_ns[-1]),
        deviation=_ms(sqrt(sum((each - mean) ** 2 for each in ordered) / amount)),
        uncertain=_ms(uncertain_ns),
    )


def _ms(nanoseconds: float) -> float:
    return round(nanoseconds / _MS, 6)


def upper_bound(lost: int, asked: int, sigma: float = 3.0) -> float:
    """How great the share of losses may really be where `lost` of `asked` were: Wilson's bound; 1 where nothing was asked."""
    if not asked:
        return 1.0
    share, square = lost / asked, sigma * sigma
    middle = share + square / (2 * asked)
    spread = sigma * sqrt(share * (1 - share) / asked + square / (4 * asked * asked))
    return min(1.0, (middle + spread) / (1 + square / asked))


def path_losses(sent: Sequence[int], answered: Sequence[int]) -> list[float]:
    """The share lost on the way up to each hop: the least share that this hop or any later one did not answer.

    A packet that a later hop answers came through all hops before it. What a hop answers less than that it withheld: routers limit how many ICMP
    errors they send.
    """
    losses = [1 - one / of if of else 1.0 for of, one in zip(sent, answered, strict=True)]
    for at in range(len(losses) - 2, -1, -1):
        losses[at] = min(losses[at], losses[at + 1])
    return losses
