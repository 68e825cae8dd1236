"""What the engine needs of whoever sends probes: raw SYNs, connections, datagrams."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    import numpy as np
    from numpy.typing import NDArray

    from portulan.model.scan import Answers

    class Prober(Protocol):
        """Sends probes to pairs of a `Space` and brings back what answers. Times are seconds since the epoch (CLOCK_REALTIME, as packets are stamped)."""

        rounds: int
        """How many times a pair can be asked, each time with another tag (0 … rounds-1), that is from another source port."""
        controls: int
        """How many further tags (rounds … rounds+controls-1) there are for asking known responders again."""
        responders: list[str]
        """Who sent ICMP errors: place 0 stands for the address asked."""
        forged: int
        """Packets so far that looked like answers and were none of ours."""

        def room(self) -> int:
            """How many probes may be sent now: a large number, or what the pool of sockets still holds."""

        def send(self, pair: NDArray[np.int64], tag: int) -> tuple[int, float, float]:
            """Ask these pairs once. Returns how many were handed over (the first ones), and when that began and ended. Raises MachineFailed."""

        def receive(self, wait_s: float) -> Answers | None:
            """Answers that have come; with none, waits at most that long for the first. None: still none. Raises MachineFailed."""

        def forget(self, sent_before: float) -> None:
            """Stop waiting for answers to what was sent before then: what they hold of this host is given back."""

        def overflowed(self) -> int:
            """How many answers this host has lost so far, before they were read."""

        def close(self) -> None:
            """Give everything back."""
