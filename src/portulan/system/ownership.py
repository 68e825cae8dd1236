"""Who else than us may change a file: its owner and mode, and those of every folder above it, as sudo and ssh judge the files that they go by."""

from __future__ import annotations

import os
from contextlib import suppress

from portulan.model.guard_check import Loose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_GROUP, _OTHERS, _STICKY = 0o020, 0o002, 0o1000


def trusted_users() -> frozenset[int]:
    """Whose files are as good as ours: root's, our own, and those of whoever became root by sudo."""
    found = {0, os.geteuid()}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
        found.add(int(os.environ["SUDO_UID"]))
    return frozenset(found)


def find_loose(paths: Iterable[str], trusted: Collection[int] | None = None) -> tuple[Loose, ...]:
    """Files, links and folders on the way to these paths that others may change or replace, each once. What is not there is passed over."""
    users = trusted_users() if trusted is None else trusted
    found: dict[str, Loose] = {}
    for path in paths:
        for one in dict.fromkeys((*_above(os.path.abspath(path)), *_above(os.path.realpath(path)))):
            with suppress(OSError):
                loose = _judge(one, users)
                if loose is not None:
                    found.setdefault(one, loose)
    return tuple(found.values())


def _above(path: str) -> Iterator[str]:
    """A path and every folder above it."""
    yield path
    while (folder := os.path.dirname(path)) != path:
        path = folder
        yield path


def _judge(path: str, trusted: Collection[int]) -> Loose | None:
    from stat import S_ISDIR, S_ISLNK

    status = os.lstat(path)
    if status.st_uid not in trusted:
        return Loose("owner", path, _user(status.st_uid))
    if S_ISLNK(status.st_mode):  # anybody may write through any link; what counts is its folder, and what it leads to
        return None
    if S_ISDIR(status.st_mode) and status.st_mode & _STICKY:  # nobody may replace what others have there
        return None
    if status.st_mode & _OTHERS:
        return Loose("others", path)
    return Loose("group", path, _group(status.st_gid)) if status.st_mode & _GROUP else None


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
