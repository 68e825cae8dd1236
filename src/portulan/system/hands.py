"""The one interface to ending processes, and the one place that chooses who serves it."""

from __future__ import annotations

import sys

from portulan.errors import CannotTell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager
    from typing import Protocol

    from portulan.model.chart import Owner
    from portulan.model.stop import Me
    from portulan.model.survey import Row, Selection

    class Grip(Protocol):
        """Processes that are held on to, so that no other one is mistaken for them."""

        def take(self, owner: Owner, sockets: Collection[int], descriptors: Collection[int]) -> bool:
            """Hold on to exactly this process, if it still holds one of the sockets; whether it does."""

        def may_signal(self, pid: int) -> bool:
            """Whether we may end it."""

        def signal(self, pid: int, number: int) -> bool:
            """Send a signal; whether we were let."""

        @property
        def taken(self) -> frozenset[int]:
            """All that were held on to."""

        def alive(self) -> frozenset[int]:
            """Those that have not ended."""

        def wait(self, timeout_s: float) -> None:
            """Until one of them ends, or the time is over."""

    class Hands(Protocol):
        """Ends processes."""

        def me(self) -> Me:
            """Who asks."""

        def grip(self) -> AbstractContextManager[Grip]:
            """A grip on processes, empty yet."""

        def occupants(self, netns: int | None, selection: Selection) -> AbstractContextManager[Callable[[], list[Row]]]:
            """A question to the kernel: what sockets are there."""

        def run(self, command: str) -> tuple[int, str]:
            """Run a command; (exit status, the end of what it said)."""


def open_hands(port: str) -> Hands:
    """This machine's. Raises CannotTell where nobody can be ended without the danger of ending somebody else."""
    if not sys.platform.startswith("linux"):
        raise CannotTell("stop.linux-only", port=port)
    from portulan.system.linux.hands import LinuxHands

    return LinuxHands()
