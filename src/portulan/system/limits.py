"""What this process may have open."""

from __future__ import annotations

from contextlib import suppress


def open_many(descriptors: int) -> None:
    """Let this process have so many descriptors open, as far as the machine lets it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptors + 64
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
