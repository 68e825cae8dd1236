"""Files that are whole at every moment, whatever is cut off: written beside their place, synced, renamed over it, and the folder synced."""

from __future__ import annotations

import os
from contextlib import suppress

from portulan.errors import failed

NEW = ".new"


def replace_file(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Put another content in the place of a file, whole or not at all. A leftover of a killed writer is written over. Raises MachineFailed."""
    fresh = path + NEW
    try:
        make_folder(os.path.dirname(path))
        with suppress(FileNotFoundError):
            os.unlink(fresh)  # not written through: it may be a link that somebody put there
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            at = 0
            while at < len(data):
                at += os.write(descriptor, data[at:])
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(fresh, path)
        sync_folder(os.path.dirname(path))
    except OSError as error:
        with suppress(OSError):
            os.unlink(fresh)
        raise failed("write", path, error) from error


def make_folder(path: str, mode: int = 0o755) -> None:
    """Make a folder and those above it, each synced into the one above. Raises OSError."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    make_folder(above)
    with suppress(FileExistsError):
        os.mkdir(path, mode)
    sync_folder(above)


def sync_folder(path: str) -> None:
    """Let what was renamed, made and removed in a folder be on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
