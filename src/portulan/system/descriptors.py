"""How many descriptors this process may open."""

from __future__ import annotations

import os

_KEPT = 48
"""For files, the reporter, a resolver: what the rest of the program may need meanwhile."""


def raise_limit(wanted: int) -> tuple[int, int | None]:
    """Make room for `wanted` further descriptors: (how many there is room for, the soft limit as it was or None where it was left).

    The soft limit is raised as far as the hard one allows (setrlimit(2)); `restore_limit` puts it back.
    """
    try:
        import resource
    except ImportError:  # not a POSIX system: its limit is not asked for by number
        return wanted, None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _opened() + wanted + _KEPT
    before = None
    if soft != resource.RLIM_INFINITY and soft < needed:
        higher = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        if higher > soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (higher, hard))
                before, soft = soft, higher
            except (OSError, ValueError):  # macOS refuses more than OPEN_MAX
                pass
    room = wanted if soft == resource.RLIM_INFINITY else soft - _opened() - _KEPT
    return max(0, min(wanted, room)), before


def restore_limit(before: int | None) -> None:
    """Put the soft limit back to what `raise_limit` found."""
    if before is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (before, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def _opened() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder))
        except OSError:
            continue
    return 16
