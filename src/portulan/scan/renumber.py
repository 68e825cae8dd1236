"""Who sent ICMP errors, by numbers that stay the same over several processes: each prober counts them anew. Pure."""

from __future__ import annotations

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from portulan.model.scan import Answers
    from portulan.scan.prober import Prober

_MOST = 1 << 16


class Responders:
    """All that were ever named, of one job. Number 0 is the address that was asked itself."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = list(names) or ["address"]
        self._places = {name: place for place, name in enumerate(self.names)}

    def number(self, by: NDArray[np.uint16], names: Sequence[str]) -> NDArray[np.uint16]:
        """The same responders, named by places in `names`, by our numbers. More than 65,535 of them are not told apart: 0."""
        if not by.any():
            return by
        table = np.zeros(len(names), np.uint16)
        for place in np.unique(by[by > 0]).tolist():
            table[place] = self._number(names[place])
        return table[by]

    def _number(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            if len(self.names) >= _MOST:
                return 0
            place = self._places[name] = len(self.names)
            self.names.append(name)
        return place


class Renumbered:
    """A prober whose answers name responders by the numbers of `Responders`."""

    def __init__(self, prober: Prober, known: Responders) -> None:
        self._prober, self._known = prober, known
        self.rounds, self.controls = prober.rounds, prober.controls
        self.room, self.send, self.forget, self.overflowed, self.close = (
            prober.room,
            prober.send,
            prober.forget,
            prober.overflowed,
            prober.close,
        )
        self.responders, self.forged = known.names, prober.forged
        self.doubts = getattr(prober, "doubts", ())

    def receive(self, wait_s: float) -> Answers | None:
        """See `Prober.receive`."""
        answers = self._prober.receive(wait_s)
        self.forged = self._prober.forged
        if answers is None or not answers.by.any():
            return answers
        return answers._replace(by=self._known.number(answers.by, self._prober.responders))
