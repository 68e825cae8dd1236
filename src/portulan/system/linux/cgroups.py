"""Control groups: from the id that a socket carries to the path, and from the path to the processes in it."""

from __future__ import annotations

import os
from errno import ESTALE
from struct import pack

from portulan.system.linux.procfs import read_whole
from portulan.system.linux.syscall import syscall
from portulan.wire.procfs import parse_cgroup2_mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_FILEID_KERNFS = 0xFE


def find_mount() -> str | None:
    """Where the unified hierarchy is mounted; None if nowhere."""
    return parse_cgroup2_mount(read_whole("/proc/self/mountinfo"))


def read_paths(ids: Collection[int]) -> dict[int, str]:
    """Control-group id -> path below the mount, `/` for the root. Ids of removed groups, and all without a mount, are left out.

    By file handle where we may (root): the id is the inode number and the handle. Else by a walk that ends when all are found.
    """
    mount = find_mount() if ids else None
    if mount is None:
        return {}
    try:
        return _by_handle(mount, ids)
    except OSError:
        return _by_walk(mount, set(ids))


def _by_handle(mount: str, ids: Collection[int]) -> dict[int, str]:
    import ctypes

    found: dict[int, str] = {}
    root = os.open(mount, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for identity in ids:
            handle = ctypes.create_string_buffer(pack("=IiQ", 8, _FILEID_KERNFS, identity))
            try:
                group = syscall("open_by_handle_at", root, handle, os.O_RDONLY | os.O_PATH | os.O_CLOEXEC)
            except OSError as error:
                if error.errno == ESTALE:
                    continue
                raise
            found[identity] = os.readlink(f"/proc/self/fd/{group}")[len(mount) :] or "/"
            os.close(group)
    finally:
        os.close(root)
    return found


def _by_walk(mount: str, missing: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    stack = [mount]
    while stack and missing:
        folder = stack.pop()
        try:
            inode = os.stat(folder).st_ino
            with os.scandir(folder) as entries:
                stack += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # removed while we walk
        if inode in missing:
            missing.discard(inode)
            found[inode] = folder[len(mount) :] or "/"
    return found


def read_members(path: str) -> tuple[int, ...]:
    """The pids in a control group (a path as `read_paths` gives it); none for the root group, which says nothing about anyone."""
    mount = find_mount()
    if mount is None or path == "/":
        return ()
    return tuple(int(pid) for pid in read_whole(f"{mount}{path}/cgroup.procs").split() if pid.isdigit())
