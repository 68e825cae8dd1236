"""The files of running programs, seen from where those run."""

from __future__ import annotations

import os


def is_replaced(pid: int, path: str) -> bool | None:
    """Whether another file has taken the place of the one that a process was started from: an update, mostly. None where that may not be looked at.

    The path is looked up in the process's own root: a container's files are elsewhere than ours.
    """
    root = f"/proc/{pid}/root"
    try:
        os.stat(root + path)
    except FileNotFoundError:
        return False if os.path.exists(root) else None
    except OSError:
        return None
    return True
