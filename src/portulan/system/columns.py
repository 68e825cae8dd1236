"""What a process sets once, before it works on large columns of numbers."""

from __future__ import annotations

import os
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""
_KEPT = 64 << 20
"""Bytes that are kept for the next columns when the last ones are done with."""
_LARGE = 4 << 20
"""Bytes from which memory is given back at once."""


def expect_columns() -> None:
    """Call it before numpy is loaded, in a process that is ours. Changes nothing but how long things take.

    What numpy uses for matrices starts threads that spin for a tenth of a second: there are no matrices here. And a page costs more when it is touched
    first than whatever is done with what is in it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with suppress(OSError, AttributeError, ImportError):  # another C library
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _KEPT)
