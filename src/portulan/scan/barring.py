"""A run whose space holds addresses that cannot be asked: what it says of them is left out. Pure.

The parts of a scan that are begun by themselves (`--shard`) must number their pairs alike, wherever they run and whoever is there: so all addresses are counted.
"""

from __future__ import annotations

import numpy as np

from portulan.model.scan import Decided

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from portulan.errors import MachineFailed
    from portulan.model.scan import Progress
    from portulan.scan.fleet import FleetRun, Replay
    from portulan.scan.job import JobEnd
    from portulan.scan.run import Run


class Barring:
    """As the run to whoever gathers."""

    def __init__(self, run: Run | FleetRun | Replay, barred: Sequence[tuple[int, int]]) -> None:
        """`barred`: ranges (first, last) of addresses, as numbers, sorted and disjoint."""
        self._run = run
        self.job, self.space, self.responders = run.job, run.space, run.responders
        size = self.space.size
        edges = [number.to_bytes(size) for first, last in barred for number in (first, last)]
        places = self.space.places(np.frombuffer(b"".join(edges), np.uint8).reshape(-1, size)).reshape(-1, 2)
        self._firsts, self._lasts = places[places[:, 0].argsort()].T

    @property
    def failure(self) -> MachineFailed | None:
        """See `Run`."""
        return self._run.failure

    def close(self) -> None:
        """See `Run`."""
        self._run.close()

    def end(self) -> JobEnd:
        """See `Run`."""
        return self._run.end()

    def blocks(self, tick: Callable[[Progress], None] | None = None) -> Iterator[Decided]:
        """What it decided of the others."""
        return self._others(self._run.blocks(tick))

    def abandon(self) -> Iterator[Decided]:
        """The same of what is known by now."""
        return self._others(self._run.abandon())

    def _others(self, blocks: Iterable[Decided]) -> Iterator[Decided]:
        for block in blocks:
            host, _ = self.space.split(block.pair)
            part = np.searchsorted(self._firsts, host, "right") - 1
            kept = (part < 0) | (host > self._lasts[np.maximum(part, 0)])
            yield block if kept.all() else Decided(*(column[kept] for column in block))
