"""Python's collector of circles, held while very many small things are made that have none: looking for them would take longer than making them."""

from __future__ import annotations

import gc
from functools import wraps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")


def uncollected(work: Callable[P, T]) -> Callable[P, T]:
    """The same function, with the collector held while it runs."""

    @wraps(work)
    def held(*args: P.args, **options: P.kwargs) -> T:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return work(*args, **options)
        finally:
            if collecting:
                gc.enable()

    return held
