"""Work that may be done beside other work: whoever calls says how, so that what is computed stays pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeVar

    T = TypeVar("T")

    class Beside(Protocol):
        """Begins some work, and gives what waits for its answer."""

        def __call__(self, work: Callable[[], T], /) -> Callable[[], T]:
            """What gives the answer, once."""


def in_turn(work: Callable[[], T]) -> Callable[[], T]:
    """Nothing is begun: whoever asks for the answer does the work."""
    return work
