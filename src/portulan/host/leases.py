"""The list of leases as a value: which of them count here, which have lost their keeper, what becomes of those. Pure.

A lease is known by its name, in one network namespace. One that a process keeps ends with the process, whatever ended it; if it is noted as well,
the number stays with the name until it is released.
"""

from __future__ import annotations

from portulan.model.lease import Guarantee, Lease

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portulan.model.port import Transport

_LOOKED_AFTER = 8
"""Leases that are looked after at each change: it makes at most one new one, so what is left behind by killed processes never piles up."""


def settled(lease: Lease, is_gone: Callable[[Lease], bool]) -> Lease | None:
    """What is left of a lease: itself; only the note, when its keeper is gone; or nothing."""
    if lease.keeper is None or not is_gone(lease):
        return lease
    return lease._replace(guarantee=Guarantee.NOTED, keeper=None, address=None) if lease.noted else None


def find(leases: Sequence[Lease], name: str, netns: int) -> Lease | None:
    """The lease of a name in a network namespace. A note outlives the boot that the number of its namespace belongs to: it counts everywhere."""
    return next((lease for lease in leases if lease.name == name and counts_in(lease, netns)), None)


def counts_in(lease: Lease, netns: int) -> bool:
    """Whether a lease is about the ports of this network namespace."""
    return lease.netns == netns or lease.keeper is None


def without(leases: Sequence[Lease], gone: Lease | None) -> tuple[Lease, ...]:
    """The others."""
    return tuple(lease for lease in leases if lease is not gone)


def look_after(leases: Sequence[Lease], is_gone: Callable[[Lease], bool]) -> tuple[Lease, ...]:
    """The list with its first few settled and put to the end, so that each comes round."""
    first, rest = leases[:_LOOKED_AFTER], leases[_LOOKED_AFTER:]
    return (*rest, *(left for lease in first if (left := settled(lease, is_gone)) is not None))


class Taken:
    """The numbers that others' leases keep, asked for one by one: whether a keeper still lives is asked only where a number is met."""

    def __init__(self, leases: Sequence[Lease], netns: int, is_gone: Callable[[Lease], bool], transports: Sequence[Transport]) -> None:
        self._is_gone = is_gone
        self._by_port: dict[int, list[Lease]] = {}
        for lease in leases:
            if counts_in(lease, netns) and not set(transports).isdisjoint(lease.transports):
                self._by_port.setdefault(lease.port, []).append(lease)

    def __contains__(self, number: object) -> bool:
        return any(settled(lease, self._is_gone) is not None for lease in self._by_port.get(number, ()))  # type: ignore[call-overload]
