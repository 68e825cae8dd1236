"""What first bytes say. Nothing yet."""

from __future__ import annotations

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray


def recognise(
    batch_buffer: NDArray[np.uint8],  # noqa: ARG001 - the agreed signature
    start: NDArray[np.int64],
    length: NDArray[np.int64],  # noqa: ARG001
    transport: NDArray[np.uint8],  # noqa: ARG001
) -> NDArray[np.uint8]:
    """Unknown, all of them."""
    return np.zeros(len(start), np.uint8)


def name_of(payload: bytes, code: int) -> str | None:  # noqa: ARG001 - the agreed signature
    """None known."""
    return None
