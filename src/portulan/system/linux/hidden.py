"""Sockets that nobody was seen to hold at two looks in a row, remembered until the next boot.

A socket that is hidden stays hidden: a process that may not be looked into holds it, or no file table at all. Its cookie is never used again, so the
search that established this (every file table once more) need not be made at each run. If a process that can be seen takes the socket over, the
first look of any run finds it as usual.
"""

from __future__ import annotations

import os
from itertools import islice

from portulan.system.linux.procfs import read_file
from portulan.system.places import cache_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 1024
_BOOT = "/proc/sys/kernel/random/boot_id"


def known_hidden(way: str) -> tuple[int, ...]:
    """Cookies that were found hidden since this boot, by this user, by this way of looking (`bpf` sees more than `proc`); the latest met first."""
    path = os.path.join(cache_folder(), f"hidden-{way}")
    try:
        if os.stat(path).st_uid != os.geteuid():
            return ()
    except OSError:
        return ()
    boot, _, rest = read_file(path).partition(b"\n")
    if boot != read_file(_BOOT).strip() or not rest.endswith(b"\n"):
        return ()
    return tuple(int(word) for word in rest.split() if word.isdigit())


def remember_hidden(way: str, cookies: Iterable[int]) -> None:
    """Put all that a run found hidden before those known: what is met again and again stays. Where that cannot be written, the next run looks twice again."""
    both = dict.fromkeys((*sorted(cookies), *known_hidden(way)))
    path = os.path.join(cache_folder(), f"hidden-{way}")
    fresh = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(fresh, "wb") as file:
            file.write(read_file(_BOOT).strip() + b"\n" + b" ".join(b"%d" % cookie for cookie in islice(both, _MOST)) + b"\n")
        os.replace(fresh, path)
    except OSError:
        return
