"""The one interface to probes, and the one place that chooses who sends them."""

from __future__ import annotations

import sys

from portulan.errors import CannotTell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from portulan.model.path import Answer, Flow, Target

    class Prober(Protocol):
        """Sends probes of one kind; answers come by the `Probing` that opened it."""

        def send(self, target: Target, key: int, hops: int | None = None) -> None:
            """One probe under this key, at most `hops` far. What keeps it from leaving comes as an answer. Raises MachineFailed."""

        def forget(self, key: int) -> None:
            """Wait for this one no more."""

        def close(self) -> None:
            """Drop all that is under way."""

    class MtuProber(Prober, Protocol):
        """Sends big probes."""

        sizes: dict[int, int]
        """Key -> bytes of the whole packet."""

        def begin(self, key: int) -> None:
            """The biggest that can leave this host."""

        def ask(self, key: int, size: int) -> bool:
            """One of this size; whether it could leave."""

    class Probing(Protocol):
        """All probes of one run."""

        def each(self, target: Target) -> Prober:
            """For many targets of this kind: a source port for each probe. Raises NotPermitted (ICMP), MachineFailed."""

        def flow(self, target: Target, *, first: int) -> tuple[Prober, Flow]:
            """For many probes to one target, as one flow where that may be. `first`: a number that nobody can guess. Raises NotPermitted, CannotTell."""

        def mtu(self, target: Target) -> MtuProber | None:
            """For the size of packets; None where there is no way to the target."""

        def watch(self, descriptor: int, handler: Callable[[], None]) -> None:
            """Call when a descriptor can be read, while waiting for answers."""

        def wait(self, timeout_s: float) -> list[Answer]:
            """Answers, after at most so long; none when something else that is watched came first."""

        def close(self) -> None:
            """Drop all that is under way."""


def open_probing() -> Probing:
    """This machine's. Raises CannotTell where there is none."""
    if not sys.platform.startswith("linux"):
        raise CannotTell("path.linux-only")
    from portulan.system.linux.probing.all import LinuxProbing

    return LinuxProbing()
